"""A character's networks without the units that nothing is seen of, for the engines that draw live.

Published characters have many such units: constant ones, and ones that give noise which later layers ignore. From the
last layer to the first, units are left out in the order of what the picture loses when the weights of the others make
up for them as well as they can ("Optimal Brain Surgeon", Hassibi and Stork, 1993, of units instead of weights).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import SIZES, BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS, FACE_SIZE, FaceStudent
from vivant.avatars.tha.picture import tensor_of_picture
from vivant.avatars.tha.pose import HIGH, LOW
from vivant.nn.threads import one_thread

Doubles = NDArray[np.float64]

EXAMPLES = 4096
"""Places that are looked at, each in a pose of its own, and as many others that the outcome is judged by."""
PART = 512
"""So many at a time, for the sake of memory."""
LOSS = 1e-5
"""What a layer may lose by estimate: mean squares of three colours -1..1 and alpha, in sum."""
ALIKE = 46.0
"""dB from the whole network; a layer that leads farther from it stays as it is."""
WORTH = 0.7
"""A layer that keeps more than that share of its units stays as it is."""
LANES = 16
"""As many units as are computed at once: a part of them would be no faster."""
ROUGH = 0.02
"""How far activations may be from these examples': engines round and interpolate them."""
EVEN = 0.3
"""Share of what is lost that counts everywhere alike: where nothing is seen, things may be as soon as they move."""
RARE = 0.95
"""Places where more is seen than at such a share of them count as these."""


def pruned(character: Character) -> tuple[FaceStudent, BodyStudent]:
    """Face and body of `character` in narrower layers; raises WeightsError where its weights do not fit."""
    face, body = character.networks()
    image = tensor_of_picture(character.picture, premultiplied=True)
    with torch.no_grad():
        image[:, :, FACE_ROWS, FACE_COLUMNS] = face(torch.zeros(1, FACE_POSE.stop))
    random = torch.Generator().manual_seed(0)
    near, far = (torch.split(_given(size, random), PART, 2) for size in (FACE_SIZE, SIZES[-1]))
    faces = [partial(_face_colours, given[:, : 2 + FACE_POSE.stop]) for given in near]
    # These are many small products; threads that share them wait for each other for a minute where others work, too.
    with one_thread():
        return _lean(face, faces), _lean(body, [partial(_colours, image, given) for given in far])


def _given(size: int, random: torch.Generator) -> Tensor:
    """What networks are given at `random` pixels of a picture of `size`, each in a pose of its own: (1, 47, 2 N, 1)."""
    place = (2 * torch.randint(size, (2 * EXAMPLES, 2), generator=random) + 1) / size - 1
    low, high = torch.from_numpy(LOW), torch.from_numpy(HIGH)
    pose = low + (high - low) * torch.rand((2 * EXAMPLES, len(low)), generator=random)
    # Trackers and voices move a character little most of the time.
    pose[::2] *= torch.rand((EXAMPLES, 1), generator=random)
    return torch.cat([place, pose], 1).T[None, :, :, None]


def _face_colours(given: Tensor, face: FaceStudent) -> Tensor:
    """Colours (1, 4, N, 1) that `face` gives at the places of `given` (1, 41, N, 1)."""
    return torch.as_tensor(face.last(face.layers(given)))


def _colours(image: Tensor, given: Tensor, body: BodyStudent) -> Tensor:
    """Colours (1, 4, N, 1) of a picture (1, 4, H, W) as `body` moves it, at the places of `given` (1, 47, N, 1)."""
    x = given
    for at, level in enumerate(body.levels):
        x = level(torch.cat([x, given], 1) if at else given)
    motion = body.last(x)
    place = (given[:, :2] + motion[:, :2]).permute(0, 2, 3, 1)
    warped = F.grid_sample(image, place, mode="bilinear", padding_mode="border", align_corners=False)
    alpha = motion[:, 2:3]
    return torch.as_tensor((1 - alpha) * warped + alpha * motion[:, 3:])


N = TypeVar("N", bound=nn.Module)
Draw = Callable[[N], Tensor]
"""Gives colours (1, 4, n, 1) of a network at some places."""


