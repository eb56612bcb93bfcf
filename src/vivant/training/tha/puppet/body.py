"""Neck, trunk, arms and clothes; none of it depends on the pose before the body turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vivant.avatars.tha.rig.turn import Place
from vivant.training.tha.puppet.face import contour
from vivant.training.tha.puppet.shapes import (
    Colour,
    Floats,
    Paint,
    Part,
    curve,
    ellipse,
    joined,
    pairs,
    points,
    ribbon,
    shaded,
    sided,
    taper,
    vector,
)
from vivant.training.tha.puppet.style import Style

STILL = Place(1, 0, -100, -99, chest=True)
RAISED = Place(1, 0.08, -100, -99, chest=True)
FLOOR = 14.0


def body_parts(style: Style) -> list[Part]:
    """Everything below the head, from back to front."""
    parts = [*_legs(style), *_arms(style)]
    parts.append(_part(style, "trunk", _trunk(style), style.cloth[0]))
    parts += _neck(style) + CLOTHES[style.clothes](style) + _folds(style)
    if "strap" in style.extras:
        top = style.build.chin + 0.5
        band = ribbon(points((-1.1, top), (0.2, top + 2), (1.2, top + 4)), np.full(3, 0.25, np.float32))
        parts.append(
            Part("strap", band, RAISED, Paint(style.cloth[2]), contour(style, style.cloth[2]), within=("trunk",))
        )
    return parts


def _neck(style: Style) -> list[Part]:
    build = style.build
    chin, wide = build.chin, build.neck
    shape = points((wide, 0.4), (wide, chin + 0.2), (wide + 0.35, chin + 0.6), (0, chin + 1.0))
    whole = np.concatenate([shape, shape[-2::-1] * vector(-1, 1)])
    place = Place(0, 0, 0.7 * chin, chin + 0.5)
    neck = Part("neck", whole, place, Paint(style.skin), contour(style, style.skin_shade))
    under = ellipse((0.05, 0.9 * chin), (1.1 * wide + 0.2, 0.3 * chin))
    parts = [
        neck,
        Part("neck_shade", under, Place(0.3, 0, 0.7 * chin, chin + 0.6), Paint(style.skin_shade), within=("neck",)),
    ]
    bones = ribbon(points((0.05, chin + 0.72), (0.35, chin + 0.62), (0.55, chin + 0.6)), 0.03 * taper(3))
    parts += [Part(f"bone{side:+d}", sided(bones, side), STILL, Paint(style.skin_shade)) for side in (-1, 1)]
    if "choker" in style.extras:
        band = ribbon(
            points((-wide - 0.02, chin + 0.2), (0, chin + 0.27), (wide + 0.02, chin + 0.2)),
            np.full(3, 0.12, np.float32),
        )
        parts.append(Part("choker", band, Place(0.1, 0, 0.7 * chin, chin + 0.5), Paint(style.cloth[2])))
    return parts


def _half_trunk(style: Style) -> Floats:
    """The right half (7, 2) of the trunk's outline, from top to bottom."""
    build = style.build
    top, wide = build.chin + 0.38, build.shoulders
    return points(
        (build.neck + 0.1, top),
        (0.75 * wide, top + 0.55 * build.slope),
        (wide, top + build.slope + 0.15),
        (0.92 * wide, top + 1.6),
        (0.78 * wide, top + 3.0),
        (0.72 * wide, top + 3.8),
        (0.9 * wide, top + 5.2),
    )


def _trunk(style: Style) -> Floats:
    """The trunk's outline (14, 2)."""
    return _both(_half_trunk(style))


