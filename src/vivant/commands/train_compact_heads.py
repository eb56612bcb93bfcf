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
    from vivant.training.real3d.compact_examples import prepare_heads
    from vivant.training.real3d.heads.stored import stored_head

    if options.heads is None:
        raise SettingsError("say how many heads are rendered: --heads N")
    with shown_progress("heads", as_json=options.json) as progress:
        for done in prepare_heads(stored_head(), folder, options.heads, options.seed):
            progress(done, options.heads)
    event = {"event": "result", "heads": options.heads}
    print(json.dumps(event) if options.json else f"{folder}  {options.heads} heads")
    return 0


def _train(options: TrainOptions, folder: Path, output: Path) -> int:
    from vivant.training.real3d.compact import CompactRecipe, ViewHead, open_head, save_head, train_compact

    work = output.with_suffix(".training")
    recipe = CompactRecipe(options.steps or CompactRecipe.steps, seed=options.seed, device=options.device)
    begun = work.is_dir() and any(work.iterdir())
    # What is there learns on.
    head, before = open_head(output) if output.exists() and not begun else (ViewHead(), "")
    standing = None
    with shown_progress("train", as_json=options.json) as progress:
        for standing in train_compact(head, folder, work, recipe):
            progress(standing.step, standing.steps)
    if standing is None:
        print("vivant: this training was at its end already", file=sys.stderr)
        return 0
    steps = f"{before} + {standing.steps}" if before else str(standing.steps)
    told = {"seed": str(options.seed), "steps": steps, "held_out_db": f"{standing.decibels:.2f}"}
    save_head(head, output, {"trained": "on heads rendered from ICT-FaceKit (MIT)", **told})
    shown = f"{output}  {standing.steps} steps, held out {standing.decibels:.2f} dB"
    print(json.dumps({"event": "result", **asdict(standing)}) if options.json else shown)
    return 0
