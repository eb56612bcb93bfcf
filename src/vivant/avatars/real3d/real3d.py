"""Real3D: one portrait as a head with depth. Networks draw a square around the face, here it gets its place.

    prepare   cuts the square out, takes it apart (head, torso, background), lets the networks look at it once
    draw      state -> the networks' picture of the square -> its part of the frame

What the square does not hold stays as it is; along the seam the drawn picture eases into the still one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.avatar import Frame
from vivant.avatars.place import Square, premultiplied, sample, seam, straight
from vivant.avatars.real3d.crop import CropSettings, face_window
from vivant.avatars.real3d.memory import MOST_TILES, enough_memory
from vivant.avatars.real3d.prepare import Filling, Layers, LayerSettings, prepare_layers
from vivant.errors import SettingsError, WeightsError
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.matte import cut_out
from vivant.portrait.person import is_cut_out
from vivant.portrait.portrait import Portrait

if TYPE_CHECKING:
    from vivant.avatars.real3d.compact import FaceDrawer
    from vivant.avatars.real3d.mesh import HeadMesh

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


Networks = Literal["any", "packaged", "published"]
DEVICES = ("cpu", "cuda")


class Painter(Protocol):
    """Draws the square around a face."""

    sides: tuple[int, int]
    """Least and most pixels of the square's side."""
    face_share: float
    """Share of the square that the face covers at least."""
    filling: Filling
    """How the background of layers goes on behind the person."""

    def prepare(self, layers: Layers) -> Any:
        """Everything that frames share."""
        ...

    def draw(self, head: Any, state: FaceState, *, alone: bool = False) -> Bytes:
        """The square in `state`: (S, S, 4) RGBA, sRGB; alpha is the person's.

        Colours are over the background, or those of the person `alone` where the painter can tell.
        """
        ...

    def mesh(self, head: Any) -> HeadMesh:
        """The head as a surface with colours."""
        ...


@dataclass(frozen=True)
class Real3DSettings:
    """Who draws, and how a portrait is made ready."""

    networks: Networks = "any"
    """packaged: those that come with vivant; published: imported ones; any: published where they were imported."""
    fast: bool = False
    """The published networks calculate in numbers of 16 bits: nearly as exact."""
    solid: float = 0.9
    """From which weight on the head hides all background; more, up to 1, where hair looks translucent."""
    face_share: float | None = None
    """Share of the square that the face covers at least; less shows more of hair and body. None: as is best."""
    segmenter: Path | None = None
    """MediaPipe's selfie_multiclass_256x256.tflite, which tells hair, skin and clothes apart; none: our own means."""
    tiles: int = 1
    """In how many parts the published networks work on what needs most memory; more take less memory and more time."""
    device: str = "cpu"
    """Where the published networks calculate: cpu or cuda."""

    def __post_init__(self) -> None:
        if self.networks not in get_args(Networks):
            raise SettingsError(f"there are no networks {self.networks!r}; give {', '.join(get_args(Networks))}")
        if not 0 < self.solid <= 1:
            raise SettingsError(f"a head that is solid from a weight of {self.solid:g} on cannot be; give 0 to 1")
        if self.face_share is not None and not 0.05 <= self.face_share <= 0.6:
            raise SettingsError(f"a face that covers {self.face_share:g} of the square cannot be; give 0.05 to 0.6")
        if not 1 <= self.tiles <= MOST_TILES:
            raise SettingsError(f"{self.tiles} tiles cannot be; give 1 to {MOST_TILES}")
        if self.device not in DEVICES:
            raise SettingsError(f"there is no device {self.device!r}; give {' or '.join(DEVICES)}")


@dataclass(frozen=True)
class Prepared:
    """A portrait in its place."""

    draw: Callable[[FaceState], Bytes]
    """(S, S, 4) of the square."""
    window: Window
    """Of the square, or of the whole view where the person is cut out."""
    square: Square
    still: Floats
    """(rows, columns, 4) premultiplied, 0..255: what is seen where nothing is drawn, in `window`."""
    share: Floats
    """(rows, columns, 1) how much of each pixel the drawn picture has, beside `still`."""
    cutout: bool

    @cached_property
    def seam(self) -> NDArray[np.bool_]:
        """(rows, columns): where both show."""
        return np.asarray(self.share[..., 0] < 1)


