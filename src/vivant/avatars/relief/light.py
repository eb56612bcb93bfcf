"""The light of a portrait: one lamp and an ambient share, fitted to the skin.

Everything is fitted and used on sRGB-coded values, because that is what the drawn parts are multiplied with: the
result says how the picture looks, which also makes sense for paintings and cartoons.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT, LIPS_OUTER
from vivant.face.model import load_face_model
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of coded red, green and blue in brightness."""
NOSTRILS = (2, 97, 326, 98, 327, 240, 460)
NOT_SKIN = (
    (BROW_RIGHT + BROW_LEFT, 0.8),
    (EYE_RIGHT + EYE_LEFT, 0.75),
    (LIPS_OUTER, 0.6),
    (NOSTRILS, 0.6),
)
"""Points, and how many centimetres around them tell nothing about the light."""
BEARD_BELOW = -2.0
"""Height in centimetres of the model under which the skin may be covered by a beard, and how much it counts there."""
BEARD_TRUST = 0.2
USUAL = np.array([0.0, 0.45, 0.89], np.float32)
"""Direction of the light that is assumed where the picture does not say otherwise: above and in front."""
USUAL_DIFFUSE = 0.35
SAMPLING = 160
"""Pixels across the face when colours are read; takes out pores and grain."""


@dataclass(frozen=True)
class Light:
    """One lamp: brightness relative to the mean of the face = ambient + diffuse * max(0, n . direction)."""

    direction: Floats
    """(3,) unit vector in head axes, toward the light."""
    ambient: float
    diffuse: float
    colour: Floats
    """(3,) RGB 0..1 (largest is 1): what a white thing looks like in this picture; ones for grey pictures."""

    def shade(self, normals: Floats) -> Floats:
        """Brightness (...) of a matt surface with unit `normals` (..., 3) in head axes; about 1 on average."""
        facing = np.maximum(normals @ self.direction, 0.0)
        return np.asarray(self.ambient + self.diffuse * facing, np.float32)


def estimate_light(portrait: Portrait, shape: Floats) -> Light:
    """Fit a Light to the skin of `portrait`, whose face has the `shape` (478, 3) in head centimetres."""
    colours, weights, normals = _skin(portrait, shape)
    brightness = colours @ LUMA
    level = max(_weighted_median(brightness, weights), 1.0)
    offset, gradient = _fit(normals, brightness / level, weights)
    return _normalised(offset, gradient, normals, weights, _white(portrait, _median_colour(colours, weights)))


def skin_colour(portrait: Portrait, shape: Floats) -> Floats:
    """Typical RGB (3,) 0..255 of the portrait's skin."""
    colours, weights, _ = _skin(portrait, shape)
    return _median_colour(colours, weights)


def skin_triangles() -> Ints:
    """Triangles (T, 3) of the face mesh that show bare skin: no brows, eyes, lips or nostrils."""
    model = load_face_model()
    centres = model.neutral[model.triangles].mean(1)
    bare = np.ones(len(centres), bool)
    for points, radius in NOT_SKIN:
        gaps = np.linalg.norm(centres[:, None] - model.neutral[list(points)], axis=-1).min(1)
        bare &= (gaps > radius) & ~np.isin(model.triangles, points).any(1)
    return np.asarray(model.triangles[bare], np.int32)


