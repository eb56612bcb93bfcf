"""A data set of rendered heads: some faces of each person, each from several sides, one shard for each person.

The shards are those of `vivant.training.real3d.shards`, with these arrays beside:

    curves     (F, 52)       float32  0..1, of the faces of the shard
    points     (F + 1, 478, 3) float32  MediaPipe's landmarks of every face in the cube; the last is the face at rest
    pose       (V, 6)        float32  head angles about x, y, z in radians and translation in decimetres (real3d 5)
    depth      (V, 64, 64)   float16  along the camera's axis in the cube's units; 10 where there is nothing
    identity   (1, 100)      float32  standard deviations of ICT-FaceKit

`heads.json` beside them says how they were made. The same seed and settings give the same pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.errors import SettingsError
from vivant.face.ict import IctHead
from vivant.face.pncc import CodeMesh, code_image, coordinate_colours
from vivant.face.pose import rotation_from_angles
from vivant.progress import Progress, no_progress
from vivant.training.real3d.heads.backdrop import draw_backdrop
from vivant.training.real3d.heads.body import Body, open_body
from vivant.training.real3d.heads.camera import cube_from_head, draw_poses, face_from_head, project
from vivant.training.real3d.heads.draw import Drawn, Lit, draw, encode, light_up, only
from vivant.training.real3d.heads.expressions import draw_curves
from vivant.training.real3d.heads.light import draw_light
from vivant.training.real3d.heads.mesh import BODY_CLASS, CLOTHES_CLASS
from vivant.training.real3d.heads.person import Person, draw_person, scene
from vivant.training.real3d.shards import save_shard

Floats = NDArray[np.float32]
Array = NDArray[Any]

INDEX = "heads.json"
DEPTH_SIDE = 64
NARROW_POLYGONS, NARROW_VERTICES = 6560, 6706
"""The front of the face without ears and neck, first in ICT-FaceKit's lists; eyes and mouth are holes in it."""
MOVED = 0.01
"""Spread of identity and curves of a face that is nearly the same."""


@dataclass(frozen=True)
class HeadSettings:
    """What is rendered of every person."""

    size: int = 256
    """Pixels a side."""
    faces: int = 3
    """Expressions of a person; the first is calm, as in portraits, each in its own light."""
    views: int = 4
    """Cameras of each expression; the first is near the front."""
    torso: bool = True
    """Whether neck and clothes are rendered without the head as well, and the background without the person."""

    def __post_init__(self) -> None:
        if not 64 <= self.size <= 1024 or self.size % DEPTH_SIDE:
            raise SettingsError(f"pictures of {self.size} pixels a side; give a multiple of 64 from 64 to 1024")
        if self.faces < 1 or self.views < 2:
            raise SettingsError(f"{self.faces} faces and {self.views} views; give 1 face or more, 2 views or more")


def prepare_heads(
    folder: Path,
    count: int,
    seed: int,
    *,
    model: IctHead,
    settings: HeadSettings = HeadSettings(),
    processes: int = 1,
    progress: Progress = no_progress,
) -> list[Path]:
    """Render `count` people into `folder`, one shard each; those that are there are kept. Gives the shards.

    Raises SettingsError where the folder holds heads of another seed or settings.
    """
    if count < 1 or processes < 1:
        raise SettingsError(f"{count} heads by {processes} processes; give 1 or more of each")
    folder.mkdir(parents=True, exist_ok=True)
    _check_index(folder, seed, settings)
    paths = [folder / f"head_{number:06}.safetensors" for number in range(count)]
    missing = [number for number, path in enumerate(paths) if not path.is_file()]
    _write_index(folder, seed, settings, count)
    done = count - len(missing)
    progress(done, count)
    for _ in _rendered(folder, missing, seed, (model, settings, processes)):
        done += 1
        progress(done, count)
    return paths


def render_head(model: IctHead, body: Body, settings: HeadSettings, rng: np.random.Generator) -> dict[str, Array]:
    """The arrays (V, ...) of the shard of one random person, but for `head`."""
    person = draw_person(model, body, rng)
    views: list[dict[str, Array]] = []
    curves = np.zeros((settings.faces, 52), np.float32)
    for face in range(settings.faces):
        curves[face] = draw_curves(rng, calm=face == 0)
        lit = _posed(person, model, body, curves[face], rng)
        seen = model.express(person.neutral, curves[face])
        views += [{**view, "face": np.array(face, np.int32)} for view in _views(lit, seen[model.ibug], settings, rng)]
    arrays = {name: np.stack([view[name] for view in views]) for name in views[0]}
    faces = [model.express(person.neutral, row) for row in (*curves, np.zeros(52, np.float32))]
    near = [_nearly(model, person, row, rng) for row in curves]
    return {
        **arrays,
        "rest": np.full(len(views), settings.faces, np.int32),
        "near": (arrays["face"] + settings.faces + 1).astype(np.int32),
        "code": np.stack([code_of(model, points, settings.size) for points in (*faces, *near)]),
        "curves": curves,
        "points": np.stack([cube_from_head(model.landmarks(points)) for points in faces]),
        "identity": person.identity[None],
    }


