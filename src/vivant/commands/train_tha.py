"""`vivant train tha` and `vivant train tha/compact`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vivant.errors import SettingsError
from vivant.progress import shown_progress

if TYPE_CHECKING:
    from vivant.commands.train_options import TrainOptions
    from vivant.training.tha.courses import Standing
    from vivant.training.tha.pairs import Examples, Source
    from vivant.training.tha.stages import StageName


def train_tha(options: TrainOptions) -> int:
    """Prepare pairs, train a stage of a full system, or the packaged poser's network."""
    import torch

    torch.set_num_threads(options.threads)
    if options.prepare is not None:
        return _prepare(options, options.prepare)
    if options.output is None:
        raise SettingsError("say where the result goes: -o FOLDER for checkpoints; tha/compact: -o FILE.safetensors")
    if options.what == "tha/compact":
        return _train_compact(options, options.output)
    return _train_stage(options, options.output)


def _prepare(options: TrainOptions, folder: Path) -> int:
    from vivant.training.tha.pairs import make_pairs

    source, count = _source(options)
    with shown_progress("prepare", as_json=options.json) as progress:
        made = make_pairs(source, folder, count, options.poses, seed=options.seed, progress=progress)
    print(json.dumps({"event": "result", "examples": made}) if options.json else f"{folder}  {made} examples")
    return 0


def _source(options: TrainOptions) -> tuple[Source, int]:
    """Who is drawn, and how many."""
    if (options.models is None) == (options.puppets is None):
        raise SettingsError("give either --puppets N, or --models FOLDER with .vrm or .glb characters")
    if options.models is not None:
        from vivant.training.tha.models3d.character import find_models

        found = find_models(options.models)
        return found, len(found.paths)
    from vivant.training.tha.puppet.puppet import Puppets

    return Puppets(options.seed), options.puppets or 0


def _train_stage(options: TrainOptions, work: Path) -> int:
    from vivant.training.tha.full_training import TeacherSettings, train_stage
    from vivant.training.tha.perceptual import open_perceptual

    if options.stage in ("i2p", "motion", "torso", "sr"):
        raise SettingsError(f"tha has no stage {options.stage}; give brows, face, body or upscaler")
    settings = TeacherSettings(
        cast("StageName", options.stage),
        options.examples,
        seed=options.seed,
        device=options.device,
        workers=options.threads if options.device != "cpu" else 0,
    )
    examples = _examples(options)
    perceptual = None if options.vgg is None else open_perceptual(options.vgg)
    if perceptual is None:
        print("vivant: without --vgg only the L1 losses are used; pictures stay softer", file=sys.stderr)
    return _report(options, train_stage(examples, work, settings, perceptual), "dB")


def _examples(options: TrainOptions) -> Examples:
    from vivant.training.tha.pairs import LivePairs, open_pairs
    from vivant.training.tha.puppet.puppet import Puppets

    if options.places:
        return open_pairs(options.places[0], options.seed)
    return LivePairs(Puppets(options.seed), options.seed)


def _train_compact(options: TrainOptions, output: Path) -> int:
    from vivant.avatars.tha.compact import open_finder
    from vivant.avatars.tha.networks.finder import Finder
    from vivant.training.tha.finder_training import FinderSettings, save_finder, train_finder

    if output.suffix != ".safetensors":
        raise SettingsError(f"{output}: weights are written as .safetensors; choose such a name")
    work = output.with_suffix(".training")
    settings = FinderSettings(options.steps or FinderSettings.steps, seed=options.seed, device=options.device)
    finder = open_finder(output) if output.exists() else Finder()  # what is there learns on
    result = _report(options, train_finder(finder, work, settings), "pixels")
    save_finder(finder, output)
    return result


def _report(options: TrainOptions, standings: Iterator[Standing], unit: str) -> int:
    standing = None
    with shown_progress("train", as_json=options.json) as progress:
        for standing in standings:
            progress(standing.step, standing.steps)
    if standing is None:
        print("vivant: this training was at its end already", file=sys.stderr)
    elif options.json:
        print(json.dumps({"event": "result", **asdict(standing)}))
    else:
        print(f"{options.output}  {standing.steps} steps, held out {standing.decibels:.2f} {unit}")
    return 0
