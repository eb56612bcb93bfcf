"""Hair goes on where a picture hides it: locks of what is seen, laid over one another along the strands.

Hair is noise across its strands and nearly even along them. So what is hidden is covered with round locks of the hair
that is seen, in no order, each turned from the direction that its strands have to the one that they should have there;
that one goes on evenly from where it is seen. Only texture is laid, which is hair beside its own blurred self: light
and colour are another's business. (Laying patches: Praun, Finkelstein, Hoppe, Lapped textures, SIGGRAPH 2000.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.portrait.fill import even_surface
from vivant.portrait.pixels import scale_floats
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

LOCK = 1.5
"""Radius of a lock in centimetres."""
APART = 0.55
"""Of the radius: how far the middles of locks are from each other."""
FEATHERED = 0.5
"""Share of the radius over which a lock fades out."""
TONE, STRAND = 1.2, 0.35
"""Blur in centimetres beside which hair is texture, and over which its direction is looked at."""
LEAST_HAIR = 6.0
"""Square centimetres that must be seen."""
SPARSE = 4
"""Pixels between the places at which directions go on."""
WHOLE = 0.7
"""Share of a lock that is hair, from which on it is good enough."""
MIDDLES, CHOICE = 400, 12
"""Locks that there are to take from, and how many of them, by chance, each place chooses the nearest of."""
NEAR = 8.0
"""Centimetres by which a lock may be farther off than another and still be chosen."""
UNLIKE = 0.15
"""Centimetres that count as much as a difference of 1 of 255 between the tones of a lock and of its place."""
FAR = 1.0
"""Sides of the picture beyond its border at which nothing is wanted any more."""
REST = 128
"""What stands for no texture."""


@dataclass(frozen=True)
class Strands:
    """Texture of hair on a canvas that is larger than the picture."""

    texture: Bytes
    """(h, w, 4): what is to be added to sRGB, plus `REST`; 255."""
    corner: Floats
    """(2,) x and y of the canvas' corner in pixels of the picture, 0 or less."""

    @staticmethod
    def none() -> Strands:
        """No hair at all."""
        return Strands(np.full((1, 1, 4), REST, np.uint8), np.zeros(2, np.float32))


@dataclass(frozen=True)
class Wanted:
    """Where strands are asked for."""

    places: Floats
    """(N, 2) x and y in pixels of the picture, also beyond its border."""
    colours: Floats
    """(N, 3) sRGB 0..255 that they have there."""


@dataclass(frozen=True)
class _Locks:
    """What there is to lay."""

    texture: Floats
    """(H, W, 4): the hair beside its own blurred self, and 0..1 where it is."""
    middles: Ints
    """(M, 2) x and y of the locks' middles in the picture."""
    angles: Floats
    """(M,) direction of their strands, radians modulo pi."""
    tones: Floats
    """(M, 3) their blurred colours."""
    unit: float
    """Pixels per centimetre."""

    @property
    def radius(self) -> int:
        """Pixels."""
        return max(4, round(LOCK * self.unit))

    def turned(self, number: int, turn: float) -> Floats:
        """A lock (2 radius + 1, 2 radius + 1, 4) that is turned by `turn` radians from x to y."""
        middle = self.middles[number].astype(np.float64)
        # OpenCV turns against the clock, as seen; the angles here run with it, since y points down.
        move = cv2.getRotationMatrix2D((middle[0], middle[1]), -float(np.degrees(turn)), 1.0)
        move[:, 2] = move[:, 2] + self.radius - middle
        side = 2 * self.radius + 1
        return np.asarray(cv2.warpAffine(self.texture, move, (side, side)), np.float32)


@dataclass(frozen=True)
class _Ground:
    """What they are laid on: a canvas around the picture."""

    corner: Ints
    """(2,) x and y in pixels of the picture, 0 or less."""
    angle: Floats
    """(h, w) direction of strands there, radians modulo pi."""
    tone: Floats
    """(h, w, 3) colours there."""
    asked: Flags
    """(h, w)"""


def continue_strands(picture: Bytes, hair: Flags, wanted: Wanted, unit: float) -> Strands:
    """Texture at the places that are `wanted` of the `hair` (H, W) that `picture` (H, W, 3) shows.

    `unit` is pixels per centimetre. The same for the same input; none where hardly any hair is seen.
    """
    if not len(wanted.places) or hair.sum() < LEAST_HAIR * unit * unit:
        return Strands.none()
    random, size = np.random.default_rng(0), np.array(hair.shape[::-1])
    low = np.clip(np.floor(wanted.places.min(0)), -FAR * size, 0).astype(np.int64)
    high = np.clip(np.ceil(wanted.places.max(0)), size, (1 + FAR) * size).astype(np.int64)
    around = ((-low[1], (high - size)[1]), (-low[0], (high - size)[0]), (0, 0))
    texture, tone = _texture(picture.astype(np.float32), hair, TONE * unit)
    angle = _directions(picture, hair, around, STRAND * unit)
    cells = np.clip(wanted.places - low, 0, np.array(angle.shape[::-1]) - 1).astype(np.int64)
    middles = _middles(texture[..., 3], 2 * round(LOCK * unit) + 1, random)
    across, down = middles.T
    locks = _Locks(texture, middles, angle[down - low[1], across - low[0]], tone[down, across], unit)
    asked = np.zeros(angle.shape, np.uint8)
    asked[cells[:, 1], cells[:, 0]] = 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * locks.radius + 1, 2 * locks.radius + 1))
    ground = _Ground(low, angle, _colours(cells, wanted.colours, angle.shape), cv2.dilate(asked, disc) > 0)
    laid, seen = _laid(locks, ground, random), np.pad(texture, around)
    laid += seen[..., 3:] * (seen[..., :3] - laid)
    whole = np.dstack([laid + REST, np.full(angle.shape, 255, np.float32)])
    return Strands(np.asarray(np.clip(whole + 0.5, 0, 255), np.uint8), low.astype(np.float32))


