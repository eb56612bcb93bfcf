"""Eyes of relief: lids that close, eyeballs that turn.

Each eye is painted on a small patch in the view of the source picture (see `lids`), then carried into the frame by the
face's own mesh. So the mesh's lids stay as they are in the source, and every pose is right at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.relief.eyeball import (
    BALL,
    MAX_GAZE,
    Ball,
    fit_iris,
    iris_contrast,
    read_ball,
    turn_ball,
)
from vivant.avatars.relief.lids import (
    Lids,
    Patch,
    curve_rows,
    find_edges,
    lid_heights,
    measure_lids,
    paint_lids,
    place_patch,
)
from vivant.avatars.retarget import Source
from vivant.face.arkit import INDEX
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose
from vivant.face.raster import rasterise
from vivant.portrait.portrait import Portrait
from vivant.smooth import eased, smoothstep

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

UPPER_FOLD = (247, 30, 29, 27, 28, 56, 190)
"""Right eye: points between the upper lid and `UPPER_RIM`, outer to inner."""
UPPER_RIM = (113, 225, 224, 223, 222, 221, 189)
"""Right eye: points under the brow."""
LOWER_FOLD = (25, 110, 24, 23, 22, 26, 112)
"""Right eye: points between the lower lid and `LOWER_RIM`."""
LOWER_RIM = (31, 228, 229, 230, 231, 232, 233)
"""Right eye: points on the rim of the socket below."""


@dataclass(frozen=True)
class Eye:
    """One eye, ready to be painted."""

    patch: Patch
    image: Floats
    """(rows, columns, 3) the source."""
    hole: tuple[slice, slice]
    """Columns and rows of the patch in which the eyeball can ever show."""
    window: Floats
    """(rows, columns) 0..1 where the patch may change the frame."""
    lids: Lids
    ball: Ball
    mesh: Floats
    """(478, 2) patch coordinates of the landmarks."""
    turn: Floats
    """(2, 3) from head axes to the patch's."""
    near: Ints
    """Landmarks on the patch: they tell where it lies in a frame."""
    side: str
    """"Right" or "Left", the person's."""
    seen: float
    """0..1: 0 where the source shows no open eye."""


@dataclass(frozen=True)
class Eyes:
    """Both eyes of a portrait."""

    rest: Floats
    """(478, 3) the source's own shape in head centimetres."""
    triangles: Ints
    eyes: tuple[Eye, Eye]


def prepare_eyes(portrait: Portrait, source: Source, texture_scale: float = 1.0) -> Eyes:
    """Read both eyes of `portrait` once; `texture_scale` is the frames' pixels per picture pixel, if less than one."""
    model = load_face_model()
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles]).astype(np.int32)
    flat = source.pose.picture_from_head(source.shape)[:, :2]
    cuts = [_cut_eye(portrait, flat, side, texture_scale) for side in ("Right", "Left")]
    fits = [fit_iris(cut.image, cut.mesh[_iris(cut.side)], cut.edges, cut.patch.width) for cut in cuts]
    grown = int((fits[0].scores + fits[1].scores).argmax())  # both irises are of one size
    places = [(fit.centres[grown], fit.radii[grown]) for fit in fits]
    contrasts = [iris_contrast(cut.image, cut.edges, *place) for cut, place in zip(cuts, places, strict=True)]
    # A faint iris counts if the other eye has one too: carved eyes show some contrast by their shadows.
    openings = [eased((cut.opening - 0.1) / 0.06) for cut in cuts]
    help_each = [0.5 * min(contrast, 0.3) * opening for contrast, opening in zip(contrasts, openings, strict=True)]
    seen = [openings[k] * eased((contrasts[k] + help_each[1 - k] - 0.17) / 0.1) for k in (0, 1)]
    right, left = (_prepare_eye(source, cuts[k], *places[k], seen[k]) for k in (0, 1))
    return Eyes(source.shape, triangles, (right, left))


def _ring(side: str) -> list[int]:
    return list(EYE_RIGHT if side == "Right" else EYE_LEFT)


