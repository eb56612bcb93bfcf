"""Tell the parts of a person apart without a network: hair, skin of face and body, clothes.

Where each part is to be expected follows from the landmarks and the head's pose; what it looks like is learned from
the picture itself. Expectation and colours give each pixel a share of every part, the shares are smoothed along the
edges of the picture (guided filter, He, Sun, Tang 2013), and the colours learned again from them, a few times over.

Inside this file lengths count in face heights (forehead to chin), and shares stand in the order of `PARTS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_OUTER, OVAL
from vivant.face.pose import HeadPose
from vivant.portrait.classes import BACKGROUND, BODY_SKIN, CLOTHES, FACE_SKIN, HAIR
from vivant.portrait.person import face_oval
from vivant.portrait.pixels import fitted_size, scale_bytes, scale_floats
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Ints = NDArray[np.intp]

PARTS: Bytes = np.array([HAIR, BODY_SKIN, FACE_SKIN, CLOTHES], np.uint8)
_HAIR, _BODY, _FACE, _CLOTHES = range(4)
WORK_SIDE = 256
"""Longer side at which colours are learned."""
ROUNDS = 4
JAW = OVAL[10:27]
"""The outline's landmarks from ear lobe to ear lobe."""
NECK = np.array([0.0, -9.0, -6.0], np.float32)
"""Middle of the neck in canonical head coordinates, cm."""
FOREHEAD, CHIN, TEMPLES, BROWS = 10, 152, (234, 454), (105, 334)
"""Landmarks."""
SHADES = ((1.08, 1.0), (1.0, 1.0), (0.9, 1.0), (0.75, 0.9), (0.55, 0.8))
"""Factors of lightness and chroma under which the skin of the neck may show the face's colours."""
FAITH = 0.7
"""Exponent of the colours' likelihood: neighbouring pixels are no independent witnesses."""
LOOSE = 0.03
"""Hair below the jaw that hangs on to none above it is this much less likely."""
LONG = ((0.2, 0.7), (0.5, 4.0))
"""Share of hair beside the jaw on one side, and how much likelier it makes hair below."""
SMALLEST = 0.004
"""Patches smaller than this, in squared face heights, go to the part around them."""
BIN = 4.0
BINS = (26, 32, 32)
"""Side of a cell of the colour tables in Lab (L 0..100), and how many there are along L, a and b."""
EVEN = 1 / 8000
"""Density of a colour that nothing is known of."""


@dataclass(frozen=True)
class _Places:
    """Where each pixel is, seen from the face; all (h, w), in face heights."""

    aside: Floats
    """From the line through forehead and chin, to the picture's right."""
    up: Floats
    """Above the brows, along that line."""
    outside: Floats
    """From the face's outline; negative inside."""
    under: Floats
    """Below the jaw, and beside the head below the lobes of the ears."""
    across: Floats
    """From the middle of the neck, along the picture's rows, without sign."""
    below: Floats
    """Below the chin, along the picture's columns."""
    width: float
    """From the middle of the face to a temple."""


def map_parts(picture: Bytes, points: Floats, pose: HeadPose, alpha: Floats) -> Bytes:
    """The class map (H, W) of `picture` (H, W, 3) sRGB; see `vivant.portrait.classes`.

    points   (478, 3) the face's landmarks in pixels; their `pose` as of the same pixels
    alpha    (H, W) 0..1: the person's matte; what is below one half becomes background

    Glasses count as face, hats and scarves as hair: the head is whole, but no pixel is of the class `OTHER`.
    Hair that merges with clothes of its colour is cut off somewhere on the shoulders.
    """
    height, width = alpha.shape
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = fitted_size(width, height, scale)
    small, person = scale_bytes(picture, size), scale_floats(alpha, size) > 0.5
    places = _places(small.shape, points * np.float32(scale), _scaled(pose, scale))
    shares = _settle(small, person, places, _bare_skin(small.shape, points * np.float32(scale), places))
    fine = scale_floats(np.log(shares), (width, height))
    reach = max(2, round(max(height, width) / 85))
    fine = np.asarray(cv2.ximgproc.guidedFilter(picture, fine, reach, 36.0), np.float32)
    classes = _without_crumbs(PARTS[fine.argmax(-1)], alpha >= 0.5, _tall(points) ** 2 * SMALLEST)
    classes[alpha < 0.5] = BACKGROUND
    return classes


def _tall(points: Floats) -> float:
    """The face's height in pixels, of landmarks (478, 3)."""
    return max(1.0, float(np.linalg.norm(points[CHIN, :2] - points[FOREHEAD, :2])))


def _scaled(pose: HeadPose, scale: float) -> HeadPose:
    return HeadPose(pose.scale * scale, pose.rotation, (pose.translation * scale).astype(np.float32))


