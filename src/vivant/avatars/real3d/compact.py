"""The packaged 3-D head: turns any portrait without a download, on a processor.

    prepare   the network reads the portrait once; its field becomes a mesh (`solid_head`)
    draw      another avatar gives the picture its expression; the mesh is turned and shows that picture's pixels

Where the picture does not see the head, the mirrored side or the network's own colours are shown. What cannot be part
of the mesh, such as loose hair and clothes, lies on a sheet behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars import retarget
from vivant.avatars.avatar import Frame
from vivant.avatars.real3d.ears import ears_of
from vivant.avatars.real3d.far_side import FarSide
from vivant.avatars.real3d.head_turning import CHIN, Points, Scene, draw_turned, mirror_of, pixels_at, pixels_of
from vivant.avatars.real3d.head_window import HeadWindow, mesh_maps, network_input
from vivant.avatars.real3d.hidden_hair import HiddenHair, hidden_hair
from vivant.avatars.real3d.hidden_shade import with_shade
from vivant.avatars.real3d.long_hair import LongHair
from vivant.avatars.real3d.mesh import HeadMesh
from vivant.avatars.real3d.neck_and_hair import follows, leans
from vivant.avatars.real3d.networks.view_planes import ViewDecoder, ViewPlanes
from vivant.avatars.real3d.prepare import Filling, Layers
from vivant.avatars.real3d.rough_hair import roughness, with_rough_hair
from vivant.avatars.real3d.sheet import sheet_behind
from vivant.avatars.real3d.solid_head import SolidHead, adapted, solid_head
from vivant.avatars.real3d.surroundings import completed_background, left_beside
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.classes import HAIR
from vivant.portrait.portrait import Portrait
from vivant.weights.keys import load
from vivant.weights.store import read_safetensors

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

PACKAGED = "data/view_head.safetensors"
SKIN_REACH = 1.6
"""Centimetres from the face mesh over which its expression fades out."""
METRE = np.float32(100)
"""In centimetres."""


class Flat(Protocol):
    """A portrait, prepared by a `FaceDrawer`."""

    @property
    def source(self) -> retarget.Source:
        """Its measures."""
        ...


class FaceDrawer(Protocol):
    """An avatar that changes the expression of a picture, such as relief."""

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> Any:
        """See `Avatar.prepare`; a `Flat`."""
        ...

    def draw(self, prepared: Any, state: FaceState) -> Frame:
        """See `Avatar.draw`."""
        ...


@dataclass(frozen=True)
class Prepared:
    """A portrait that can be turned."""

    flat: Flat
    """What gives the picture its expressions."""
    head: SolidHead
    hair: HiddenHair
    scene: Scene


class CompactHead:
    """Draws portraits by `prepare` and `draw`."""

    sides, face_share = (192, 1024), 0.1
    filling: Filling = "smooth"  # what is behind the person is made up once more, up to the edges of its matte

    def __init__(self, planes: ViewPlanes, decoder: ViewDecoder, face: FaceDrawer) -> None:
        """`face` gives pictures their expressions."""
        self._planes, self._decoder = planes.eval().requires_grad_(False), decoder.eval().requires_grad_(False)
        self._face, self._model = face, load_face_model()

    def prepare(self, layers: Layers) -> Prepared:
        """Read the portrait of `layers`, and keep what is behind it."""
        portrait, cut = layers.portrait, layers.cut
        columns, rows = portrait.size
        person = replace(portrait, picture=cut.picture, person=cut.alpha)
        flat = self._face.prepare(person, Window(0, 0, columns, rows, columns, rows), cutout=True)
        source = flat.source
        long = LongHair.of(layers.classes, source.pose, source.shape[CHIN])
        head, hair = _completed(self.read(person.picture, portrait.landmarks, long), layers, source)
        in_head = head.points @ source.pose.rotation
        pixels = np.zeros((len(head.points), 4), np.float32)
        shows = np.concatenate([pixels, head.trust, head.colour, hair.places, hair.share[:, None]], 1)
        along = follows(head, hair, layers, source, long), leans(head.points, source, rows)
        mesh = Points(head.points, *along, *_near_face(in_head, source.shape), head.triangles, shows)
        sheet, share, rim = sheet_behind(mesh, source, layers)
        background = completed_background(layers, cut.alpha)
        beside = left_beside(layers.picture, background, cut.alpha)
        scene = Scene(source, mesh, sheet, hair.strands.texture, share, rim, background, beside)
        return Prepared(flat, head, hair, scene)

    @torch.inference_mode()
    def read(self, person: Bytes, landmarks: Floats, long: LongHair | None = None) -> SolidHead:
        """The head of a cut-out `person` (H, W, 4) with `landmarks` (478, 3) in picture pixels, and its `long` hair."""
        window = HeadWindow.of_landmarks(landmarks)
        picture = window.cut(person)
        inside = window.cut(np.full(person.shape[:2], 255, np.uint8))
        given = network_input(picture[..., :3], picture[..., 3], inside, mesh_maps(window.to_window(landmarks)))
        planes = self._planes(torch.from_numpy(given)[None])
        return solid_head(planes, self._decoder, torch.from_numpy(window.pose.rotation)[None], long)

    def draw(self, prepared: Prepared, state: FaceState, *, alone: bool = False) -> Bytes:
        """(H, W, 4) of the person in `state` before the portrait's own background, or `alone`, sRGB, straight alpha."""
        face = replace(state, rotation=np.eye(3, dtype=np.float32), translation=np.zeros(3, np.float32))
        picture = self._face.draw(prepared.flat, face).pixels
        move = retarget.expression(self._model, prepared.scene.source, face)
        return draw_turned(prepared.scene, picture, move, state, alone=alone)

    def mesh(self, prepared: Prepared) -> HeadMesh:
        """The head and what its window holds of the person, with the colours of the picture where it shows them."""
        head, rest = prepared.head, prepared.scene.source.pose
        picture = self._face.draw(prepared.flat, FaceState()).pixels
        partners = head.points @ mirror_of(rest).T
        own = pixels_at(picture, pixels_of(rest, head.points))
        partner = pixels_at(picture, pixels_of(rest, partners))
        trust = np.concatenate([head.own, head.trust[:, 1:2]], 1)
        colours = mixed(head.colour + prepared.hair.texture, own, partner, trust)
        return HeadMesh(head.points @ rest.rotation / METRE, head.triangles, np.asarray(colours + 0.5, np.uint8))


