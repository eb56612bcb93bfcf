"""Examples for the packaged 3-D heads: a picture of a head, and what is known of the space in front of its camera.

A head is rendered once as the picture, and from all around with depth. A place is free where some view looks past it,
and taken where none does; what a view sees is a point of the surface with its colour. All places are stored in the
view space of the picture (`vivant.avatars.real3d.view_space`).

A shard is one .safetensors file of E examples:

    picture    (E, 256, 256, 3) uint8     the head's window, sRGB on black
    mask       (E, 256, 256)    uint8     the person; 0 beyond the picture's border
    inside     (E, 256, 256)    uint8     255 within the picture's border
    landmarks  (E, 478, 3)      float32   pixels of the window; z in the scale of x, negative toward the camera
    places     (E, P, 3)        int16     view coordinates * 16384
    taken      (E, P)           uint8     whether something is there
    surface    (E, Q, 3)        int16     view coordinates * 16384
    colour     (E, Q, 3)        uint8     sRGB
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.head_window import HeadWindow
from vivant.errors import SettingsError
from vivant.face.ict import IctHead
from vivant.face.pose import rotation_from_angles
from vivant.training.real3d.compact_shards import STEPS, save_examples
from vivant.training.real3d.heads.backdrop import draw_backdrop
from vivant.training.real3d.heads.body import Body, open_body
from vivant.training.real3d.heads.camera import cube_from_head
from vivant.training.real3d.heads.draw import FAR_DEPTH, Drawn, draw, light_up
from vivant.training.real3d.heads.expressions import draw_curves
from vivant.training.real3d.heads.light import draw_light
from vivant.training.real3d.heads.person import Person, draw_person, scene

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Array = NDArray[Any]

RENDERED, SMALL = 256, 128
"""Side of the pictures, and of the views from all around."""
PLACES = 8192
"""Of each kind in an example."""
FACES, PORTRAITS = 2, 3
"""Scenes of a person, and pictures of a scene."""
AROUND = ((0, 0), (40, 5), (-40, 5), (85, -5), (-85, -5), (145, 10), (-145, 10), (0, 50))
"""Yaw and pitch in degrees of the views with depth."""
SPREAD = 0.03
"""Of places around the surface, in units of the cube: 1.1 cm."""
SLACK = 0.004
"""A place this far behind a surface is still free, in units of the cube: depth has pixels."""


@dataclass(frozen=True)
class Scene:
    """A head that can be rendered from anywhere."""

    draw: Callable[[Floats, Floats], Drawn]
    """What a camera (25,) sees before a backdrop (S, S, 3), linear light, in a picture of that size."""
    backdrop: Floats
    """(256, 256, 3) of its pictures."""
    landmarks: Floats
    """(478, 3) centimetres of ICT-FaceKit's head."""


