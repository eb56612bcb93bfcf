"""Pairs of frames of real clips, prepared as the published pipeline leaves them (real3d 14.1).

    gt_imgs, segmaps, head_imgs, inpaint_torso_imgs, com_imgs    one folder for each clip, one PNG for each frame
    bg_img/CLIP.jpg                                               the clip's background
    lms_2d/CLIP_lms.npy                                           (T, >= 68, 2 or more) pixels, 68 or MediaPipe's 478
    coeff_fit_mp/CLIP_coeff_fit_mp.npz                            id (80) or (T, 80), exp (T, 64), euler, trans (T, 3)

The published fits are pickled and are not read: save them once more by `numpy.savez`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.keypoints import keypoints_of_fit
from vivant.errors import SettingsError
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.fit_3dmm import FaceFit
from vivant.face.ibug import OUTER_LIPS
from vivant.face.pncc import code_image
from vivant.media.image import read_image
from vivant.portrait.classes import COLOURS, FACE_SKIN, HAIR, OTHER
from vivant.training.real3d.head_pairs import bent_lids, body_of, class_map, mask_of, picture_of
from vivant.training.real3d.samples import Pair, Surroundings, View

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

FITS, POINTS = "coeff_fit_mp", "lms_2d"
VALIDATION = 100
FURTHEST = 50
"""Frames between the two of a pair, at least, where the clip is long enough."""
MOVED = 0.01
"""Spread of the identity and expression of a face that is nearly the same."""


@dataclass(frozen=True)
class Clip:
    """A clip of T frames."""

    folder: Path
    """Of all clips."""
    name: str
    frames: tuple[str, ...]
    """Names of the pictures, the same in every folder."""

    @cached_property
    def fit(self) -> dict[str, Floats]:
        """id (T, 80), exp (T, 64), euler (T, 3), trans (T, 3)."""
        path = self.folder / FITS / f"{self.name}_{FITS}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: np.asarray(file[name], np.float32) for name in ("id", "exp", "euler", "trans")}
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(f"{path}: no fit with id, exp, euler and trans ({error}); make it again") from error
        count = len(self.frames)
        wide = {"id": 80, "exp": 64, "euler": 3, "trans": 3}
        found["id"] = (
            np.broadcast_to(found["id"].reshape(-1, 80), (count, 80)) if found["id"].size == 80 else found["id"]
        )
        wrong = [name for name, width in wide.items() if found[name].shape != (count, width)]
        if wrong or not all(np.isfinite(array).all() for array in found.values()):
            raise SettingsError(f"{path}: {wrong or 'a number'} does not fit {count} frames; make the fit again")
        return found

    @cached_property
    def lips(self) -> Floats:
        """(T, 12, 2) the outer lips in pixels of the pictures as they are on disk."""
        path = self.folder / POINTS / f"{self.name}_lms.npy"
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: no landmarks ({error}); make them again") from error
        if found.ndim != 3 or len(found) != len(self.frames) or found.shape[1] not in (68, 468, 478):
            raise SettingsError(f"{path}: {found.shape} are no landmarks of {len(self.frames)} frames")
        chosen = list(OUTER_LIPS.values() if found.shape[1] > 68 else OUTER_LIPS)
        return np.asarray(found[:, chosen, :2], np.float32)

    def read(self, kind: str, frame: int) -> Bytes:
        """RGBA (H, W, 4) of one of the folders."""
        return read_image(self.folder / kind / self.name / self.frames[frame]).pixels

    def classes(self, frame: int) -> Bytes:
        """(H, W) 0..5 of a map in colours; each pixel counts for the nearest colour."""
        seen = self.read("segmaps", frame)[..., :3].astype(np.int32)
        far = ((seen[..., None, :] - COLOURS.astype(np.int32)) ** 2).sum(-1)
        return np.asarray(far.argmin(-1), np.uint8)


@dataclass(frozen=True)
class ClipPairs:
    """Draws pairs of frames."""

    clips: list[Clip]
    size: int
    mesh: BaselMesh | None = None
    """Draws code images and key points; None where they are not wanted."""
    torso: bool = False
    """Whether torso and background are wanted."""

    def pair(self, random: np.random.Generator, *, test: bool = False) -> Pair:
        """Two frames, far from each other where the clip allows it."""
        held_out = range(0, len(self.clips), VALIDATION)
        learnt = [row for row in range(len(self.clips)) if row not in held_out] or list(held_out)
        clip = self.clips[int(random.choice(held_out if test else learnt))]
        first = int(random.integers(len(clip.frames)))
        second = int(random.choice(far_frames(len(clip.frames), first)))
        reference, target = (self._view(clip, frame, random) for frame in (first, second))
        if self.mesh is None:
            return Pair(reference, target)
        who, face = clip.fit["id"][first], clip.fit["exp"][second]
        bytes_ = ((self._code(who, face) + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)
        rest = torch.from_numpy(self._code(who, np.zeros_like(face)))[None]
        around = surroundings(clip, first, second, self.size, self.mesh) if self.torso else None
        return Pair(reference, target, rest, bent_lids(bytes_, random), around)

    def _view(self, clip: Clip, frame: int, random: np.random.Generator) -> View:
        picture = clip.read("com_imgs" if self.torso else "gt_imgs", frame)[..., :3]
        head = np.isin(clip.classes(frame), (HAIR, FACE_SKIN, OTHER)).astype(np.uint8) * np.uint8(255)
        fit, one = clip.fit, slice(frame, frame + 1)
        who, face, code, near = fit["id"][frame], fit["exp"][frame], None, None
        if self.mesh is not None:
            drawn = (self._code(who, face), self._code(_about(who, random), _about(face, random)))
            code, near = (torch.from_numpy(image)[None] for image in drawn)
        return View(
            picture_of(picture, self.size),
            picture_of(opaque(clip.read("head_imgs", frame)), self.size),
            mask_of(head, self.size),
            torch.from_numpy(camera_of_pose(fit["euler"][one], fit["trans"][one])),
            code,
            near,
            torch.from_numpy(clip.lips[one] * np.float32(self.size / len(picture))),
        )

    def _code(self, identity: Floats, expression: Floats) -> Floats:
        """Code image (3, size, size) of a face that looks straight ahead."""
        mesh: BaselMesh = self.mesh  # type: ignore[assignment]
        vertices = mesh.face.mean + mesh.face.identity @ identity + mesh.face.expression @ expression
        return code_image(vertices, mesh.code_mesh, self.size)


def surroundings(clip: Clip, reference: int, target: int, size: int, mesh: BaselMesh) -> Surroundings:
    """What the torso's networks are told of two frames."""
    torso = picture_of(opaque(clip.read("inpaint_torso_imgs", reference)), size)
    behind = picture_of(read_image(clip.folder / "bg_img" / f"{clip.name}.jpg").pixels[..., :3], size)
    here, there = (class_map(clip.classes(frame), size) for frame in (reference, target))
    fit, rows = clip.fit, [reference, target]
    face = FaceFit(fit["id"][rows[:1]], fit["exp"][rows], fit["euler"][rows], fit["trans"][rows])
    source, end = torch.from_numpy(keypoints_of_fit(face, mesh))[:, None]
    return Surroundings(torso, behind, here, body_of(there), source, end)


