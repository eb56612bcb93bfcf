"""What makes one puppet look unlike another: proportions, colours, the hand that draws."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vivant.training.tha.puppet.shapes import Colour, shaded

Hair = Literal["short", "bob", "long", "tails", "spiky", "bun"]
Clothes = Literal["sailor", "suit", "hoodie", "shirt", "dress", "jacket"]

HAIR_HUES = (0.07, 0.09, 0.12, 0.02, 0.95, 0.6, 0.55, 0.75, 0.85, 0.4, 0.08, 0.66)


@dataclass(frozen=True)
class Build:
    """Where the character stands and how it is built; lengths in half widths of the face but for the first two."""

    middle: tuple[float, float]
    """The point between the eyes, in pixels of 512."""
    scale: float
    """Half the width of the face in pixels of 512."""
    chin: float
    jaw: float
    """Width of the jaw against that of the cheeks."""
    pointed: float
    """0 a round chin, 1 a sharp one."""
    neck: float
    shoulders: float
    slope: float
    arms: float
    """How far the hands are from the hips."""


@dataclass(frozen=True)
class Eyes:
    """Both eyes and brows."""

    apart: float
    """Half the distance of their middles."""
    width: float
    """Half of one eye's."""
    height: float
    tilt: float
    """How much higher the outer corner is."""
    round: float
    """0 a flat upper lid, 1 an arch."""
    iris: float
    """Its height against the eye's."""
    slim: float
    """The iris's width against its height."""
    lash: float
    wing: float
    colour: Colour
    second: Colour
    white: Colour
    lights: int
    crease: bool
    lower_lash: float
    pupil: float
    slit: float
    """Width of the pupil against its height."""
    odd: Colour | None
    """Another colour of the eye on the viewer's right."""
    brow_height: float
    brow_width: float
    brow_thick: float
    brow_bend: float


@dataclass(frozen=True)
class Mouth:
    """Its rest and its limits."""

    height: float
    """Where between eyes (0) and chin (1)."""
    width: float
    smile: float
    open: float
    """How far it stands open at rest."""
    teeth: bool
    tongue: bool
    lips: float
    inner: Colour


@dataclass(frozen=True)
class HairStyle:
    """Shape of the hair."""

    kind: Hair
    volume: float
    top: float
    locks: int
    bang: float
    """How far the fringe comes down: 0 the hairline, 1 the eyes."""
    parting: float
    side: float
    """Length of the side locks."""
    length: float
    spread: float
    ahoge: bool
    shine: int
    strands: int
    seed: int


@dataclass(frozen=True)
class Style:
    """One character."""

    build: Build
    eyes: Eyes
    mouth: Mouth
    hair: HairStyle
    clothes: Clothes
    skin: Colour
    skin_shade: Colour
    hair_colour: Colour
    hair_tip: Colour
    cloth: tuple[Colour, Colour, Colour]
    line: Colour
    line_width: float
    line_own: float
    """0: all contours in `line`; 1: each in its part's darker colour."""
    soft: float
    """0 flat cel shading, 1 gradients."""
    rim: float
    blush: float
    glasses: Colour | None
    glasses_round: float
    glasses_rim: Literal["whole", "lower", "upper"]
    nose: int
    spots: int
    """Freckles, moles and painted marks."""
    wisps: int
    """Thin strands of hair across the face."""
    ears: Literal["human", "hidden", "cat", "elf"]
    extras: tuple[str, ...]


def random_style(rng: np.random.Generator) -> Style:
    """A character at random; the same generator state gives the same one."""
    skin = _skin(rng)
    hair, tip = _hair_colours(rng)
    grey = 0.1 + 0.25 * rng.random()
    line: Colour = (grey, grey * rng.uniform(0.6, 1), grey * rng.uniform(0.6, 1))
    extras = tuple(name for name in ("pin", "ribbon", "band", "choker", "strap") if rng.random() < 0.18)
    return Style(
        build=_build(rng),
        eyes=_eyes(rng),
        mouth=_mouth(rng),
        hair=_hair(rng),
        clothes=rng.choice(["sailor", "suit", "hoodie", "shirt", "dress", "jacket"]),
        skin=skin,
        skin_shade=shaded(skin, rng.uniform(0.15, 0.5), (0.85, 0.5, 0.5)),
        hair_colour=hair,
        hair_tip=tip,
        cloth=(_cloth(rng), _cloth(rng), _cloth(rng)),
        line=line,
        line_width=float(rng.choice([0.0, 0.5, 0.8, 1.1, 1.6], p=[0.1, 0.2, 0.3, 0.25, 0.15])),
        line_own=float(rng.choice([0, 0.6, 1])),
        soft=float(rng.uniform(0, 1)),
        rim=float(rng.choice([0, 0, 0.4, 0.8])),
        blush=float(rng.choice([0, 0.25, 0.6])),
        glasses=_vivid(rng) if rng.random() < 0.22 else None,
        glasses_round=float(rng.random()),
        glasses_rim=rng.choice(["whole", "lower", "upper"], p=[0.6, 0.25, 0.15]),
        nose=int(rng.integers(4)),
        spots=int(rng.choice([0, 1, 2, 6], p=[0.75, 0.12, 0.08, 0.05])),
        wisps=int(rng.choice([0, 1, 2, 4], p=[0.6, 0.15, 0.15, 0.1])),
        ears=rng.choice(["human", "hidden", "cat", "elf"], p=[0.5, 0.25, 0.15, 0.1]),
        extras=extras,
    )