def code_of(model: IctHead, points: Floats, size: int) -> NDArray[np.uint8]:
    """The code image (size, size, 3) of a head with `points` (26719, 3) at pose zero; 0 where no face is."""
    image = code_image(face_from_head(points[:NARROW_VERTICES]), _code_mesh(model), size)
    return np.asarray(((image + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0))


def _posed(person: Person, model: IctHead, body: Body, curves: Floats, rng: np.random.Generator) -> Lit:
    """The person with the face of `curves` (52,), bent and lit by chance."""
    bend = rotation_from_angles(*np.deg2rad(rng.normal(0, (9, 4, 3))).tolist())
    return light_up(scene(person, model, body, curves, bend), person.look, draw_light(rng))


def _views(lit: Lit, marks: Floats, settings: HeadSettings, rng: np.random.Generator) -> Iterator[dict[str, Array]]:
    """What cameras see of one face with the `marks` (68, 3), before one background."""
    backdrop = draw_backdrop(rng, settings.size)
    trunk = only(lit, (BODY_CLASS, CLOTHES_CLASS)) if settings.torso else None
    poses = draw_poses(rng, settings.views)
    for pose, camera in zip(poses, camera_of_pose(poses[:, :3], poses[:, 3:]), strict=True):
        drawn = draw(lit, camera, backdrop)
        view = _view(drawn, camera, pose, project(cube_from_head(marks), camera, settings.size)[:, :2])
        if trunk is not None:
            view["torso"] = draw(trunk, camera, np.zeros_like(backdrop)).picture
            view["background"] = encode(backdrop)
        yield view


def _view(drawn: Drawn, camera: Floats, pose: Floats, marks: Floats) -> dict[str, Array]:
    """The arrays of one view with the `marks` (68, 2) in pixels."""
    step = len(drawn.depth) // DEPTH_SIDE
    return {
        "picture": drawn.picture,
        "classes": drawn.classes,
        "share": drawn.head,
        "camera": camera,
        "pose": pose,
        "landmarks": marks,
        "depth": drawn.depth[step // 2 :: step, step // 2 :: step].astype(np.float16),
    }


def _nearly(model: IctHead, person: Person, curves: Floats, rng: np.random.Generator) -> Floats:
    """Points (V, 3) of a face whose identity and expression differ a little from the person's."""
    moved = rng.normal(0, MOVED, len(person.identity)).astype(np.float32)
    shifted = np.clip(curves + rng.normal(0, MOVED, len(curves)), 0, 1).astype(np.float32)
    return model.express(model.person(person.identity + moved), shifted)


def _code_mesh(model: IctHead) -> CodeMesh:
    quads = model.polygons[:NARROW_POLYGONS]
    fourth = quads[quads[:, 3] >= 0]
    triangles = np.concatenate([quads[:, :3], fourth[:, [0, 2, 3]]]).astype(np.int32)
    return CodeMesh(coordinate_colours(model.neutral[:NARROW_VERTICES]), triangles)


def _rendered(folder: Path, numbers: list[int], seed: int, how: tuple[IctHead, HeadSettings, int]) -> Iterator[int]:
    """Render the people `numbers`, in this process or in several."""
    model, settings, processes = how
    if processes == 1 or len(numbers) < 2:
        body = open_body(model)
        for number in numbers:
            _render_one(folder, number, seed, (model, body, settings))
            yield number
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start, (model,)) as pool:
        jobs = [pool.submit(_render_there, folder, number, seed, settings) for number in numbers]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _render_one(folder: Path, number: int, seed: int, how: tuple[IctHead, Body, HeadSettings]) -> None:
    model, body, settings = how
    arrays = render_head(model, body, settings, np.random.default_rng([seed, number]))
    arrays["head"] = np.full(len(arrays["face"]), number, np.int32)
    save_shard(folder / f"head_{number:06}.safetensors", arrays)


_WORKER: dict[str, Any] = {}


def _start(model: IctHead) -> None:
    _WORKER["model"] = model


def _render_there(folder: Path, number: int, seed: int, settings: HeadSettings) -> int:
    _render_one(folder, number, seed, (_WORKER["model"], open_body(_WORKER["model"]), settings))
    return number


def _check_index(folder: Path, seed: int, settings: HeadSettings) -> None:
    path = folder / INDEX
    if not path.is_file():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = (found["seed"], found["settings"]) == (seed, asdict(settings))
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{path}: damaged; delete the folder {folder} to begin again") from None
    if not same and any(folder.glob("head_*.safetensors")):
        raise SettingsError(f"{folder} holds heads of another seed or settings; delete it, or name another folder")


def _write_index(folder: Path, seed: int, settings: HeadSettings, count: int) -> None:
    partial = folder / f".{INDEX}.part"
    told = {"format": "vivant-heads-1", "seed": seed, "count": count, "settings": asdict(settings)}
    partial.write_text(json.dumps(told, indent=1), encoding="utf-8")
    os.replace(partial, folder / INDEX)