class Real3D:
    """Draws heads with depth; see `Real3DSettings`."""

    def __init__(self, settings: Real3DSettings, face: FaceDrawer) -> None:
        """Load the networks; raises WeightsError where they are missing or damaged.

        `face` gives pictures their expressions where the packaged networks draw.
        """
        self.settings = settings
        self.painter = open_painter(settings, face)

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> Prepared:
        """Take `portrait` apart for frames of `view`; see `Avatar.prepare`.

        Raises FaceNotFoundError where its face cannot be drawn.
        """
        cutout = cutout or is_cut_out(portrait.picture)  # what is transparent stays so
        layers = self.layers(portrait, view.columns / view.width)
        crop = layers.crop
        square = Square(int(crop.x), int(crop.y), int(crop.width))
        head = self.painter.prepare(layers)
        window = view if cutout else crop
        return Prepared(
            draw=lambda state: self.painter.draw(head, state, alone=cutout),
            window=window,
            square=square,
            still=_still(portrait, layers, window, cutout=cutout),
            share=seam(square, portrait.size, window),
            cutout=cutout,
        )

    def layers(self, portrait: Portrait, density: float = 1.0) -> Layers:
        """What the networks see of `portrait`, of which `density` pixels show one; raises FaceNotFoundError."""
        crop = CropSettings(least_face=self.settings.face_share or self.painter.face_share)
        side = round(face_window(portrait, crop).width * min(density, 1.0))
        pixels = int(np.clip(side, *self.painter.sides))
        crop = replace(crop, pixels=pixels)
        return prepare_layers(portrait, LayerSettings(crop, self.settings.segmenter, self.painter.filling))

    def draw(self, prepared: Prepared, state: FaceState) -> Frame:
        """One frame of the prepared window in `state`."""
        drawn, share = prepared.draw(state), prepared.share
        if not prepared.cutout:
            drawn[..., 3] = 255
            seam = prepared.seam
            still = prepared.still[seam]
            drawn[seam] = still + share[seam] * (drawn[seam] - still) + 0.5
            return Frame(drawn, prepared.window)
        layer = sample(premultiplied(drawn), prepared.square, prepared.window)
        return Frame(straight(prepared.still + share * (layer - prepared.still)), prepared.window)

    def mesh(self, portrait: Portrait) -> HeadMesh:
        """The head of `portrait` with the expression that it has, as a surface with colours.

        Raises FaceNotFoundError, and MissingExtraError without scikit-image.
        """
        return self.painter.mesh(self.painter.prepare(self.layers(portrait)))


def open_painter(settings: Real3DSettings, face: FaceDrawer) -> Painter:
    """The networks that `settings` ask for; raises WeightsError that says how to get what is missing.

    Raises SettingsError where they do not heed what is asked of them.
    """
    from vivant.avatars.real3d.released import NAME
    from vivant.weights.store import list_stored

    imported = any(one.name == NAME for one in list_stored())
    if settings.networks == "packaged" or (settings.networks == "any" and not imported):
        from vivant.avatars.real3d.compact import open_compact

        if (settings.device, settings.tiles) != (Real3DSettings.device, Real3DSettings.tiles):
            raise SettingsError(
                "the packaged head needs neither graphics card nor tiles, they are for the imported networks; "
                "leave out --device and --tiles"
            )
        return open_compact(face)
    if not imported:
        raise WeightsError(
            "the networks of Real3D-Portrait were not imported; run: vivant weights import real3d DIR --bfm DIR"
        )
    return open_published(settings)


def open_published(settings: Real3DSettings) -> Painter:
    """The imported networks around the imported face; raises WeightsError that says how to get what is missing.

    Raises SettingsError where there is no such device, or not enough memory.
    """
    import torch

    from vivant.avatars.real3d.face_store import open_face
    from vivant.avatars.real3d.networks.generator import Generator
    from vivant.avatars.real3d.networks.quick_generator import quickened
    from vivant.avatars.real3d.published import PublishedPainter
    from vivant.avatars.real3d.released import NAME
    from vivant.weights.store import load_stored

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("PyTorch finds no CUDA device here; give --device cpu")
    mesh = open_face()
    with enough_memory(settings.tiles):
        with torch.device("meta"):
            network = Generator()
        network = network.to_empty(device="cpu")
        load_stored(network, NAME)
        quick = quickened(network.to(settings.device), fast=settings.fast, tiles=settings.tiles)
    return PublishedPainter(quick, mesh, settings.solid, settings.tiles)


def _still(portrait: Portrait, layers: Layers, window: Window, *, cutout: bool) -> Floats:
    """What stands still, (rows, columns, 4) premultiplied in `window`."""
    if not cutout:
        opaque = np.full((*layers.picture.shape[:2], 1), 255, np.uint8)
        return np.asarray(np.concatenate([layers.picture, opaque], 2), np.float32)
    whole = Square(0, 0, portrait.size[0])
    return sample(premultiplied(cut_out(portrait).picture), whole, window)