def _arms(style: Style) -> list[Part]:
    build = style.build
    top, wide = build.chin + 0.38, build.shoulders
    out, low = build.arms, top + 5.4
    sleeve = points(
        (0.8 * wide, top + 0.5 * build.slope),
        (wide + 0.12, top + build.slope + 0.1),
        (wide + 0.3 + 0.5 * out, top + 2.4),
        (wide + 0.25 + out, low),
        (wide - 0.3 + out, low + 0.05),
        (0.9 * wide + 0.2 * out, top + 2.6),
        (0.8 * wide, top + 1.4),
    )
    sleeve = curve(sleeve, 40, closed=True)
    hand = ellipse((wide - 0.02 + out, low + 0.35), (0.24, 0.42))
    parts = []
    for side in (-1, 1):
        parts.append(_part(style, f"hand{side:+d}", sided(hand, side), style.skin))
        parts.append(_part(style, f"arm{side:+d}", sided(sleeve, side), shaded(style.cloth[0], 0.08)))
    return parts


def _legs(style: Style) -> list[Part]:
    wide, top = style.build.shoulders, style.build.chin + 5.2
    leg = points((0.05, top), (0.85 * wide, top), (0.72 * wide, FLOOR), (0.12, FLOOR))
    bare = style.clothes in ("sailor", "dress", "hoodie")
    colour = style.skin if bare else style.cloth[1]
    parts = [_part(style, f"leg{side:+d}", sided(leg, side), colour) for side in (-1, 1)]
    hem = points((0.8 * wide, top - 0.5), (1.05 * wide, top + 1.8))
    return [*parts, _part(style, "hem", _both(hem), style.cloth[1 if bare else 0])]


def _sailor(style: Style) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    collar = points(
        (neck + 0.05, top - 0.1),
        (0.75 * style.build.shoulders, top + 0.5),
        (0.85, top + 1.0),
        (0.0, top + 1.9),
        (neck, top + 0.5),
    )
    scarf = points((0, top + 1.75), (0.5, top + 2.3), (0.15, top + 2.9), (0, top + 2.0))
    parts = _skin_vee(style, 1.5)
    for side in (-1, 1):
        parts.append(_part(style, f"collar{side:+d}", sided(collar, side), style.cloth[1], RAISED))
        parts.append(_part(style, f"scarf{side:+d}", sided(scarf, side), style.cloth[2], RAISED))
    return parts


def _suit(style: Style) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    white = shaded((0.97, 0.97, 1), 0.1 * style.soft)
    vee = points((-neck - 0.12, top - 0.05), (neck + 0.12, top - 0.05), (0, top + 2.5))
    tie = points((-0.1, top + 0.25), (0.1, top + 0.25), (0.2, top + 1.8), (0, top + 2.2), (-0.2, top + 1.8))
    lapel = points((neck + 0.1, top), (0.95, top + 0.7), (0.6, top + 1.1), (0.02, top + 2.6), (neck + 0.05, top + 0.7))
    flap = points((neck + 0.02, top - 0.15), (0.5, top + 0.25), (0.12, top + 0.6), (0.0, top + 0.2))
    parts = [_part(style, "shirt", vee, white), _part(style, "tie", tie, style.cloth[2], RAISED)]
    for side in (-1, 1):
        parts.append(_part(style, f"flap{side:+d}", sided(flap, side), white, RAISED))
        parts.append(_part(style, f"lapel{side:+d}", sided(lapel, side), shaded(style.cloth[0], -0.12), RAISED))
    return parts


def _hoodie(style: Style) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    hood = points(
        (neck, top - 0.35),
        (neck + 0.5, top - 0.2),
        (1.0, top + 0.35),
        (0.55, top + 0.95),
        (0.05, top + 1.1),
        (neck - 0.05, top + 0.45),
    )
    parts = _skin_vee(style, 0.9)
    for side in (-1, 1):
        parts.append(_part(style, f"hood{side:+d}", sided(curve(hood, 26, closed=True), side), style.cloth[1], RAISED))
        cord = ribbon(points((0.25 * side, top + 0.95), (0.28 * side, top + 2.0)), np.full(2, 0.06, np.float32))
        parts.append(Part(f"cord{side:+d}", cord, RAISED, Paint(style.cloth[2])))
    zip_line = ribbon(points((0, top + 1.05), (0, top + 4.8)), np.full(2, 0.05, np.float32))
    return [*parts, Part("zip", zip_line, STILL, Paint(shaded(style.cloth[0], 0.5)))]