def _places(shape: tuple[int, ...], points: Floats, pose: HeadPose) -> _Places:
    """Where the pixels (h, w) are, seen from the face of landmarks (478, 3), in face heights."""
    flat, tall = points[:, :2], _tall(points)
    down = (flat[CHIN] - flat[FOREHEAD]) / tall
    right = np.array([down[1], -down[0]], np.float32)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + np.float32(0.5)
    x, y = columns - flat[CHIN, 0], rows - flat[CHIN, 1]
    aside, along = (x * right[0] + y * right[1]) / tall, (x * down[0] + y * down[1]) / tall
    jaw = (flat[list(JAW)] - flat[CHIN]) @ np.stack([right, down], 1) / tall
    jaw = jaw[np.argsort(jaw[:, 0])]
    brows = float((flat[list(BROWS)].mean(0) - flat[CHIN]) @ down) / tall
    inside = face_oval(shape, points)
    outside = cv2.distanceTransform(255 - inside, cv2.DIST_L2, 5) - cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return _Places(
        aside=aside,
        up=brows - along,
        outside=np.asarray(outside / tall, np.float32),
        under=(along - np.interp(aside, jaw[:, 0], jaw[:, 1])).astype(np.float32),
        across=np.abs(columns - pose.picture_from_head(NECK)[0]) / np.float32(tall),
        below=y / np.float32(tall),
        width=float(np.abs((flat[list(TEMPLES)] - flat[CHIN]) @ right).mean()) / tall,
    )


def _bare_skin(shape: tuple[int, ...], points: Floats, places: _Places) -> Flags:
    """Where (h, w) the face shows nothing but skin: below the brows, without eyes and lips."""
    holes = np.zeros(shape[:2], np.uint8)
    for ring in (EYE_LEFT, EYE_RIGHT, LIPS_OUTER):
        cv2.fillPoly(holes, [np.round(points[list(ring), :2]).astype(np.int32)], (255,))
    holes = np.asarray(cv2.dilate(holes, np.ones((5, 5), np.uint8)), np.uint8)
    return np.asarray((places.outside < -0.04) & (places.up < -0.03) & (holes == 0))


def _expected(places: _Places) -> Floats:
    """Shares (h, w, 4) of the parts before any colour is seen."""
    under = _ramp(places.under, -0.015, 0.02)[..., None]
    return np.asarray(_above_jaw(places) * (1 - under) + _below_jaw(places) * under, np.float32)


def _above_jaw(at: _Places) -> Floats:
    """How likely (h, w, 4) each part is above the jaw."""
    inside = _ramp(at.outside, 0.02, -0.03)
    ears = np.exp(-0.5 * (((np.abs(at.aside) - at.width - 0.04) / 0.07) ** 2 + ((at.up + 0.22) / 0.12) ** 2))
    around = np.minimum(0.04 + 0.45 * _ramp(at.outside, 0.12, 0.0) + 0.4 * ears, 0.8)
    fringe = _ramp(at.up, 0.0, 0.12)
    face = inside * (0.96 - 0.2 * fringe) + (1 - inside) * around
    few = np.full_like(face, 0.01)
    return np.stack([0.98 - face, few, face, few], -1)


def _below_jaw(at: _Places) -> Floats:
    """How likely (h, w, 4) each part is below the jaw."""
    throat = _ramp(at.across, 0.42, 0.25) * _ramp(at.below, 0.45, 0.1)
    chest = _ramp(at.below, 1.2, 0.5) * _ramp(at.across, 0.6, 0.2)
    strands = _ramp(at.across, 0.15, 0.35) * _ramp(at.across, 1.3, 0.8) * _ramp(at.below, 1.6, 0.6)
    clothes = np.maximum(0.03, 0.1 + 0.8 * _ramp(at.below, 0.05, 0.8) - 0.05 * throat)
    face = 0.001 + 0.02 * np.exp(-np.maximum(at.under, 0) / 0.05)
    shares = np.stack([0.04 + 0.35 * strands, 0.05 + 0.67 * throat + 0.15 * chest, face, clothes], -1)
    return np.asarray(shares / shares.sum(-1, keepdims=True), np.float32)


def _ramp(values: Floats, zero: float, one: float) -> Floats:
    """(h, w): 0 at `zero` and beyond, 1 at `one` and beyond, smooth between."""
    return smoothstep((values - zero) / (one - zero))


