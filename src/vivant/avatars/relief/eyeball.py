"""The eyeball of one eye: white, iris and catch-light taken apart, so that it can turn under the lids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.relief.lids import BESIDE, fill
from vivant.smooth import eased, smoothstep

Floats = NDArray[np.float32]

MAX_GAZE = float(np.radians(30.0))
"""The eye turns no further from where it looks in the source."""
BALL = 2.0
"""Radius of the eyeball in radii of the iris."""


@dataclass(frozen=True)
class Ball:
    """The eyeball of one eye on its patch."""

    sclera: Floats
    """(rows, columns, 3) the white without iris, lids and highlights."""
    iris: Floats
    """(rows, columns, 4) iris premultiplied by its coverage, and the coverage 0..1."""
    light: Floats
    """(rows, columns, 3) catch-light, to be added."""
    rest: Floats
    """(rows, columns, 3) the factor that is missing to the source at rest: shadows of lids and lashes."""
    shadow: Floats
    """(rows, columns) the part of `rest` that is the lids' shadow."""
    centre: Floats
    """(2,) of the iris."""
    radius: Floats
    """(2,) of the iris along columns and rows."""


@dataclass(frozen=True)
class IrisFit:
    """The best place of the iris for each of K sizes."""

    scores: Floats
    """(K,)"""
    centres: Floats
    """(K, 2) patch coordinates."""
    radii: Floats
    """(K, 2)"""


def fit_iris(image: Floats, points: Floats, edges: tuple[Floats, Floats], unit: float) -> IrisFit:
    """The iris at its landmarks `points` (5, 2), moved and grown to what is unlike the white of the eye."""
    across, down = (float(np.linalg.norm(points[a] - points[b])) / 2 for a, b in ((1, 3), (2, 4)))
    radius = np.array([np.clip(across, 0.75 * down, 1.1 * down), down], np.float32)
    grow = np.linspace(0.76, 1.36, 16, dtype=np.float32)
    free = _free(image.shape[0], edges, unit)
    smooth = cv2.GaussianBlur(image, (0, 0), 0.04 * down + 0.3)
    bright = smooth.mean(2)
    ring = _radius_map(image.shape, points[0], radius)
    around, within = bright[(free > 0.5) & (ring > 1.0)], bright[(free > 0.5) & (ring < 0.9)]
    radii = grow[:, None] * radius
    if min(len(around), len(within)) < 8:
        return IrisFit(-np.abs(grow - 1.0), np.repeat(points[:1], len(grow), 0), radii)
    clear = np.median(smooth[(free > 0.5) & (ring > 1.0) & (bright >= np.percentile(around, 75))], axis=0)
    unlike = np.linalg.norm(smooth - clear, axis=2) * (bright < clear.mean())
    full = float(np.percentile(unlike[(free > 0.5) & (ring < 0.9)], 35))
    dark = smoothstep((unlike / max(full, 1.0) - 0.35) / 0.5)
    steps = np.linspace(-0.5, 0.5, 11, dtype=np.float32)
    shifts = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    centres = points[0] + shifts * down
    cost = 0.4 * np.hypot(shifts[:, 0], shifts[:, 1]) + 0.6 * np.abs(grow - 1.0)[:, None]
    scores = np.stack([_disc_contrast(dark, free, centres, r) for r in radii]) - cost
    best = scores.argmax(1)
    return IrisFit(scores.max(1), centres[best], radii)


