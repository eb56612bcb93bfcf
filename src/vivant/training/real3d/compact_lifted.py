"""Examples for the packaged 3-D heads from real portraits: relief turns them, and the portrait says what was there.

Rendered heads have depth but not the skin, paint and light of photographs and paintings. A portrait that relief turns
has them: its turned picture is what the network sees, and what it should say of the face is what the portrait itself
shows there, seen from the front. Relief knows the face's depth alone, so only that is told: the face's surface, what is
before it and just behind it, and that beside the person nothing is. Hair and ears are left to the rendered heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.crop import crop_portrait, face_window
from vivant.avatars.real3d.head_window import SIDE, HeadWindow
from vivant.avatars.relief.relief import Prepared, Relief
from vivant.errors import FaceNotFoundError, SettingsError, VivantError
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.face.raster import rasterise
from vivant.face.window import Window
from vivant.media.image import PICTURES
from vivant.motion.state import FaceState
from vivant.portrait.matte import cut_out
from vivant.portrait.portrait import Portrait
from vivant.training.real3d.compact_examples import PLACES, in_box
from vivant.training.real3d.compact_shards import save_examples
from vivant.training.real3d.heads.expressions import draw_curves

Floats = NDArray[np.float32]
Array = NDArray[Any]

FACES, VIEWS = 4, 3
"""Expressions of a portrait, and pictures of each, the first of them as the portrait was taken."""
TURNS = (30.0, 12.0, 8.0)
"""Degrees of yaw, pitch and roll up to which relief turns it."""
OPPOSITE = 0.3
"""Cosine to the portrait's line of sight from which a point of the face is shown well enough to learn its colour."""
SLACK = 0.15
"""Centimetres around the surface that are told neither free nor taken: landmarks are not better than that."""
AHEAD, BEHIND = 4.0, 1.2
"""Centimetres before the face that are told to be free, and behind it that are told to be taken."""
BESIDE = 0.2
"""Share of the places that lie beside the person."""
CLEAR, SOLID = 8, 250
"""Alpha of a pixel in which nobody is, at most, and of one that is all person, at least."""
LEAST = 500
"""Points of the face that a portrait must show."""


@dataclass(frozen=True)
class Shown:
    """What a portrait shows of its face in one expression, as it was taken."""

    points: Floats
    """(Q, 3) of the surface in head centimetres."""
    colours: NDArray[np.uint8]
    """(Q, 3) sRGB."""
    ahead: Floats
    """(3,) from the face to the camera, in the head."""


def lifted_examples(portrait: Portrait, relief: Relief, random: np.random.Generator) -> list[dict[str, Array]]:
    """`FACES` times `VIEWS` pictures (S, S, 3) of `portrait`, each with the arrays of an example.

    Raises FaceNotFoundError where the face is covered.
    """
    cropped = crop_portrait(portrait, face_window(portrait))
    cut = cut_out(cropped)
    person = replace(cropped, picture=cut.picture, person=cut.alpha)
    columns, rows = cropped.size
    prepared = relief.prepare(person, Window(0, 0, columns, rows, columns, rows), cutout=True)
    made = []
    for face in range(FACES):
        curves = draw_curves(random, calm=True) if face else FaceState().curves
        shown = _shown(prepared, relief, FaceState(curves=curves), random)
        if len(shown.points) < LEAST:
            raise FaceNotFoundError(
                f"{portrait.name}: hardly anything of the face is to be seen; use a picture in which nothing covers it"
            )
        turns = random.uniform(-1, 1, (VIEWS, 3)) * np.deg2rad(TURNS)
        turns[0] = 0
        states = (FaceState(curves=curves, rotation=rotation_from_angles(*turn)) for turn in turns)
        made += [_example(prepared, relief, state, shown, random) for state in states]
    return made


def _shown(prepared: Prepared, relief: Relief, state: FaceState, random: np.random.Generator) -> Shown:
    """What the portrait shows of its face in `state`."""
    pose, shape = relief.posed(prepared, state)
    picture = relief.draw(prepared, state).pixels
    model = load_face_model()
    # Not the inside of the mouth: relief paints it.
    triangles = np.concatenate([model.triangles, model.eye_triangles]).astype(np.int32)
    points, normals = _scattered(shape, triangles, 4 * PLACES, random)
    column, row, depth = _pixels(pose, points).T
    rows, columns = picture.shape[:2]
    at = np.clip(row.astype(int), 0, rows - 1), np.clip(column.astype(int), 0, columns - 1)
    nearest = rasterise(_pixels(pose, shape), triangles, shape, rows, columns).depth[at]
    ahead = pose.rotation[2]
    seen = (normals @ ahead > OPPOSITE) & (depth > nearest - SLACK * pose.scale) & (picture[at][:, 3] >= SOLID)
    seen &= (row == np.clip(row, 0, rows - 1)) & (column == np.clip(column, 0, columns - 1))
    return Shown(points[seen], picture[at][seen, :3], ahead)


