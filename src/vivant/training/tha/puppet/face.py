"""Face of a puppet in a pose: outline, nose, blush and mouth; all 2.5-D turns come later."""

from __future__ import annotations

import numpy as np

from vivant.avatars.tha.rig.lines import COUNT, ROUND, Lips, jaw_drop
from vivant.avatars.tha.rig.turn import Place
from vivant.training.tha.puppet.shapes import (
    Floats,
    Line,
    Paint,
    Part,
    curve,
    ellipse,
    joined,
    points,
    ribbon,
    shaded,
    taper,
    vector,
)
from vivant.training.tha.puppet.style import Build, Style

ON_FACE = Place()


def face_parts(style: Style, pose: Floats) -> list[Part]:
    """Neck excluded: the face's outline, blush, nose and mouth in `pose` (45,), from back to front."""
    lips = lip_lines(style, pose)
    drop = jaw_drop(lips)
    skin = style.skin
    low = shaded(skin, 0.12 * style.soft, (0.9, 0.6, 0.6))
    outline = face_outline(style.build, drop)
    parts = [Part("face", outline, ON_FACE, Paint(skin, low=low), contour(style, style.skin_shade))]
    parts += _shade(style, outline) + _blush(style) + _spots(style) + _nose(style)
    return parts + _mouth(style, *lips)


def contour(style: Style, shade: tuple[float, float, float], width: float = 1.0) -> Line | None:
    """The contour of a part whose shadows have the colour `shade`."""
    if style.line_width * width < 0.3:
        return None
    own = shaded(shade, 0.55)
    mixed = [a + style.line_own * (b - a) for a, b in zip(style.line, own, strict=True)]
    return Line((mixed[0], mixed[1], mixed[2]), style.line_width * width)


def face_outline(build: Build, drop: float = 0.0) -> Floats:
    """(56, 2) closed, from the top over the viewer's right; the chin is lower by `drop`."""
    chin, wide = build.chin + drop, 0.3 * (1 - 0.7 * build.pointed)
    right = points(
        (0, -1.45),
        (0.7, -1.2),
        (0.98, -0.5),
        (1, 0.15),
        (build.jaw, 0.5 * chin + 0.12),
        (0.5 * build.jaw + 0.1, 0.83 * chin),
        (wide, 0.97 * chin),
        (0, chin),
    )
    left = right[1:-1][::-1] * vector(-1, 1)
    return curve(np.concatenate([right, left]), 56, closed=True)


def lip_lines(style: Style, pose: Floats) -> tuple[Floats, Floats]:
    """Upper and lower lip (17, 2) each, from the viewer's left to the right."""
    mouth = style.mouth
    middle = (0.0, build_mouth(style.build, mouth.height))
    return Lips(middle, mouth.width, 0.06 * mouth.smile, mouth.open).lines(pose)


def build_mouth(build: Build, height: float) -> float:
    """Where the mouth is, down from the eyes."""
    return height * build.chin


