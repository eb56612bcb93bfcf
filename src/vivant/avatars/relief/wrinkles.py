"""Wrinkles: what light does on a face when the skin folds.

Warping moves skin but never folds it, so smiles look pasted on. Here each group of folds (nasolabial, forehead, crow's
feet, ...) is a small relief of the skin: a height in centimetres over the front view of the face model, drawn once
from creases and mounds. For a portrait the relief tilts the normals of its own face, the portrait's own light turns
that into brightness, and the logarithms are kept as small maps in the texture. A frame adds up the maps of the folds
that its curves call for, follows the flow, and multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.relief.folds import LEFT, STEP, TOP, Relief, reliefs
from vivant.avatars.relief.light import LUMA, Light, estimate_light, skin_colour
from vivant.avatars.retarget import Source
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.normals import vertex_normals
from vivant.face.raster import rasterise
from vivant.portrait.portrait import Portrait
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SKIN_EVERY = 5
"""Pixels of the map per pixel of the coarse surface."""
TRUST_IN_WORN = np.float32(0.8)
"""The expression of a single picture is a guess; folds that it may already have are not taken for granted."""


@dataclass(frozen=True)
class WrinkleSettings:
    """How strong the folds are."""

    amount: float = 1.0
    """Of everything; 0 switches wrinkles off."""
    pixels: int = 256
    """Largest width in pixels of the maps, across the face."""
    least_diffuse: float = 0.45
    """Share of directed light that a fold is drawn with at least: flat light still shows folds a little."""
    cavity: float = 2.2
    """Darkening per centimetre of depth under the surrounding skin, where the sky does not reach."""
    onset: float = 1.35
    """Exponent over a fold's weight: skin folds late."""
    limit: float = 0.45
    """Largest logarithm of brightness."""
    turning: float = 0.4
    """How much a turn of the head relative to the light changes the light on the skin; 0 switches that off."""
    turning_limit: float = 0.15
    """Largest logarithm of brightness that a turn adds: 0.86 to 1.16 times."""


@dataclass(frozen=True)
class Patch:
    """The logarithm of brightness that one fold adds, on its part of the map."""

    row: int
    column: int
    values: Floats
    """(rows, columns)"""


@dataclass(frozen=True)
class Skin:
    """The face as a coarse smooth surface, for light that changes as the head turns."""

    normals: Floats
    """(rows, columns, 3) head axes."""
    weight: Floats
    """(rows, columns) 0..1: fades out toward hair and the rim of the face, which keep their light."""
    light: Light
    rotation: Floats
    """(3, 3) picture axes from head axes at rest."""


@dataclass(frozen=True)
class Wrinkles:
    """The folds of one portrait, ready to be shaded."""

    patches: tuple[Patch, ...]
    gains: Floats
    """(folds, 52) how strongly each curve calls for each fold."""
    worn: Floats
    """(52,) the expression in the source picture, as far as its measure is trusted."""
    shape: tuple[int, int]
    """(rows, columns) of the map."""
    origin: Floats
    """(2,) texture pixels of the map's left top corner."""
    scale: float
    """Map pixels per texture pixel."""
    skin: Skin
    tint: Floats
    """(3,) exponents of red, green, blue: shadows of skin are warm, those of grey pictures grey."""
    settings: WrinkleSettings


def prepare_wrinkles(
    portrait: Portrait,
    source: Source,
    texture_scale: float,
    texture_shape: tuple[int, ...],
    settings: WrinkleSettings | None = None,
) -> Wrinkles:
    """Turn the model's folds into brightness on `portrait`'s skin, once.

    `texture_scale` is texture pixels per picture pixel, `texture_shape` (h, w, ...) the texture's.
    """
    settings = settings or WrinkleSettings()
    face = portrait.landmarks[:MESH_COUNT, :2] * texture_scale
    low = np.clip(np.floor(face.min(0)), 0, (texture_shape[1] - 2, texture_shape[0] - 2))
    high = np.clip(np.ceil(face.max(0)), low + 2, (texture_shape[1], texture_shape[0]))
    scale = min(1.0, settings.pixels / max(float(high[0] - low[0]), 1.0))
    columns, rows = (max(2, int(n)) for n in np.ceil((high - low) * scale))
    ground = _read_ground(portrait, source, low / texture_scale, scale * texture_scale, (rows, columns))
    measured, colour = estimate_light(portrait, source.shape), skin_colour(portrait, source.shape)
    light = _readable(measured, settings.least_diffuse)
    bare = _bare_skin(ground, light, colour)
    smooth = _smoothness(ground, bare)
    patches = tuple(_patch(relief, ground, light, bare, smooth, settings) for relief in reliefs())
    return Wrinkles(
        patches=patches,
        gains=np.stack([relief.gains for relief in reliefs()]),
        worn=TRUST_IN_WORN * np.clip(source.curves, 0.0, 1.0),
        shape=(rows, columns),
        origin=low.astype(np.float32),
        scale=scale,
        skin=_skin(ground, bare, measured, source.pose.rotation),
        tint=_tint(colour),
        settings=settings,
    )


