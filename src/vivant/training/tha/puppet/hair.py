"""Hair and what is worn on the head; none of it depends on the pose before the head turns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vivant.avatars.tha.rig.turn import Place
from vivant.training.tha.puppet.face import ON_FACE, contour
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

FRONT = Place(1.0, 0.12)
HAIRLINE = -0.95


def back_hair(style: Style) -> list[Part]:
    """What is behind the neck, from back to front."""
    hair, chin = style.hair, style.build.chin
    rng = np.random.default_rng(hair.seed)
    wide = 1 + hair.volume
    paint = Paint(_dark(style), low=shaded(style.hair_tip, 0.5))
    line = contour(style, style.hair_colour)
    bottom = {"short": 0.75 * chin, "spiky": 0.8 * chin, "bun": 0.8 * chin, "bob": chin + 0.25, "tails": 0.85 * chin}
    end = bottom.get(hair.kind, chin + hair.length)
    spread = wide + (hair.spread if end > chin + 0.5 else 0.1 * hair.spread)
    outline = np.concatenate([_cap(style, 1.02), _fringe_ends(rng, spread, end, hair.locks + 2)])
    place = Place(-0.5, -0.1, 0.8 * chin, 0.8 * chin + 4, 0.25)
    parts = [Part("back_hair", outline.astype(np.float32), place, paint, line)]
    if hair.kind == "spiky":
        parts.append(Part("spikes", _spikes(rng, style), Place(-0.2), Paint(style.hair_colour, low=_dark(style)), line))
    if hair.kind == "bun":
        parts += [_blob(style, side) for side in (-1, 1)]
    if hair.kind == "tails":
        parts += [_tail(style, side) for side in (-1, 1)]
    return parts


def front_hair(style: Style) -> list[Part]:
    """What is before the face, from back to front; the first is the fringe's shadow on the face."""
    hair, rng = style.hair, np.random.default_rng(style.hair.seed + 1)
    line = contour(style, style.hair_colour)
    paint = Paint(style.hair_colour, low=style.hair_tip if style.soft > 0.4 else style.hair_colour)
    fringe = joined(_cap(style, 1.0), _fringe(rng, style))
    shadow = Part("shadow", fringe + vector(0.02, 0.1), ON_FACE, Paint(style.skin_shade, 0.75), within=("face",))
    parts = [shadow] + [_side_lock(style, side, paint) for side in (-1, 1)]
    parts.append(Part("fringe", fringe, FRONT, paint, line))
    parts += _strands(rng, style) + _wisps(rng, style) + _shine(style)
    if hair.ahoge:
        knots = points(
            (0.02, -hair.top + 0.1), (0.1, -hair.top - 0.35), (0.45, -hair.top - 0.35), (0.5, -hair.top - 0.1)
        )
        parts.append(Part("ahoge", ribbon(curve(knots, 16), 0.11 * taper(16, 0.3, 0.7)), Place(0, 0.1), paint, line))
    return parts


def ears(style: Style) -> list[Part]:
    """Ears of the chosen kind, behind the hair in front."""
    if style.ears == "hidden":
        return []
    if style.ears == "cat":
        top = style.hair.top
        outer = points((0.35, -top + 0.12), (0.95, -top - 0.55), (1.1, -top + 0.75))
        inner = outer * 0.6 + 0.4 * outer.mean(axis=0)
        shapes = [(outer, style.hair_colour), (inner, shaded(style.skin, 0.3, (1, 0.5, 0.55)))]
    elif style.ears == "elf":
        shapes = [(points((0.95, -0.15), (1.75, -0.45), (1.4, 0.1), (0.97, 0.4)), style.skin)]
    else:
        shapes = [(curve(points((0.95, -0.2), (1.15, -0.22), (1.12, 0.15), (0.96, 0.35)), 12), style.skin)]
    line = contour(style, style.skin_shade)
    place = Place(0, -0.15)
    return [
        Part(f"ear{side:+d}_{index}", sided(shape, side), place, Paint(colour), line)
        for side in (-1, 1)
        for index, (shape, colour) in enumerate(shapes)
    ]