def _pixels(pose: HeadPose, points: Floats) -> Floats:
    """`points` (N, 3) of the head in pixels of the picture, the third one larger where they are nearer."""
    return np.asarray(pose.picture_from_head(points) * np.array([1, 1, -1], np.float32), np.float32)


def _scattered(
    shape: Floats, triangles: NDArray[np.int32], count: int, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """`count` points (N, 3), as many everywhere, of the mesh `shape` (478, 3), and their outward normals (N, 3)."""
    a, b, c = (shape[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    area = np.linalg.norm(normals, axis=1)
    chosen = random.choice(len(triangles), count, p=area / area.sum())
    u, v = random.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]
    outward = normals / np.maximum(area[:, None], 1e-9)
    outward *= np.sign(outward[:, 2:] + 1e-9)  # a face looks ahead
    return points.astype(np.float32), outward[chosen].astype(np.float32)


def _example(
    prepared: Prepared, relief: Relief, state: FaceState, shown: Shown, random: np.random.Generator
) -> dict[str, Array]:
    """The picture (S, S, 3) in `state`, with the places (P, 3) and the surface (P, 3) that `shown` knows."""
    pose, shape = relief.posed(prepared, state)
    drawn = relief.draw(prepared, state).pixels
    landmarks = pose.picture_from_head(shape)
    window = HeadWindow.of_landmarks(landmarks)
    picture, inside = window.cut(drawn), window.cut(np.full(drawn.shape[:2], 255, np.uint8))

    def stored(points: Floats, values: Array) -> tuple[Array, Array]:
        return in_box(window.view_of(pose.picture_from_head(points)), values)

    distance = random.uniform((SLACK, -BEHIND), (AHEAD, -SLACK), (len(shown.points), 2)).astype(np.float32)
    near = np.concatenate([shown.points + part[:, None] * shown.ahead for part in distance.T])
    taken = np.repeat(np.array([0, 1], np.uint8), len(shown.points))
    shuffled = random.permutation(len(near))
    places, taken = stored(near[shuffled], taken[shuffled])
    beside, free = _beside(picture[..., 3], inside, random)
    places[: len(beside)], taken[: len(beside)] = beside, free
    order = random.permutation(len(shown.points))
    surface, colour = stored(shown.points[order], shown.colours[order])
    return {
        "picture": np.ascontiguousarray(picture[..., :3]),
        "mask": np.ascontiguousarray(picture[..., 3]),
        "inside": inside,
        "landmarks": window.to_window(landmarks),
        "places": places,
        "taken": taken,
        "surface": surface,
        "colour": colour,
    }


def _beside(mask: NDArray[np.uint8], inside: NDArray[np.uint8], random: np.random.Generator) -> tuple[Array, Array]:
    """Places (N, 3), as stored, where a window of `mask` and `inside` (S, S) shows nobody, and 0 for each of them."""
    person = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    row, column = np.nonzero((person < CLEAR) & (inside == 255))
    if not len(row):
        return np.zeros((0, 3), np.int16), np.zeros(0, np.uint8)
    count = round(BESIDE * PLACES)
    chosen = random.integers(len(row), size=count)
    across, down = ((part[chosen] + random.random(count)) / (SIDE / 2) - 1 for part in (column, row))
    places = np.column_stack([across, -down, random.uniform(-1, 1, count)]).astype(np.float32)
    found, free = in_box(places, np.zeros(count, np.uint8))
    return found[:count], free[:count]


def lift_portraits(pictures: Path, folder: Path, seed: int) -> Iterator[tuple[Path, str]]:
    """Lift every picture of the folder `pictures` into `folder`, one shard each; those that are there are kept.

    Yields each picture and why it cannot be used, or "". Raises SettingsError where no picture can.
    """
    found = picture_files(pictures)
    folder.mkdir(parents=True, exist_ok=True)
    relief, lifted = Relief(), 0
    for number, picture in enumerate(found, 1):
        path = folder / f"portrait_{seed}_{picture.stem}_{picture.suffix[1:]}.safetensors"
        problem = "" if path.exists() else _lift(picture, path, relief, number, seed)
        lifted += not problem
        yield picture, problem
    if not lifted:
        raise SettingsError(f"{pictures}: none of {len(found)} pictures shows a face that can be lifted")


def picture_files(folder: Path) -> Sequence[Path]:
    """The pictures in `folder`, by name; raises SettingsError where there are none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not found:
        raise SettingsError(f"{folder}: no folder with pictures ({' '.join(PICTURES)})")
    return found


def _lift(picture: Path, path: Path, relief: Relief, number: int, seed: int) -> str:
    """Make the shard `path` of `picture`; why it could not be made, or ""."""
    from vivant.portrait.open import open_portrait

    try:
        portrait = open_portrait(picture)
        if problems := [note.what for note in portrait.notes if note.level == "problem"]:
            return f"{picture}: {problems[0]}"
        examples = lifted_examples(portrait, relief, np.random.default_rng([seed, number]))
    except VivantError as error:
        return str(error)
    save_examples(path, examples, number, lifted=True)
    return ""
