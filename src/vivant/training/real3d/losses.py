"""Losses and masks of the stages (real3d 14.3 to 14.6); pictures are RGB -1..1, masks 0 or 1, results one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROWTH = 20
"""Pixels by which masks grow: a filter of 41 x 41, at 512 pixels."""
LARGEST, QUANTILE = 0.5, 0.8
"""Differences beyond both the first and this quantile of all count no more than that."""
LIP_MARGIN = 1.2
POINTS, NEAR = 1000, 0.005
"""Points whose densities are compared with those of neighbours so far away; the cube's side is 1."""
EPSILON = 1e-5

Realness = Callable[[Tensor, Tensor], Tensor]
"""Realness (N, 1) of a picture (N, 3, H, W) and its raw picture."""
Density = Callable[[Tensor], Tensor]
"""Raw densities (N, M) or (N, M, 1) at points (N, M, 3) of the cube."""


def l1(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference () of (N, ...)."""
    return (found - wanted).abs().mean()


def grown(mask: Tensor, by: int = GROWTH) -> Tensor:
    """`mask` (N, 1, H, W) grown by so many pixels in a square; the border reflects."""
    return F.max_pool2d(F.pad(mask, (by, by, by, by), mode="reflect"), 2 * by + 1, 1)


def masked_l1(found: Tensor, wanted: Tensor, mask: Tensor, outside: float) -> Tensor:
    """Differences summed over the channels of (N, 3, H, W), `outside` times those beyond `mask` (N, 1, H, W).

    The largest fifth is cut to the size of the rest, so that what cannot be known does not blur what can.
    """
    error = (found - wanted).abs().sum(1, keepdim=True) * (mask + outside * (1 - mask))
    with torch.no_grad():
        most = max(LARGEST, quantile(error, QUANTILE))
    return error.clamp(max=most).mean()


def quantile(values: Tensor, share: float) -> float:
    """As `torch.quantile` of all `values` (N, ...), of which that takes no more than 16 million."""
    ordered = values.flatten().sort().values
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low].lerp(ordered[high], place - low))


def weights_within(weights: Tensor, mask: Tensor) -> Tensor:
    """The weight image (N, 1, H, W) should be 1 inside `mask` and 0 outside; the means of both are added."""
    outside, inside = weights.square() * (1 - mask), (weights - 1).square() * mask
    return outside.sum() / (1 - mask).sum().clamp(min=1) + inside.sum() / mask.sum().clamp(min=1)


def entropy(shares: Tensor) -> Tensor:
    """Mean entropy () in bits of `shares` (N, ...) 0..1: nothing is half there."""
    p = shares.float().clamp(EPSILON, 1 - EPSILON)
    return -(p * p.log2() + (1 - p) * (1 - p).log2()).mean()


@dataclass(frozen=True)
class Box:
    """A square of a picture, in pixels."""

    left: int
    top: int
    side: int

    def cut(self, picture: Tensor) -> Tensor:
        """(..., side, side) of `picture` (..., H, W)."""
        return picture[..., self.top : self.top + self.side, self.left : self.left + self.side]


def lip_box(lips: Tensor, size: int) -> Box:
    """The square around the `lips` (12, 2), in pixels of a picture of `size`, moved to lie inside."""
    low, high = lips.amin(0), lips.amax(0)
    half = LIP_MARGIN * float((high - low).max()) / 2
    side = min(max(round(2 * half), 1), size)
    left, top = (min(max(round(float(value) - half), 0), size - side) for value in (low + high) / 2)
    return Box(left, top, side)


def deceives(realness: Tensor) -> Tensor:
    """Of a generator, by the `realness` (N, 1) of what it made."""
    return F.softplus(-realness).mean()


def said(realness: Tensor, *, real: bool) -> Tensor:
    """() of a discriminator, by what it said (N, 1) of pictures that are `real`, or are not."""
    return F.softplus(-realness if real else realness).mean()


def gradient_penalty(realness: Realness, picture: Tensor, raw: Tensor) -> Tensor:
    """R1: half of the squared gradients of the realness of real pictures (N, 3, H, W), summed over pixels."""
    picture, raw = (part.detach().requires_grad_() for part in (picture, raw))
    total = realness(picture, raw).sum()
    slopes = torch.autograd.grad(total, (picture, raw), create_graph=True)
    return torch.stack([slope.square().sum((1, 2, 3)).mean() for slope in slopes]).sum() / 2


def rough_density(density: Density, count: int, like: Tensor) -> Tensor:
    """How much densities differ () between 1000 random points of the cube and points nearby, of `count` heads.

    `density` sees both as (N, 2000, 3), N = `count`.
    """
    points = torch.rand(count, POINTS, 3, device=like.device) - 0.5
    near = points + torch.randn_like(points) * NEAR
    both = density(torch.cat([points, near], 1))
    return l1(both[:, :POINTS], both[:, POINTS:])


def bent(before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
    """How far () the `middle` of three planes (N, ...) is from half way between the others."""
    return l1(middle, (before + after) / 2)


def bent_in_time(planes: Tensor) -> Tensor:
    """Of planes (N, T, ...) of consecutive frames: the mean square of that, as the paper has it (section 3.2)."""
    middle = (planes[:, :-2] + planes[:, 2:]) / 2
    return (planes[:, 1:-1] - middle).square().mean()


class OnlineWeight(nn.Module):
    """Weight of a loss that grows while the loss is above its target, and shrinks below it."""

    value: Tensor

    def __init__(self, target: float, most: float, start: float = 0.001) -> None:
        super().__init__()
        self.target, self.most = target, most
        self.register_buffer("value", torch.tensor(start))

    def forward(self, loss: Tensor) -> Tensor:
        """`loss` () times the weight, which then moves."""
        weighted = loss * self.value.clone()
        if self.target > 0:
            way = loss.detach().clamp(min=1e-12).log10() - torch.tensor(self.target).log10().to(loss.device)
            self.value.copy_((self.value + 0.01 * way).clamp(0.0, self.most))
        return weighted
