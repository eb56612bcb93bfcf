"""The full systems: any drawing in any pose by five networks in a row (THA3, and the teacher of THA4).

The first takes the brows off the drawing, once. The others pose brows, face, the body at half resolution and the body
in full; each sees only some of the 45 numbers, and its result is kept for the next frame that asks for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import fold
from vivant.avatars.tha.networks.eyebrow_combiner import CombinedEyebrows, EyebrowCombiner
from vivant.avatars.tha.networks.eyebrow_decomposer import EyebrowDecomposer, EyebrowLayers
from vivant.avatars.tha.networks.face_morpher import FaceMorpher, MorphedFace
from vivant.avatars.tha.networks.quick import quicken
from vivant.avatars.tha.networks.released import releases
from vivant.avatars.tha.picture import Bytes, picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.pose import EYEBROW, FACE, ROTATION
from vivant.errors import SettingsError, WeightsError
from vivant.nn.cards import compiled
from vivant.weights.checkpoint import find_checkpoints, read_checkpoint
from vivant.weights.keys import convert, load
from vivant.weights.release import Release, recognise
from vivant.weights.store import list_stored, load_stored

Floats = NDArray[np.float32]
P = TypeVar("P")
T = TypeVar("T")
Box = tuple[slice, slice]

SIZE = 512
"""Pixels of a side."""
EYEBROW_BOX: Box = (slice(64, 192), slice(192, 320))
FACE_BOX: Box = (slice(32, 224), slice(160, 352))
EYEBROW_IN_FACE: Box = (slice(32, 160), slice(32, 160))
VARIANTS = {
    "tha3/standard": ("tha3/standard_float", "tha3/standard_half"),
    "tha3/separable": ("tha3/separable_float", "tha3/separable_half"),
    "tha4/teacher": ("tha4/teacher",),
}
"""Whose weights make a poser; the first whole set counts."""
KEPT = 4
"""Results of each network that are kept; one of them is mostly the pose at rest."""


class Poser(Protocol[P]):
    """Whatever draws a character by the 45 numbers of `vivant.avatars.tha.pose`."""

    def prepare(self, picture: Bytes) -> P:
        """What does not depend on the pose, of `picture` (512, 512, 4) RGBA, sRGB, straight alpha."""
        ...

    def draw(self, prepared: P, pose: Floats) -> Bytes:
        """(512, 512, 4) RGBA, sRGB, straight alpha, in the `pose` (45,)."""
        ...

    def outputs(self, image: Tensor, pose: Tensor) -> list[Tensor]:
        """Every result of the published poser in its order, for `image` (N, 4, 512, 512) and `pose` (N, 45)."""
        ...


class Recent:
    """The last few results of a function of the pose; safe to use from several threads."""

    def __init__(self) -> None:
        self._results: tuple[tuple[bytes, Any], ...] = ()

    def get(self, pose: Floats, make: Callable[[], T]) -> T:
        """The result for `pose` (P,), from `make` where it is new."""
        key = pose.tobytes()
        before = self._results
        known = [entry for entry in before if entry[0] == key]
        entry = known[0] if known else (key, make())
        self._results = (entry, *(other for other in before if other[0] != key))[:KEPT]
        result: T = entry[1]
        return result


@dataclass(frozen=True)
class Prepared:
    """A drawing, and what was last drawn of it."""

    image: Tensor
    layers: EyebrowLayers
    layers_code: Tensor
    """What the combiner knows of the layers before it sees a pose."""
    brows: Recent = field(default_factory=Recent)
    face: Recent = field(default_factory=Recent)
    whole: Recent = field(default_factory=Recent)


class FaceNetworks(nn.Module):
    """Brows and face: the first three networks, which THA3 and THA4 share; also the teacher of face students."""

    def __init__(self, decomposer: EyebrowDecomposer, combiner: EyebrowCombiner, morpher: FaceMorpher) -> None:
        super().__init__()
        self.decomposer, self.combiner, self.morpher = decomposer, combiner, morpher

    def forward(self, image: Tensor, pose: Tensor) -> tuple[MorphedFace, CombinedEyebrows, EyebrowLayers]:
        """Everything drawn on the way to the posed face, of `image` (N, 4, 512, 512) and `pose` (N, 45)."""
        layers: EyebrowLayers = self.decomposer(_cut(image, EYEBROW_BOX))
        combined: CombinedEyebrows = self.combiner(layers.background, layers.eyebrow, pose[:, EYEBROW])
        morphed: MorphedFace = self.morpher(self.with_brows(image, combined.picture), pose[:, FACE])
        return morphed, combined, layers

    @staticmethod
    def with_brows(image: Tensor, brows: Tensor) -> Tensor:
        """The part (N, 4, 192, 192) of `image` that the morpher sees, with `brows` in their new pose."""
        return _pasted(_cut(image, FACE_BOX), brows, EYEBROW_IN_FACE)


class BodyNetworks(nn.Module):
    """Head and body: at half resolution, then in full; rotator and editor, or body morpher and upscaler."""

    def __init__(self, coarse: nn.Module, fine: nn.Module) -> None:
        super().__init__()
        self.coarse, self.fine = coarse, fine

    def forward(self, face: Tensor, pose: Tensor) -> tuple[Any, Any]:
        """Results of both networks, finest first, for the drawing with its `face` posed and `pose` (N, 6)."""
        coarse = self.coarse(_resized(face, face.shape[3] // 2), pose)
        rough, flow = (_resized(part, face.shape[3]) for part in (coarse.rough, coarse.flow))
        return self.fine(face, rough, flow, pose), coarse


class FullPoser:
    """Five networks in a row; a `Poser`."""

    def __init__(
        self, face: FaceNetworks, body: nn.Module, *, premultiplied: bool, official: bool = False, half: bool = False
    ) -> None:
        """`premultiplied` tells THA4 from THA3; `official` draws the bytes that the published tools save.

        With `half` convolutions and products of matrices calculate in bfloat16.
        """
        self.face, self.body = face, body
        self.premultiplied, self.official = premultiplied, official
        self.device, self.half = next(face.parameters()).device, half

    @torch.inference_mode()
    def prepare(self, picture: Bytes) -> Prepared:
        """Take the brows off `picture` (512, 512, 4); raises ValueError for another size."""
        if picture.shape != (SIZE, SIZE, 4):
            raise ValueError(f"a picture of {picture.shape}, but the networks want ({SIZE}, {SIZE}, 4)")
        image = tensor_of_picture(picture, premultiplied=self.premultiplied)
        image = image.to(self.device, memory_format=torch.channels_last)
        layers = self.face.decomposer(_cut(image, EYEBROW_BOX))
        with self._precision():
            return Prepared(image, layers, self.face.combiner.encode(layers.background, layers.eyebrow))

    @torch.inference_mode()
    def draw(self, prepared: Prepared, pose: Floats) -> Bytes:
        """(512, 512, 4) RGBA of the `pose` (45,); only what depends on numbers that changed is drawn anew."""
        pose = np.ascontiguousarray(pose, np.float32)
        with self._precision():
            picture = prepared.whole.get(pose, lambda: self._draw(prepared, pose))
        return picture.copy()

    def outputs(self, image: Tensor, pose: Tensor) -> list[Tensor]:
        """29 tensors of THA3, 33 of THA4, of `image` (N, 4, 512, 512) and `pose` (N, 45), in the published order."""
        morphed, combined, layers = self.face(image, pose)
        face = _pasted(image, morphed.picture, FACE_BOX)
        fine, coarse = self.body(face, pose[:, ROTATION])
        if self.premultiplied:
            return [*fine, face, *coarse, *morphed, *combined, *layers]
        return [*fine, *coarse, *morphed[:-1], *combined, *layers]

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def _draw(self, prepared: Prepared, pose: Floats) -> Bytes:
        """The picture (512, 512, 4) of a `pose` (45,)."""
        posed = torch.from_numpy(pose)[None].to(self.device)
        face = prepared.face.get(pose[: FACE.stop], lambda: self._draw_face(prepared, pose))
        fine, _ = self.body(face, posed[:, ROTATION])
        return picture_of_tensor(fine.picture, premultiplied=self.premultiplied, official=self.official)

    def _draw_face(self, prepared: Prepared, pose: Floats) -> Tensor:
        """The drawing (1, 4, 512, 512) with its face in `pose` (39,) or more."""
        posed = torch.from_numpy(pose)[None].to(self.device)
        seen, code = prepared.brows.get(pose[EYEBROW], lambda: self._draw_brows(prepared, posed[:, EYEBROW]))
        morphed = self.face.morpher.draw(seen, code, posed[:, FACE])
        return _pasted(prepared.image, morphed.picture, FACE_BOX)

    def _draw_brows(self, prepared: Prepared, pose: Tensor) -> tuple[Tensor, Tensor]:
        """The face (1, 4, 192, 192) with its brows in `pose` (1, 12), and the morpher's code of it."""
        layers = prepared.layers
        brows = self.face.combiner.draw(layers.background, layers.eyebrow, prepared.layers_code, pose).picture
        seen = self.face.with_brows(prepared.image, brows)
        return seen, self.face.morpher.encode(seen)