def fold_weights(wrinkles: Wrinkles, curves: Floats) -> Floats:
    """(folds,) 0..1: how much of each fold `curves` (52,) add to the folds that the source picture already has."""
    worn = _called(wrinkles.gains, wrinkles.worn)
    wanted = _called(wrinkles.gains, np.clip(wrinkles.worn + curves, 0.0, 1.0))
    onset = wrinkles.settings.onset
    return np.asarray(np.maximum(wanted**onset - worn**onset, 0.0), np.float32)


def shade(wrinkles: Wrinkles, pixels: Bytes, flow: Floats, curves: Floats, turn: Floats | None = None) -> None:
    """Darken and lighten `pixels` (rows, columns, 4) in place where the skin folds under `curves` (52,).

    `flow` (rows_f, columns_f, 2) holds the texture pixel (centres at whole numbers) that each point of a raster of the
    same frame shows; the raster may be coarser than the frame.
    `turn` (3, 3) is the head's rotation from its pose in the picture, in picture axes; with it the light on the face
    follows the head's turn.
    """
    weights = fold_weights(wrinkles, curves)
    total = np.zeros(wrinkles.shape, np.float32)
    if turn is not None and wrinkles.settings.turning > 0.0:
        total += cv2.resize(turned_light(wrinkles, turn), wrinkles.shape[::-1])
    for weight, patch in zip(weights.tolist(), wrinkles.patches, strict=True):
        rows, columns = patch.values.shape
        if weight > 1e-3 and rows:
            total[patch.row : patch.row + rows, patch.column : patch.column + columns] += weight * patch.values
    if float(np.abs(total).max(initial=0.0)) > 1e-4:
        _multiply(wrinkles, pixels, flow, total)


def turned_light(wrinkles: Wrinkles, turn: Floats) -> Floats:
    """Logarithm (rows, columns) of the change of brightness when the head turns and the lamp stays; coarse.

    Its mean is taken out: a face that gets darker as a whole would part from its ears and neck.
    """
    skin, settings = wrinkles.skin, wrinkles.settings
    direction = skin.rotation.T @ turn.T @ skin.rotation @ skin.light.direction
    after = replace(skin.light, direction=np.asarray(direction, np.float32))
    change = np.log(after.shade(skin.normals) / skin.light.shade(skin.normals))
    change = settings.turning * (change - (change * skin.weight).sum() / max(float(skin.weight.sum()), 1e-6))
    return np.asarray(skin.weight * settings.turning_limit * np.tanh(change / settings.turning_limit), np.float32)


def _multiply(wrinkles: Wrinkles, pixels: Bytes, flow: Floats, total: Floats) -> None:
    """Multiply `pixels` (H, W, 3) by the exponential of the map `total` (rows, columns), seen through `flow`."""
    box = _box_of(flow, wrinkles)
    if box is None:
        return
    place = np.asarray(flow[box] * np.float32(wrinkles.scale), np.float32)
    for axis in range(2):
        place[..., axis] += (0.5 - wrinkles.origin[axis]) * wrinkles.scale - 0.5
    seen = np.zeros(flow.shape[:2], np.float32)
    seen[box] = _look_up(total, place)
    if seen.shape != pixels.shape[:2]:
        down, across = pixels.shape[0] / flow.shape[0], pixels.shape[1] / flow.shape[1]
        seen = np.asarray(cv2.resize(seen, (pixels.shape[1], pixels.shape[0])), np.float32)
        box = _scaled(box[0], down), _scaled(box[1], across)
    part, logarithm = pixels[box], seen[box]
    gain = np.asarray(cv2.exp(logarithm), np.float32)
    bent = cv2.multiply(gain, logarithm)  # for gain ** tint to first order: tint is near 1
    planes = [cv2.scaleAdd(bent, float(tint) - 1.0, gain) for tint in wrinkles.tint]
    part[:] = cv2.multiply(part, cv2.merge([*planes, np.ones_like(gain)]), dtype=cv2.CV_8U)


