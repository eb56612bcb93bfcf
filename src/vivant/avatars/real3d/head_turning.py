"""A portrait on a mesh in front of a sheet: posed, drawn with the portrait's own pixels, over its background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars import retarget
from vivant.avatars.real3d.view_space import DISTANCE
from vivant.face.pose import HeadPose
from vivant.face.raster import FAR, Raster, draw_into
from vivant.motion.state import FaceState
from vivant.nn.rows import together
from vivant.smooth import eased

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

LIMITS = retarget.HeadLimits(yaw=float(np.deg2rad(70.0)), pitch=float(np.deg2rad(40.0)), shift=1.4)
"""Farther than a flat picture can turn, for there is a side of the head to be seen, and aside: the trunk goes along."""
COMES_INTO_VIEW = (10.0, 25.0)
"""Degrees of a turn by which hidden places, and places that the picture shows obliquely, are no longer its pixels."""
SOFT = 0.8
"""Of the outlines of the mesh, in pixels."""
LEAVES = 0.6
"""Centimetres that an outline moves until it is a new one."""
LEAN, NECK_REACH = 0.6, (4.0, 8.0)
"""Share of a head's way through the picture that its neck goes along, the likeliest of real clips; and the centimetres
of that way from which on the trunk leans more, and all the way: no neck is so long."""
CHIN = 152
"""Landmark."""
JUMP = 1.0 / DISTANCE
"""Of nearness, at an outline of a turned head in front of the head itself: centimetres by the camera's distance."""


class Turn(NamedTuple):
    """How the head stands in a state, against how it stands in the picture."""

    turn: Floats
    """(3, 3) of camera centimetres about the head's origin."""
    shift: Floats
    """(3,) centimetres: across the picture, at the size that the head has in it at rest, and to the camera."""
    mirror: Floats
    """(3, 3) to the partner on the other side of the face."""
    lens: Floats
    """(4,) pixels per centimetre, the pixel of the head's origin with y up, the camera's distance."""

    @property
    def aside(self) -> tuple[np.float32, np.float32]:
        """0..1: how far hidden places, and places seen obliquely, have come into view.

        As the picture was taken all that is seen is its own pixels, whatever the network trusts.
        """
        angle = float(np.degrees(np.arccos(np.clip(self.turn[2, 2], -1, 1))))
        hidden, oblique = (np.float32(min(angle / most, 1.0) ** 2) for most in COMES_INTO_VIEW)
        return hidden, oblique

    @property
    def lean(self) -> np.float32:
        """0..1: how far the trunk leans after the head; all the way where no neck would reach."""
        far = float(np.linalg.norm(self.shift[:2]) - NECK_REACH[0]) / (NECK_REACH[1] - NECK_REACH[0])
        return np.float32(LEAN + (1 - LEAN) * eased(far))

    @property
    def down(self) -> np.float32:
        """0..1: how much of the head's way through the picture goes down: then the trunk's lower edge may go along."""
        return np.float32(max(-self.shift[1], 0) / max(float(np.linalg.norm(self.shift[:2])), 1e-3))

    def apart(self, move: Floats) -> float:
        """0..1: how far the outlines of the head, and of a chin that `move` (478, 3) lowers, have left their places.

        There the picture's own soft outlines are no longer seen, but steps of the mesh.
        """
        left = float(np.linalg.norm(self.shift) + np.linalg.norm(move[CHIN])) / LEAVES
        return max(float(self.aside[0]), min(left, 1.0) ** 2)

    @staticmethod
    def of(source: retarget.Source, state: FaceState) -> Turn:
        """The pose of `state` for a portrait with the measures `source`."""
        rest, pose = source.pose, retarget.pose_head(source, state, LIMITS)
        # A change of size is one of distance.
        shift = [*((pose.translation - rest.translation)[:2] / rest.scale), DISTANCE * (1 - rest.scale / pose.scale)]
        lens = (rest.scale, *rest.translation[:2], DISTANCE)
        parts = (pose.rotation @ rest.rotation.T, shift, mirror_of(rest), lens)
        return Turn(*(np.ascontiguousarray(part, np.float32) for part in parts))


@dataclass(frozen=True)
class Points:
    """V points that go along with a head and its face."""

    places: Floats
    """(V, 3) camera centimetres in the picture."""
    follows: Floats
    """(V,) 0..1: share of the head's turn that each takes."""
    leans: Floats
    """(V,) 0..1: how far each goes where the head goes, if the trunk leans all the way after it; see `Turn.lean`."""
    near: Ints
    """(V, K) landmarks near each point."""
    weights: Floats
    """(V, K): how much of their motion it takes."""
    triangles: Ints
    """(T, 3)"""
    shows: Floats
    """(V, C) what a raster shows; the first four are the picture's pixels of the point and of its partner."""
    closed: bool = True
    """Whether the triangles are counter-clockwise seen from outside and close a body."""

    def drawn(self, turn: Turn, move: Floats, rows: int, columns: int) -> tuple[Floats, Floats]:
        """Values (rows, columns, C) and depth (rows, columns) in a pose.

        `move` (478, 3) is what the expression does to the landmarks, in camera centimetres.
        """
        from vivant.avatars.real3d import compact_kernels as kernels

        posed, shows = np.empty_like(self.places), self.shows.copy()
        leans = turn.lean * (self.leans + turn.down * (1 - self.leans))
        leans = np.maximum(self.follows, leans)
        kernels.place(self.places, self.follows, leans, self.near, self.weights, move, *turn, shows, posed)
        values = np.zeros((rows, columns, shows.shape[1]), np.float32)
        depth = np.full((rows, columns), FAR, np.float32)

        def draw(band: slice) -> None:
            part = Raster(values[band], depth[band])
            draw_into(part, posed, self.triangles, shows, first=band.start, closed=self.closed)

        _in_bands(rows, draw)
        return values, depth


