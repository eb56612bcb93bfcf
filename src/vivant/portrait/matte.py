"""Cut a person out of a portrait with clean hair edges.

The rough mask gives a trimap: certainly person, certainly not, and a band in between that is wide where hair may be.
Closed-form matting (Levin, Lischinski, Weiss 2008) solves the band at up to half a megapixel; a guided filter carries
alpha to the full resolution; multi-level foreground estimation (Germer et al. 2020) takes the old background's colour
out of the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.tracker import FaceLandmarks
from vivant.portrait.person import face_oval, is_cut_out
from vivant.portrait.pixels import fitted_size, scale_bytes, scale_floats
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

WORK_PIXELS = 500_000
"""Size at which the band is solved."""
HAIR_OUT, BODY_OUT, HAIR_IN, BODY_IN = 0.13, 0.03, 0.08, 0.025
"""How far the unknown band reaches in face heights: outward and inward, around the head and below the shoulders."""
PRIOR, POCKET_PRIOR, PERSON_PRIOR = 2e-3, 4e-2, 1e-2
"""Weights against the matting Laplacian of the rough mask and of pockets, which break ties and bend little, and of the
rough mask where it is sure of the person: hair that is as dark as the wall behind it is no wall."""
EVEN_NEAR, EVEN_WIDE = 0.15, 0.4
"""Face heights over which a background is looked at to tell whether it is even."""
LIKE_HAIR = 0.03
"""Share of the hair that may look like the wall, so that what does so between strands is the wall."""
CLEAN_PIXELS = 4_000_000
"""Size at which the clean colours of the edges are estimated."""


@dataclass(frozen=True)
class CutOut:
    """A person without background."""

    colour: Bytes
    """(H, W, 3) sRGB of the person alone, also where alpha is partial; meaningless where alpha is 0."""
    alpha: Floats
    """(H, W) 0..1."""

    @property
    def picture(self) -> Bytes:
        """(H, W, 4) sRGB, straight alpha."""
        return np.dstack([self.colour, np.round(self.alpha * 255).astype(np.uint8)])


@dataclass(frozen=True)
class _Patch:
    """The part of the picture that holds the person's edges."""

    rows: slice
    columns: slice


def cut_out(portrait: Portrait) -> CutOut:
    """Alpha and clean colours of the person in `portrait`, at the picture's full resolution.

    A picture that is cut out already keeps its own alpha.
    """
    colour = np.ascontiguousarray(portrait.picture[..., :3])
    if is_cut_out(portrait.picture) and np.allclose(portrait.person, portrait.picture[..., 3] / 255, atol=0.01):
        return CutOut(colour, portrait.person.copy())
    patch = _patch(portrait)
    image = np.ascontiguousarray(colour[patch.rows, patch.columns])
    alpha = np.zeros(portrait.person.shape, np.float32)
    fine = _matte(image, portrait, patch) * (portrait.picture[patch.rows, patch.columns, 3] / np.float32(255))
    alpha[patch.rows, patch.columns] = fine
    clean = colour.copy()
    clean[patch.rows, patch.columns] = _foreground(image, fine)
    return CutOut(clean, alpha)


def _patch(portrait: Portrait) -> _Patch:
    """Bounding box of the person with room for hair."""
    rows, columns = np.nonzero(portrait.person > 0.02)
    air = round(0.25 * FaceLandmarks(portrait.landmarks).extent)
    height, width = portrait.person.shape
    return _Patch(
        slice(max(0, int(rows.min()) - air), min(height, int(rows.max()) + air + 1)),
        slice(max(0, int(columns.min()) - air), min(width, int(columns.max()) + air + 1)),
    )