def opaque(pixels: Bytes) -> Bytes:
    """(H, W, 3) of RGBA, black where nothing is."""
    return np.asarray(np.where(pixels[..., 3:] > 0, pixels[..., :3], np.uint8(0)))


def cameras_of(clips: list[Clip]) -> Tensor:
    """Cameras (M, 25) of all frames of `clips`."""
    fits = [clip.fit for clip in clips]
    return torch.from_numpy(np.concatenate([camera_of_pose(fit["euler"], fit["trans"]) for fit in fits]))


def far_frames(count: int, frame: int) -> NDArray[np.int64]:
    """Those (N,) of `count` frames that are far enough from `frame` to be paired with it."""
    apart = np.abs(np.arange(count) - frame)
    return np.flatnonzero(apart >= min(FURTHEST, max((count - 1 - frame) / 2, frame / 2)))


def open_clips(folder: Path, *, torso: bool = False) -> list[Clip]:
    """The clips in `folder`, by name. Raises SettingsError where there are none, or pictures are missing."""
    clips = []
    for place in sorted((folder / "gt_imgs").glob("*")):
        frames = tuple(sorted(path.name for path in place.glob("*.png")))
        if len(frames) > 1:
            clips.append(Clip(folder, place.name, frames))
    if not clips:
        raise SettingsError(f"{folder}: no clips; it must have gt_imgs/CLIP/*.png and what belongs to them")
    for kind in ("segmaps", "head_imgs", *(("com_imgs", "inpaint_torso_imgs") if torso else ())):
        if not (folder / kind / clips[0].name / clips[0].frames[0]).is_file():
            raise SettingsError(f"{folder / kind}: no pictures of {clips[0].name}; prepare the clips again")
    return clips


def _about(values: Floats, random: np.random.Generator) -> Floats:
    """`values` (...) a little off."""
    return values + random.normal(0, MOVED, values.shape).astype(np.float32)
