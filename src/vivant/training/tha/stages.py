"""What the five networks of a teacher learn from an example, stage by stage (THA4, appendices A and B).

The publication gives the losses and phases of body morpher and upscaler; those of the first three networks were never
published and are ours, made like them: L1 first, then with the perceptual distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.tha.networks.unet import draw_results
from vivant.avatars.tha.pose import EYEBROW, FACE, ROTATION
from vivant.avatars.tha.posers import EYEBROW_BOX, FACE_BOX, Box
from vivant.training.tha.perceptual import Perceptual

StageName = Literal["brows", "face", "body", "upscaler"]
Pictures = Mapping[str, Tensor]
"""(N, 4, 512, 512) by the steps of `vivant.training.tha.pairs`, as networks see them."""

PERCEPTUAL = 0.2


@dataclass(frozen=True)
class Phase:
    """A stretch of a training."""

    examples: int
    perceptual: bool
    rough: bool = False
    """Whether the upscaler sees the body morpher's picture; before, it learns to turn by itself."""


PHASES: Mapping[StageName, tuple[Phase, ...]] = {
    "brows": (Phase(500_000, False), Phase(2_000_000, True)),
    "face": (Phase(500_000, False), Phase(4_000_000, True)),
    "body": (Phase(500_000, False), Phase(9_000_000, True)),
    "upscaler": (Phase(500_000, False), Phase(9_000_000, True), Phase(9_000_000, True, rough=True)),
}
NETWORKS: Mapping[StageName, tuple[str, ...]] = {
    "brows": ("eyebrow_decomposer", "eyebrow_combiner"),
    "face": ("face_morpher",),
    "body": ("body_morpher",),
    "upscaler": ("upscaler",),
}


@dataclass(frozen=True)
class Drawn:
    """Pictures that a network drew, beside what they should be."""

    pairs: dict[str, tuple[Tensor, Tensor]]
    """For L1, by name."""
    seen: dict[str, tuple[Tensor, Tensor]]
    """For the perceptual distance."""


def phase_at(stage: StageName, examples: int, scale: float = 1.0) -> Phase:
    """The phase of a `stage` after `examples`; `scale` shortens all phases alike."""
    for phase in PHASES[stage]:
        examples -= round(phase.examples * scale)
        if examples < 0:
            break
    return phase


def total_examples(stage: StageName) -> int:
    """Of the published recipe."""
    return sum(phase.examples for phase in PHASES[stage])


def draw_brows(networks: Mapping[str, nn.Module], pictures: Pictures, pose: Tensor) -> Drawn:
    """Decomposer and combiner, which learn together; `pose` is (N, 45)."""
    layers = networks["eyebrow_decomposer"](cut(pictures["rest"], EYEBROW_BOX))
    combined = networks["eyebrow_combiner"](layers.background, layers.eyebrow, pose[:, EYEBROW])
    wanted, bare = (cut(pictures[step], EYEBROW_BOX) for step in ("brows", "bare"))
    pairs = {
        "bare": (layers.background, bare),
        "brows": (combined.picture, wanted),
        "by_alpha": (combined.picture_by_alpha, wanted),
    }
    return Drawn(pairs, {name: pairs[name] for name in ("bare", "brows")})


def draw_face(networks: Mapping[str, nn.Module], pictures: Pictures, pose: Tensor) -> Drawn:
    """The face morpher; it sees the brows as they should be; `pose` is (N, 45)."""
    made = networks["face_morpher"](cut(pictures["brows"], FACE_BOX), pose[:, FACE])
    mouth, face = (cut(pictures[step], FACE_BOX) for step in ("mouth", "face"))
    pairs = {"warped": (made.warped, mouth), "mouth": (made.mouth_picture, mouth), "face": (made.picture, face)}
    return Drawn(pairs, {name: pairs[name] for name in ("mouth", "face")})


def draw_body(networks: Mapping[str, nn.Module], pictures: Pictures, pose: Tensor) -> Drawn:
    """The body morpher at half resolution; `pose` is (N, 45)."""
    made = networks["body_morpher"](halved(pictures["face"]), pose[:, ROTATION])
    wanted = halved(pictures["posed"])
    pairs = {name: (getattr(made, name), wanted) for name in ("warped", "direct", "picture")}
    return Drawn(pairs, pairs)


def draw_whole(networks: Mapping[str, nn.Module], pictures: Pictures, pose: Tensor, *, rough: bool) -> Drawn:
    """The upscaler, alone or from what the trained body morpher draws; `pose` is (N, 45)."""
    upscaler, face, wanted = networks["upscaler"], pictures["face"], pictures["posed"]
    turn = pose[:, ROTATION]
    if not rough:
        made = draw_results(face, upscaler.body(face, turn))  # type: ignore[operator]
        pairs = {name: (getattr(made, name), wanted) for name in ("warped", "direct", "picture")}
        return Drawn(pairs, pairs)
    with torch.no_grad():
        coarse = networks["body_morpher"](halved(face), turn)
        enlarged = [F.interpolate(part, scale_factor=2, mode="bilinear") for part in (coarse.rough, coarse.flow)]
    made = upscaler(face, *enlarged, turn)
    pairs = {name: (getattr(made, name), wanted) for name in ("warped", "direct", "picture")}
    seen = {}
    for name in ("direct", "picture"):
        seen[f"{name}_small"] = (halved(pairs[name][0]), halved(wanted))
        seen[f"{name}_parts"] = (quartered(pairs[name][0]), quartered(wanted))
    return Drawn(pairs, seen)


def losses_of(drawn: Drawn, perceptual: Perceptual | None, *, colours: bool) -> dict[str, Tensor]:
    """Weighted losses () by name of pictures (N, 4, H, W); without `perceptual` those of L1 alone.

    `colours`: see `Perceptual.distance`.
    """
    losses = {name: (made - wanted).abs().mean() for name, (made, wanted) in drawn.pairs.items()}
    if perceptual is not None:
        for name, (made, wanted) in drawn.seen.items():
            losses[f"seen_{name}"] = PERCEPTUAL * perceptual.distance(made, wanted, colours=colours)
    return losses


def cut(image: Tensor, box: Box) -> Tensor:
    """The `box` of (N, C, 512, 512)."""
    return image[:, :, box[0], box[1]]


def halved(image: Tensor) -> Tensor:
    """(N, C, H, W) to half its size."""
    return F.interpolate(image, scale_factor=0.5, mode="bilinear")


def quartered(image: Tensor) -> Tensor:
    """(N, C, H, W) to its quadrants (4 N, C, H / 2, W / 2)."""
    return torch.cat([part for row in image.chunk(2, 2) for part in row.chunk(2, 3)])