def open_compact(face: FaceDrawer, weights: Path | None = None) -> CompactHead:
    """The packaged heads, or those that `vivant train real3d/compact` wrote; `face` gives pictures their expressions.

    Raises WeightsError where the file is missing, damaged or of another network.
    """
    path = Path(str(files("vivant.avatars.real3d") / PACKAGED)) if weights is None else weights
    planes, decoder = ViewPlanes(), ViewDecoder()
    both = torch.nn.ModuleDict({"planes": planes, "decoder": decoder})
    load(both, {name: tensor.float() for name, tensor in read_safetensors(path)[0].items()}, str(path))
    planes.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return CompactHead(planes, decoder, face)


def mixed(colour: Floats, own: Floats, partner: Floats, trust: Floats) -> Floats:
    """`colour` (..., 3) with the pixels (..., 4) in the lines of sight, and of the partners, by `trust` (..., 2)."""
    for pixels, share in ((partner, trust[..., 1:]), (own, trust[..., :1])):
        # At the outline of the cut-out its colours are guessed.
        colour = colour + share * np.clip((pixels[..., 3:] - 96) / 96, 0, 1) * (pixels[..., :3] - colour)
    return np.clip(colour, 0, 255)


def _completed(head: SolidHead, layers: Layers, source: retarget.Source) -> tuple[SolidHead, HiddenHair]:
    """`head` with what the picture of `layers` hides of it: its far side, colours, hair and its roughness, shade."""
    far = FarSide.of(head, layers, source)
    head = adapted(far.begun(head), pixels_at(layers.cut.colour, pixels_of(source.pose, head.points)))
    hair = hidden_hair(head, layers, source)
    hair = replace(hair, share=hair.share * (1 - far.share[:, 0]))
    rough = roughness(layers.cut.alpha, layers.classes == HAIR, source.pose.scale)
    ears = ears_of(head, np.maximum(hair.share, far.share[:, 0]), source)
    return far.finished(with_shade(with_rough_hair(head, hair, rough), ears), head.colour), hair


def _near_face(head: Floats, shape: Floats) -> tuple[Ints, Floats]:
    """The four landmarks nearest to each of `head` (V, 3), and how much of their motion it takes (V, 4)."""
    from scipy.spatial import cKDTree

    distance, landmarks = cKDTree(shape[:MESH_COUNT]).query(head, 4)
    share = 1 / (distance + 0.05) ** 2
    share *= np.exp(-((np.maximum(distance[:, :1] - 0.7, 0) / SKIN_REACH) ** 2)) / share.sum(1, keepdims=True)
    return landmarks.astype(np.int32), share.astype(np.float32)
