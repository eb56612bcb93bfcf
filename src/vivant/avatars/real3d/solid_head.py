"""The surface of a head out of its field: a mesh that knows where in the picture each of its points is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.hidden_shape import with_even_far_side, without_stumps
from vivant.avatars.real3d.long_hair import LongHair, with_hair_behind
from vivant.avatars.real3d.networks.view_planes import MASK, Planes, ViewDecoder
from vivant.avatars.real3d.surface_net import evened, large_parts, neighbour_means, neighbours, smoothed, surface_net
from vivant.avatars.real3d.view_space import camera_from_view, grid, mirrored
from vivant.face.normals import vertex_normals
from vivant.face.raster import rasterise

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]

COARSE, FINE = 64, 128
"""Steps of the grid on which the field is looked at everywhere, and near its surface."""
FREE = -8.0
"""Density where nothing is."""
EDGE = 16.0
"""How steeply density falls where the mask ends."""
LEAST_DENSITY = -3.0
"""Where mask and reach let no more than this be, the network is not asked."""
MIDDLE_OF_HEAD, REACH = (2.5, -5.0), (19.5, 13.0)
"""y and z in head centimetres, and how far a head with its hair reaches from there, upward and to front and back."""
TOGETHER = 2**15
"""Points that are looked up at a time."""
BORDER = 0.96
"""View coordinates across from which on the window's end cuts the mesh."""
SOFTENING = 4
"""Rounds over the mesh in which what is trusted is smoothed, so that no seam follows its triangles."""
HIDDEN = 0.035
"""A point so far behind what is seen in its line of sight is hidden; in view coordinates, 0.5 cm."""
BEHIND = 3.0
"""How much less than nothing to trust is a pixel of what stands in front: it is let go first when the head turns."""
SURE = (0.25, 0.7)
"""Between these the decoder's trust in a pixel counts more and more."""
OBLIQUE = (0.12, 0.38)
"""Cosines between which a surface is seen too obliquely to be shown from another side: its pixels would be smeared."""
LEAST = np.float32(1e-5)
"""Draws what nothing holds toward the network's own colours."""
COLOURLESS = 3.0
"""Of 255: a picture whose colours are no farther from grey is one in black and white, and its head has no colours."""
LARGE = 0.1
"""Share of the largest part's points that another part of the surface has at least, else it is left out."""
HOLD, ROUNDS = np.float32(0.2), 200
"""How strongly a colour that can be compared holds against its neighbours, and the most rounds of spreading."""
SHADOW_SIDE = 192
"""Rows and columns of the picture that says what is hidden."""


@dataclass(frozen=True)
class SolidHead:
    """V points of a head and all of the person that its window holds."""

    points: Floats
    """(V, 3) centimetres from the head's origin in upright picture axes; see `view_space`."""
    triangles: Ints
    """(T, 3) counter-clockwise seen from outside."""
    colour: Floats
    """(V, 3) sRGB 0..255 where no pixel is to be trusted."""
    trust: Floats
    """(V, 3) 0..1: how far the pixel in the line of sight shows the point, below 0 where that is another thing's; the
    left-right partner's; and how far the surface there faces the picture's camera, seen from the side of which pixels
    would be smeared."""

    @property
    def own(self) -> Floats:
        """(V, 1) share of the pixel in the line of sight, from wherever it is seen."""
        return np.asarray(np.maximum(self.trust[:, :1], 0) * self.trust[:, 2:], np.float32)


@torch.inference_mode()
def solid_head(planes: Planes, decoder: ViewDecoder, rotation: Tensor, long: LongHair | None = None) -> SolidHead:
    """The head of `planes` (one picture) that stands at `rotation` (1, 3, 3), with its `long` hair."""
    density = without_stumps(density_grid(planes, decoder, rotation), rotation)
    if long is not None:
        density = with_hair_behind(density, rotation, long)
    steps, triangles = large_parts(*surface_net(density), LARGE)
    steps = smoothed(steps, triangles, 3)
    view = torch.from_numpy(steps * np.float32(2 / (FINE - 1)) - 1)[None]
    field = decoder(planes, view, rotation)
    places = np.ascontiguousarray(view[0].numpy())
    partners = np.ascontiguousarray(mirrored(view, rotation)[0].numpy())
    trust = np.clip((field.trust[0].numpy() - SURE[0]) / (SURE[1] - SURE[0]), 0, 1)
    seen = seen_share(places, triangles, np.stack([places, partners], 1))
    trust *= seen
    trust[:, 0] -= BEHIND * (1 - seen[:, 0])
    points = np.ascontiguousarray(camera_from_view(view, rotation)[0].numpy())
    mean = neighbour_means(triangles, len(points))
    points = with_even_far_side(points, mean, 1 - seen[:, 0], rotation[0].numpy())
    facing = (vertex_normals(points, triangles)[:, 2:] - OBLIQUE[0]) / (OBLIQUE[1] - OBLIQUE[0])
    trust = np.concatenate([trust, np.clip(facing, 0, 1)], 1).astype(np.float32)
    trust = evened(trust, mean, SOFTENING)
    trust[(np.abs(places[:, :2]) > BORDER).any(1)] = (1, 0, 1)  # a cut through the body, not its side
    return SolidHead(points, triangles, field.own[0].numpy() * np.float32(255), trust)