@torch.no_grad()
def _lean(network: N, draws: Sequence[Draw[N]]) -> N:
    """`network` in narrower layers; a half of `draws` shows what they lose, the other whether that is little."""
    learnt, judged = draws[: len(draws) // 2], draws[len(draws) // 2 :]
    wanted, lean = _all(network, judged), network
    for at in reversed(range(len(_layers(network)) - 1)):
        leaner = copy.deepcopy(lean)
        before, after = _layers(leaner)[at : at + 2]
        kept, weights = _kept(before, after, [partial(draw, leaner) for draw in learnt])
        if len(kept) > WORTH * before.out_channels:
            continue
        _narrow(before, after, kept, weights)
        if (_all(leaner, judged) - wanted).square().mean() < 4 * 10 ** (-ALIKE / 10):
            lean = leaner
    return lean


def _all(network: N, draws: Sequence[Draw[N]]) -> Tensor:
    """What all `draws` show of `network`: (1, 4, N, 1)."""
    return torch.cat([draw(network) for draw in draws], 2)


def _layers(network: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def _kept(
    before: nn.Conv2d, after: nn.Conv2d, draws: Sequence[Callable[[], Tensor]]
) -> tuple[NDArray[np.intp], Tensor]:
    """The units of the layer `before`, whose sines `after` reads first, that a LOSS of what `draws` give leaves.

    And the weights of what reads them, see `keep_best`.
    """
    units, seen = (torch.cat(parts) for parts in zip(*(_looked_at(after, draw) for draw in draws), strict=True))
    count = before.out_channels
    known = torch.cat([units[:, :count], torch.ones(len(units), 1)], 1)
    weight = seen.sum(1)
    seen = seen * (torch.quantile(weight, RARE) / weight.clamp(min=1e-30)).clamp(max=1)[:, None]
    weight = seen.sum(1)
    share = seen.sum(0) / weight.sum()
    weight += EVEN * weight.mean()
    products = ((known * weight[:, None] / len(known)).T @ known).double()
    assert after.bias is not None
    was = torch.cat([after.weight[:, :count, 0, 0], after.bias[:, None]], 1).double().T
    rough = float(weight.mean()) * ROUGH**2
    kept, weights = keep_best(products.numpy(), was.numpy(), share.double().numpy(), LOSS, rough)
    return kept, torch.from_numpy(weights).float()


def _looked_at(layer: nn.Conv2d, draw: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """What `layer` reads (N, I), and the square of how far colours follow each of its outputs (N, O)."""
    found: list[Tensor] = []

    def look(_: nn.Module, given: tuple[Tensor], out: Tensor) -> Tensor:
        found.extend((given[0], out.requires_grad_()))
        return out

    with layer.register_forward_hook(look), torch.enable_grad():
        colours = draw()
    # Colours times random signs: the square of their sum's gradient is on average the sum of their gradients' squares.
    signs = torch.randint(2, colours.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    (slope,) = torch.autograd.grad(colours, found[1], signs)
    # Where nothing is seen of anything, all outputs count alike.
    return found[0][0, :, :, 0].T, slope[0, :, :, 0].T.square() + 1e-12


def keep_best(
    products: Doubles, weight: Doubles, share: Doubles, loss: float, rough: float
) -> tuple[NDArray[np.intp], Doubles]:
    """Which units (K,) are kept in ascending order, and the weights (K + 1, O) that make up for the others.

    `products` (I + 1, I + 1): mean products of the units, the last of which is 1 and stays; `weight` (I + 1, O) of
    what reads them; `share` (O,): how much each of those counts; `rough`: mean square of what the units may be besides,
    so that none makes up for others by large weights. What is lost has a mean square of up to `loss`; K is I, less than
    LANES or a multiple of it.
    """
    count = len(weight) - 1
    products = products + np.diag([*[rough] * count, 0.0])
    order = _order(products, weight, share, loss, rough)
    few = max(1, count - len(order))
    # More than a few would need more of the layers before.
    most = few if few < LANES else min(count, LANES * -(-few // LANES))
    kept = np.setdiff1d(np.arange(count), order[: count - most])
    rows = torch.from_numpy(np.append(kept, count))
    known = torch.from_numpy(products)[rows]
    return kept, np.asarray(torch.linalg.solve(known[:, rows], known @ torch.from_numpy(weight)))


def _order(products: Doubles, weight: Doubles, share: Doubles, loss: float, rough: float) -> list[int]:
    """The units that can be left out for `loss`, the least one first; see `keep_best`; `rough` is in `products`."""
    # PyTorch's products and NumPy's sums, for `one_thread` does not reach what NumPy calls for products.
    inverse, weight = np.array(torch.linalg.inv(torch.from_numpy(products))), weight.copy()
    alone = rough * np.einsum("uo,uo,o->u", weight, weight, share)  # goes with a unit, and nobody misses it
    rest, order = np.arange(len(weight) - 1), list[int]()
    while len(rest):
        lost = np.einsum("uo,o->u", weight[rest] ** 2, share) / inverse[rest, rest] - alone[rest]
        least = int(np.argmin(lost))
        unit, loss = int(rest[least]), loss - lost[least]
        if loss < 0:
            break
        column = inverse[:, unit] / inverse[unit, unit]
        weight -= np.outer(column, weight[unit])
        inverse -= np.outer(column, inverse[unit])
        rest = np.delete(rest, least)
        order.append(unit)
    return order


def _narrow(before: nn.Conv2d, after: nn.Conv2d, kept: NDArray[np.intp], weights: Tensor) -> None:
    """Give `before` the units `kept` (K,) alone, and what reads them in `after` the `weights` (K + 1, O)."""
    assert before.bias is not None
    rows = torch.from_numpy(kept)
    others = after.weight[:, before.out_channels :]
    before.weight, before.bias = (nn.Parameter(part[rows], False) for part in (before.weight, before.bias))
    after.weight = nn.Parameter(torch.cat([weights[:-1].T[:, :, None, None], others], 1), False)
    after.bias = nn.Parameter(weights[-1], False)
    before.out_channels, after.in_channels = len(kept), after.weight.shape[1]