@dataclass(frozen=True)
class Seen:
    """A view with its camera."""

    drawn: Drawn
    camera: Floats

    @property
    def size(self) -> int:
        """Rows and columns."""
        return len(self.drawn.depth)

    def pixels(self, points: Floats, distance: float) -> Floats:
        """`points` (N, 3) of the cube in pixels, and straight depth in pixels, negative toward the camera.

        `distance` along the camera's axis is where depth is 0.
        """
        place, far = self._projected(points)
        focal = self.camera[16] * np.float32(self.size)
        return np.asarray(np.concatenate([place, focal * (1 - distance / far[:, None])], 1), np.float32)

    def looks_past(self, points: Floats) -> Flags:
        """Which of `points` (N, 3) of the cube stand free before what is seen."""
        place, far = self._projected(points)
        column, row = np.floor(place).astype(np.int32).T
        within = (column >= 0) & (row >= 0) & (column < self.size) & (row < self.size)
        depth = self.drawn.depth[np.clip(row, 0, self.size - 1), np.clip(column, 0, self.size - 1)]
        return np.asarray(within & (far < depth + SLACK))

    def surface(self) -> tuple[Floats, Array]:
        """Points (N, 3) of the cube that are seen, and their colours (N, 3)."""
        whole = cv2.erode((self.drawn.depth < FAR_DEPTH).astype(np.uint8), np.ones((3, 3), np.uint8))
        row, column = np.nonzero(whole)  # at the outline colours are mixed with what is behind
        world, lens = self.camera[:16].reshape(4, 4), self.camera[16:].reshape(3, 3)
        ray = np.stack([(column + 0.5) / self.size - lens[0, 2], (row + 0.5) / self.size - lens[1, 2]], 1) / lens[0, 0]
        seen = np.concatenate([ray, np.ones_like(ray[:, :1])], 1) * self.drawn.depth[row, column, None]
        points = np.asarray(seen @ world[:3, :3].T + world[:3, 3], np.float32)
        return points, self.drawn.picture[row, column]

    def _projected(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (N, 2) and distances (N,) of `points` (N, 3)."""
        world, lens = self.camera[:16].reshape(4, 4), self.camera[16:].reshape(3, 3)
        seen = (points - world[:3, 3]) @ world[:3, :3]
        far = np.maximum(seen[:, 2], np.float32(0.05))
        place = (seen[:, :2] / far[:, None] * lens[0, 0] + lens[:2, 2]) * np.float32(self.size)
        return place.astype(np.float32), far


def make_examples(scene: Scene, random: np.random.Generator, count: int) -> list[dict[str, Array]]:
    """`count` pictures (S, S, 3) of one head, each with the arrays of an example without the first axis of a shard."""
    around = [_around(scene, yaw, pitch, random) for yaw, pitch in AROUND]
    return [_example(scene, _portrait(scene, random), around, random) for _ in range(count)]


def _example(scene: Scene, source: Seen, around: list[Seen], random: np.random.Generator) -> dict[str, Array]:
    """One picture (S, S, 3) with the places (P, 3) and surface (P, 3) that all views know."""
    window, distance, landmarks = measured(scene, source)
    views = [source, *around]
    points, colours = (np.concatenate(parts) for parts in zip(*(view.surface() for view in views), strict=True))
    shuffled = random.permutation(len(points))[: 3 * PLACES]
    points, colours = points[shuffled], colours[shuffled]
    near = points[: 2 * PLACES] + random.normal(0, SPREAD, (2 * PLACES, 3))
    places = np.concatenate([near, random.uniform(-0.55, 0.55, (2 * PLACES, 3))]).astype(np.float32)
    places = places[random.permutation(len(places))]
    taken = ~np.any([view.looks_past(places) for view in views], 0)
    place, taken = in_box(window.view_of(source.pixels(places, distance)), taken.astype(np.uint8))
    surface, colour = in_box(window.view_of(source.pixels(points, distance)), colours)
    mask = window.cut(np.asarray((source.drawn.classes > 0) * 255, np.uint8))
    picture = window.cut(source.drawn.picture)
    inside = window.cut(np.full(source.drawn.depth.shape, 255, np.uint8))
    return {
        "picture": picture,
        "mask": mask,
        "inside": inside,
        "landmarks": window.to_window(landmarks),
        "places": place,
        "taken": taken,
        "surface": surface,
        "colour": colour,
    }


def prepare_heads(model: IctHead, folder: Path, heads: int, seed: int) -> Iterator[int]:
    """Render `heads` people into `folder`, one shard each; yields how many there are. Those that are there are kept."""
    if heads < 1:
        raise SettingsError(f"{heads} heads; give 1 or more")
    body = open_body(model)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(heads):
        path = folder / f"head_{seed}_{number:05}.safetensors"
        if not path.exists():
            random = np.random.default_rng([seed, number])
            save_examples(path, person_examples(model, body, random), number)
        yield number + 1


def person_examples(model: IctHead, body: Body, random: np.random.Generator) -> list[dict[str, Array]]:
    """Pictures (S, S, 3) of a new person: each of `FACES` faces in its own light, from `PORTRAITS` sides."""
    person = draw_person(model, body, random)
    scenes = (rendered_head(person, model, body, random) for _ in range(FACES))
    return [example for one in scenes for example in make_examples(one, random, PORTRAITS)]


def rendered_head(person: Person, model: IctHead, body: Body, random: np.random.Generator) -> Scene:
    """`person` with a random face, light and backdrop."""
    curves = draw_curves(random, calm=random.random() < 0.6)
    bend = rotation_from_angles(*np.deg2rad(random.normal(0, (9, 5, 3))))
    lit = light_up(scene(person, model, body, curves, bend), person.look, draw_light(random))
    backdrop = draw_backdrop(random, RENDERED)
    landmarks = model.landmarks(model.express(person.neutral, curves))
    return Scene(partial(draw, lit), backdrop, landmarks)


def _look(scene: Scene, angles: Array, translation: Array, backdrop: Floats) -> Seen:
    """The scene by `angles` (3,) and `translation` (3,) of the head."""
    camera = camera_of_pose(angles[None].astype(np.float32), translation[None].astype(np.float32))[0]
    return Seen(scene.draw(camera, backdrop), camera)


def _portrait(scene: Scene, random: np.random.Generator) -> Seen:
    """A view as portraits are taken."""
    angles = np.deg2rad(random.normal(0, (7, 14, 5)))
    return _look(scene, angles, np.array([*random.normal(0, 0.15, 2), -random.uniform(1.5, 6.0)]), scene.backdrop)


def _around(scene: Scene, yaw: float, pitch: float, random: np.random.Generator) -> Seen:
    angles = np.deg2rad(np.array([pitch, yaw, 0.0]) + random.normal(0, 4, 3))
    return _look(scene, angles, np.array([0.0, 0.0, -4.5]), np.zeros((SMALL, SMALL, 3), np.float32))


def measured(scene: Scene, source: Seen) -> tuple[HeadWindow, float, Floats]:
    """The window, the distance of the head's origin, and landmarks (478, 3), pixels, as a landmarker sees them."""
    points = cube_from_head(scene.landmarks)
    focal, distance = float(source.camera[16]) * source.size, 3.0
    for _ in range(4):
        landmarks = source.pixels(points, distance)
        window = HeadWindow.of_landmarks(landmarks)
        distance /= 1 + float(window.pose.translation[2]) / focal
    landmarks = source.pixels(points, distance)
    return HeadWindow.of_landmarks(landmarks), distance, landmarks


def in_box(places: Floats, values: Array) -> tuple[Array, Array]:
    """`PLACES` of `places` (N, 3) in view coordinates that are in the box, as stored, and what belongs to them."""
    kept = np.flatnonzero((np.abs(places) <= 1).all(1))
    kept = np.resize(kept, PLACES)
    return np.round(places[kept] * STEPS).astype(np.int16), values[kept]