def _shirt(style: Style) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    hole = ellipse((0, top), (neck + 0.25, 0.55))
    band = ellipse((0, top + 2.2), (0.5, 0.5))
    round_neck = Part("hole", hole, STILL, Paint(style.skin), contour(style, style.cloth[0]), within=("trunk",))
    return [round_neck, _part(style, "print", band, style.cloth[2])]


def _dress(style: Style) -> list[Part]:
    top, wide = style.build.chin + 0.4, style.build.shoulders
    bare = points((0, top - 0.3), (wide, top + style.build.slope - 0.2), (0.8 * wide, top + 1.2), (0, top + 1.35))
    strap = ribbon(points((0.55, top), (0.6, top + 1.4)), np.full(2, 0.14, np.float32))
    parts = [Part("bare", _both(bare), STILL, Paint(style.skin), within=("trunk",))]
    parts += [Part(f"strap{s:+d}", sided(strap, s), RAISED, Paint(style.cloth[1])) for s in (-1, 1)]
    frill = np.linspace(-0.8 * wide, 0.8 * wide, 13)
    edge = pairs(frill, top + 1.3 + 0.12 * (np.arange(13) % 2))
    return [
        *parts,
        Part("frill", ribbon(edge, np.full(13, 0.18, np.float32)), RAISED, Paint(style.cloth[1]), within=("trunk",)),
    ]


def _jacket(style: Style) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    inner = points((neck + 0.15, top), (0.7, top + 2), (0.65, top + 4.8), (0, top + 4.8))
    collar = points(
        (neck + 0.05, top - 0.3), (neck + 0.4, top - 0.1), (0.9, top + 0.7), (0.5, top + 1.0), (neck, top + 0.3)
    )
    parts = [_part(style, "inner", _both(inner), style.cloth[1]), *_skin_vee(style, 0.7)]
    parts += [_part(style, f"collar{side:+d}", sided(collar, side), style.cloth[2], RAISED) for side in (-1, 1)]
    return parts


CLOTHES: dict[str, Callable[[Style], list[Part]]] = {
    "sailor": _sailor,
    "suit": _suit,
    "hoodie": _hoodie,
    "shirt": _shirt,
    "dress": _dress,
    "jacket": _jacket,
}


def _skin_vee(style: Style, low: float) -> list[Part]:
    top, neck = style.build.chin + 0.4, style.build.neck
    vee = points((-neck - 0.1, top - 0.1), (neck + 0.1, top - 0.1), (0, top + low))
    return [Part("vee", vee, STILL, Paint(style.skin), within=("trunk",))]


def _folds(style: Style) -> list[Part]:
    rng = np.random.default_rng(style.hair.seed + 2)
    top, wide = style.build.chin + 0.6, style.build.shoulders
    parts = []
    for index in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(-0.8, 0.8) * wide, top + rng.uniform(0.8, 5)
        knots = points((x, y), (x * 0.9 + 0.1, y + 0.5), (x * 0.8, y + rng.uniform(0.7, 1.5)))
        paint = Paint(shaded(style.cloth[0], rng.choice([0.35, 0.5, -0.2])), 0.7)
        parts.append(
            Part(
                f"fold{index}",
                ribbon(curve(knots, 8), rng.uniform(0.04, 0.25) * taper(8)),
                STILL,
                paint,
                within=("trunk",),
            )
        )
    return parts


def _both(half: Floats) -> Floats:
    """A closed outline (2 N, 2) from its right half (N, 2), from top to bottom."""
    return joined(half, half[::-1] * vector(-1, 1))


def _part(style: Style, name: str, shape: Floats, colour: Colour, place: Place = STILL) -> Part:
    """A part of the outline `shape` (N, 2)."""
    paint = Paint(colour, low=shaded(colour, 0.3 * style.soft))
    return Part(name, shape.astype(np.float32), place, paint, contour(style, colour))