def _build(rng: np.random.Generator) -> Build:
    scale = rng.uniform(29, 43)
    chin = rng.uniform(1.12, 1.5)
    return Build(
        middle=(float(256 + rng.normal(0, 2)), float(rng.uniform(188, 200) - chin * scale + rng.normal(0, 2))),
        scale=float(scale),
        chin=float(chin),
        jaw=float(rng.uniform(0.72, 0.95)),
        pointed=float(rng.random()),
        neck=float(rng.uniform(0.3, 0.46)),
        shoulders=float(rng.uniform(1.35, 2.1)),
        slope=float(rng.uniform(0.2, 0.55)),
        arms=float(rng.uniform(0.1, 0.9)),
    )


def _eyes(rng: np.random.Generator) -> Eyes:
    width = rng.uniform(0.25, 0.4)
    colour = _vivid(rng)
    return Eyes(
        apart=float(rng.uniform(max(0.48, width + 0.17), 0.66)),
        width=float(width),
        height=float(width * rng.uniform(0.5, 1.25)),
        tilt=float(rng.normal(0.02, 0.05)),
        round=float(rng.uniform(0.2, 1)),
        iris=float(rng.uniform(0.85, 1.25)),
        slim=float(rng.uniform(0.7, 1)),
        lash=float(rng.uniform(0.4, 1.4)),
        wing=float(rng.uniform(0, 1)),
        colour=colour,
        second=shaded(colour, rng.uniform(-0.7, 0.5)),
        white=shaded((1, 1, 1), rng.uniform(0, 0.12), (0.7, 0.75, 0.9)),
        lights=int(rng.integers(0, 4)),
        crease=bool(rng.random() < 0.6),
        lower_lash=float(rng.choice([0, 0.4, 0.8, 1.2])),
        pupil=float(rng.uniform(0.3, 0.6)),
        slit=float(rng.choice([1, 0.35], p=[0.9, 0.1])),
        odd=_vivid(rng) if rng.random() < 0.08 else None,
        brow_height=float(rng.uniform(0.12, 0.32)),
        brow_width=float(width * rng.uniform(0.75, 1.15)),
        brow_thick=float(rng.uniform(0.025, 0.1)),
        brow_bend=float(rng.uniform(0.02, 0.14)),
    )


def _mouth(rng: np.random.Generator) -> Mouth:
    return Mouth(
        height=float(rng.uniform(0.58, 0.72)),
        width=float(rng.uniform(0.13, 0.32)),
        smile=float(rng.normal(0.15, 0.35)),
        open=float(rng.choice([0, rng.uniform(0.15, 0.7)], p=[0.7, 0.3])),
        teeth=bool(rng.random() < 0.65),
        tongue=bool(rng.random() < 0.7),
        lips=float(rng.choice([0, rng.random()], p=[0.65, 0.35])),
        inner=_mouth_colour(rng),
    )


def _mouth_colour(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.35:  # pale, as light drawings have it
        return (float(rng.uniform(0.85, 1)), float(rng.uniform(0.45, 0.7)), float(rng.uniform(0.42, 0.68)))
    return shaded((rng.uniform(0.55, 0.9), rng.uniform(0.2, 0.4), rng.uniform(0.22, 0.42)), rng.uniform(0, 0.5))


def _hair(rng: np.random.Generator) -> HairStyle:
    return HairStyle(
        kind=rng.choice(["short", "bob", "long", "tails", "spiky", "bun"]),
        volume=float(rng.uniform(0.12, 0.5)),
        top=float(rng.uniform(1.75, 2.2)),
        locks=int(rng.integers(3, 9)),
        bang=float(rng.uniform(0.1, 0.9)),
        parting=float(rng.normal(0, 0.35)),
        side=float(rng.uniform(0.2, 2.2)),
        length=float(rng.uniform(1.2, 6)),
        spread=float(rng.uniform(0, 0.9)),
        ahoge=bool(rng.random() < 0.3),
        shine=int(rng.integers(3)),
        strands=int(rng.integers(0, 9)),
        seed=int(rng.integers(1 << 30)),
    )


def _skin(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.2:  # brown and dark
        value = rng.uniform(0.4, 0.85)
        return _rgb(rng.uniform(0.045, 0.085), rng.uniform(0.35, 0.55), value)
    return _rgb(rng.uniform(0.035, 0.09), rng.uniform(0.04, 0.25), rng.uniform(0.94, 1))


def _hair_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    kind = rng.random()
    if kind < 0.3:  # black to brown
        colour = _rgb(rng.uniform(0.02, 0.1), rng.uniform(0.1, 0.5), rng.uniform(0.12, 0.5))
    elif kind < 0.45:  # white to grey
        colour = _rgb(rng.random(), rng.uniform(0, 0.1), rng.uniform(0.6, 0.97))
    else:
        hue = float(rng.choice(HAIR_HUES)) + rng.normal(0, 0.02)
        colour = _rgb(hue, rng.uniform(0.25, 0.8), rng.uniform(0.45, 1))
    tip = _vivid(rng) if rng.random() < 0.12 else shaded(colour, rng.uniform(-0.35, 0.5))
    return colour, tip


def _cloth(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.45:
        return _rgb(rng.random(), rng.uniform(0, 0.12), rng.uniform(0.1, 1))
    return _vivid(rng)


def _vivid(rng: np.random.Generator) -> Colour:
    return _rgb(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.35, 1))


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1, float(np.clip(saturation, 0, 1)), float(np.clip(value, 0, 1)))