def _mouth(style: Style, upper: Floats, lower: Floats) -> list[Part]:
    """The mouth between two lines (17, 2), from back to front."""
    mouth = style.mouth
    opening = np.concatenate([upper, lower[::-1]])
    gap = float((lower - upper)[:, 1].max())
    dark = shaded(style.skin_shade, 0.75, (0.6, 0.25, 0.3))
    parts = [Part("mouth", opening, ON_FACE, Paint(mouth.inner, low=shaded(mouth.inner, -0.2)))]
    middle, half = (upper[8, 0] + lower[8, 0]) / 2, (upper[-1, 0] - upper[0, 0]) / 2
    if mouth.tongue:
        at = (middle, float(lower[8, 1]))
        tongue = ellipse(at, (0.62 * half + 1e-3, 0.4 * gap + 1e-3))
        parts.append(Part("tongue", tongue, ON_FACE, Paint(shaded(mouth.inner, -0.35)), within=("mouth",)))
    if mouth.teeth:
        row = joined(upper, (upper + vector(0, min(0.07, 0.3 * gap)))[::-1])
        parts.append(Part("teeth", row, ON_FACE, Paint((1, 1, 0.99)), within=("mouth",)))
    if mouth.lips > 0:
        full = 0.05 + 0.05 * mouth.lips
        for name, edge, sign in (("lip_up", upper, -0.6), ("lip_low", lower, 1.0)):
            outer = edge + np.stack([0 * ROUND, sign * full * ROUND], 1)
            colour = shaded(style.skin, 0.7, (0.95, 0.45, 0.5))
            shape = joined(edge, outer[::-1])
            parts.append(Part(name, shape, ON_FACE, Paint(colour, 0.3 + 0.5 * mouth.lips)))
    thick = 0.012 + 0.012 * style.line_width
    parts.append(Part("line_up", ribbon(upper, thick * (0.55 + 0.45 * taper(COUNT, 0.5))), ON_FACE, Paint(dark)))
    parts.append(Part("line_low", ribbon(lower, 0.7 * thick * taper(COUNT, 0.5, 0.3, 0.3)), ON_FACE, Paint(dark)))
    under = lower[5:12] + vector(0, 0.07)
    parts.append(Part("under", ribbon(under, 0.02 * taper(7)), ON_FACE, Paint(style.skin_shade, 0.8)))
    return parts


def _shade(style: Style, outline: Floats) -> list[Part]:
    """The shade at one side of the face's `outline` (N, 2)."""
    if style.rim == 0:
        return []
    inner = outline * vector(0.86, 0.95) + vector(-0.1, -0.06)
    return [Part("cheek_shade", outline, ON_FACE, Paint(style.skin_shade, style.rim), holes=(inner,), within=("face",))]


def _blush(style: Style) -> list[Part]:
    if style.blush == 0:
        return []
    red = shaded(style.skin, 0.6, (1, 0.45, 0.45))
    at = 0.42 * style.build.chin
    return [
        Part(
            f"blush{side:+d}", ellipse((0.62 * side, at), (0.24, 0.13)), ON_FACE, Paint(red, style.blush, red, 0, True)
        )
        for side in (-1, 1)
    ]


def _spots(style: Style) -> list[Part]:
    rng = np.random.default_rng(style.hair.seed + 3)
    parts = []
    for index in range(style.spots):
        at = rng.uniform((-0.85, 0.05), (0.85, 0.85 * style.build.chin))
        small = style.spots > 2 or rng.random() < 0.5
        colour = shaded(style.skin, 0.6, (0.5, 0.3, 0.25)) if small else style.cloth[int(rng.integers(3))]
        size = rng.uniform(0.015, 0.03) if small else rng.uniform(0.08, 0.2)
        shape = ellipse(at, (size, size * rng.uniform(0.3, 1)), 3 + int(rng.integers(6)))
        parts.append(Part(f"spot{index}", shape, ON_FACE, Paint(colour), within=("face",)))
    return parts


def _nose(style: Style) -> list[Part]:
    at, place = 0.42 * style.build.chin, Place(1, 0.13)
    dark = Paint(shaded(style.skin_shade, 0.3, (0.75, 0.4, 0.4)))
    if style.nose == 0:
        return [Part("nose", ellipse((0, at), (0.025, 0.018), 8), place, dark)]
    if style.nose == 1:
        stroke = points((0.01, at - 0.18), (0.05, at - 0.04), (-0.03, at + 0.01))
        return [Part("nose", ribbon(curve(stroke, 9), 0.026 * taper(9, 0.8)), place, dark)]
    if style.nose == 2:
        return [Part("nose", points((0.02, at - 0.16), (0.1, at), (-0.02, at + 0.03)), place, Paint(style.skin_shade))]
    stroke = points((-0.05, at), (0, at + 0.025), (0.05, at))
    return [Part("nose", ribbon(curve(stroke, 7), 0.022 * taper(7)), place, dark)]