def _scaled(part: slice, factor: float) -> slice:
    return slice(max(0, int((part.start - 1) * factor)), int((part.stop + 1) * factor) + 1)


def _look_up(values: Floats, place: Floats) -> Floats:
    """`values` at `place` (rows, columns, 2), pixel centres at whole numbers; zero outside."""
    whole = np.empty(0, np.float32)  # no second map: the first one holds both coordinates
    seen = cv2.remap(values, place, whole, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(seen, np.float32)


def _box_of(flow: Floats, wrinkles: Wrinkles) -> tuple[slice, slice] | None:
    """Rows and columns of `flow` (rows, columns, 2) that may lie on the map; looks at every fourth point."""
    every = 4
    x, y = flow[::every, ::every, 0] - wrinkles.origin[0], flow[::every, ::every, 1] - wrinkles.origin[1]
    height, width = (n / wrinkles.scale for n in wrinkles.shape)
    inside = (x > 0) & (y > 0) & (x < width) & (y < height)
    rows, columns = np.flatnonzero(inside.any(1)) * every, np.flatnonzero(inside.any(0)) * every
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - every), int(rows[-1]) + every + 1),
        slice(max(0, int(columns[0]) - every), int(columns[-1]) + every + 1),
    )


def _called(gains: Floats, curves: Floats) -> Floats:
    """(F,) 0..1 of `gains` (F, 52); several curves together call louder, but never beyond 1."""
    return np.asarray(1.0 - np.prod(1.0 - gains * curves, axis=1), np.float32)


@dataclass(frozen=True)
class Ground:
    """The face of a portrait on the pixels of the map."""

    place: Floats
    """(rows, columns, 2) where each pixel lies on the grid of the reliefs, in grid steps."""
    normals: Floats
    """(rows, columns, 3) head axes."""
    view: Floats
    """(rows, columns) cosine between normal and line of sight; 0 outside the face."""
    colours: Floats
    """(rows, columns, 3) the picture, 0..255."""


def _read_ground(portrait: Portrait, source: Source, low: Floats, scale: float, shape: tuple[int, int]) -> Ground:
    """Everything about the map whose left top corner (2,) is at `low`, with `scale` map pixels per picture pixel."""
    model = load_face_model()
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles])
    normals = vertex_normals(source.shape, triangles)
    points = (portrait.landmarks - (*low, 0.0)) * scale * (1, 1, -1)
    front = (model.neutral[:, :2] - (LEFT, TOP)) * (1 / STEP, -1 / STEP)
    drawn = rasterise(points.astype(np.float32), triangles, np.column_stack([front, normals]), *shape)
    facing = drawn.values[..., 2:]
    facing = facing / np.maximum(np.linalg.norm(facing, axis=-1, keepdims=True), 1e-6)
    to_picture = np.array([[1 / scale, 0, low[0] + 0.5 / scale - 0.5], [0, 1 / scale, low[1] + 0.5 / scale - 0.5]])
    colours = _shrunk(portrait.picture, to_picture, shape)
    view = np.where(drawn.covered, facing @ source.pose.rotation[2], 0.0)
    return Ground(
        np.ascontiguousarray(drawn.values[..., :2]), facing.astype(np.float32), view.astype(np.float32), colours
    )