def _iris(side: str) -> list[int]:
    return list(IRIS_RIGHT if side == "Right" else IRIS_LEFT)


def _mirrored(points: tuple[int, ...], side: str) -> list[int]:
    mirror = load_face_model().mirror
    return list(points) if side == "Right" else [int(mirror[k]) for k in points]


@dataclass(frozen=True)
class _Cut:
    """One eye cut out of the source."""

    side: str
    patch: Patch
    image: Floats
    mesh: Floats
    edges: tuple[Floats, Floats]

    @property
    def opening(self) -> float:
        """Height of the opening over the eye's width."""
        return float((self.edges[1] - self.edges[0]).max()) / self.patch.width


def _cut_eye(portrait: Portrait, flat: Floats, side: str, texture_scale: float) -> _Cut:
    """One eye of the portrait, whose landmarks (478, 2) are `flat`, on a patch of its own."""
    ring = _ring(side)
    corners = flat[[ring[0], ring[8]]]
    left, right = corners[np.argsort(corners[:, 0])]
    width = max(float(np.linalg.norm(right - left)), 1.0)
    scale = float(np.clip(1.15 * width * min(texture_scale, 1.0), 56.0, 224.0)) / width
    patch = place_patch(left, right, scale)
    image = patch.cut(portrait.picture[..., :3])
    mesh = patch.from_picture(flat)
    return _Cut(side, patch, image, mesh, find_edges(image, mesh[ring], patch))


def _prepare_eye(source: Source, cut: _Cut, centre: Floats, radius: Floats, seen: float) -> Eye:
    """All that one eye needs; `centre` and `radius` (2,) are the iris's."""
    patch, image, edges = cut.patch, cut.image, cut.edges
    picture_axes = source.pose.rotation[:2] * np.array([[1.0], [-1.0]], np.float32)
    room = 0.1 * patch.width
    near = ((cut.mesh > room) & (cut.mesh < np.array(patch.size) - room)).all(1)
    return Eye(
        patch=patch,
        image=image,
        hole=_hole(patch, edges),
        window=_window(patch),
        lids=_read_lids(image, patch, cut.mesh, edges, cut.side),
        ball=read_ball(image, patch.width, edges, centre, radius),
        mesh=cut.mesh,
        turn=np.asarray(patch.axes @ picture_axes, np.float32),
        near=np.flatnonzero(near).astype(np.int32),
        side=cut.side,
        seen=seen,
    )


