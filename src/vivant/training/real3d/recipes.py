"""Recipes of the four stages: what is trained, how long, and how the losses weigh (real3d 14).

    i2p      image-to-plane learns from renderings of a teacher, or of rendered heads, seen by two cameras
    motion   motion adapter and image-to-plane learn from pairs of frames of one head
    torso    super-resolution learns to join head, torso and background
    sr       super-resolution of the head alone learns on, everything else stands still

The defaults are the published ones; `sr` is what the published code calls the second of two stages, which was not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolutionConfig
from vivant.avatars.real3d.networks.image_to_plane import ImageToPlaneConfig
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapterConfig
from vivant.avatars.real3d.networks.super_resolution import SuperResolutionConfig
from vivant.avatars.real3d.volume import VolumeSettings
from vivant.errors import SettingsError
from vivant.training.real3d.dual_discriminator import DualDiscriminatorConfig
from vivant.training.real3d.schedules import LENGTHS, StageName


@dataclass(frozen=True)
class DecoderSizes:
    """Of the radiance field's decoder."""

    features: int = 32
    width: int = 64
    colours: int = 32


@dataclass(frozen=True)
class Sizes:
    """Of all networks; later stages need those of the stage that they go on from."""

    picture: int = 512
    """Side of the pictures; four times the volume's."""
    image_to_plane: ImageToPlaneConfig = field(default_factory=ImageToPlaneConfig)
    motion_adapter: MotionAdapterConfig = field(default_factory=MotionAdapterConfig)
    decoder: DecoderSizes = DecoderSizes()
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    head: HeadSuperResolutionConfig = field(default_factory=HeadSuperResolutionConfig)
    """Super-resolution of the head alone: stages i2p, motion, sr."""
    whole: SuperResolutionConfig = field(default_factory=SuperResolutionConfig)
    """Super-resolution with torso and background: stage torso."""
    discriminator: DualDiscriminatorConfig = field(default_factory=DualDiscriminatorConfig)

    def __post_init__(self) -> None:
        sides = (4 * self.volume.size, 4 * self.head.side, self.discriminator.picture)
        if any(side != self.picture for side in sides):
            raise SettingsError(
                f"pictures of {self.picture} pixels need picture = {self.picture} of the discriminator, size = "
                f"{self.picture // 4} of the volume and side = {self.picture // 4} of the head"
            )


@dataclass(frozen=True)
class Course:
    """How a training runs."""

    steps: int | None = None
    """In all; none: the publication's."""
    batch: int = 1
    """Examples of a step on each device."""
    rate: float = 1.0
    """Factor of the published learning rates."""
    hurry: bool = True
    """Whether a training with fewer steps goes through the whole published schedule, or stops in the midst of it."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    readers: int = 2
    """Threads that read examples ahead."""
    every: int = 500
    """Steps between two figures."""
    tests: int = 8
    """Held-out examples by which it is judged."""
    save_seconds: float = 300.0
    """What an interruption costs at most."""
    megabytes: float = 512.0
    """Largest file of a checkpoint."""

    def __post_init__(self) -> None:
        if (self.steps is not None and self.steps < 1) or min(self.batch, self.every, self.tests) < 1:
            raise SettingsError("steps, batch, every and tests of a course must be 1 or more")
        if min(self.rate, self.clip, self.megabytes) <= 0:
            raise SettingsError("rate, clip and megabytes of a course must be above 0")


@dataclass(frozen=True)
class Realism:
    """Of the discriminator."""

    since: int = 30_000
    """Step from which generators heed it, in the published length; beyond the last step: never."""
    ahead: int = 10_000
    """Steps that it learns before."""
    penalty: float = 5.0
    every: int = 16
    """Steps between two penalties."""


@dataclass(frozen=True)
class PretrainingLosses:
    """Weights of stage i2p."""

    absolute: float = 1.0
    perceptual: float = 0.1
    smooth: float = 0.25
    smooth_every: int = 4
    realism: float = 0.1
    realism_novel: float = 0.025
    weights: float = 0.0
    """How far the weight image is from the head's mask; published trainings have no mask here."""