def open_poser(
    name: str,
    weights: str | Path | None = None,
    *,
    fast: bool = False,
    official: bool = False,
    device: str = "cpu",
) -> FullPoser:
    """The poser `name`: tha3/standard, tha3/separable or tha4/teacher.

    Its weights are those that `vivant weights import` stored, or those of the published files in the folder `weights`,
    which are not kept. `fast` calculates in numbers of 16 bits where the processor is quicker so; on another `device`
    of PyTorch in bfloat16, compiled when the first frame is drawn. `official` draws the bytes that the published tools
    save.
    Raises SettingsError for another name, WeightsError where a network is missing or does not fit.
    """
    networks = open_networks(name, weights)
    return assemble(networks, premultiplied=name.startswith("tha4"), fast=fast, official=official, device=device)


def open_networks(name: str, weights: str | Path | None = None) -> dict[str, nn.Module]:
    """The five loaded networks of `open_poser` by our names, in the order of the picture's way."""
    if name not in VARIANTS:
        raise SettingsError(f"there is no poser {name!r}; give one of {', '.join(VARIANTS)}")
    return _stored_networks(name) if weights is None else _published_networks(name, Path(weights))


def assemble(
    networks: dict[str, nn.Module],
    *,
    premultiplied: bool,
    fast: bool = False,
    official: bool = False,
    device: str | None = None,
) -> FullPoser:
    """A poser of loaded networks by our names; coarse and fine are the last two. See `open_poser`.

    Without a `device` they stay where they are.
    """
    decomposer, combiner, morpher, coarse, fine = networks.values()
    face = FaceNetworks(decomposer, combiner, morpher)  # type: ignore[arg-type]
    body: nn.Module = BodyNetworks(coarse, fine)
    for part in (face, body):
        fold(part.eval().requires_grad_(False))
        part.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    half = fast and next(face.parameters()).device.type != "cpu"
    if half:
        body = compiled(body)
    elif next(face.parameters()).device.type == "cpu":
        for network in (combiner, morpher, coarse, fine):  # they build on the decomposer, which stays as it is
            quicken(network, exact=not fast)
    return FullPoser(face, body, premultiplied=premultiplied, official=official, half=half)