def density_grid(planes: Planes, decoder: ViewDecoder, rotation: Tensor) -> Floats:
    """Density (128, 128, 128), w v u; nothing is beyond the mask or on the border."""
    coarse = _density(planes, decoder, rotation, grid(COARSE)).reshape(COARSE, COARSE, COARSE)
    whole = torch.nn.functional.interpolate(
        coarse[None, None], (FINE, FINE, FINE), mode="trilinear", align_corners=True
    )[0, 0]
    near = torch.nn.functional.max_pool3d(whole[None], 3, 1, 1)[0] > 0
    near &= -torch.nn.functional.max_pool3d(-whole[None], 3, 1, 1)[0] < 0
    whole[near] = _density(planes, decoder, rotation, grid(FINE)[near.flatten()])
    result = whole.numpy()
    for axis in range(3):
        border = np.moveaxis(result, axis, 0)
        border[[0, -1]] = FREE
    return result


def _density(planes: Planes, decoder: ViewDecoder, rotation: Tensor, points: Tensor) -> Tensor:
    """Density (M,) at `points` (M, 3), with the mask as its limit."""
    places = (points[:, :2] * torch.tensor([1.0, -1.0]))[None, None]
    mask = torch.nn.functional.grid_sample(planes.picture[:, MASK], places, align_corners=False)[0, 0, 0]
    density = torch.minimum(
        EDGE * (mask - 0.5), EDGE * within_reach(camera_from_view(points[None], rotation) @ rotation)[0]
    )
    open_to = torch.nonzero(density > LEAST_DENSITY)[:, 0]
    found = [decoder(planes, points[part][None], rotation).density[0] for part in torch.split(open_to, TOGETHER)]
    density[open_to] = torch.minimum(density[open_to], torch.cat([*found, density[:0]]))
    return density


def within_reach(head: Tensor) -> Tensor:
    """Above 0 (N, M) where a head may be, of `head` (N, M, 3) centimetres: 1 in its middle, 0 at its farthest.

    What the picture does not show, such as a plait behind the head, would only be guessed. To the sides and down all
    is open: there the picture shows hair and trunk.
    """
    up, ahead = ((head[..., axis + 1] - MIDDLE_OF_HEAD[axis]) / REACH[axis] for axis in (0, 1))
    return 1 - torch.hypot(up.clamp(min=0), ahead)


def seen_share(mesh: Floats, triangles: Ints, places: Floats) -> Floats:
    """How far the picture shows `places` (..., 3): 1 what it sees, 0 what is hidden behind the `mesh` (V, 3).

    All in view coordinates.
    """
    from scipy.ndimage import map_coordinates

    side = SHADOW_SIDE
    scale = np.array([side / 2, -side / 2, 1], np.float32)
    placed = mesh * scale + np.array([side / 2, side / 2, 0], np.float32)
    depth = rasterise(placed, triangles, np.zeros((len(mesh), 0), np.float32), side, side).depth
    across, down = places[..., 0] * (side / 2) + side / 2 - 0.5, side / 2 - places[..., 1] * (side / 2) - 0.5
    front = map_coordinates(np.maximum(depth, -2), [down, across], order=1, mode="nearest")
    behind = front - places[..., 2]
    return np.asarray(np.clip(2 - behind / HIDDEN, 0, 1), np.float32)


def adapted(head: SolidHead, pixels: Floats) -> SolidHead:
    """`head` with its colours carried over to those of the picture, whose `pixels` (V, 3) lie in the lines of sight.

    What the network's colours lack where they can be compared spreads over the mesh to where they cannot.
    """
    from scipy.sparse import diags
    from scipy.sparse.linalg import cg

    near = neighbours(head.triangles, len(head.points))
    degree = np.asarray(near.sum(1), np.float32).ravel()
    # Each point lacks what its neighbours lack on average, and what it lacks itself where it is sure.
    sure = degree * HOLD * head.own[:, 0] ** 4
    system = (diags(degree * (1 + LEAST) + sure) - near).tocsr()
    lack = pixels - head.colour
    spread = [cg(system, sure * part, maxiter=ROUNDS, rtol=1e-3)[0] for part in lack.T]
    colour = head.colour + np.stack(spread, 1)
    if np.abs(pixels - pixels.mean(1, keepdims=True)).mean() < COLOURLESS:
        colour = colour.mean(1, keepdims=True) + np.zeros_like(colour)
    return replace(head, colour=np.clip(colour, 0, 255).astype(np.float32))