@dataclass(frozen=True)
class MotionLosses:
    """Weights of stages motion and sr."""

    absolute: float = 1.0
    perceptual: float = 0.1
    outside: float = 0.2
    """Weight of differences beyond the head."""
    lips: float = 0.5
    lips_perceptual: float = 0.05
    weights: float = 0.1
    entropy: float = 0.01
    realism: float = 0.002
    smooth: float = 1.0
    every: int = 4
    """Steps between two of the losses on planes; they weigh as many times more."""
    same_every: int = 16
    """Steps between two pictures of the reference frame itself."""
    laplacian: Literal["blink", "frames", "none"] = "blink"
    """Which planes must lie half way between others: those of half a blink, as configured for the release, or those
    of the middle of three frames, squared, as in the paper."""
    bend_target: float = 0.15
    bend_most: float = 2.0
    near_target: float = 0.5
    near_most: float = 0.2


@dataclass(frozen=True)
class TorsoLosses:
    """Weights of stage torso."""

    absolute: float = 1.0
    perceptual: float = 0.1
    outside: float = 0.5
    lips: float = 0.2
    lips_perceptual: float = 0.02
    entropy: float = 0.001
    realism: float = 0.003
    same_every: int = 4


@dataclass(frozen=True)
class Recipe:
    """What all stages have."""

    start: Path | None = None
    """Folder of the stage to go on from."""
    teacher: Path | None = None
    """i2p: an EG3D-type generator, its state dict; it makes the pictures, and decoder and others begin as its own."""
    discriminator: Path | None = None
    """i2p: the discriminator of such a generator, its state dict, to begin with."""
    resnet34: Path | None = None
    mit_b0: Path | None = None
    """Networks for ImageNet that the encoders of image-to-plane and motion adapter begin as."""
    vgg19: Path | None = None
    vgg_face: Path | None = None
    """Files for the perceptual losses; without them L1 alone."""
    course: Course = Course()
    sizes: Sizes = field(default_factory=Sizes)

    stage: StageName = field(init=False, repr=False)

    @property
    def steps(self) -> int:
        """In all."""
        return self.course.steps or LENGTHS[self.stage]

    def published(self, step: int) -> float:
        """The step of the published training that `step` stands for."""
        return step * LENGTHS[self.stage] / self.steps if self.course.hurry else step


@dataclass(frozen=True)
class PretrainingRecipe(Recipe):
    """Stage i2p."""

    stage: StageName = field(default="i2p", init=False)
    losses: PretrainingLosses = PretrainingLosses()
    realism: Realism = Realism(ahead=30_000)
    smallest_planes: int = 128
    """Planes are looked up at a random size between this and their own; 0: always at their own."""


@dataclass(frozen=True)
class MotionRecipe(Recipe):
    """Stage motion."""

    stage: StageName = field(default="motion", init=False)
    losses: MotionLosses = MotionLosses()
    realism: Realism = Realism(since=250_000)


@dataclass(frozen=True)
class TorsoRecipe(Recipe):
    """Stage torso."""

    stage: StageName = field(default="torso", init=False)
    losses: TorsoLosses = TorsoLosses()
    realism: Realism = Realism(since=40_000)


@dataclass(frozen=True)
class RefinementRecipe(Recipe):
    """Stage sr."""

    stage: StageName = field(default="sr", init=False)
    losses: MotionLosses = MotionLosses(same_every=1)
    realism: Realism = Realism(since=0, ahead=0)


AnyRecipe = PretrainingRecipe | MotionRecipe | TorsoRecipe | RefinementRecipe
RECIPES: dict[StageName, type[AnyRecipe]] = {
    "i2p": PretrainingRecipe,
    "motion": MotionRecipe,
    "torso": TorsoRecipe,
    "sr": RefinementRecipe,
}