def _shrunk(picture: Bytes, to_picture: Floats, shape: tuple[int, int]) -> Floats:
    """RGB (rows, columns, 3) of the picture seen on the map, without aliasing."""
    shrink = min(1.0, 1.0 / float(to_picture[0, 0]))
    small = cv2.resize(picture[..., :3], None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    way = to_picture.copy()
    way[:, :2] *= shrink
    way[:, 2] = (way[:, 2] + 0.5) * shrink - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    seen = cv2.warpAffine(small, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _readable(light: Light, least_diffuse: float) -> Light:
    """The light with at least so much direction, still 1 on average."""
    diffuse = max(light.diffuse, least_diffuse)
    return Light(light.direction, max(light.ambient - 0.8 * (diffuse - light.diffuse), 0.3), diffuse, light.colour)


def _patch(
    relief: Relief, ground: Ground, light: Light, bare: Floats, smooth: float, settings: WrinkleSettings
) -> Patch:
    """What one fold does to the portrait's skin, `bare` (rows, columns)."""
    place = ground.place - np.array([relief.column, relief.row], np.float32)
    inside = ((place > 0) & (place < relief.cavity.shape[::-1])).all(-1) & (bare > 0.0)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return Patch(0, 0, np.zeros((0, 0), np.float32))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    amount = settings.amount * (1.0 - 0.75 * relief.fine * smooth)
    values = amount * bare[box] * _brightness(relief, place[box], ground.normals[box], light, settings.cavity)
    limited = settings.limit * np.tanh(values / settings.limit)
    return Patch(box[0].start, box[1].start, np.asarray(limited, np.float32))


def _brightness(relief: Relief, place: Floats, normals: Floats, light: Light, cavity: float) -> Floats:
    """Logarithm (rows, columns) of the brightness of the folded skin over that of the smooth skin."""
    slope, depth = _look_up(relief.slope, place), _look_up(relief.cavity, place)
    rise = np.dstack([slope, np.zeros(depth.shape, np.float32)])
    tangent = rise - normals * (rise * normals).sum(-1, keepdims=True)
    tilted = normals - tangent
    tilted /= np.maximum(np.linalg.norm(tilted, axis=-1, keepdims=True), 1e-6)
    return np.asarray(np.log(light.shade(tilted) / light.shade(normals)) - cavity * depth, np.float32)


def _bare_skin(ground: Ground, light: Light, skin: Floats) -> Floats:
    """(rows, columns) 0..1: where there is skin that can be seen to fold: no hair, no far side."""
    around = cv2.GaussianBlur(ground.colours, (0, 0), max(0.8, 0.012 * ground.view.shape[1]))
    bright = around @ LUMA / max(float(skin @ LUMA), 1.0) / light.shade(ground.normals)
    hue = np.abs(around / np.maximum(around.sum(-1, keepdims=True), 1.0) - skin / max(float(skin.sum()), 1.0)).sum(-1)
    mask = smoothstep((bright - 0.4) / 0.3) * smoothstep((0.3 - hue) / 0.12) * smoothstep((ground.view - 0.12) / 0.3)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.8, 0.012 * ground.view.shape[1])), np.float32)


def _skin(ground: Ground, bare: Floats, light: Light, rotation: Floats) -> Skin:
    """The face of the map as a smooth surface of fewer (rows, columns)."""
    rows, columns = ground.view.shape
    size = max(2, columns // SKIN_EVERY), max(2, rows // SKIN_EVERY)
    face = np.pad((ground.view > 0.1).astype(np.uint8), 1)
    rim = cv2.distanceTransform(face, cv2.DIST_L2, 5)[1:-1, 1:-1] / (0.22 * columns)
    weight = smoothstep(np.asarray(rim, np.float32)) * cv2.GaussianBlur(bare, (0, 0), 0.03 * columns)
    normals = cv2.resize(cv2.GaussianBlur(ground.normals, (0, 0), 0.08 * columns), size, interpolation=cv2.INTER_AREA)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    # A weak lamp is uncertain, and its change not worth a mistake.
    trust = smoothstep(np.asarray((light.diffuse / light.ambient - 0.4) / 0.6, np.float32))
    coarse = cv2.resize(weight * trust, size, interpolation=cv2.INTER_AREA)
    return Skin(np.asarray(normals, np.float32), np.asarray(coarse, np.float32), light, rotation)


def _smoothness(ground: Ground, bare: Floats) -> float:
    """0..1: 1 for skin, `bare` (rows, columns), without any texture, as a cartoon's or a small child's."""
    grey = ground.colours @ LUMA
    unit = 0.006 * ground.view.shape[1]
    detail = cv2.GaussianBlur(grey, (0, 0), max(0.5, unit)) - cv2.GaussianBlur(grey, (0, 0), max(1.0, 2.5 * unit))
    relative = np.abs(detail) / np.maximum(cv2.GaussianBlur(grey, (0, 0), 6 * unit + 1), 8.0)
    certain = bare > 0.9
    if certain.sum() < 50:
        return 0.5
    return float(smoothstep(np.asarray((0.016 - np.median(relative[certain])) / 0.012, np.float32)))


def _tint(skin: Floats) -> Floats:
    """(3,) exponents around 1 that let shadows go the way of the skin's own colour."""
    own = skin / max(float(skin @ LUMA), 1.0)
    return np.asarray(np.clip(1.0 - 0.5 * (own - 1.0), 0.7, 1.4), np.float32)