def _skin(portrait: Portrait, shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Colour (T, 3), trust (T,) and normal (T, 3) of each skin triangle."""
    triangles = skin_triangles()
    normals, areas = _triangle_normals(shape, triangles)
    view = normals @ portrait.pose.rotation[2]  # 1 where the skin faces the camera
    colours = _read_colours(portrait, portrait.landmarks[triangles].mean(1)[:, :2])
    may_be_beard = load_face_model().neutral[triangles].mean(1)[:, 1] < BEARD_BELOW
    weights = areas * np.clip(view - 0.1, 0.0, None) * np.where(may_be_beard, BEARD_TRUST, 1.0)
    return colours, np.asarray(weights, np.float32), normals


def _median_colour(colours: Floats, weights: Floats) -> Floats:
    """The weighted median (3,) of `colours` (N, 3)."""
    return np.asarray([_weighted_median(channel, weights) for channel in colours.T], np.float32)


def _triangle_normals(shape: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Unit normals (T, 3) and twice the areas (T,) of the triangles (T, 3) of `shape` (V, 3)."""
    corners = shape[triangles]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(crossed, axis=1)
    return np.asarray(crossed / np.maximum(doubled, 1e-9)[:, None], np.float32), np.asarray(doubled, np.float32)


def _read_colours(portrait: Portrait, places: Floats) -> Floats:
    """RGB (N, 3) 0..255 around `places` (N, 2) picture pixels."""
    face = portrait.landmarks[:468, :2]
    low = np.maximum(np.floor(face.min(0)), 0).astype(int)
    high = np.maximum(np.ceil(face.max(0)).astype(int), low + 2)
    part = portrait.picture[low[1] : high[1], low[0] : high[0], :3]
    if not part.size:
        return np.full((len(places), 3), 128.0, np.float32)
    scale = min(1.0, SAMPLING / max(part.shape[:2]))
    sharp = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.GaussianBlur(sharp, (0, 0), max(0.5, 0.012 * max(sharp.shape[:2])))
    spot = ((places - low) * scale - 0.5).astype(np.float32)
    read = cv2.remap(small, spot[None, :, 0], spot[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read[0], np.float32)


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The value of (N,) below which half of the `weights` (N,) lies."""
    order = np.argsort(values)
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, 0.5 * running[-1])])


def _fit(normals: Floats, brightness: Floats, weights: Floats) -> tuple[float, Floats]:
    """Offset and gradient (3,) of brightness over the normals; what lies in its own shadow stops counting.

    Hair, beard and glasses are far off any smooth light and lose their weight (Tukey's biweight).
    """
    gradient = USUAL_DIFFUSE * USUAL
    offset = 1.0 - USUAL_DIFFUSE * 0.8
    for _ in range(12):
        lit = (normals @ gradient > 0.0).astype(np.float32)
        residual = brightness - offset - lit * (normals @ gradient)
        # Darker things lie on skin more often than brighter ones, so the scale is that of the bright side.
        bright = residual > 0
        spread = 1.5 * _weighted_median(residual[bright], weights[bright]) if bright.any() else 0.1
        reach = 4.0 * max(1.5 * spread, 0.03)
        trust = weights * np.clip(1.0 - (residual / reach) ** 2, 0.0, 1.0) ** 2
        design = np.column_stack([np.ones(len(normals)), normals * lit[:, None]]).astype(np.float64)
        total = trust.sum()
        if total <= 0:
            break
        prior = total * np.array([1e-6, 0.006, 0.02, 0.04])
        usual = np.array([0.0, *(USUAL_DIFFUSE * USUAL)])
        normal_matrix = (design * trust[:, None]).T @ design + np.diag(prior)
        solution = np.linalg.solve(normal_matrix, design.T @ (trust * brightness) + prior * usual)
        offset, gradient = float(solution[0]), solution[1:].astype(np.float32)
    return offset, gradient


def _normalised(offset: float, gradient: Floats, normals: Floats, weights: Floats, colour: Floats) -> Light:
    """A Light that is possible: `gradient` (3,) in front of the face, some of each share, 1 on average."""
    diffuse = float(np.clip(np.linalg.norm(gradient), 0.08, 1.2))
    direction = gradient / max(float(np.linalg.norm(gradient)), 1e-6)
    direction[2] = max(direction[2], 0.15)
    direction /= np.linalg.norm(direction)
    light = Light(np.asarray(direction, np.float32), float(np.clip(offset, 0.15, 1.2)), diffuse, colour)
    mean = float((light.shade(normals) * weights).sum() / weights.sum())
    return Light(light.direction, light.ambient / mean, light.diffuse / mean, colour)


def _white(portrait: Portrait, skin: Floats) -> Floats:
    """Colour of white (3,): from the whites of the eyes if they can be seen, otherwise a hint of the skin's own."""
    hint = (skin / max(float(skin.max()), 1.0)) ** 0.3
    seen = [_eye_white(portrait, ring, iris) for ring, iris in ((EYE_RIGHT, IRIS_RIGHT), (EYE_LEFT, IRIS_LEFT))]
    pixels = np.concatenate(seen)
    trust = min(1.0, len(pixels) / 40) * 0.7
    if trust > 0:
        white = pixels.mean(0) / max(float(pixels.mean(0).max()), 1.0)
        hint = hint + trust * (np.clip(white, hint**3, 1.0) - hint)
    return np.asarray(np.clip(hint / hint.max(), 0.4, 1.0), np.float32)


def _eye_white(portrait: Portrait, ring: tuple[int, ...], iris: tuple[int, ...]) -> Floats:
    """RGB (N, 3) of the whitest third of one eye's opening outside the iris; lids and lashes get in otherwise."""
    outline = portrait.landmarks[list(ring), :2]
    low = np.floor(outline.min(0)).astype(int)
    size = np.ceil(outline.max(0)).astype(int) - low + 1
    inside = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(inside, [np.round(outline - low).astype(np.int32)], (1,))
    centre, *rim = portrait.landmarks[list(iris), :2] - low
    radius = float(np.mean(np.linalg.norm(np.asarray(rim) - centre, axis=1)))
    cv2.circle(inside, (round(float(centre[0])), round(float(centre[1]))), max(1, round(1.2 * radius)), (0,), -1)
    rows, columns = np.nonzero(inside)
    rows, columns = rows + low[1], columns + low[0]
    height, width = portrait.picture.shape[:2]
    kept = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    pixels = portrait.picture[rows[kept], columns[kept], :3].astype(np.float32)
    whiteness = pixels.min(1, initial=255.0)
    return pixels[whiteness >= np.percentile(whiteness, 67)] if len(pixels) else pixels
