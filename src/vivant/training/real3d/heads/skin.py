"""Skin of a person: tone, redness, lips, make-up, freckles, stubble, folds of age; and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.kernels import BOTTOM, EYE_SPAN, TOP
from vivant.training.real3d.heads.texture import Sheet, blend, linear_of, noise, packed, tint

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SHEET = Sheet(768, TOP, BOTTOM)
TONES: Floats = np.stack(
    [
        linear_of(*tone)
        for tone in (
            *((240, 207, 187), (232, 190, 165), (219, 172, 142), (198, 148, 114), (170, 120, 88)),
            *((138, 94, 67), (104, 69, 49), (76, 50, 38)),
        )
    ]
)
"""Albedo of skin from the lightest to the darkest, between which every person's is chosen."""
IRISES: Floats = np.stack(
    [
        linear_of(*iris)
        for iris in ((88, 56, 34), (62, 38, 24), (120, 84, 48), (112, 108, 70), (88, 112, 98), (92, 122, 150))
    ]
    + [linear_of(132, 146, 158)]
)
"""Brown twice, amber, hazel, green, blue, grey."""
IRIS_SHARES = (0.25, 0.25, 0.1, 0.12, 0.08, 0.14, 0.06)
EYE_SIZE = 192
IRIS_RADIUS, PUPIL_RADIUS = 0.405, 0.156
"""Of the eye's radius, seen from the front."""


@dataclass(frozen=True)
class Skin:
    """How a person's skin looks. All are shares 0..1 but the colours."""

    tone: float
    """0 the lightest."""
    red: float
    """Of cheeks, nose, ears and lids."""
    age: float
    spots: float
    """Freckles and moles."""
    gloss: float
    stubble: float
    lips: float
    """Of lipstick; 0 has bare lips."""
    lip_colour: Floats
    """(3,) of lipstick."""
    shadow: float
    """Of colour on the lids."""
    shadow_colour: Floats
    liner: float
    """Darkness of the rims of the lids."""
    iris: Floats
    """(3,)"""
    pupil: float
    """Size, 1 the usual."""


def draw_skin(rng: np.random.Generator, soft: float) -> Skin:
    """A random skin; `soft` 0..1 makes make-up likely and stubble unlikely."""
    made_up = rng.random() < 0.75 * soft
    red_tint = rng.uniform(0, 1)
    lip_colour = linear_of(170, 40, 55) * (1 - red_tint) + linear_of(190, 95, 95) * red_tint
    iris = IRISES[rng.choice(len(IRISES), p=IRIS_SHARES)] * rng.uniform(0.7, 1.3)
    return Skin(
        tone=float(np.clip(rng.beta(1.0, 1.5), 0, 1)),
        red=float(rng.uniform(0.1, 1)),
        age=float(rng.beta(1.2, 2.0)),
        spots=float(rng.beta(0.6, 2)),
        gloss=float(rng.uniform(0.15, 1)),
        stubble=float(rng.beta(0.8, 1.2) * (rng.random() < 0.75)) * float(soft < 0.5),
        lips=float(rng.uniform(0.25, 0.9)) * made_up,
        lip_colour=lip_colour.astype(np.float32),
        shadow=float(rng.uniform(0, 0.7)) * made_up,
        shadow_colour=rng.uniform(0.03, 0.25, 3).astype(np.float32),
        liner=float(rng.uniform(0.4, 0.95)) if made_up else float(rng.uniform(0.1, 0.45)),
        iris=iris.astype(np.float32),
        pupil=float(rng.uniform(0.75, 1.25)),
    )


def tone_of(tone: float) -> Floats:
    """Albedo (3,) of a tone 0..1."""
    place = tone * (len(TONES) - 1)
    low = min(int(place), len(TONES) - 2)
    return np.asarray(TONES[low] + (TONES[low + 1] - TONES[low]) * (place - low), np.float32)


def paint_skin(skin: Skin, marks: Floats, rims: tuple[Floats, Floats], rng: np.random.Generator) -> Floats:
    """The skin (768, 768, 4): linear albedo and gloss; `marks` (68, 3) and the lids' `rims` (N, 3) of the mean head."""
    size = SHEET.size
    base = tone_of(skin.tone)
    mottle = 0.035 * noise(rng, size, 12, 3) + 0.028 * noise(rng, size, 190, 2)
    albedo = np.ascontiguousarray(base * (1 + mottle[..., None] * np.array([0.6, 1.0, 1.1], np.float32)), np.float32)
    _redden(albedo, skin, marks, rng)
    _age(albedo, skin, marks)
    _spot(albedo, skin, rng)
    _stubble(albedo, skin, marks, rng)
    gloss = np.full((size, size), 0.45, np.float32) + 0.06 * noise(rng, size, 90, 2)
    for place, wide, high in ((marks[29], 1.0, 2.5), (marks[27] + [0, 3.5, 0], 4.0, 1.8), (marks[8], 1.2, 0.8)):
        gloss += 0.28 * SHEET.spot(place, wide, high)
    _paint_lips(albedo, gloss, skin, marks, rng)
    _paint_lids(albedo, skin, marks, rims)
    return np.asarray(np.concatenate([albedo, np.clip(gloss, 0, 1)[..., None]], 2), np.float32)