def _hole(patch: Patch, edges: tuple[Floats, Floats]) -> tuple[slice, slice]:
    """A box around the opening between `edges` (columns,), with room for the iris to come in from beside it."""
    columns, rows = patch.size
    open_columns = np.flatnonzero(edges[1] - edges[0] > 0.2)
    first, last = (int(open_columns[0]), int(open_columns[-1])) if len(open_columns) else (columns // 2, columns // 2)
    room = round(0.1 * patch.width)
    top, bottom = int(edges[0].min()) - 2 * room, int(edges[1].max()) + 2 * room
    return slice(max(first - room, 0), min(last + room, columns)), slice(max(top, 0), min(bottom, rows))


def _window(patch: Patch) -> Floats:
    """(rows, columns) 0..1: fades out toward the border of the patch."""
    columns, rows = patch.size
    x, y = np.arange(columns) + 0.5, (np.arange(rows) + 0.5)[:, None]
    inside = np.minimum(np.minimum(x, columns - x), np.minimum(y, rows - y)) - 1.0
    return smoothstep(np.asarray(inside / (0.12 * patch.width), np.float32))


def _read_lids(image: Floats, patch: Patch, mesh: Floats, edges: tuple[Floats, Floats], side: str) -> Lids:
    """The lids of `image` (rows, columns, 3), with the face's landmarks `mesh` (478, 2) on the patch."""
    columns, unit = patch.size[0], patch.width
    fold = curve_rows(mesh[_mirrored((130, *UPPER_FOLD, 243), side)], columns, 0.06 * unit)
    brow = curve_rows(mesh[_mirrored((226, *UPPER_RIM, 244), side)], columns, 0.06 * unit)
    crease = np.minimum(fold, edges[0] - 0.10 * unit)
    return measure_lids(image, patch, edges, crease, np.minimum(brow, crease - 0.06 * unit))


def place_lids(eyes: Eyes, shape: Floats) -> Floats:
    """`shape` (478, 3) head centimetres with the lids as open as in the source: `draw_eyes` paints their motion.

    They only follow the corners of the eye; the folds around them lie between the lids and the skin of brow and cheek.
    """
    move = shape - eyes.rest
    result = shape.copy()
    for eye in eyes.eyes:
        ring, iris = _ring(eye.side), _iris(eye.side)
        outer, inner = move[ring[0]], move[ring[8]]
        across = eyes.rest[ring[8], 0] - eyes.rest[ring[0], 0]
        part = np.clip((eyes.rest[ring + iris, 0] - eyes.rest[ring[0], 0]) / across, 0.0, 1.0)[:, None]
        lid = outer + part * (inner - outer)
        result[ring + iris] = eyes.rest[ring + iris] + lid
        upper, lower = lid[1:8], lid[15:8:-1]
        for edge, fold, rim in ((upper, UPPER_FOLD, UPPER_RIM), (lower, LOWER_FOLD, LOWER_RIM)):
            folds, rims = _mirrored(fold, eye.side), _mirrored(rim, eye.side)
            result[folds] = eyes.rest[folds] + 0.5 * (edge + move[rims])
    return np.asarray(result, np.float32)


def draw_eyes(
    eyes: Eyes, pixels: Bytes, shape: Floats, canvas_from_head: HeadPose, gaze: Floats, curves: Floats
) -> None:
    """Paint both eyes into `pixels` (rows, columns, 4) in place.

    `shape` (478, 3) head centimetres as `place_lids` left it; `gaze` (2,) radians to the viewer's right and up in
    head axes, 0 as in the picture; `curves` (52,) 0..1, 0 as in the picture.
    """
    canvas = canvas_from_head.picture_from_head(shape)
    canvas[:, 2] *= -1.0
    for eye in eyes.eyes:
        upper, lower = lid_travel(eye, gaze, curves)
        activity = abs(upper) + abs(lower) + 2.5 * float(np.abs(gaze).sum())
        fade = eye.seen * eased(activity / 0.08)
        if fade > 0.0:
            painted = paint_eye(eye, gaze, upper, lower)
            _carry(eyes, eye, pixels, canvas, np.dstack([painted, fade * _coverage(eye, painted)]))


def lid_travel(eye: Eye, gaze: Floats, curves: Floats) -> tuple[float, float]:
    """Travel of the upper and the lower lid of one eye, as `lid_heights` takes them; (0, 0) as in the source.

    A blink of 1 shuts the eye whatever else the face does; the upper lid follows the gaze, down nearly as far as the
    iris goes, up as far as there is something to show.
    """

    def curve(name: str) -> float:
        return float(np.clip(curves[INDEX[f"{name}{eye.side}"]], 0.0, 1.0))

    opening = max(float((eye.lids.lower - eye.lids.upper).max()), 1.0)
    down = min(max(0.45 * curve("eyeLookDown"), -float(gaze[1]), 0.0), MAX_GAZE)
    up = min(max(0.35 * curve("eyeLookUp"), float(gaze[1]), 0.0), MAX_GAZE)
    follow = 0.92 * BALL * float(eye.ball.radius[1]) / opening
    reach = min(0.20, 0.07 * eye.patch.width / opening)
    squint = max(curve("eyeSquint"), 0.7 * curve("cheekSquint"))
    wider = reach * np.tanh(curve("eyeWide") + 0.35 * follow * np.sin(up) / reach)
    narrower = 0.7 * np.tanh(1.25 * follow * np.sin(down) / 0.7) + 0.18 * squint
    blink, upper = curve("eyeBlink"), min(float(narrower), 0.75) - float(wider)
    lower = 1.6 * squint - min(1.5 * follow * float(np.sin(down)), 0.8)
    return upper + blink * (1.0 - upper), lower + blink * (1.0 - lower)


def paint_eye(eye: Eye, gaze: Floats, close: float, raised: float) -> Floats:
    """The patch (rows, columns, 3) 0..255 of one eye; `close` and `raised` as in `lid_heights`."""
    unit = eye.patch.width
    edges = lid_heights(eye.lids, close, raised)
    moves = close != 0.0 or raised != 0.0
    painted = paint_lids(eye.lids, eye.image, edges, unit) if moves else eye.image.copy()
    across, down = eye.hole
    upper, lower = edges[0][across], edges[1][across]
    rows = np.arange(down.start, down.stop, dtype=np.float32)[:, None] + 0.5
    soft = max(1.0, 0.7 * eye.patch.scale)
    mask = smoothstep((rows - upper) / soft + 0.5) * smoothstep((lower - rows) / soft + 0.5)
    mask *= smoothstep((lower - upper) / (1.5 * soft))
    view = painted[down, across]
    view[:] = view + mask[..., None] * (_shaded_ball(eye, gaze, upper, lower, rows) - view)
    return painted


def _shaded_ball(eye: Eye, gaze: Floats, upper: Floats, lower: Floats, rows: Floats) -> Floats:
    """The turned eyeball in the hole (rows, columns, 3) with the lids' shadow, which moves along with the lids."""
    across, down = eye.hole
    ball, turned = turn_ball(eye.ball, eye.hole, eye.turn, gaze)
    rest_upper, rest_lower = eye.lids.upper[across], eye.lids.lower[across]
    stretch = (rest_lower - rest_upper) / np.maximum(lower - upper, 1.0)
    source = np.asarray(rest_upper + (rows - upper) * stretch - 0.5 - down.start, np.float32)
    columns = np.broadcast_to(np.arange(source.shape[1], dtype=np.float32), source.shape)
    # Once the iris has moved, what it left in the factor is no shadow: keep the dark, colourless part near the lids.
    rest, shadow = eye.ball.rest[down, across], eye.ball.shadow[down, across, None]
    shade = cv2.remap(
        rest + turned * (shadow - rest), columns, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray((ball + 4.0) * shade - 4.0, np.float32)


def _carry(eyes: Eyes, eye: Eye, pixels: Bytes, canvas: Floats, painted: Floats) -> None:
    """Lay `painted` (rows, columns, 3 colours and coverage) over `pixels` through the mesh at `canvas` (478, 3)."""
    margin = 0.04 * float(np.ptp(canvas[eye.near, :2], axis=0).max()) + 1.0
    low = np.maximum(np.floor(canvas[eye.near, :2].min(0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(canvas[eye.near, :2].max(0) + margin).astype(int), (pixels.shape[1], pixels.shape[0]))
    if (high <= low).any():
        return
    local = canvas - np.array([low[0], low[1], 0.0], np.float32)
    raster = rasterise(local, eyes.triangles, eye.mesh, high[1] - low[1], high[0] - low[0])
    places = np.asarray(raster.values - 0.5, np.float32)
    laid = cv2.remap(painted, places[..., 0], places[..., 1], cv2.INTER_CUBIC)  # outside the patch: coverage 0
    view = pixels[low[1] : high[1], low[0] : high[0], :3]
    cover = np.clip(laid[..., 3:], 0.0, 1.0)
    view[:] = np.clip(view + cover * (laid[..., :3] - view) + 0.5, 0, 255).astype(np.uint8)


def _coverage(eye: Eye, painted: Floats) -> Floats:
    """0..1 (rows, columns) where `painted` differs from the source: all else keeps the frame's own sharper pixels."""
    change = np.abs(painted - eye.image).max(2)
    near = cv2.GaussianBlur(change, (0, 0), 0.5 + 0.015 * eye.patch.width)
    return np.asarray(eye.window * smoothstep((near - 0.3) / 3.0), np.float32)
