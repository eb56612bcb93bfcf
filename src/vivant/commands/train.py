"""`vivant train`: models are made, or made again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.commands.checks import check_training
from vivant.commands.telling import warn
from vivant.commands.train_options import TrainOptions
from vivant.errors import SettingsError
from vivant.media.container import check_parent, spare_inputs
from vivant.progress import shown_progress

Floats = NDArray[np.float32]


def train(options: TrainOptions) -> int:
    """`vivant train`"""
    check_training(options.seed, options.device, options.threads)
    if options.steps is not None and options.steps < 1:
        raise SettingsError(f"steps is {options.steps}; give 1 or more")
    if options.what.startswith("tha"):
        from vivant.commands.train_tha import train_tha

        return train_tha(options)
    if options.what == "real3d/compact":
        from vivant.commands.train_compact_heads import train_compact_heads

        return train_compact_heads(options)
    if options.what == "real3d":
        from vivant.commands.train_real3d import train_real3d

        return train_real3d(options)
    if options.held_out is not None:
        from vivant.training.speech.timed import make_timed_speech

        for path in make_timed_speech(options.held_out, options.seed):
            print(path)
        return 0
    if options.prepare is not None:
        return _prepare(options, options.prepare)
    if not options.places or (options.what != "presence" and len(options.places) > 1):
        raise SettingsError("name one folder of a corpus or of clips; presence takes videos")
    figures = _figures(options)
    print(
        json.dumps({"event": "result", **figures}) if options.json else f"{options.output or options.what}  {figures}"
    )
    return 0


def _figures(options: TrainOptions) -> dict[str, float]:
    """What is told at the end of a training for speech, or of the making of clips."""
    if "/" in options.what:
        return _train_published(options)
    if options.output is None:
        raise SettingsError("say where the result goes: -o FILE.safetensors, for clips a folder")
    if options.what == "clips":
        return _make_clips(options, options.output)
    _check_file(options.output, options.places)
    return _train_speech(options, options.output) if options.what == "speech" else _fit(options, options.output)


def _check_file(output: Path, inputs: Sequence[Path]) -> None:
    if output.suffix != ".safetensors":
        raise SettingsError(f"{output}: weights are written as .safetensors; choose such a name")
    spare_inputs(output, inputs)
    check_parent(output)


def _train_published(options: TrainOptions) -> dict[str, float]:
    from vivant.training.loop import LoopSettings
    from vivant.training.speech.published import TrainSettings, train_published

    loop = LoopSettings(steps=options.steps or LoopSettings.steps, seed=options.seed, device=options.device)
    with shown_progress("train", as_json=options.json) as progress:
        return train_published(options.what, options.places[0], TrainSettings(loop), progress)


def _make_clips(options: TrainOptions, output: Path) -> dict[str, float]:
    from vivant.training.speech.clips import prepare_clips, stand_in
    from vivant.training.speech.corpus import read_corpus

    listen = stand_in
    if options.hubert is not None:
        from vivant.motion.speech.networks.hubert import hubert_features, open_hubert

        network = open_hubert(options.hubert)

        def listen(sound: Floats) -> Floats:
            return hubert_features(network, sound)

    with shown_progress("clips", as_json=options.json) as progress:
        return {"clips": float(prepare_clips(read_corpus(options.places[0]), output, listen, progress))}


def _prepare(options: TrainOptions, folder: Path) -> int:
    from vivant.training.speech.corpus import CorpusSettings, prepare_corpus

    settings = CorpusSettings(hours=options.hours, seed=options.seed, workers=options.threads)
    with shown_progress("prepare", as_json=options.json) as progress:
        report = prepare_corpus(folder, settings, progress)
    warn(f"{voice} is left out: {reason}" for voice, reason in report.skipped.items())
    if options.json:
        print(json.dumps({"event": "result", "folder": str(folder), "hours": report.hours}))
    else:
        print(f"{folder}  ({report.total:.2f} hours of {len(report.hours)} voices)")
    return 0


def _train_speech(options: TrainOptions, output: Path) -> dict[str, float]:
    from vivant.training.speech.mouth import MouthRecipe, train_speech

    recipe = MouthRecipe(seed=options.seed)
    if options.steps is not None:
        recipe = replace(recipe, steps=options.steps, finish=options.steps * recipe.finish // recipe.steps)
    with shown_progress("train", as_json=options.json) as progress:
        figures = train_speech(options.places[0], output, recipe, progress, options.device, options.threads)
    return asdict(figures)


def _fit(options: TrainOptions, output: Path) -> dict[str, float]:
    from vivant.training.speech.presence import FitSettings, fit_presence

    with shown_progress("fit", as_json=options.json) as progress:
        return fit_presence(options.places, output, FitSettings(seed=options.seed), progress)
