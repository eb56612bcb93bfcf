"""Relief: the built-in avatar. One picture on a 3-D mesh, moved by geometry alone; nothing to download, CPU only.

    prepare   measures the face, builds the mesh around it, cuts what is needed out of the picture
    draw      state -> vertices -> depth-buffered flow -> one resampling of the picture -> eyes, mouth, light

Colours are sRGB bytes throughout. Flow is computed on a coarse raster and enlarged, pixels are always taken from the
picture at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars import retarget
from vivant.avatars.avatar import Frame
from vivant.avatars.relief.eyes import Eyes, draw_eyes, place_lids, prepare_eyes
from vivant.avatars.relief.hidden import HiddenSide, build_hidden_side, resample, toward_viewer
from vivant.avatars.relief.mesh import Sheet, SheetSettings, build_sheet, face_size, hull_rows, move_sheet
from vivant.avatars.relief.mouth import Mouth, draw_mouth, prepare_mouth, thin_lips
from vivant.avatars.relief.wrinkles import Wrinkles, prepare_wrinkles, shade
from vivant.face.landmarks import OVAL
from vivant.face.model import FaceModel, load_face_model
from vivant.face.pose import HeadPose
from vivant.face.raster import FAR, draw_into, rasterise
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.matte import cut_out
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class ReliefSettings:
    """How relief draws."""

    flow_pixels: int = 384
    """Longer side of the raster on which the flow is computed."""
    reach: float = 1.15
    """Room around the head that may move, in face sizes."""
    limits: retarget.HeadLimits = field(default_factory=retarget.HeadLimits)
    sheet: SheetSettings = field(default_factory=SheetSettings)


@dataclass(frozen=True)
class Prepared:
    """A portrait ready to be drawn by relief."""

    window: Window
    source: retarget.Source
    sheet: Sheet
    texture: Bytes
    """(h, w, 4) the picture, at most as fine as the frames need."""
    texture_scale: float
    """Texture pixels per picture pixel."""
    face_triangles: Ints
    sheet_shows: Floats
    """(V, C) what each sheet point shows: see `draw_flow`."""
    face_shows: Floats
    """(478, C) what each face point shows."""
    flow_size: tuple[int, int]
    """(columns, rows) of the flow raster."""
    border: Floats
    """(rows, columns, 1) of the flow raster: texture pixels per picture pixel, falling to 0 at the window's border."""
    rest_places: Floats
    """(rows, columns, 2) texture pixels that each pixel of a frame shows at rest."""
    rest_flow: Floats
    """The same for each pixel of the flow raster."""
    hidden: HiddenSide | None
    """What to show of the far side of a face that looks away."""
    mouth: Mouth
    eyes: Eyes
    wrinkles: Wrinkles


class Relief:
    """Draws portraits by moving their own pixels; see `ReliefSettings`."""

    def __init__(self, settings: ReliefSettings | None = None) -> None:
        self.settings = settings or ReliefSettings()
        self.model: FaceModel = load_face_model()

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> Prepared:
        """Measure `portrait` and build its mesh for frames of `view`; see `Avatar.prepare`."""
        window = view if cutout else moving_window(portrait, view, self.settings.reach)
        density = window.columns / window.width
        scale = min(1.0, density)
        texture = cut_out(portrait).picture if cutout else portrait.picture
        if scale < 1.0:
            texture = np.asarray(cv2.resize(texture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        shrink = min(1.0, self.settings.flow_pixels / max(window.columns, window.rows))
        flow_size = max(2, round(window.columns * shrink)), max(2, round(window.rows * shrink))
        source = retarget.read_source(self.model, portrait.pose, portrait.landmarks, portrait.scores)
        model = self.model
        triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles]).astype(np.int32)
        texture_scale = texture.shape[1] / portrait.picture.shape[1]
        sheet = build_sheet(portrait, window, triangles, self.settings.sheet)
        hidden = build_hidden_side(model, source.pose, source.shape, triangles, texture, texture_scale)
        at_rest, none = source.pose.picture_from_head(source.shape), np.zeros(len(sheet.rest), np.float32)
        return Prepared(
            window=window,
            source=source,
            sheet=sheet,
            sheet_shows=_shows(sheet.rest, sheet.head, none, hidden),
            face_shows=_shows(at_rest, source.shape, hidden.weight if hidden else none, hidden),
            texture=texture,
            texture_scale=texture_scale,
            face_triangles=triangles,
            flow_size=flow_size,
            border=_border(*flow_size) * np.float32(texture_scale),
            rest_places=_rest_places(window, window.columns, window.rows, texture_scale),
            rest_flow=_rest_places(window, *flow_size, texture_scale),
            hidden=hidden,
            mouth=prepare_mouth(portrait, source),
            eyes=prepare_eyes(portrait, source, texture_scale),
            wrinkles=prepare_wrinkles(portrait, source, texture_scale, texture.shape),
        )

    def draw(self, prepared: Prepared, state: FaceState) -> Frame:
        """One frame of the prepared window in `state`."""
        source = prepared.source
        pose, shape = self.posed(prepared, state)
        flow = draw_flow(prepared, pose, shape)
        pixels = sample(prepared, flow)
        flow[..., :2] += prepared.rest_flow
        shade(prepared.wrinkles, pixels, flow[..., :2], state.curves, pose.rotation @ source.pose.rotation.T)
        canvas_from_head = _on_canvas(prepared.window, pose)
        draw_mouth(prepared.mouth, pixels, shape, canvas_from_head, state.curves)
        draw_eyes(prepared.eyes, pixels, shape, canvas_from_head, state.gaze, state.curves)
        return Frame(pixels, prepared.window)

    def posed(self, prepared: Prepared, state: FaceState) -> tuple[HeadPose, Floats]:
        """Where the head stands in the picture in `state`, and its face (478, 3) in head centimetres."""
        source = prepared.source
        shape = thin_lips(source.shape + retarget.expression(self.model, source, state), source)
        return retarget.pose_head(source, state, self.settings.limits), place_lids(prepared.eyes, shape)