def _texture(picture: Floats, hair: Flags, blur: float) -> tuple[Floats, Floats]:
    """The `hair` (H, W) of `picture` (H, W, 3) beside its own blurred self and where it is (H, W, 4); that self."""
    there = hair[..., None].astype(np.float32)
    around, share = (cv2.GaussianBlur(part, (0, 0), blur) for part in (picture * there, there))
    tone = np.asarray(around / np.maximum(share[..., None], 1e-3), np.float32)
    return np.dstack([(picture - tone) * there, there]), tone


def _directions(picture: Bytes, hair: Flags, around: Sequence[tuple[int, int]], reach: float) -> Floats:
    """Angle of the strands (h, w), radians modulo pi, of the `hair` (H, W), going on evenly `around` the picture.

    From the structure tensor (Bigün and Granlund, 1987): what is ordered counts more than what is not.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = cv2.erode(hair.astype(np.float32), np.ones((3, 3), np.uint8))
    across, down = (inside * cv2.Sobel(grey, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    parts = np.dstack([across * across - down * down, 2 * across * down, across * across + down * down])
    parts = cv2.GaussianBlur(parts, (0, 0), reach)
    double = parts[..., :2] / np.maximum(parts[..., 2:], 1e-3)
    double = _spread(np.pad(np.dstack([double * inside[..., None], inside]), around))
    return np.asarray(np.arctan2(double[..., 1], double[..., 0]) / 2, np.float32)


def _colours(cells: Ints, colours: Floats, shape: tuple[int, ...]) -> Floats:
    """(h, w, 3) of a canvas of that `shape` with `colours` (N, 3) in its `cells` (N, 2), going on evenly."""
    sums = np.zeros((*shape, 4), np.float32)
    np.add.at(sums, (cells[:, 1], cells[:, 0]), np.pad(colours, ((0, 0), (0, 1)), constant_values=1))
    return _spread(sums)


def _spread(sums: Floats) -> Floats:
    """Means (h, w, C) of `sums` (h, w, C + 1), whose last is the weight, going on evenly from where there is any."""
    rows, columns = sums.shape[:2]
    size = max(1, columns // SPARSE), max(1, rows // SPARSE)
    sparse = scale_floats(sums, size)
    known = sparse[..., -1:]
    even = even_surface(sparse[..., :-1] / np.maximum(known, 1e-6), (known[..., 0] > 0.01).astype(np.float32))
    return scale_floats(even, (columns, rows))


def _laid(locks: _Locks, ground: _Ground, random: np.random.Generator) -> Floats:
    """(h, w, 3) `locks` over all that the `ground` (h, w) asks for."""
    radius = locks.radius
    line = np.arange(-radius, radius + 1, dtype=np.float32) / radius
    fade = smoothstep((1 - np.hypot(line, line[:, None])) / FEATHERED)
    rows, columns = ground.asked.shape
    canvas = np.zeros((rows + 2 * radius, columns + 2 * radius, 3), np.float32)
    for x, y in _places(ground.asked, max(1, round(APART * radius)), random):
        few = random.integers(len(locks.middles), size=CHOICE)
        off = np.linalg.norm(locks.middles[few] - ground.corner - (x, y), axis=1) / locks.unit
        off += NEAR * random.random(CHOICE) + UNLIKE * np.linalg.norm(locks.tones[few] - ground.tone[y, x], axis=1)
        best = int(few[np.argmin(off)])
        lock = locks.turned(best, float(ground.angle[y, x] - locks.angles[best]))
        below = canvas[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
        below += (fade * lock[..., 3])[..., None] * (lock[..., :3] - below)
    return canvas[radius:-radius, radius:-radius]


def _middles(hair: Floats, side: int, random: np.random.Generator) -> Ints:
    """(M, 2) x and y of locks of so many pixels a `side` that are `hair` (H, W) as far as there are such."""
    full = cv2.blur(hair, (side, side))
    full[hair == 0] = 0
    enough = min(WHOLE, float(np.quantile(full[hair > 0], 0.8)))
    found = np.argwhere(full >= enough)[:, ::-1]
    return np.asarray(found[random.permutation(len(found))[:MIDDLES]])


def _places(asked: Flags, step: int, random: np.random.Generator) -> Ints:
    """(N, 2) x and y all over what is `asked` (h, w), about a `step` apart, in no order."""
    rows, columns = np.meshgrid(*(np.arange(0, side, step) for side in asked.shape), indexing="ij")
    places = np.column_stack([columns.ravel(), rows.ravel()])
    places = places + random.integers(-(step // 3), step // 3 + 1, places.shape)
    places = np.clip(places, 0, np.array(asked.shape[::-1]) - 1)
    return np.asarray(random.permutation(places[asked[places[:, 1], places[:, 0]]]))