def _disc_contrast(dark: Floats, free: Floats, centres: Floats, radius: Floats) -> Floats:
    """For each of `centres` (N, 2): darkness within a disc less that just around it, where the lids leave it free."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1) * radius
    means = []
    for rings in ((0.3, 0.55, 0.7, 0.82, 0.92), (1.1, 1.2, 1.3)):
        points = centres[:, None] + np.concatenate([ring * circle for ring in rings])
        x = np.clip(points[..., 0].astype(np.int32), 0, dark.shape[1] - 1)
        y = np.clip(points[..., 1].astype(np.int32), 0, dark.shape[0] - 1)
        weight = free[y, x] * np.repeat(rings, 24)
        means.append(((weight * dark[y, x]).sum(1) + 2.0) / (weight.sum(1) + 4.0))
    return np.asarray(means[0] - means[1], np.float32)


def _free(rows: int, edges: tuple[Floats, Floats], unit: float) -> Floats:
    """0..1 (rows, columns) where the eyeball shows clear of the lids, their lashes and their shadow."""
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    return smoothstep((y - edges[0]) / (0.07 * unit) - 0.3) * smoothstep((edges[1] - y) / (0.04 * unit) - 0.3)


def _radius_map(shape: tuple[int, ...], centre: Floats, radius: Floats) -> Floats:
    """(rows, columns) distance from `centre` (2,) in units of `radius` (2,): 1 at the rim."""
    x = (np.arange(shape[1]) + 0.5 - centre[0]) / radius[0]
    y = (np.arange(shape[0])[:, None] + 0.5 - centre[1]) / radius[1]
    return np.asarray(np.hypot(x, y), np.float32)


def read_ball(image: Floats, unit: float, edges: tuple[Floats, Floats], centre: Floats, radius: Floats) -> Ball:
    """Separate white, iris and catch-light of `image` (rows, columns, 3), and complete what the lids hide."""
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None] + 0.5
    upper, lower = edges
    margin = 1.0 + 0.03 * unit  # a little of the rims, so that the soft edge of the opening is the source's too
    opening = np.clip(rows - upper + margin, 0, 1) * np.clip(lower - rows + margin, 0, 1)
    opening = np.asarray(opening * smoothstep((lower - upper) * 2.0), np.float32)
    free = _free(image.shape[0], edges, unit)
    ring = _radius_map(image.shape, centre, radius)
    white = free * smoothstep((ring - 1.12) / 0.12)
    bright = image.mean(2)
    clear = float(np.percentile(bright[white > 0.5], 80)) if (white > 0.5).any() else float(bright.max())
    lit = 0.1 + 0.9 * smoothstep((bright / max(clear, 1.0) - 0.5) / 0.35)
    away = (np.arange(image.shape[1]) + 0.5) / image.shape[1] * 2.0 - 1.0
    darker = 0.97 - 0.25 * np.minimum((away * (0.5 + BESIDE) / 0.5) ** 4, 1.0)  # the ball turns away at the corners
    sclera = darker[:, None] * fill(image, white * lit + 1e-5 * free, unit)
    sclera = sclera + (free * smoothstep((ring - 1.15) / 0.15))[..., None] * (image - sclera)
    cover = smoothstep((1.09 - ring) / 0.18)
    plain, profile = _complete_iris(image, free, ring, centre)
    excess = (image - profile).mean(2)
    spot = smoothstep((excess - 18.0) / 20.0) * opening * smoothstep((1.05 - ring) / 0.15)
    light = cv2.GaussianBlur(spot, (0, 0), 0.01 * unit + 0.5)[..., None] * np.maximum(image - profile, 0.0)
    seen = free[..., None]
    layer = seen * (image - light - (1.0 - cover[..., None]) * sclera) + (1.0 - seen) * plain * cover[..., None]
    layer = np.maximum(layer, 0.0) * smoothstep((1.3 - ring) / 0.15)[..., None]
    iris = np.dstack([layer, cover]).astype(np.float32)
    model = np.maximum(layer + (1.0 - cover[..., None]) * sclera + light, 0.0)
    rest = 1.0 + opening[..., None] * (np.clip((image + 4.0) / (model + 4.0), 0.02, 6.0) - 1.0)
    shadow = 1.0 + (1.0 - free) * (np.clip(rest.mean(2), 0.3, 1.05) - 1.0)
    return Ball(*(np.asarray(a, np.float32) for a in (sclera, iris, light, rest, shadow, centre, radius)))


def _complete_iris(image: Floats, free: Floats, ring: Floats, centre: Floats) -> tuple[Floats, Floats]:
    """The iris (rows, columns, 3), hidden parts from its mirror image or the mean of its ring; those means alone."""
    bins = np.clip((ring * 12).astype(np.int32), 0, 14)
    levels = np.zeros((15, 3), np.float32)
    shown = (ring < 1) & (free > 0.5)
    previous = np.median(image[shown], 0) if shown.any() else image.mean((0, 1))
    for k in range(15):
        chosen = (bins == k) & (free > 0.6)
        previous = np.median(image[chosen], 0) if chosen.sum() >= 4 else previous
        levels[k] = previous
    place = np.clip(ring * 12 - 0.5, 0, 10)  # from the rim outward the white mixes in
    low = place.astype(np.int32)
    part = (place - low)[..., None]
    profile = levels[low] * (1 - part) + levels[np.minimum(low + 1, 14)] * part
    flip = np.array([[1, 0, 0], [0, -1, 2 * centre[1] - 1]], np.float32)
    size = (image.shape[1], image.shape[0])
    mirrored = cv2.warpAffine(image, flip, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    visible = cv2.warpAffine(free, flip, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)[..., None] * 0.5
    return np.asarray(profile + visible * (mirrored - profile), np.float32), np.asarray(profile, np.float32)


def iris_contrast(image: Floats, edges: tuple[Floats, Floats], centre: Floats, radius: Floats) -> float:
    """How much darker than the rest of `image` (rows, columns, 3) the iris is: 0 not at all, 1 black on white."""
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None] + 0.5
    inside = (rows > edges[0]) & (rows < edges[1])
    ring = _radius_map(image.shape, centre, radius)
    bright = image.mean(2)
    iris, around = bright[inside & (ring < 0.9)], bright[inside & (ring > 1.1)]
    if min(len(iris), len(around)) < 8:
        return 0.0
    return 1.0 - float(np.median(iris)) / max(float(np.percentile(around, 70)), 1.0)


def turn_ball(ball: Ball, hole: tuple[slice, slice], turn: Floats, gaze: Floats) -> tuple[Floats, float]:
    """The eyeball in `hole` (rows, columns, 3) turned by `gaze`, without lids; and 0..1 how far it turned.

    `turn` (2, 3) maps head axes to the patch's; `gaze` (2,) radians to the viewer's right and up.
    """
    across, down = hole
    angle = float(np.hypot(*gaze))
    right, up = gaze * min(1.0, MAX_GAZE / max(angle, 1e-6))
    ahead = np.array([np.sin(right) * np.cos(up), np.sin(up), np.cos(right) * np.cos(up) - 1.0], np.float32)
    shift = turn @ ahead * BALL * float(ball.radius.max()) * 0.92
    turned = eased(float(np.linalg.norm(shift) / (0.3 * ball.radius.max())))
    size = (across.stop - across.start, down.stop - down.start)
    matrix = _slide(ball.centre - (across.start, down.start), shift, gaze, angle)
    iris = cv2.warpAffine(ball.iris[down, across], matrix, size, flags=cv2.INTER_LINEAR)
    stay = np.array([[1.0, 0.0, 0.3 * shift[0]], [0.0, 1.0, 0.3 * shift[1]]], np.float32)
    light = cv2.warpAffine(ball.light[down, across], stay, size)
    return np.asarray(iris[..., :3] + (1.0 - iris[..., 3:]) * ball.sclera[down, across] + light, np.float32), turned


def _slide(centre: Floats, shift: Floats, gaze: Floats, angle: float) -> Floats:
    """Matrix (2, 3) that moves the iris by `shift` and narrows it in that direction."""
    direction = shift / max(float(np.linalg.norm(shift)), 1e-6)
    narrow = np.eye(2) - (1.0 - np.cos(min(angle, MAX_GAZE))) * np.outer(direction, direction)
    middle = centre - 0.5
    return np.asarray(np.column_stack([narrow, middle + shift - narrow @ middle]), np.float32)
