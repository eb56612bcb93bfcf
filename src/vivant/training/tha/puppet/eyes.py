"""Eyes and brows of a puppet in a pose."""

from __future__ import annotations

import numpy as np

from vivant.avatars.tha.pose import INDEX
from vivant.avatars.tha.rig.lines import ARCH, COUNT, WAY, brow_fall, iris_move, move_lids
from vivant.avatars.tha.rig.turn import Place
from vivant.training.tha.puppet.face import ON_FACE
from vivant.training.tha.puppet.shapes import (
    Floats,
    Paint,
    Part,
    curve,
    ellipse,
    joined,
    pairs,
    ribbon,
    shaded,
    sided,
    taper,
    vector,
)
from vivant.training.tha.puppet.style import Eyes, Style

BROW_COUNT = 11


def eye_parts(style: Style, pose: Floats, side: int) -> list[Part]:
    """One eye in `pose` (45,), from back to front; `side` 1 is on the viewer's right."""
    eyes = style.eyes
    upper, lower = lid_lines(eyes, pose, side)
    opening = np.concatenate([upper, lower[::-1]])
    white = f"white{side:+d}"
    gap = float((lower - upper)[:, 1].max())
    parts = [Part(white, opening, ON_FACE, Paint(eyes.white))]
    parts += [part for part in _iris(style, pose, side) if gap > 0.012]
    shadow = joined(upper, (upper + vector(0, 0.3 * eyes.height))[::-1])
    parts.append(Part(f"shadow{side:+d}", shadow, ON_FACE, Paint((0.3, 0.25, 0.45), 0.28), within=(white,)))
    return parts + _lashes(style, upper, lower, side)


def brow_parts(style: Style, pose: Floats, side: int) -> list[Part]:
    """One brow in `pose` (45,)."""
    eyes = style.eyes
    line = curve(brow_knots(eyes, pose, side), BROW_COUNT)
    stroke = ribbon(line, eyes.brow_thick * taper(BROW_COUNT, 0.3, 0.55, 0.05))
    colour = shaded(style.hair_colour, 0.45, (0.5, 0.4, 0.45))
    return [Part(f"brow{side:+d}", stroke, Place(1, 0.03), Paint(colour))]


def brow_knots(eyes: Eyes, pose: Floats, side: int) -> Floats:
    """Inner end, middle and outer end (3, 2) of a brow."""
    rest = brow_fall(pose, side)
    base = -eyes.height - eyes.brow_height
    inner, outer = eyes.apart - 0.95 * eyes.brow_width, eyes.apart + 1.05 * eyes.brow_width
    knots = np.array(
        [
            (inner, base + rest[0] + 0.3 * eyes.brow_bend),
            (0.4 * inner + 0.6 * outer, base + rest[1] - eyes.brow_bend),
            (outer, base + rest[2] + 0.6 * eyes.brow_bend - eyes.tilt),
        ],
        np.float32,
    )
    return sided(knots, side)


def lid_lines(eyes: Eyes, pose: Floats, side: int) -> tuple[Floats, Floats]:
    """Upper and lower lid (17, 2) each, from the inner corner outwards."""
    x = eyes.apart + (2 * WAY - 1) * eyes.width
    base = 0.12 * eyes.height * (1 - WAY) - eyes.tilt * WAY
    high = eyes.height
    arch = ARCH ** (0.45 + 0.5 * eyes.round)
    upper, lower = base - 1.05 * high * arch, base + 0.8 * high * ARCH**0.7
    return move_lids(_lid(x, upper, side), _lid(x, lower, side), pose, side)


def iris_place(eyes: Eyes, pose: Floats, side: int) -> tuple[Floats, Floats]:
    """Middle (2,) and radii (2,) of an iris."""
    right, down, size = iris_move(pose, side)
    radius = min(eyes.iris * eyes.height, 0.95 * eyes.width)
    x = side * (eyes.apart - 0.03 * eyes.width) + right * eyes.width
    y = -0.05 * eyes.height + down * eyes.height
    return vector(x, y), vector(size * radius * eyes.slim * 0.85, size * radius)


def _iris(style: Style, pose: Floats, side: int) -> list[Part]:
    """The iris in `pose` (45,), from back to front."""
    eyes, white = style.eyes, (f"white{side:+d}",)
    middle, radii = iris_place(eyes, pose, side)
    colour = eyes.odd if eyes.odd is not None and side > 0 else eyes.colour
    dark = shaded(colour, 0.75, (0.25, 0.2, 0.35))
    shapes = [
        ("iris", ellipse(middle, radii), Paint(dark)),
        (
            "glow",
            ellipse(middle, 0.9 * radii),
            Paint(shaded(colour, 0.35), low=eyes.second if colour == eyes.colour else colour),
        ),
        ("pupil", ellipse(middle, eyes.pupil * radii * vector(eyes.slit, 1), 16), Paint(dark)),
    ]
    if eyes.lights > 1:
        spot = ellipse(middle + radii * vector(0, 0.58), radii * vector(0.5, 0.25), 12)
        shapes.append(("gleam", spot, Paint(shaded(eyes.second, -0.55), 0.8)))
    if eyes.lights > 0:
        at = middle + radii * vector(-0.35, -0.45)
        shapes.append(("light", ellipse(at, radii * vector(0.3, 0.26), 12), Paint((1, 1, 1))))
    if eyes.lights > 2:
        at = middle + radii * vector(0.4, 0.4)
        shapes.append(("light2", ellipse(at, radii * 0.14, 8), Paint((1, 1, 1))))
    return [Part(f"{name}{side:+d}", shape, ON_FACE, paint, within=white) for name, shape, paint in shapes]


def _lashes(style: Style, upper: Floats, lower: Floats, side: int) -> list[Part]:
    """The lashes along both lids (N, 2)."""
    eyes, place = style.eyes, Place(1, 0.04)
    dark = Paint(shaded(style.line, 0.3))
    unit = vector(side, 1)
    wing = upper[-1] + unit * vector(0.05 + 0.1 * eyes.wing, 0.05 - 0.12 * eyes.wing)
    line = np.concatenate([upper, wing[None]])
    widths = 0.075 * eyes.lash * taper(COUNT + 1, 0.72, 0.25, 0.0) + 0.012
    parts = [Part(f"lash{side:+d}", ribbon(line, widths), place, dark)]
    if eyes.lower_lash > 0:
        thin = 0.03 * eyes.lower_lash * taper(11, 0.6)
        parts.insert(0, Part(f"lower_lash{side:+d}", ribbon(lower[5:16], thin), place, Paint(dark.colour, 0.85)))
    if eyes.crease:
        above = 0.35 * (upper + vector(0, -0.24 * eyes.height - 0.05)) + 0.65 * _crease(eyes, side)
        stroke = ribbon(above.astype(np.float32)[2:], 0.022 * taper(COUNT - 2))
        parts.append(Part(f"crease{side:+d}", stroke, ON_FACE, Paint(shaded(style.skin_shade, 0.5), 0.85)))
    return parts


def _crease(eyes: Eyes, side: int) -> Floats:
    """The line (N, 2) above the upper lid of the open eye."""
    upper, _ = lid_lines(eyes, np.zeros(len(INDEX), np.float32), side)
    result: Floats = upper + vector(0, -0.24 * eyes.height - 0.05)
    return result


def _lid(x: Floats, y: Floats, side: int) -> Floats:
    """`x` and `y` (N,) as a line (N, 2), mirrored for `side` -1."""
    return sided(pairs(x, y), side)
