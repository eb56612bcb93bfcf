"""What `vivant train` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vivant.training.speech.targets import PublishedTarget

Trained = Literal[
    "speech",
    "presence",
    "clips",
    PublishedTarget,
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
    real3d/compact FOLDER -o FILE the packaged one; with --portraits PICTURES real portraits are prepared beside heads.
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
    portraits: Path | None = None
    """real3d/compact: a folder of pictures to prepare as well, whose faces relief turns."""
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