def _matte(image: Bytes, portrait: Portrait, patch: _Patch) -> Floats:
    """Alpha (h, w) of one patch at full resolution."""
    scale = min(1.0, float(np.sqrt(WORK_PIXELS / (image.shape[0] * image.shape[1]))))
    size = fitted_size(image.shape[1], image.shape[0], scale)
    small = scale_bytes(image, size)
    mask = scale_floats(portrait.person[patch.rows, patch.columns], size).copy()
    points = ((portrait.landmarks[:, :2] - [patch.columns.start, patch.rows.start]) * scale).astype(np.float32)
    trimap = _trimap(mask, points)
    wall = _wall(trimap, small, FaceLandmarks(points).extent)
    clear = _clearly_person(wall, trimap, mask, points)
    pockets = _pockets(wall, trimap, points)
    reach = max(1, round(0.05 * FaceLandmarks(points).extent))
    around = cv2.dilate(pockets.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    around &= _head_front(trimap.shape, points) == 0
    trimap[around & (trimap == 1)] = 0.5
    trimap[clear & ~pockets] = 1.0
    # The rough mask is wrong here: no opinion around a pocket, a firm one inside.
    mask[around] = 0.5
    mask[pockets] = 0.0
    solved = _settle(_solve(small, trimap, mask, pockets))
    return solved if scale == 1.0 else _upsample(solved, small, image)


def _trimap(mask: Floats, points: Floats) -> Floats:
    """1 person, 0 background, 0.5 unknown, from the rough mask and the landmarks (478, 2)."""
    bottom, tall = FaceLandmarks(points).box[3], FaceLandmarks(points).extent
    below = (np.arange(mask.shape[0], dtype=np.float32) - bottom) / tall
    outward = tall * np.interp(below, [0.2, 1.2], [HAIR_OUT, BODY_OUT])[:, None]
    inward = tall * np.interp(below, [0.2, 1.2], [HAIR_IN, BODY_IN])[:, None]
    person = (mask > 0.5).astype(np.uint8)
    trimap = np.full(mask.shape, 0.5, np.float32)
    trimap[cv2.distanceTransform(person, cv2.DIST_L2, 5) > inward] = 1.0
    trimap[cv2.distanceTransform(1 - person, cv2.DIST_L2, 5) > outward] = 0.0
    inner = cv2.erode(face_oval(mask.shape, points), np.ones((3, 3), np.uint8), iterations=max(1, round(0.02 * tall)))
    trimap[inner > 0] = 1.0
    return trimap


class _Wall(NamedTuple):
    """The background around a person, as it would go on behind; (h, w, ...)."""

    away: Floats
    """(h, w, 3) LAB of the picture, less that of the background nearby."""
    chroma: Floats
    """Of the background nearby."""
    spread: Floats
    """Root mean square distance of the background nearby from its mean; shadows count little where it is coloured."""
    uneven: Floats
    """The same over a wider stretch, shadows included."""
    share: Floats
    """Of the background nearby in all that is near."""

    @property
    def shadowless(self) -> Floats:
        """(h, w, 3) `away`, with less of lightness where the background is coloured: hue tells it in a shadow too."""
        weights = np.ones_like(self.away)
        weights[..., 0] = np.sqrt(np.interp(self.chroma, [15, 35], [1.0, 0.1]))
        return self.away * weights


def _wall(trimap: Floats, image: Bytes, tall: float) -> _Wall:
    """What the `trimap` knows of the background of `image` (h, w, 3), with a face so `tall` in pixels."""
    known = (trimap == 0).astype(np.float32)
    colour = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    share, mean = _mean_around(colour, known, EVEN_NEAR * tall)
    _, wide = _mean_around(colour, known, EVEN_WIDE * tall)
    uneven = _mean_around(((colour - wide) ** 2).sum(-1), known, EVEN_WIDE * tall)[1]
    wall = _Wall(colour - mean, np.linalg.norm(mean[..., 1:] - 128, axis=-1), share, np.sqrt(uneven), share)
    spread = _mean_around((wall.shadowless**2).sum(-1), known, EVEN_NEAR * tall)[1]
    return wall._replace(spread=np.sqrt(spread))


def _mean_around(values: Floats, known: Floats, sigma: float) -> tuple[Floats, Floats]:
    """How much is `known` (h, w) around each pixel, and the mean there of `values` (h, w) or (h, w, C)."""
    share = cv2.GaussianBlur(known, (0, 0), sigma) + np.float32(1e-6)
    weight = known if values.ndim == 2 else known[..., None]
    total = cv2.GaussianBlur(values * weight, (0, 0), sigma)
    return share, np.asarray(total / (share if values.ndim == 2 else share[..., None]), np.float32)


def _clearly_person(wall: _Wall, trimap: Floats, mask: Floats, points: Floats) -> NDArray[np.bool_]:
    """(h, w) what the trimap leaves open, the rough mask takes half for the person, and an even `wall` does not show.

    Light hair, hats and lace: matting alone takes them for wall where they are unlike the hair beside them. Something
    that is only darker may be a shadow; something paler than what is next to it may be an edge.
    """
    bottom, tall = FaceLandmarks(points).box[3], FaceLandmarks(points).extent
    apart = np.linalg.norm(wall.away, axis=-1)
    clear = (apart > 6 * wall.uneven + 20) & (wall.share > 0.002) & (mask > 0.3) & (trimap == 0.5)
    clear &= (wall.away[..., 0] > 0) | (np.linalg.norm(wall.away[..., 1:], axis=-1) > 12)
    clear &= (np.arange(trimap.shape[0]) < bottom)[:, None]
    side = 2 * max(1, round(0.02 * tall)) + 1
    clear &= apart > 0.75 * cv2.dilate(apart, np.ones((side, side), np.uint8))
    return np.asarray(cv2.erode(clear.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _pockets(wall: _Wall, trimap: Floats, points: Floats) -> NDArray[np.bool_]:
    """(h, w) where an even `wall` shows between strands of hair; the rough mask closes such holes.

    Only beside the head, and only where the background is even enough to be told by its colour, which is no hair's.
    """
    bottom, tall = FaceLandmarks(points).box[3], FaceLandmarks(points).extent
    brighter, front = wall.away[..., 0], _head_front(trimap.shape, points)
    alike = np.linalg.norm(wall.shadowless, axis=-1) < 1.5 * wall.spread + 5
    alike &= (wall.spread < 12) & (wall.share > 0.002) & (brighter > -30) & (brighter < 8)
    hair = ((trimap == 1) & (front == 0)).astype(np.float32)
    alike &= _mean_around(alike.astype(np.float32), hair, EVEN_WIDE * tall)[1] < LIKE_HAIR
    alike &= (np.arange(trimap.shape[0]) < bottom)[:, None]
    alike &= cv2.distanceTransform((trimap == 1).astype(np.uint8), cv2.DIST_L2, 5) < 0.08 * tall
    reach = max(1, round(0.03 * tall)) * 2 + 1
    alike &= cv2.dilate(front, np.ones((reach, reach), np.uint8)) == 0
    opened = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(opened, np.ones((3, 3), np.uint8)) > 0)


def _head_front(shape: tuple[int, ...], points: Floats) -> Bytes:
    """(H, W) 0 or 255: the face, the ears and the neck below: skin may look like a wall."""
    x0, _, x1, y1 = FaceLandmarks(points).box
    front = face_oval(shape, points)
    neck = round(x0 + 0.1 * (x1 - x0)), round((y1 + points[:, 1].min()) / 2)
    radii = round(0.14 * FaceLandmarks(points).extent), round(0.2 * FaceLandmarks(points).extent)
    for ear in (points[93], points[323]):
        cv2.ellipse(front, (round(float(ear[0])), round(float(ear[1]))), radii, 0, 0, 360, (255,), -1)
    cv2.rectangle(front, neck, (round(x1 - 0.1 * (x1 - x0)), shape[0]), (255,), -1)
    return front


def _solve(image: Bytes, trimap: Floats, mask: Floats, pockets: NDArray[np.bool_]) -> Floats:
    """Closed-form alpha (h, w) of the unknown pixels, drawn a little toward the rough mask where that is sure."""
    from pymatting import cf_laplacian, cg, ichol
    from scipy.sparse import diags

    unknown = (trimap == 0.5).ravel()
    if not unknown.any():
        return trimap
    laplacian = cf_laplacian(image / 255.0, epsilon=1e-5, is_known=~unknown)
    belief = 2 * mask.ravel()[unknown].astype(np.float64) - 1
    faith = np.where(belief > 0, PERSON_PRIOR * belief**8, PRIOR * belief**2)
    faith[pockets.ravel()[unknown]] = POCKET_PRIOR
    inner = laplacian[unknown][:, unknown] + diags(faith)
    right = faith * (belief > 0) - laplacian[unknown][:, ~unknown] @ trimap.ravel()[~unknown]
    alpha = trimap.ravel().copy()
    alpha[unknown] = cg(inner, right, M=ichol(inner.tocsc()), rtol=1e-4)
    return np.clip(alpha, 0, 1).reshape(trimap.shape).astype(np.float32)


def _settle(alpha: Floats) -> Floats:
    """Push what is nearly 0 or 1 of (h, w) all the way: the solver leaves a faint veil over the band."""
    return np.clip((alpha - 0.04) / 0.92, 0, 1).astype(np.float32)


def _upsample(alpha: Floats, small: Bytes, image: Bytes) -> Floats:
    """Carry `alpha` (h, w) from `small` to the size of `image` (H, W, 3): locally it is linear in the colour."""
    radius, epsilon = 2, 1e-4
    guide = small.astype(np.float32) / 255
    window = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_alpha = cv2.blur(guide, window), cv2.blur(alpha, window)
    covariance = cv2.blur(guide * alpha[..., None], window) - mean_guide * mean_alpha[..., None]
    outer = guide[..., :, None] * guide[..., None, :]
    spread = cv2.blur(outer.reshape(*alpha.shape, 9), window).reshape(*alpha.shape, 3, 3)
    spread = spread - mean_guide[..., :, None] * mean_guide[..., None, :] + epsilon * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(spread, covariance[..., None])[..., 0]
    offset = mean_alpha - (slope * mean_guide).sum(-1)
    model = np.asarray(cv2.blur(np.dstack([slope, offset]), window), np.float32)
    size = (image.shape[1], image.shape[0])
    # Channel by channel: a 4K picture must not be held several times over.
    fine = scale_floats(model[..., 3], size)
    for channel in range(3):
        fine += scale_floats(model[..., channel], size) * (image[..., channel] / np.float32(255))
    # Where the coarse alpha is settled over a whole neighbourhood, colour must not stir it up again.
    kernel = np.ones(window, np.uint8)
    stirred = np.asarray(cv2.dilate(alpha, kernel) - cv2.erode(alpha, kernel) >= 0.02, np.float32)
    settled = scale_floats(stirred, size) < 0.5
    fine[settled] = scale_floats(alpha, size)[settled]
    return np.clip(fine, 0, 1, out=fine)


def _foreground(image: Bytes, alpha: Floats) -> Bytes:
    """Colours (h, w, 3) of the person alone; where alpha is 1 those of the picture."""
    from pymatting import estimate_foreground_ml

    scale = min(1.0, float(np.sqrt(CLEAN_PIXELS / alpha.size)))
    size = fitted_size(image.shape[1], image.shape[0], scale)
    small = scale_bytes(image, size).astype(np.float32) / 255
    clean = np.asarray(np.clip(estimate_foreground_ml(small, scale_floats(alpha, size)) * 255 + 0.5, 0, 255), np.uint8)
    result = scale_bytes(clean, (image.shape[1], image.shape[0]))
    return np.where(alpha[..., None] > 0.995, image, result)
