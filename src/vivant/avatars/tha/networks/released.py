"""The published networks of Talking Head Anime: our name, key table, and the network in the sizes of the release."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from vivant.avatars.tha.networks.body_morpher import BodyMorpher
from vivant.avatars.tha.networks.editor import Editor, EditorConfig
from vivant.avatars.tha.networks.eyebrow_combiner import EyebrowCombiner, EyebrowCombinerConfig
from vivant.avatars.tha.networks.eyebrow_decomposer import EyebrowDecomposer, EyebrowDecomposerConfig
from vivant.avatars.tha.networks.face_morpher import FaceMorpher, FaceMorpherConfig
from vivant.avatars.tha.networks.rotator import Rotator, RotatorConfig
from vivant.avatars.tha.networks.upscaler import Upscaler
from vivant.weights import tha
from vivant.weights.release import Release


def releases() -> tuple[Release, ...]:
    """Every network that can be imported: four variants of THA3, and the teacher of THA4."""
    variants = (
        variant(precision, half=precision == "half", separable=separable)
        for separable in (False, True)
        for precision in ("float", "half")
    )
    return (*(release for releases in variants for release in releases), *teacher())


def variant(precision: str, *, half: bool, separable: bool) -> tuple[Release, ...]:
    """The five networks of one variant of THA3; the half ones hold the same tensors in float16."""
    name = f"{'separable' if separable else 'standard'}_{precision}"
    builds: dict[str, Callable[[], nn.Module]] = {
        "eyebrow_decomposer": partial(EyebrowDecomposer, EyebrowDecomposerConfig(separable=separable)),
        "eyebrow_combiner": partial(EyebrowCombiner, EyebrowCombinerConfig(separable=separable)),
        "face_morpher": partial(FaceMorpher, FaceMorpherConfig(separable=separable)),
        "rotator": partial(Rotator, RotatorConfig(separable=separable)),
        "editor": partial(Editor, EditorConfig(separable=separable)),
    }
    tables = {
        "eyebrow_decomposer": tha.eyebrow_decomposer,
        "eyebrow_combiner": tha.eyebrow_combiner,
        "face_morpher": tha.face_morpher,
        "rotator": tha.rotator,
        "editor": tha.editor,
    }
    return tuple(
        Release("tha3", f"{name}/{network}", tables[network](separable=separable), build, half=half)
        for network, build in builds.items()
    )


def teacher() -> tuple[Release, ...]:
    """The five networks of THA4; the first three are built like those of THA3's standard variant."""
    return (
        Release("tha4", "teacher/eyebrow_decomposer", tha.eyebrow_decomposer(), EyebrowDecomposer),
        Release("tha4", "teacher/eyebrow_combiner", tha.eyebrow_combiner(), EyebrowCombiner),
        Release("tha4", "teacher/face_morpher", tha.face_morpher(), FaceMorpher),
        Release("tha4", "teacher/body_morpher", tha.body_morpher(), BodyMorpher),
        Release("tha4", "teacher/upscaler", tha.upscaler(), Upscaler),
    )
