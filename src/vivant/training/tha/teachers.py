"""Who shows one character's students how poses look: a full system, the packaged poser, another character's own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.compact import CompactPoser, open_compact
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS
from vivant.avatars.tha.picture import FAINTEST, linear_of_srgb, tensor_of_picture
from vivant.avatars.tha.pose import EYEBROW, FACE, ROTATION
from vivant.avatars.tha.posers import EYEBROW_BOX, FACE_BOX, SIZE, FullPoser, open_poser
from vivant.avatars.tha.student import StudentPoser
from vivant.avatars.tha.tha import COMPACT
from vivant.nn.warp import warp

Bytes = NDArray[np.uint8]


class Shown(NamedTuple):
    """What a teacher draws of some poses; colours linear, premultiplied, -1..1."""

    face: Tensor
    """(N, 4, 128, 128): the part of the drawing that face students draw, before the body moves."""
    posed: Tensor
    """(N, 4, 512, 512): the result."""
    flow: Tensor
    """(N, 2, 512, 512): where the teacher took each pixel from; 2 is a whole side."""


class Teacher(Protocol):
    """Draws one character in any pose."""

    picture: Bytes
    """(512, 512, 4) RGBA, sRGB, straight alpha: the drawing."""
    drawing: Tensor
    """(1, 4, 512, 512): the same as students see it, on the teacher's device."""

    def faces(self, poses: Tensor) -> Tensor:
        """(N, 4, 128, 128) for `poses` (N, 45)."""
        ...

    def show(self, poses: Tensor) -> Shown:
        """Everything that students learn from, for `poses` (N, 45)."""
        ...


class FullTeacher:
    """A full system as the teacher of the character in one drawing."""

    def __init__(self, poser: FullPoser, picture: Bytes, device: str = "cpu") -> None:
        """`picture` (512, 512, 4); the networks of `poser` must be on `device` already."""
        self.picture, self._poser = picture, poser
        self.drawing = tensor_of_picture(picture, premultiplied=True).to(device)
        self._image = tensor_of_picture(picture, premultiplied=poser.premultiplied).to(device)
        with torch.no_grad():
            self._layers = poser.face.decomposer(self._image[:, :, EYEBROW_BOX[0], EYEBROW_BOX[1]])

    @torch.no_grad()
    def faces(self, poses: Tensor) -> Tensor:
        """See `Teacher`: (N, 4, 128, 128)."""
        return self._premultiplied(self._with_face(poses)[:, :, FACE_ROWS, FACE_COLUMNS])

    @torch.no_grad()
    def show(self, poses: Tensor) -> Shown:
        """See `Teacher`: pictures (N, 4, 512, 512) of `poses` (N, 45)."""
        face = self._with_face(poses)
        fine, _ = self._poser.body(face, poses[:, ROTATION])
        seen = face[:, :, FACE_ROWS, FACE_COLUMNS]
        return Shown(self._premultiplied(seen), self._premultiplied(fine.picture), fine.flow)

    def _with_face(self, poses: Tensor) -> Tensor:
        """The drawings (N, 4, 512, 512) with their faces posed."""
        networks, count = self._poser.face, len(poses)
        layers = [part.expand(count, -1, -1, -1) for part in (self._layers.background, self._layers.eyebrow)]
        brows = networks.combiner(*layers, poses[:, EYEBROW]).picture
        images = self._image.repeat(count, 1, 1, 1)
        images[:, :, FACE_BOX[0], FACE_BOX[1]] = networks.morpher(
            networks.with_brows(images, brows), poses[:, FACE]
        ).picture
        return images

    def _premultiplied(self, image: Tensor) -> Tensor:
        """`image` (N, 4, H, W) premultiplied, as students and THA4 are; THA3 is not."""
        if self._poser.premultiplied:
            return image
        alpha = image[:, 3:] * 0.5 + 0.5
        return torch.cat([(image[:, :3] + 1) * alpha - 1, image[:, 3:]], 1)


class CharacterTeacher:
    """A character's own networks as the teacher: only its own drawing, but no weights of a full system are needed."""

    def __init__(self, character: Character, device: str = "cpu") -> None:
        """On the CPU the exact engine draws. Raises WeightsError where the character's weights do not fit."""
        self.picture = character.picture
        self.drawing = tensor_of_picture(character.picture, premultiplied=True).to(device)
        self._face, self._body = (network.to(device) for network in character.networks())
        self._engine = StudentPoser(character) if device == "cpu" else None

    @torch.no_grad()
    def faces(self, poses: Tensor) -> Tensor:
        """See `Teacher`: (N, 4, 128, 128)."""
        found: Tensor = self._face(poses[:, FACE_POSE])
        return found

    @torch.no_grad()
    def show(self, poses: Tensor) -> Shown:
        """See `Teacher`: pictures (N, 4, 512, 512) of `poses` (N, 45)."""
        if self._engine is not None:
            drawn = [self._engine.outputs(pose.numpy()) for pose in poses]
            parts = [(one.face, one.blended, one.flow) for one in drawn]
            return Shown(*(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True)))
        face = self.faces(poses)
        images = self.drawing.repeat(len(poses), 1, 1, 1)
        images[:, :, FACE_ROWS, FACE_COLUMNS] = face
        moved = self._body(images, poses)
        return Shown(face, moved.blended, moved.flow)


class CompactTeacher:
    """The packaged poser as the teacher of the character in one drawing: needs no download."""

    def __init__(self, poser: CompactPoser, picture: Bytes, device: str = "cpu") -> None:
        """`picture` (512, 512, 4); the poser draws on the CPU whatever the `device` of the students."""
        self.picture, self._rig = picture, poser.prepare(picture).rig
        self.drawing = tensor_of_picture(picture, premultiplied=True).to(device)

    def faces(self, poses: Tensor) -> Tensor:
        """See `Teacher`: (N, 4, 128, 128)."""
        return self._with_face(poses)[:, :, FACE_ROWS, FACE_COLUMNS]

    def show(self, poses: Tensor) -> Shown:
        """See `Teacher`: pictures (N, 4, 512, 512) of `poses` (N, 45)."""
        images = self._with_face(poses)
        pixels = np.stack([self._rig.flow(pose) for pose in poses.cpu().numpy()])
        flow = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(images) * (2 / SIZE)
        return Shown(images[:, :, FACE_ROWS, FACE_COLUMNS], warp(images, flow), flow)

    def _with_face(self, poses: Tensor) -> Tensor:
        """The drawings (N, 4, 512, 512) with their faces posed, in linear light."""
        layers = torch.from_numpy(np.stack([self._rig.draw_face(pose) for pose in poses.cpu().numpy()]))
        alpha = layers[..., 3:].clamp(0, 1)
        straight = (layers[..., :3] / alpha.clamp(min=FAINTEST)).clamp(0, 1)
        light = torch.cat([linear_of_srgb(straight) * alpha, alpha], -1)
        return (light * 2 - 1).permute(0, 3, 1, 2).contiguous().to(self.drawing.device)


def open_teacher(name: str, weights: str | Path | None, picture: Bytes, device: str = "cpu") -> Teacher:
    """The system `name` (see `open_poser`), or compact, as the teacher of the character in `picture` (512, 512, 4).

    Raises what `open_poser` raises: WeightsError, which says what to import, where the weights are missing.
    """
    if name == COMPACT:
        return CompactTeacher(open_compact(), picture, device)
    return FullTeacher(open_poser(name, weights, device=device), picture, device)