def _settle(picture: Bytes, person: Flags, places: _Places, skin: Flags) -> Floats:
    """Shares (h, w, 4) of the parts after expectation and colours have settled on each other."""
    lab = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    cells, expected = _cells(lab), _expected(places)
    bare = _table(cells, skin.astype(np.float32))
    shaded = np.mean([_table(_cells(lab[skin] * np.array([k, c, c], np.float32)), None) for k, c in SHADES], axis=0)
    crown = ((places.outside > 0.05) & (places.under < 0) & person).astype(np.float32)
    hair = _table(cells, crown * _unlike(bare, cells))
    clothes = _table(cells, expected[..., _CLOTHES] * person * _unlike(0.5 * hair + shaded, cells))
    tables = np.stack([hair, shaded, bare, clothes])
    shares = _weigh(expected, tables, cells, picture)
    for _ in range(ROUNDS - 1):
        loose = _loose_hair(shares, person, places.under)
        usual = expected.copy()
        usual[..., _HAIR] *= np.where(loose, np.float32(LOOSE), _fall(shares, person, places))
        own = shares * person[..., None]
        own[..., _HAIR] *= ~loose
        neck = own[..., _BODY] * (1 - _unlike(shaded, cells))
        tables[_HAIR] = _table(cells, np.square(own[..., _HAIR]) + 0.3 * crown * own[..., _HAIR])
        tables[_BODY] = 0.5 * (_table(cells, np.square(neck)) + shaded)
        tables[_FACE] = 0.7 * bare + 0.3 * _table(cells, np.square(own[..., _FACE]))
        tables[_CLOTHES] = _table(cells, np.square(own[..., _CLOTHES]))
        shares = _weigh(usual, tables, cells, picture)
    return shares


def _weigh(expected: Floats, tables: Doubles, cells: Ints, picture: Bytes) -> Floats:
    """Shares (h, w, 4) from expectation (h, w, 4) and colour tables (4, cells), smoothed along the picture's edges."""
    seen = np.stack([(0.96 * table + 0.04 * EVEN)[cells] for table in tables], -1) ** FAITH
    shares = (expected * seen).astype(np.float32)
    shares /= shares.sum(-1, keepdims=True)
    shares = np.maximum(cv2.ximgproc.guidedFilter(picture, shares, 4, 144.0), 1e-4)
    return np.asarray(shares / shares.sum(-1, keepdims=True), np.float32)


def _fall(shares: Floats, person: Flags, at: _Places) -> Floats:
    """How much likelier (h, w) hair below the jaw gets on a side where it falls past the ears, and less on others."""
    factor = np.ones(person.shape, np.float32)
    beside = (np.abs(at.under) < 0.12) & (at.outside > 0.03) & (at.outside < 0.35)
    for side in (at.aside < 0, at.aside >= 0):
        seen = beside & side
        share = float((shares[..., _HAIR] * person)[seen].sum() / max(1, np.count_nonzero(seen & person)))
        factor = np.where(side & (at.under > 0), np.float32(np.interp(share, LONG[0], LONG[1])), factor)
    return factor


def _loose_hair(shares: Floats, person: Flags, under: Floats) -> Flags:
    """Where (h, w) below the jaw hair would hang on to none above it."""
    hair = ((shares.argmax(-1) == _HAIR) & person).astype(np.uint8)
    core = cv2.erode(hair, np.ones((3, 3), np.uint8)) > 0
    _, labels = cv2.connectedComponents(core.astype(np.uint8))
    held = core & np.isin(labels, np.unique(labels[core & (under < -0.02)]))
    return np.asarray((under > 0) & (cv2.dilate(held.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0))


def _cells(lab: Floats) -> Ints:
    """Numbers (...) of the table cells of colours (..., 3)."""
    place = np.floor((lab + np.array([0, 64, 64], np.float32)) / BIN).astype(np.intp)
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(place, -1, 0)), BINS, mode="clip"), np.intp)


def _table(cells: Ints, weights: Floats | None) -> Doubles:
    """Density (C,) of the colours at `cells`, softened; even if nothing has any weight."""
    from scipy.ndimage import gaussian_filter

    counts = np.bincount(cells.ravel(), None if weights is None else weights.ravel(), int(np.prod(BINS)))
    if counts.sum() < 1:
        return np.full(counts.shape, EVEN)
    soft = gaussian_filter(counts.astype(np.float64).reshape(BINS), (1.95, 1.3, 1.3), mode="nearest").ravel()
    return np.asarray(soft / soft.sum(), np.float64)


def _unlike(table: Doubles, cells: Ints) -> Floats:
    """How little (h, w) the colours at `cells` look like those of `table` (C,): 1 not at all, 0 quite."""
    return np.asarray(EVEN / (table[cells] + EVEN), np.float32)


def _without_crumbs(classes: Bytes, person: Flags, least: float) -> Bytes:
    """`classes` (H, W) in which patches of the `person` below `least` pixels belong to the part around them."""
    from scipy.ndimage import distance_transform_edt

    crumbs = np.zeros(classes.shape, np.bool_)
    for part in PARTS:
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(((classes == part) & person).astype(np.uint8))
        small = boxes[:, cv2.CC_STAT_AREA] < least
        small[0] = False
        crumbs |= small[labels]
    if not crumbs.any() or not (person & ~crumbs).any():
        return classes
    rows, columns = distance_transform_edt(~(person & ~crumbs), return_distances=False, return_indices=True)
    return np.where(crumbs, classes[rows, columns], classes)