def worn(style: Style) -> list[Part]:
    """Glasses and ornaments of the head."""
    parts: list[Part] = []
    if style.glasses is not None:
        parts += _glasses(style, style.glasses)
    if "pin" in style.extras:
        parts += [
            Part(f"pin{index}", curve(points(*knots), 8), Place(1, 0.2), Paint(style.cloth[index]))
            for index, knots in enumerate((((0.5, -1.0), (0.9, -0.7), (0.85, -0.6), (0.45, -0.88)),))
        ]
    if "ribbon" in style.extras:
        top, colour = style.hair.top - 0.35, style.cloth[2]
        wing = points((0.85, -top), (1.5, -top - 0.45), (1.55, -top + 0.3))
        line = contour(style, colour)
        both = (wing, wing * vector(-1, 1) + vector(1.7, 0))
        parts += [Part(f"ribbon{n}", shape, Place(0.3, 0.2), Paint(colour), line) for n, shape in enumerate(both)]
        parts.append(
            Part("knot", ellipse((0.85, -top), (0.14, 0.16)), Place(0.3, 0.25), Paint(shaded(colour, 0.3)), line)
        )
    if "band" in style.extras:
        arc = _cap(style, 1.0)[5:-5] * vector(0.98, 0.86)
        parts.append(Part("band", ribbon(arc, np.full(len(arc), 0.13, np.float32)), FRONT, Paint(style.cloth[1])))
    return parts


def _glasses(style: Style, colour: Colour) -> list[Part]:
    eyes, place = style.eyes, Place(1, 0.3)
    wide, high = eyes.width + 0.1, 0.75 * eyes.height + 0.14
    corner = 0.55 + 0.45 * style.glasses_round
    angle = np.linspace(0, 2 * np.pi, 28)
    rounded = (
        np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** corner,
        np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** corner,
    )
    lens = pairs(eyes.apart + wide * rounded[0], 0.04 + high * rounded[1])
    width = np.full(28, 0.05, np.float32)
    parts = [Part("lens", shape, place, Paint((1, 1, 1), 0.1)) for shape in (lens, sided(lens, -1))]
    inner, outer = eyes.apart - wide, eyes.apart + wide
    strokes = [lens, sided(lens, -1), points((-inner, 0), (0, -0.05), (inner, 0))]
    strokes += [
        points((sign * outer, -0.05), (sign * 0.5 * (1 + outer), -0.1), (sign * 1.02, -0.12)) for sign in (-1, 1)
    ]
    if style.glasses_rim != "whole":
        half = slice(0, 15) if style.glasses_rim == "lower" else slice(14, 28)
        strokes[:2] = [stroke[half] for stroke in strokes[:2]]
    for index, stroke in enumerate(strokes):
        thick = width[: len(stroke)] if index < 2 else np.full(len(stroke), 0.045, np.float32)
        parts.append(Part(f"rim{index}", ribbon(stroke, thick), place, Paint(colour)))
    return parts


def _dark(style: Style) -> Colour:
    return shaded(style.hair_colour, 0.35)


def _cap(style: Style, size: float) -> Floats:
    """The hair's outer line (40, 2) from the viewer's left ear over the top to the right one."""
    wide, top = size * (1 + style.hair.volume), size * style.hair.top
    knots = points((wide, 0.15), (wide * 1.02, -0.75), (0.72 * wide, -0.8 * top), (0, -top))
    left = knots[:-1] * vector(-1, 1)
    return curve(np.concatenate([left, knots[::-1]]), 40)


def _fringe_ends(rng: np.random.Generator, wide: float, end: float, locks: int) -> Floats:
    """The lower edge (N, 2) of back hair from right to left, in points."""
    x = np.linspace(wide, -wide, 2 * locks + 1)
    y = np.where(np.arange(2 * locks + 1) % 2 == 0, end, end - 0.25 - 0.2 * rng.random(2 * locks + 1))
    y[1:-1] += rng.uniform(-0.1, 0.2, 2 * locks - 1)
    y[[0, -1]] = end - 0.5 * abs(end - 0.15) * 0.4
    return pairs(x, y)


def _fringe(rng: np.random.Generator, style: Style) -> Floats:
    """The lower edge (N, 2) of the hair in front from right to left."""
    hair = style.hair
    edges = np.sort(np.concatenate([[1.0, -1.0], rng.uniform(-0.8, 0.8, hair.locks - 1)]))[::-1]
    edges = 0.5 * edges + 0.5 * np.linspace(1, -1, hair.locks + 1)
    level = HAIRLINE + 0.95 * hair.bang
    line: list[Floats] = [points((1.0, 0.0))]
    for right, left in pairwise(edges):
        middle = (right + left) / 2
        tip_x = middle + 0.25 * (middle - hair.parting) * rng.uniform(0.3, 1)
        side = abs(middle) ** 2
        tip = (tip_x, level + rng.uniform(-0.18, 0.12) + 0.35 * side)
        depth = min(0.65, 0.25 + 0.5 * (right - left)) * rng.uniform(0.6, 1.1)
        gap = (left, max(HAIRLINE - 0.25, tip[1] - depth)) if left > -0.99 else (-1.0, 0.0)
        start = line[-1][-1]
        bulge_in = (0.6 * start + 0.4 * np.array(tip)) + vector(0.06, 0.05)
        bulge_out = (0.6 * np.array(gap) + 0.4 * np.array(tip)) + vector(-0.05, 0.06)
        line.append(curve(points(start, bulge_in, tip), 6)[1:])
        line.append(curve(points(tip, bulge_out, gap), 6)[1:])
    return np.concatenate(line)