@dataclass(frozen=True)
class Scene:
    """A portrait that can be turned."""

    source: retarget.Source
    mesh: Points
    """Shows, beside the pixels, the trust in own and partner's, how far it faces the camera of the picture (see
    `SolidHead`), the colour without them, and pixel and share of the `strands` that are added to it: C is 13."""
    sheet: Points
    """Carries what is not on the mesh; C is 4."""
    strands: Bytes
    """(h, w, 4) texture of hair; see `vivant.portrait.strands`."""
    share: Bytes
    """(H, W) how much of the picture's pixels lies on the sheet."""
    rim: Bytes
    """(H, W) how much of that is but the rim of what is on the mesh, and goes when the head turns."""
    background: Bytes
    """(H, W, 3) sRGB without the person."""
    beside: Bytes
    """(H, W, 4) what is left of the picture at the person's outline, such as hairs that the matte misses."""


def draw_turned(scene: Scene, picture: Bytes, move: Floats, state: FaceState, *, alone: bool) -> Bytes:
    """The frame (H, W, 4) in the pose of `state`, by a `picture` (H, W, 4) that wears its expression; sRGB.

    `move` (478, 3) is the expression's displacement in head centimetres. Alpha is the person's; colours are over the
    background, or the person's `alone`.
    """
    from vivant.avatars.real3d import compact_kernels as kernels

    rows, columns = picture.shape[:2]
    turn = Turn.of(scene.source, state)
    mesh = scene.mesh.drawn(turn, np.asarray(move @ scene.source.pose.rotation.T, np.float32), rows, columns)
    sheet = scene.sheet.drawn(turn, np.zeros_like(move), rows, columns)
    on_sheet = picture.copy()
    share = cv2.addWeighted(scene.share, 1, scene.rim, -float(turn.aside[0]), 0)
    on_sheet[..., 3] = cv2.multiply(picture[..., 3], share, scale=1 / 255)
    beside = scene.beside.copy()  # goes with the head until it turns far
    beside[..., 3] = cv2.convertScaleAbs(beside[..., 3], alpha=1 - float(turn.aside[0]))
    # A cubic reaches two pixels.
    something = cv2.dilate(cv2.max(on_sheet[..., 3], beside[..., 3]), np.ones((5, 5), np.uint8))
    layer, frame = np.empty((rows, columns, 4), np.float32), np.empty((rows, columns, 4), np.uint8)
    _in_bands(rows, lambda band: kernels.colour(*_cut(mesh, band), picture, scene.strands, *turn.aside, layer[band]))
    # As the picture was taken, its outlines are as soft as they are.
    layer = soft_outlines(layer, mesh[1], JUMP / max(turn.apart(move), 1e-3))

    def compose(band: slice) -> None:
        behind = scene.background[band], beside, something
        kernels.compose(layer[band], *_cut(sheet, band), on_sheet, *behind, alone, frame[band])

    _in_bands(rows, compose)
    return frame


def pixels_of(pose: HeadPose, points: Floats) -> Floats:
    """Camera `points` (..., 3) of a head that stands at `pose`, in picture pixels, and their nearness."""
    near = DISTANCE / (DISTANCE - points[..., 2:])
    place = pose.scale * points[..., :2] * near + pose.translation[:2]
    return np.asarray(np.concatenate([place * np.array([1, -1], np.float32), near], -1), np.float32)


def pixels_at(picture: NDArray[Any], places: Floats) -> Floats:
    """Pixels (V, C) of `picture` (H, W, C) at `places` (V, 2 or more) in pixels, their centres at halves."""
    rows = np.resize(places[:, :2] - np.float32(0.5), (-(-len(places) // 256), 256, 2))  # OpenCV limits a row's length
    x, y = (np.ascontiguousarray(rows[..., k], np.float32) for k in (0, 1))
    found = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(found.shape[0] * 256, -1)[: len(places)].astype(np.float32)


def mirror_of(pose: HeadPose) -> Floats:
    """(3, 3) from camera centimetres of a head at `pose` to those of the partner on the other side of its face."""
    return np.asarray((pose.rotation * np.array([-1, 1, 1], np.float32)) @ pose.rotation.T, np.float32)


def _in_bands(rows: int, work: Callable[[slice], None]) -> None:
    """Every core works on a band of rows."""
    bounds = np.linspace(0, rows, torch.get_num_threads() + 1).astype(int)
    together(partial(work, slice(first, last)) for first, last in pairwise(bounds))


def _cut(raster: tuple[Floats, Floats], band: slice) -> tuple[Any, Any]:
    """The rows (R, W, ...) of a band."""
    return raster[0][band], raster[1][band]


def soft_outlines(layer: Floats, depth: Floats, jump: float) -> Floats:
    """`layer` (R, C, 4) with soft steps where its `depth` (R, C) jumps so far, and as sharp as it was elsewhere."""
    soft, around = cv2.GaussianBlur(layer, (0, 0), SOFT), np.ones((3, 3), np.uint8)
    even = (cv2.dilate(depth, around) - cv2.erode(depth, around) < jump).astype(np.uint8)
    return np.asarray(cv2.copyTo(layer, even, soft), np.float32)
