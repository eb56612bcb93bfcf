"""A teacher for tests that draws at once: a disc that shifts with the head and whose face brightens with the mouth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS
from vivant.avatars.tha.picture import tensor_of_picture
from vivant.avatars.tha.pose import INDEX
from vivant.nn.warp import warp
from vivant.training.tha.teachers import Shown

SHIFT = 0.04
"""Sides of the picture by which a full head_y moves everything to the left."""


class DiscTeacher:
    """See `vivant.training.tha.teachers.Teacher`."""

    def __init__(self) -> None:
        row, column = np.mgrid[0:512, 0:512]
        inside = 255 * (np.hypot(row - 256, column - 256) < 180)
        self.picture = np.stack([row // 2, column // 2, np.full_like(row, 90), inside], axis=2).astype(np.uint8)
        self.drawing = tensor_of_picture(self.picture, premultiplied=True)
        self.drawn = 0
        """Poses that were asked for."""

    def faces(self, poses: Tensor) -> Tensor:
        brighter = 0.5 * poses[:, INDEX["mouth_aaa"], None, None, None]
        face = self.drawing[:, :, FACE_ROWS, FACE_COLUMNS]
        colour = face[:, :3] + brighter * (1 - face[:, :3])
        return torch.cat([colour, face[:, 3:].expand(len(poses), -1, -1, -1)], 1)

    def show(self, poses: Tensor) -> Shown:
        self.drawn += len(poses)
        images = self.drawing.repeat(len(poses), 1, 1, 1)
        images[:, :, FACE_ROWS, FACE_COLUMNS] = self.faces(poses)
        flow = torch.zeros(len(poses), 2, 512, 512)
        flow[:, 0] = 2 * SHIFT * poses[:, INDEX["head_y"], None, None]
        return Shown(images[:, :, FACE_ROWS, FACE_COLUMNS], warp(images, flow), flow)