def _stored_networks(name: str) -> dict[str, nn.Module]:
    stored = {one.name for one in list_stored()}
    complete = [variant for variant in VARIANTS[name] if all(_full_name(one) in stored for one in _of(variant))]
    if not complete:
        missing = [_full_name(one) for one in _of(VARIANTS[name][0]) if _full_name(one) not in stored]
        system = name.split("/")[0]
        raise WeightsError(f"no weights {missing[0]}; run: vivant weights import {system} FOLDER")
    networks = {}
    for release in _of(complete[0]):
        networks[release.network] = _empty(release)
        load_stored(networks[release.network], _full_name(release))
    return networks


def _published_networks(name: str, place: Path) -> dict[str, nn.Module]:
    wanted = [release for variant in VARIANTS[name] for release in _of(variant)]
    found: dict[str, nn.Module] = {}
    for path in find_checkpoints(place, wanted[0].system):
        with read_checkpoint(path) as tensors:
            release = recognise(tensors, wanted, str(path))
            if release is not None:
                found[release.network] = _empty(release)
                load(found[release.network], convert(tensors, release.table, _empty(release), str(path)), str(path))
    for variant in VARIANTS[name]:
        names = [release.network for release in _of(variant)]
        if all(network in found for network in names):
            return {network: found[network] for network in names}
    raise WeightsError(f"{place}: no whole {name} in it; found {', '.join(sorted(found)) or 'nothing of it'}")


def _of(variant: str) -> list[Release]:
    """The five networks of a variant, in the order of the picture's way."""
    return [release for release in releases() if _full_name(release).startswith(f"{variant}/")]


def _full_name(release: Release) -> str:
    return f"{release.system}/{release.network}"


def _empty(release: Release) -> nn.Module:
    """The network with room for its weights, but none in it."""
    with torch.device("meta"):
        network = release.build()
    return network.to_empty(device="cpu")


def _cut(image: Tensor, box: Box) -> Tensor:
    """`image` (N, C, H, W) within the box."""
    return image[:, :, box[0], box[1]]


def _pasted(image: Tensor, patch: Tensor, box: Box) -> Tensor:
    """A copy of `image` (1 or N, C, H, W) for each of `patch` (N, C, h, w), with the patch in the box."""
    copy = image.expand(len(patch), -1, -1, -1).clone()
    copy[:, :, box[0], box[1]] = patch
    return copy


def _resized(image: Tensor, size: int) -> Tensor:
    """(N, C, H, W) to (N, C, S, S), S = `size`."""
    return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False)
