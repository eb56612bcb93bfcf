"""`vivant train real3d/compact`: the packaged 3-D heads."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from vivant.errors import SettingsError
from vivant.progress import shown_progress

if TYPE_CHECKING:
    from vivant.commands.train_options import TrainOptions


RENDERED = "on heads rendered from ICT-FaceKit (MIT)"
REAL = f"{RENDERED} and on portraits that relief turned"
"""What weights are trained on, as their file tells."""


def train_compact_heads(options: TrainOptions) -> int:
    """Render heads to learn from, or train the network on them."""
    import torch

    torch.set_num_threads(options.threads)
    if options.prepare is not None:
        return _prepare(options, options.prepare)
    if len(options.places) != 1 or options.output is None:
        raise SettingsError("name the folder that --prepare made, and -o FILE.safetensors")
    if options.output.suffix != ".safetensors":
        raise SettingsError(f"{options.output}: weights are written as .safetensors; choose such a name")
    return _train(options, options.places[0], options.output)


def _prepare(options: TrainOptions, folder: Path) -> int:
    if options.heads is None and options.portraits is None:
        raise SettingsError("say how many heads are rendered: --heads N; or whose faces are lifted: --portraits FOLDER")
    told = {}
    if options.heads is not None:
        told["heads"] = _render(options, folder, options.heads)
    if options.portraits is not None:
        told["portraits"] = _lift(options, folder, options.portraits)
    shown = ", ".join(f"{count} {what}" for what, count in told.items())
    print(json.dumps({"event": "result", **told}) if options.json else f"{folder}  {shown}")
    return 0


def _render(options: TrainOptions, folder: Path, heads: int) -> int:
    """How many heads are there now."""
    from vivant.training.real3d.compact_examples import prepare_heads
    from vivant.training.real3d.heads.stored import stored_head

    with shown_progress("heads", as_json=options.json) as progress:
        for done in prepare_heads(stored_head(), folder, heads, options.seed):
            progress(done, heads)
    return heads


def _lift(options: TrainOptions, folder: Path, pictures: Path) -> int:
    """How many of the `pictures` are there now; tells which cannot be used."""
    from vivant.training.real3d.compact_lifted import lift_portraits, picture_files

    lifted, count = 0, len(picture_files(pictures))
    with shown_progress("portraits", as_json=options.json) as progress:
        for done, (_, problem) in enumerate(lift_portraits(pictures, folder, options.seed), 1):
            progress(done, count)
            lifted += not problem
            if problem:
                print(f"vivant: left out: {problem}", file=sys.stderr)
    return lifted


def _train(options: TrainOptions, folder: Path, output: Path) -> int:
    from vivant.training.real3d.compact import CompactRecipe, ViewHead, open_head, save_head, train_compact
    from vivant.training.real3d.compact_shards import open_examples

    work = output.with_suffix(".training")
    recipe = CompactRecipe(options.steps or CompactRecipe.steps, seed=options.seed, device=options.device)
    begun = work.is_dir() and any(work.iterdir())
    # What is there learns on.
    head, before = open_head(output) if output.exists() and not begun else (ViewHead(), {})
    lifted = before.get("trained") == REAL or any(example.lifted for example in open_examples(folder))
    standing = None
    with shown_progress("train", as_json=options.json) as progress:
        for standing in train_compact(head, folder, work, recipe):
            progress(standing.step, standing.steps)
    if standing is None:
        print("vivant: this training was at its end already", file=sys.stderr)
        return 0
    steps = f"{before.get('steps', 'some')} + {standing.steps}" if before else str(standing.steps)
    told = {"seed": str(options.seed), "steps": steps, "held_out_db": f"{standing.decibels:.2f}"}
    save_head(head, output, {"trained": REAL if lifted else RENDERED, **told})
    shown = f"{output}  {standing.steps} steps, held out {standing.decibels:.2f} dB"
    print(json.dumps({"event": "result", **asdict(standing)}) if options.json else shown)
    return 0