def _redden(albedo: Floats, skin: Skin, marks: Floats, rng: np.random.Generator) -> None:
    """Blood near the surface of (S, S, 3): cheeks, nose, ears, chin; yellower forehead, bluer rings under the eyes."""
    amount = np.zeros(albedo.shape[:2], np.float32)
    for side in (0, 1):
        cheek = (marks[(41, 46)[side]] + marks[(48, 54)[side]]) / 2 + [(-1.6, 1.6)[side], 0.4, -1.0]
        amount += 0.7 * SHEET.spot(cheek, 1.7, 1.3) + 0.9 * SHEET.spot(marks[(0, 16)[side]], 2.5, 3.0)
    amount += 0.7 * SHEET.spot(marks[30], 1.0, 0.8) + 0.4 * SHEET.spot(marks[8], 1.5, 1.0)
    rough = 0.75 + 0.25 * noise(rng, SHEET.size, 60, 2)
    tint(albedo, (1.02, 0.72, 0.70), amount * rough * ((0.25 + 0.6 * skin.red) * (1 - 0.5 * skin.tone)))
    below = [SHEET.spot(marks[list(eye)].mean(0) - [0, 1.0, 0], 1.2, 0.45) for eye in ((40, 41), (46, 47))]
    tint(albedo, (0.80, 0.74, 0.80), (below[0] + below[1]) * (0.25 + 0.6 * skin.age))


def _age(albedo: Floats, skin: Skin, marks: Floats) -> None:
    """Folds as darker lines in (S, S, 3): beside the nose, on the forehead, at the eyes' outer corners, the neck."""
    lines = np.zeros(albedo.shape[:2], np.float32)
    for side, sign in ((0, -1), (1, 1)):
        nose, mouth = marks[(31, 35)[side]], marks[(48, 54)[side]]
        fold = np.stack([nose, (nose + mouth) / 2, mouth])
        fold += np.array([[sign * 0.6, 0.5, -0.4], [sign * 1.0, 0, -0.6], [sign * 0.9, 0, -0.5]], np.float32)
        lines += 0.9 * SHEET.line(fold, 0.06, 0.12)
        corner = marks[(36, 45)[side]]
        for rise in (-0.5, 0.1, 0.7):
            feet = np.array([[sign * 0.5, rise * 0.4, -0.5], [sign * 1.4, rise, -1.6]], np.float32)
            lines += 0.5 * SHEET.line(corner + feet, 0.05, 0.08)
    for rise in (1.6, 2.5, 3.4):
        row = [marks[k] + np.array([0, rise + 0.25 * (k in (19, 24)), 0]) for k in (18, 19, 20, 23, 24, 25)]
        lines += 0.6 * SHEET.line(np.stack(row), 0.06, 0.10)
    tint(albedo, (0.66, 0.56, 0.52), lines * (1.1 * max(skin.age - 0.15, 0)))


def _spot(albedo: Floats, skin: Skin, rng: np.random.Generator) -> None:
    """Freckles on the front of (S, S, 3), and a few moles anywhere."""
    angle, height = SHEET.grid()
    front = np.exp(-((angle / 0.9) ** 2)) * np.exp(-(((height - 1.5) / 5.5) ** 2))
    fine = noise(rng, SHEET.size, 170)
    freckles = np.clip((fine - 1.1) * 1.6, 0, 1) * np.clip(front + 0.4 * noise(rng, SHEET.size, 16), 0, 1)
    tint(albedo, (0.62, 0.45, 0.36), freckles * (max(skin.spots - 0.35, 0) * 1.3 * (1 - skin.tone)))
    moles = np.zeros(albedo.shape[:2], np.float32)
    for _ in range(rng.poisson(4 * skin.spots + 0.5)):
        where = rng.uniform(-1.4, 1.4)
        moles += SHEET.spot(np.array([9 * np.sin(where), rng.uniform(-14, 9), 1 + 9 * np.cos(where)]), 0.09, 0.09)
    tint(albedo, (0.30, 0.20, 0.17), 0.8 * moles)


def beard_area(marks: Floats) -> Floats:
    """(768, 768) where a beard grows, 0..1: cheeks below a line from ear to mouth, lip, chin, upper neck; not lips."""
    jaw = [marks[k] for k in range(1, 16)]
    low = [point - np.array([0, 0.8 + 1.6 * (4 <= k <= 10), 0.6]) for k, point in enumerate(jaw)]
    shifts = ((54, (1.5, 0.4, -1.2)), (35, (0.4, -0.3, 0)), (33, (0, 0, 0)))
    cheeks = [marks[k] + np.array(shift) for k, shift in shifts]
    cheeks += [marks[31] + np.array((-0.4, -0.3, 0)), marks[48] + np.array((-1.5, 0.4, -1.2))]
    area = SHEET.shape(np.stack([*low, marks[15] + [0, -0.6, 1.2], *cheeks, marks[1] + [0, -0.6, 1.2]]), 0.35)
    return np.asarray(area * (1 - SHEET.shape(marks[48:60], 0.12)), np.float32)


