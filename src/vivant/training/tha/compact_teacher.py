"""The packaged poser as the teacher of a student: a character of its own without any download."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.tha.compact import CompactPoser
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS
from vivant.avatars.tha.picture import linear_of_srgb, tensor_of_picture
from vivant.avatars.tha.posers import SIZE
from vivant.training.tha.teachers import Shown

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class CompactTeacher:
    """A `vivant.training.tha.teachers.Teacher`; it draws on the processor, whatever the device of its results."""

    def __init__(self, poser: CompactPoser, picture: Bytes, device: str = "cpu") -> None:
        """`picture` (512, 512, 4) is the drawing; raises ValueError for another size."""
        self.picture = picture
        self.drawing = tensor_of_picture(picture, premultiplied=True).to(device)
        self._rig = poser.prepare(picture).rig

    def faces(self, poses: Tensor) -> Tensor:
        """See `Teacher`: (N, 4, 128, 128)."""
        return self._each(self._face, poses)[:, :, FACE_ROWS, FACE_COLUMNS]

    def show(self, poses: Tensor) -> Shown:
        """See `Teacher`: pictures (N, 4, 512, 512) of `poses` (N, 45)."""
        flows = [self._rig.flow(pose) * np.float32(2 / SIZE) for pose in poses.cpu().numpy()]
        flow = torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).to(poses.device)
        return Shown(self.faces(poses), self._each(self._rig.draw, poses), flow)

    def _face(self, pose: Floats) -> Floats:
        """The drawing (512, 512, 4) with its face in `pose` (45,)."""
        return self._rig.draw_face(pose)

    def _each(self, draw: Callable[[Floats], Floats], poses: Tensor) -> Tensor:
        """(N, 4, 512, 512) linear, premultiplied, -1..1, of premultiplied sRGB pictures that `draw` makes."""
        layers = torch.from_numpy(np.stack([draw(pose) for pose in poses.cpu().numpy()])).permute(0, 3, 1, 2)
        colour, alpha = layers[:, :3], layers[:, 3:].clamp(0, 1)
        straight = torch.where(alpha > 0, colour / alpha.clamp(min=1e-6), torch.zeros_like(colour)).clamp(0, 1)
        image = torch.cat([linear_of_srgb(straight) * alpha, alpha], dim=1) * 2 - 1
        return image.to(poses.device)