def _side_lock(style: Style, side: int, paint: Paint) -> Part:
    hair, chin = style.hair, style.build.chin
    end = 0.15 + hair.side
    wide = 1 + 0.8 * hair.volume
    shape = points(
        (0.62, -1.1),
        (wide, -0.8),
        (wide + 0.03, 0.1),
        (0.5 * (wide + 1) + 0.1, 0.6 * end),
        (0.98, end),
        (0.86, 0.55 * end),
        (0.84, -0.1),
    )
    place = Place(0.5, 0.12, 0.9 * chin, 0.9 * chin + 3, 0.35)
    return Part(
        f"side_lock{side:+d}",
        sided(curve(shape, 30, closed=True), side),
        place,
        paint,
        contour(style, style.hair_colour),
    )


def _strands(rng: np.random.Generator, style: Style) -> list[Part]:
    hair, parts = style.hair, []
    for index in range(hair.strands):
        at = rng.uniform(-0.95, 0.95)
        low = HAIRLINE + 0.7 * hair.bang - rng.uniform(0.1, 0.5) + 0.3 * at**2
        start = (0.5 * hair.parting + 0.35 * at, -hair.top * rng.uniform(0.75, 0.95))
        knots = points(start, (0.85 * at, 0.5 * (start[1] + low)), (at, low))
        colour = Paint(shaded(style.hair_colour, rng.choice([0.45, 0.6, -0.3])), 0.8)
        parts.append(Part(f"strand{index}", ribbon(curve(knots, 10), 0.05 * taper(10)), FRONT, colour))
    return parts


def _wisps(rng: np.random.Generator, style: Style) -> list[Part]:
    parts = []
    for index in range(style.wisps):
        at, low = rng.uniform(-0.8, 0.8), rng.uniform(-0.2, 0.9)
        knots = points(
            (0.9 * at, HAIRLINE - 0.2),
            (at + rng.uniform(-0.1, 0.1), (low + HAIRLINE) / 2),
            (at + rng.uniform(-0.2, 0.2), low),
        )
        stroke = ribbon(curve(knots, 10), rng.uniform(0.03, 0.1) * taper(10, 0.3, 0.6))
        parts.append(
            Part(f"wisp{index}", stroke, FRONT, Paint(style.hair_colour), contour(style, style.hair_colour, 0.7))
        )
    return parts


def _shine(style: Style) -> list[Part]:
    if style.hair.shine == 0:
        return []
    x = np.linspace(-0.75, 0.75, 15, dtype=np.float32)
    y = -0.72 * style.hair.top + 0.25 * x**2
    jag = np.where(np.arange(15) % 2 == 0, 0.16, 0.05 if style.hair.shine == 1 else 0.14)
    shape = joined(np.stack([x, y], 1), np.stack([x, y + jag], 1)[::-1])
    return [Part("shine", shape, FRONT, Paint(shaded(style.hair_colour, -0.6), 0.5 + 0.4 * (1 - style.soft)))]


def _spikes(rng: np.random.Generator, style: Style) -> Floats:
    """An outline (N, 2) of hair that stands up."""
    angle = np.linspace(-0.15, np.pi + 0.15, 2 * style.hair.locks + 7)
    out = np.where(np.arange(len(angle)) % 2 == 1, rng.uniform(1.1, 1.35, len(angle)), 0.97)
    wide, top = 1 + style.hair.volume, style.hair.top
    return pairs(wide * out * np.cos(angle), 0.1 - (top + 0.1) * out * np.sin(angle))


def _blob(style: Style, side: int) -> Part:
    at = (side * (0.75 + 0.5 * style.hair.volume), -style.hair.top + 0.1)
    paint = Paint(style.hair_colour, low=_dark(style))
    return Part(f"bun{side:+d}", ellipse(at, (0.5, 0.48)), Place(0, -0.1), paint, contour(style, style.hair_colour))


def _tail(style: Style, side: int) -> Part:
    hair = style.hair
    wide = 1 + hair.volume
    out = wide + 0.5 + 0.8 * hair.spread
    end = 0.3 + 0.8 * hair.length
    shape = points(
        (0.8 * wide, -1.2),
        (out, -1.3),
        (out + 0.35, 0.4 * end),
        (out - 0.1, end),
        (out - 0.35, 0.5 * end),
        (0.95 * wide, -0.7),
    )
    paint = Paint(style.hair_colour, low=style.hair_tip)
    place = Place(0, -0.2, 0.2, 4.5, 0.4)
    return Part(
        f"tail{side:+d}",
        sided(curve(shape, 36, closed=True), side),
        place,
        paint,
        contour(style, style.hair_colour),
    )
