"""The commands of those who build models: `vivant train` and `vivant evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, UseAppendAction, arg

from vivant.errors import SettingsError
from vivant.media.container import spare_inputs
from vivant.progress import shown_progress

Floats = NDArray[np.float32]
Trained = Literal[
    "speech",
    "presence",
    "clips",
    "geneface/sync_expert",
    "geneface/audio_to_landmarks",
    "geneface/audio_to_landmarks_pitch",
    "geneface/post_net",
    "geneface/head_pose",
    "real3d/sync_expert",
    "real3d/audio_to_expression",
    "real3d",
    "real3d/compact",
    "tha",
    "tha/compact",
]


@dataclass(frozen=True)
class TrainOptions:
    """Train the parts of the built-in speech model, or a published network, from programs and videos on this machine.

    speech --prepare FOLDER makes the corpus by text-to-speech programs; speech FOLDER -o FILE trains the mouth
    network on it; presence VIDEO ... -o FILE fits the motion of head and brows; clips CORPUS -o FOLDER makes what the
    published networks learn from, and geneface/sync_expert CLIPS and the others train one, stored as imported weights.
    tha --prepare FOLDER --puppets N (or --models FOLDER) draws characters in poses, tha FOLDER --stage body -o WORK
    trains a full system on them, tha/compact -o FILE the packaged poser's network.
    real3d --prepare FOLDER --heads N renders heads, real3d FOLDER --stage i2p -o WORK trains a stage of 3-D portraits,
    real3d/compact FOLDER -o FILE the packaged one.
    """

    what: Positional[Trained]
    """What to train."""
    places: Positional[tuple[Path, ...]] = ()
    """The folder of a corpus or of clips; presence: videos of talking people."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The .safetensors file to write; clips: the folder."""
    hubert: Path | None = None
    """clips: a downloaded HuBERT's folder; without it, features stand in that only serve to try the training."""
    prepare: Path | None = None
    """Make or continue the corpus in this folder instead of training."""
    held_out: Path | None = None
    """Make timed speech for vivant evaluate in this folder, by voices and languages that are never trained on."""
    puppets: Annotated[int | None, arg(aliases=["--puppet"])] = None
    """tha: how many drawn characters to prepare; without a prepared folder as many as are needed are drawn."""
    models: Annotated[Path | None, arg(aliases=["--from"])] = None
    """tha: a folder of .vrm or .glb characters to prepare."""
    poses: int = 60
    """tha: how many poses of each character are prepared."""
    heads: int | None = None
    """real3d: how many heads to prepare."""
    recipe: Annotated[Path | None, arg(aliases=["--config"])] = None
    """real3d: a recipe in TOML; none: the publication's."""
    preview: bool = False
    """real3d: keep a sheet of held-out pictures beside the checkpoint."""
    stage: Literal["brows", "face", "body", "upscaler", "i2p", "motion", "torso", "sr"] = "body"
    """tha: which networks are trained; the upscaler needs the trained body. real3d: i2p, motion, torso or sr."""
    vgg: Path | None = None
    """tha: torchvision's vgg16 (.pth or .safetensors) for the perceptual losses; none: L1 alone."""
    examples: int | None = None
    """tha: how many examples are learnt; none: the publication's."""
    hours: float = 7.0
    """With --prepare: how much is spoken."""
    steps: int | None = None
    """Steps of training; none: the recipe's."""
    seed: int = 0
    """Chooses all that is random."""
    device: str = "cpu"
    """cpu or cuda."""
    threads: int = 2
    """Processor cores to use."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def train(options: TrainOptions) -> int:
    """`vivant train`"""
    if options.what.startswith("tha"):
        from vivant.tha_training_commands import train_tha

        return train_tha(options)
    if options.what == "real3d/compact":
        from vivant.real3d_compact_commands import train_compact_heads

        return train_compact_heads(options)
    if options.what == "real3d":
        from vivant.real3d_training_commands import train_real3d

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
    if not output.resolve().parent.is_dir():
        raise SettingsError(f"{output}: the folder does not exist; create it first")


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
    for voice, reason in report.skipped.items():
        print(f"vivant: warning: {voice} is left out: {reason}", file=sys.stderr)
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


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure how well the built-in model speaks, against the first version and against real people.

    Prints one row per measure: what it is, what must be reached, what is reached.
    """

    what: Positional[Literal["speech"]] = "speech"
    """What to measure."""
    samples: Path = Path("../shared/samples")
    """The folder of samples: audio, videos, tracks, portraits."""
    timed: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """A further folder of speech with phoneme times: .wav or .flac, each with its .json."""
    quick: bool = False
    """Only what takes a few seconds."""
    strips: Path | None = None
    """Write strips of frames at peaks, pauses and closures of every voice into this folder."""
    json: bool = False
    """Print one JSON object per row."""
    debug: bool = False
    """Show the traceback of an error."""


def evaluate(options: EvaluateOptions) -> int:
    """`vivant evaluate`"""
    from vivant.evaluate.speech import EvaluateSettings, evaluate_speech, table

    settings = EvaluateSettings(timed=options.timed, quick=options.quick, strips=options.strips)
    with shown_progress("evaluate", as_json=options.json) as progress:
        rows = evaluate_speech(options.samples, settings, progress)
    if options.json:
        for row in rows:
            print(json.dumps(asdict(row)))
    else:
        print(table(rows))
    return 0
