"""The packaged poser: draws any aligned character without a download.

A small network that was trained on puppets finds the parts of the face (`networks.finder`); from then on the drawing is
a puppet itself (`rig`): its pixels are moved, and what was not there, such as closed lids and the inside of the mouth,
is painted in its colours. What it can and cannot do is shown in docs/characters.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha.networks.finder import BOX, Finder, mirror
from vivant.avatars.tha.networks.finder import SIZE as FACE
from vivant.avatars.tha.pose import ROTATION
from vivant.avatars.tha.posers import SIZE, Recent
from vivant.avatars.tha.rig.canvas import rise
from vivant.avatars.tha.rig.measure import measure
from vivant.avatars.tha.rig.rig import Rig, turned
from vivant.weights.keys import load
from vivant.weights.store import read_safetensors

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PACKAGED = "data/finder.safetensors"
SURE = (0.3, 0.7)
"""Between these the network's word that something is before the face counts more and more."""


@dataclass(frozen=True)
class Prepared:
    """A drawing, and what was last drawn of it."""

    picture: Bytes
    rig: Rig
    faces: Recent = field(default_factory=Recent)
    flows: Recent = field(default_factory=Recent)


class CompactPoser:
    """Draws any character by `prepare` and `draw` like every `vivant.avatars.tha.posers.Poser`."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder.eval().requires_grad_(False)

    def prepare(self, picture: Bytes) -> Prepared:
        """Look for the face in `picture` (512, 512, 4); raises ValueError for another size."""
        if picture.shape != (SIZE, SIZE, 4):
            raise ValueError(f"a picture of {picture.shape}, but the network wants ({SIZE}, {SIZE}, 4)")
        layer = picture.astype(np.float32) / 255
        layer[..., :3] *= layer[..., 3:]
        points, spread, before = self.find(layer)
        # Readers fill what is transparent with the colours around, which nobody is to see.
        shown = picture * (picture[..., 3:] > 0)
        return Prepared(shown, Rig(layer, measure(points, spread), before))

    @torch.inference_mode()
    def find(self, layer: Floats) -> tuple[Floats, Floats, Floats]:
        """The points (36, 2) of a face in pixels, the first of which is 0, their spread, what is before (512, 512, 1).

        `layer` (512, 512, 4) is premultiplied, 0..1.
        """
        picture = torch.from_numpy(layer[BOX]).permute(2, 0, 1)[None]
        found = self._finder(torch.cat((picture, picture.flip(3))))
        points = (found.points[0].numpy() + mirror(found.points[1].numpy())) / 2
        spread = found.spread[0].numpy()
        before = np.zeros((*layer.shape[:2], 1), np.float32)
        maps = (found.before[0] + found.before[1].flip(1)).numpy() / 2
        before[BOX][..., 0] = rise(cv2.resize(maps, (FACE, FACE), interpolation=cv2.INTER_LINEAR), *SURE)
        return points + np.array([BOX[1].start, BOX[0].start], np.float32) - np.float32(0.5), spread, before

    def draw(self, prepared: Prepared, pose: Floats) -> Bytes:
        """(512, 512, 4) RGBA, sRGB, straight alpha, of the `pose` (45,)."""
        if not pose.any():
            return prepared.picture.copy()
        return _straight(self.draw_layer(prepared, np.ascontiguousarray(pose, np.float32)))

    def draw_layer(self, prepared: Prepared, pose: Floats) -> Floats:
        """(512, 512, 4) premultiplied, 0..1; not to be written to."""
        face = prepared.faces.get(pose[: ROTATION.start], lambda: prepared.rig.draw_face(pose))
        if not pose[ROTATION].any():
            return face
        return turned(face, prepared.flows.get(pose[ROTATION], lambda: prepared.rig.flow(pose)))


def open_compact(weights: Path | None = None) -> CompactPoser:
    """The poser with the packaged network, or one that `vivant train tha/compact` wrote.

    Raises WeightsError where the file is missing, damaged or of another network.
    """
    return CompactPoser(open_finder(weights))


def open_finder(weights: Path | None = None) -> Finder:
    """The network of `open_compact` alone, with the same errors."""
    path = Path(str(files("vivant.avatars.tha") / PACKAGED)) if weights is None else weights
    finder = Finder()
    load(finder, {name: tensor.float() for name, tensor in read_safetensors(path)[0].items()}, str(path))
    return finder


def _straight(layer: Floats) -> Bytes:
    """(512, 512, 4) bytes of a premultiplied `layer`."""
    alpha = layer[..., 3:]
    colour = layer[..., :3] / np.where((alpha > 0) & (alpha < 1), alpha, 1)
    whole = np.concatenate([colour, alpha], axis=2)
    picture: Bytes = np.clip(whole * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
    return picture