def _on_canvas(window: Window, pose: HeadPose) -> HeadPose:
    """`pose` in the pixels of frames of `window` instead of the picture's."""
    density = window.columns / window.width
    corner = np.array([window.x, -window.y, 0.0], np.float32)
    return HeadPose(pose.scale * density, pose.rotation, np.asarray((pose.translation - corner) * density, np.float32))


def moving_window(portrait: Portrait, view: Window, reach: float) -> Window:
    """The part of `view` that may change: the head with room around it, on the view's own pixel grid."""
    unit = face_size(portrait.landmarks)
    oval = portrait.landmarks[list(OVAL), :2]
    low, high = oval.min(0) - (reach + 0.25) * unit, oval.max(0) + reach * unit
    low[1] -= 0.15 * unit
    density = view.columns / view.width
    first = np.clip(np.floor((low - (view.x, view.y)) * density), 0, (view.columns - 2, view.rows - 2))
    last = np.clip(np.ceil((high - (view.x, view.y)) * density), first + 2, (view.columns, view.rows))
    columns, rows = (int(n) for n in last - first)
    x, y = (first / density + (view.x, view.y)).tolist()
    return Window(x, y, columns / density, rows / density, columns, rows)


def draw_flow(prepared: Prepared, pose: HeadPose, shape: Floats) -> Floats:
    """Where each pixel of the flow raster comes from: (rows, columns, 2), relative to the same place at rest.

    In texture pixels. Where a hidden side comes into view, (rows, columns, 5): also the tile's pixels and its share.
    """
    source, sheet = prepared.source, prepared.sheet
    columns, rows = prepared.flow_size
    outer = move_sheet(sheet, pose, source.pose, (shape - source.shape)[hull_rows()])
    face = pose.picture_from_head(shape)
    share = toward_viewer(source.pose, pose) if prepared.hidden else 0.0
    outer_values, face_values = (
        _moved(shows, points, share) for shows, points in ((prepared.sheet_shows, outer), (prepared.face_shows, face))
    )
    raster = rasterise(_placed(prepared, outer), sheet.triangles, outer_values, rows, columns)
    raster.depth.fill(FAR)  # the face always lies over its surroundings
    draw_into(raster, _placed(prepared, face), prepared.face_triangles, face_values)
    raster.values[..., :2] *= prepared.border
    return raster.values


def _placed(prepared: Prepared, points: Floats) -> Floats:
    """Picture points (N, 3) on the flow raster, z toward the viewer."""
    window = prepared.window
    scale = prepared.flow_size[0] / window.width
    axes = np.array([scale, prepared.flow_size[1] / window.height, -scale], np.float32)
    return np.asarray((points - np.array([window.x, window.y, 0.0], np.float32)) * axes, np.float32)


def _moved(shows: Floats, points: Floats, share: float) -> Floats:
    """What mesh points at `points` (N, 3) show, the picture's place relative to where they stand."""
    if share == 0.0:
        return np.asarray(shows[:, :2] - points[:, :2], np.float32)
    values = shows.copy()
    values[:, :2] -= points[:, :2]
    values[:, 4] *= share
    return values


def _shows(rest: Floats, head: Floats, weight: Floats, hidden: HiddenSide | None) -> Floats:
    """What mesh points show at rest: picture pixels (N, 2); or (N, 5) with tile pixels and share of the tile."""
    if hidden is None:
        return np.ascontiguousarray(rest[:, :2])
    return np.column_stack([rest[:, :2], hidden.place(head), weight]).astype(np.float32)


def _rest_places(window: Window, columns: int, rows: int, texture_scale: float) -> Floats:
    """Texture pixels (rows, columns, 2) that a raster over `window` shows at rest."""
    across = (window.x + (np.arange(columns) + 0.5) * (window.width / columns)) * texture_scale - 0.5
    down = (window.y + (np.arange(rows) + 0.5) * (window.height / rows)) * texture_scale - 0.5
    return np.asarray(np.stack(np.meshgrid(across, down), -1), np.float32)


def _border(columns: int, rows: int) -> Floats:
    """1 inside, 0 at the border (rows, columns, 1): whatever the mesh does, the seam to the still picture holds."""
    across, down = (np.minimum(np.arange(n), np.arange(n)[::-1]) / max(1.0, 0.03 * n) for n in (columns, rows))
    return np.asarray(np.clip(np.minimum(across, down[:, None]), 0.0, 1.0)[..., None], np.float32)


def sample(prepared: Prepared, flow: Floats) -> Bytes:
    """The window's pixels (rows, columns, 4), taken from texture and tile at `flow`."""
    size = (prepared.window.columns, prepared.window.rows)
    if prepared.flow_size != size:
        flow = np.asarray(cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR), np.float32)
    picture = resample(prepared.texture, flow[..., :2] + prepared.rest_places)
    if prepared.hidden is not None and flow.shape[2] == 5:
        _show_hidden(picture, prepared.hidden, flow)
    return picture


def _show_hidden(picture: Bytes, hidden: HiddenSide, flow: Floats) -> None:
    """Blend the tile into `picture` (rows, columns, 4) in place."""
    weight = flow[..., 4]
    shown = weight > 0.01
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not len(rows):
        return
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    patch = resample(hidden.tile, flow[box][..., 2:4]).astype(np.float32)
    below = picture[box].astype(np.float32)
    picture[box] = np.clip(below + weight[box][..., None] * (patch - below) + 0.5, 0, 255).astype(np.uint8)
