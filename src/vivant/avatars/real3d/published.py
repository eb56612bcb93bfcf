"""Real3D-Portrait as published: its networks around a fitted Basel face, one portrait and one state at a time.

What the networks want of a state:

    code image     the face model with the portrait's identity and the state's expression, closed lids painted in
    camera         where the head is seen from; the field stands still
    key points     68 places in the picture that the torso follows
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.crop import CropSettings
from vivant.avatars.real3d.expression import ExpressionMap, expression_of_state, prepare_expression
from vivant.avatars.real3d.head_pose import RestPose, pose_of_state, prepare_pose
from vivant.avatars.real3d.keypoints import keypoints_of_fit
from vivant.avatars.real3d.memory import enough_memory
from vivant.avatars.real3d.networks.generator import Drawn, Generator, Person
from vivant.avatars.real3d.networks.super_resolution import THRESHOLD
from vivant.avatars.real3d.volume import VolumeSettings
from vivant.face.arkit import INDEX
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.blink_edit import close_eyes
from vivant.face.fit_3dmm import FaceFit, fit_picture
from vivant.face.pncc import code_image

if TYPE_CHECKING:
    from vivant.avatars.real3d.mesh import HeadMesh
    from vivant.avatars.real3d.prepare import Filling, Layers
    from vivant.motion.state import FaceState

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BLINKS = (INDEX["eyeBlinkRight"], INDEX["eyeBlinkLeft"])
CLASSES = 6
MIDDLE = 127.5


@dataclass(frozen=True)
class Head:
    """A portrait, ready to be drawn."""

    person: Person
    fit: FaceFit
    neutral: Floats
    """(V, 3) decimetres: the face model with the portrait's identity."""
    rest: RestPose


class PublishedPainter:
    """Draws heads by the released networks."""

    sides, face_share = (512, 512), CropSettings.least_face
    filling: Filling = "texture"

    def __init__(self, network: Generator, mesh: BaselMesh, threshold: float = THRESHOLD, tiles: int = 1) -> None:
        """`network` is ready to draw, as `quickened` makes it of so many `tiles`.

        `threshold`: from which weight on no background shines through the head. Where memory runs out, `prepare`,
        `draw` and `mesh` raise SettingsError.
        """
        self.network, self.basel, self.threshold, self.tiles = network, mesh, threshold, tiles
        self.device = next(network.parameters()).device
        self.volume = VolumeSettings(chunk=-(-(VolumeSettings.size**2) // tiles))
        self.expression: ExpressionMap = prepare_expression(mesh)

    @torch.inference_mode()
    def prepare(self, layers: Layers) -> Head:
        """Everything that frames share; the fit raises FaceNotFoundError."""
        fit = fit_picture(layers.portrait.landmarks, layers.picture.shape[0], self.basel)
        neutral, own = self.basel.face.neutral(fit.identity[0]), fit.expression[0]
        head, torso, background = (
            tensor_of_picture(picture).to(self.device) for picture in (layers.head, layers.torso, layers.background)
        )
        with enough_memory(self.tiles):
            person = self.network.meet(
                head,
                (self._code(neutral, np.zeros_like(own)), self._code(neutral, own)),
                (torso, background, tensor_of_classes(layers.classes).to(self.device)),
                torch.from_numpy(keypoints_of_fit(fit, self.basel)).to(self.device),
            )
        return Head(person, fit, neutral, prepare_pose(fit, self.basel))

    @torch.inference_mode()
    def draw(self, head: Head, state: FaceState, *, alone: bool = False) -> Bytes:
        """The frame (512, 512, 4) RGBA, sRGB; alpha: how much of a pixel is the person's.

        At outlines the networks mix the background in, though the person is asked for `alone`.
        """
        with enough_memory(self.tiles):
            drawn = self.drawn(head, state)
            colours = (drawn.frame[0].clamp(-1, 1) + 1) * MIDDLE
            alpha = torch.nn.functional.interpolate(drawn.person, colours.shape[1:], mode="bilinear")[0] * 255
            return picture_of_tensor(torch.cat((colours, alpha)))

    def drawn(self, head: Head, state: FaceState) -> Drawn:
        """The frame as the networks give it, with what it is made from."""
        fit = head.fit
        euler, translation = pose_of_state(state, head.rest)
        expression = fit.expression[0] + expression_of_state(state, self.expression)
        moved = FaceFit(fit.identity, expression[None], euler[None], translation[None])
        right, left = (float(state.curves[place]) for place in BLINKS)
        return self.network.draw(
            head.person,
            self._code(head.neutral, expression, (right, left)),
            torch.from_numpy(camera_of_pose(euler[None], translation[None])).to(self.device),
            torch.from_numpy(keypoints_of_fit(moved, self.basel)).to(self.device),
            threshold=self.threshold,
            settings=self.volume,
        )

    @torch.inference_mode()
    def mesh(self, head: Head) -> HeadMesh:
        """The head with the expression of its picture; raises what `head_mesh` raises."""
        from vivant.avatars.real3d.mesh import head_mesh

        code = self._code(head.neutral, head.fit.expression[0])
        with enough_memory(self.tiles):
            planes = self.network.moved(head.person, code)
            return head_mesh(planes.cpu(), copy.deepcopy(self.network.decoder).cpu())

    def _code(self, neutral: Floats, expression: Floats, closed: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        """The code image (1, 3, H, W) of an `expression` (64,)."""
        code = code_image(self.basel.face.expressed(neutral, expression), self.basel.code_mesh)
        return torch.from_numpy(close_eyes(code, *closed))[None].to(self.device)


def tensor_of_picture(picture: Bytes) -> Tensor:
    """`picture` (H, W, 3) sRGB as networks see it: (1, 3, H, W) -1..1."""
    return torch.from_numpy((picture.astype(np.float32) - MIDDLE) / MIDDLE).permute(2, 0, 1)[None].contiguous()


def tensor_of_classes(classes: Bytes) -> Tensor:
    """`classes` (H, W) 0..5 as six planes (1, 6, H, W), 0 or 1."""
    planes = torch.nn.functional.one_hot(torch.from_numpy(classes).long(), CLASSES)
    return planes.permute(2, 0, 1)[None].float()


def picture_of_tensor(values: Tensor) -> Bytes:
    """Planes (C, H, W) of 0..255 as a picture (H, W, C), rounded."""
    return np.asarray((values + 0.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous().cpu().numpy(), np.uint8)