def _stubble(albedo: Floats, skin: Skin, marks: Floats, rng: np.random.Generator) -> None:
    """A shade on `albedo` (S, S, 3) where a beard would grow."""
    if skin.stubble:
        grain = np.clip(0.62 + 0.38 * noise(rng, SHEET.size, 330), 0, 1)
        tint(albedo, (0.58, 0.60, 0.64), beard_area(marks) * grain * (0.2 + 0.8 * skin.stubble))


def _paint_lips(albedo: Floats, gloss: Floats, skin: Skin, marks: Floats, rng: np.random.Generator) -> None:
    """Lips on `albedo` (S, S, 3), which shine, in `gloss` (S, S)."""
    area = SHEET.shape(marks[48:60], 0.09)
    bare = tone_of(skin.tone) * np.array([0.82, 0.50, 0.52], np.float32)
    blend(albedo, bare + (skin.lip_colour - bare) * skin.lips, area * (0.75 + 0.25 * skin.lips))
    tint(albedo, (0.72, 0.66, 0.66), area * np.clip(0.5 * noise(rng, SHEET.size, (40, 300)), 0, 1))
    seam = SHEET.line(marks[[48, 60, 61, 62, 63, 64, 54]], 0.08, 0.06)
    tint(albedo, (0.45, 0.32, 0.32), 0.75 * seam)
    gloss += area * np.float32(0.15 + 0.4 * skin.lips)


def _paint_lids(albedo: Floats, skin: Skin, marks: Floats, rims: tuple[Floats, Floats]) -> None:
    """Colour above the eyes of (S, S, 3), and the dark rims of the lids where the lashes stand."""
    for side, rim in enumerate(rims):
        middle = rim.mean(0)
        shadow = SHEET.spot(middle + np.array([0, 0.75, 0]), 1.3, 0.42)
        blend(albedo, skin.shadow_colour, shadow * skin.shadow * 0.8)
        # The pink corner of the eye, at the nose.
        corner = marks[(42, 39)[side]]
        blend(albedo, linear_of(190, 110, 105), 0.8 * SHEET.spot(corner, 0.15, 0.12))
        upper = rim[rim[:, 1] > middle[1] - 0.05]
        blend(albedo, linear_of(28, 18, 15), skin.liner * SHEET.line(_by_x(upper), 0.10, 0.04))
        lower = rim[rim[:, 1] <= middle[1]]
        tint(albedo, (0.6, 0.6, 0.6), 0.4 * skin.liner * SHEET.line(_by_x(lower), 0.06, 0.05))


def _by_x(points: Floats) -> Floats:
    """Points (N, 3) from left to right."""
    return np.asarray(points[np.argsort(points[:, 0])], np.float32)


def paint_eye(skin: Skin, rng: np.random.Generator) -> Bytes:
    """The eye (192, 192, 3) as the painter reads it: white with veins, iris with fibres, dark limbus, pupil."""
    line = ((np.arange(EYE_SIZE, dtype=np.float32) + 0.5) / EYE_SIZE * 2 - 1) * EYE_SPAN
    x, y = np.meshgrid(line, line)
    far, turn = np.hypot(x, y), np.arctan2(y, x)
    veins = np.clip(noise(rng, EYE_SIZE, 14, 3) - 0.9, 0, 1) * np.clip((far - 0.4) * 3, 0, 1)
    white = np.array([0.70, 0.66, 0.62], np.float32) * np.ones((EYE_SIZE, EYE_SIZE, 1), np.float32)
    blend(white, linear_of(200, 120, 110), 0.5 * veins + 0.5 * np.clip((far - 0.5) * 2, 0, 1) ** 2)
    ring = rng.standard_normal((8, 96)).astype(np.float32)
    column = ((turn / (2 * np.pi) + 0.5) * 96).astype(int) % 96
    row = np.clip(far / IRIS_RADIUS * 7, 0, 7).astype(int)
    fibres = 1 + 0.22 * (0.6 * ring[0][column] + 0.4 * ring[row, column])
    glow = 0.75 + 0.55 * np.exp(-(((far - 0.23) / 0.09) ** 2))
    iris = np.asarray(skin.iris * (fibres * glow)[..., None], np.float32)
    blend(iris, skin.iris * np.float32(0.18), np.clip((far - IRIS_RADIUS + 0.07) / 0.07, 0, 1))
    eye = white + (iris - white) * np.clip((IRIS_RADIUS - far) / 0.02 + 0.5, 0, 1)[..., None]
    blend(eye, np.full(3, 0.004, np.float32), np.clip((PUPIL_RADIUS * skin.pupil - far) / 0.02 + 0.5, 0, 1))
    return packed(eye)
