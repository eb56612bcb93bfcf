"""How near students are to their teacher, on poses that they never learnt from; and a picture of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_POSE, FaceStudent
from vivant.avatars.tha.picture import FAINTEST, srgb_of_linear
from vivant.avatars.tha.student import StudentPoser
from vivant.media.image import write_image
from vivant.training.tha.fast import blended, squares_of
from vivant.training.tha.pool import SIDE, Pool, decoded
from vivant.training.tha.tiles import body_at, taken

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SQUARE = 16
SQUARES = 64
"""Squares of each picture that are compared during training, 1/16 of it."""
CELL = 192
"""Pixels of a picture of the preview."""
SHOWN = 6
TIMES = 4
"""By how much the preview's differences are enlarged."""


@torch.no_grad()
def body_decibels(student: BodyStudent, pool: Pool, drawing: Tensor) -> float:
    """Mean PSNR of the body on a `drawing` (512, 512, 4) with the teacher's faces, by the same random squares."""
    random = np.random.default_rng(0)
    found = []
    for place in range(len(pool)):
        corners = torch.from_numpy(random.integers(SIDE // SQUARE, size=(SQUARES, 2)) * SQUARE).to(drawing.device)
        which = torch.full((SQUARES,), place, device=drawing.device)
        motion = body_at(student, corners, SQUARE, pool.poses[which])
        drawn = blended(motion, taken(drawing, pool.faces, which, corners, motion[..., :2]))
        found.append(decibels(drawn, squares_of(pool.posed, which, corners, SQUARE)))
    return float(np.mean(found))


@torch.no_grad()
def face_decibels(student: FaceStudent, pool: Pool) -> float:
    """Mean PSNR of faces."""
    faces = [student(pose[None, FACE_POSE])[0].permute(1, 2, 0) for pose in pool.poses]
    return float(np.mean([decibels(face, wanted) for face, wanted in zip(faces, pool.faces, strict=True)]))


def whole_decibels(character: Character, pool: Pool) -> tuple[float, float]:
    """Mean and least PSNR of the character's whole pictures, drawn by the exact engine."""
    poser = StudentPoser(character)
    found = [
        decibels(torch.from_numpy(poser.outputs(pose.cpu().numpy()).blended).permute(1, 2, 0), posed.cpu())
        for pose, posed in zip(pool.poses, pool.posed, strict=True)
    ]
    return float(np.mean(found)), float(np.min(found))


def decibels(colours: Tensor, wanted: Tensor) -> float:
    """PSNR of linear premultiplied `colours` (..., 4) in -1..1 against the bytes of a pool.

    Compared is what is seen: sRGB times alpha beside alpha, as of the pictures that are written.
    """
    error = (shown(colours) - shown(decoded(wanted))).square().mean()
    return float(-10 * torch.log10(error.clamp(min=1e-10)))


def shown(colours: Tensor) -> Tensor:
    """sRGB times alpha, and alpha, (..., 4) in 0..1 of linear premultiplied `colours` (..., 4) in -1..1."""
    light = (colours * 0.5 + 0.5).clamp(0, 1)
    alpha = light[..., 3:]
    straight = (light[..., :3] / alpha.clamp(min=FAINTEST)).clamp(max=1)
    return torch.cat([srgb_of_linear(straight) * alpha, alpha], -1)


def write_preview(path: Path, character: Character, pool: Pool) -> None:
    """A sheet of some poses: the teacher above, the students, and what is different, enlarged four times."""
    poser = StudentPoser(character)
    rows: list[list[Bytes]] = [[], [], []]
    for pose, posed in zip(pool.poses[:SHOWN], pool.posed[:SHOWN], strict=True):
        wanted = _over_grey(shown(decoded(posed.cpu())))
        colours = torch.from_numpy(poser.outputs(pose.cpu().numpy()).blended).permute(1, 2, 0)
        found = _over_grey(shown(colours))
        for row, cell in zip(rows, (wanted, found, np.abs(found - wanted) * TIMES), strict=True):
            row.append(_cell(cell))
    write_image(path, np.vstack([np.hstack(row) for row in rows]))


def _over_grey(picture: Tensor) -> Floats:
    """(H, W, 3) of a `picture` (H, W, 4) that is multiplied by alpha, all 0..1."""
    return np.asarray((picture[..., :3] + 0.5 * (1 - picture[..., 3:])).numpy(), np.float32)


def _cell(picture: Floats) -> Bytes:
    """`picture` (H, W, 4) in 0..1 as a small square."""
    small = cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small * 255 + 0.5, 0, 255), np.uint8)
