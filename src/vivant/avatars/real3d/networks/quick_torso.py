"""The torso networks for inference: what the weights or the picture alone decide is worked out once.

They give what `torso_motion.TorsoMotion` and `torso_generator.TorsoGenerator` give, but for rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.avatars.real3d.networks.quick_layers import (
    Arithmetic,
    Convolution,
    Image,
    Seen,
    bias_of,
    halved,
    kept,
    norm_of,
    normed,
    picture,
    repeated,
    sampled_quickly,
    weight_of,
)
from vivant.avatars.real3d.networks.torso_blocks import ConvNorm, Residual, each, volume_grid
from vivant.avatars.real3d.networks.torso_generator import TorsoGenerator
from vivant.avatars.real3d.networks.torso_motion import SPREAD, TorsoMotion


class QuickResidual:
    """A `Residual`: its second norm is in its first convolution."""

    def __init__(self, how: Arithmetic, block: Residual) -> None:
        self.change = norm_of(block.first.norm)
        self.first = how.conv(*normed(block.first.conv, block.second.norm), 0.0)
        self.second = how.conv(weight_of(block.second.conv), bias_of(block.second.conv))

    def __call__(self, x: Image) -> Image:
        """(1, C, H, W) to the same shape."""
        return self.second([Seen(self.first([Seen(x)], self.change))], more=x)


class QuickMotion:
    """A `TorsoMotion`.

    The flow that stands still has no heat. The head is the same at every depth, so its part of the large convolution
    is one over pictures.
    """

    def __init__(self, how: Arithmetic, motion: TorsoMotion) -> None:
        self.how = how
        first, *down = each(motion.down)
        weight, bias = normed(first.conv, first.norm)
        self.down = [how.conv(weight[:, 1:], bias, 0.0), *(conv_norm(how, block) for block in down)]
        self.up = [conv_norm(how, block) for block in each(motion.up)]
        enter, *blocks = each(motion.see_head)
        self.enter, self.blocks = conv_norm(how, enter), [QuickResidual(how, block) for block in blocks]
        heads = enter.conv.out_channels
        self.fuse = how.conv(motion.fuse.weight[:, 1:-heads], None)
        self.over_depth = OverDepth(how, motion.fuse.weight[:, -heads:], bias_of(motion.fuse), motion.depth)
        self.pick = how.conv(motion.pick.weight, motion.pick.bias)
        seen = motion.occlusion.weight.detach()[0].reshape(-1, motion.depth, motion.occlusion.kernel_size[0] ** 2)
        self.occlusion = seen.transpose(0, 1).flatten(0, 1).flip(1).contiguous()
        self.bias = bias_of(motion.occlusion)

    def __call__(
        self, compressed: Tensor, source: Tensor, target: Tensor, head: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Places (1, D, H, W, 3) and occlusion (1, 1, H, W) for `compressed` features (1, C, D, H, W).

        Key points are (1, K, 3), `head` and `weights` (1, 3 or 1, 4 H, 4 W).
        """
        depth, height, width = compressed.shape[2:]
        grid = volume_grid(depth, height, width, compressed)
        moves = source - target
        x = self.how.image(carried(compressed, grid, moves, heats(grid, target) - heats(grid, source)))
        fused = self.fuse([Seen(x), Seen(self.decoded(x))], more=self.over_depth(self.encoded(head, weights)))
        chosen = picture(self.pick([Seen(fused)])).float().softmax(1)
        places = grid + torch.einsum("nkdhw,nkx->ndhwx", chosen[:, 1:], moves)
        return places, self.occluded(picture(fused))

    def decoded(self, x: Image) -> Image:
        """Down and up again: (1, C, D, H, W) keeps D, H and W."""
        for conv in self.down:
            x = kept(conv([Seen(x)]), halved)
        for conv in self.up:
            x = conv([Seen(kept(x, repeated))])
        return x

    def encoded(self, head: Tensor, weights: Tensor) -> Image:
        """The code (1, O, H, W), O = `outputs`, of `head` and `weights` (1, 3 or 1, 4 H, 4 W)."""
        x = self.enter([Seen(self.how.image(halved(torch.cat((head, weights), dim=1))))])
        for block in self.blocks:
            x = block(x)
        return kept(x, halved)

    def occluded(self, fused: Tensor) -> Tensor:
        """(1, C, D, H, W) to (1, 1, H, W): one matrix product says what each place means to its neighbours."""
        height, width = fused.shape[3:]
        rows = fused[0].permute(2, 3, 1, 0).reshape(height * width, -1).float()
        reach = int(self.occlusion.shape[1] ** 0.5)
        brought = F.fold((rows @ self.occlusion).T[None], (height, width), reach, padding=reach // 2)
        return (brought + self.bias).sigmoid()


class OverDepth:
    """A convolution over a volume that is the same at every depth: near the front and the back it sees less."""

    def __init__(self, how: Arithmetic, weight: Tensor, bias: Tensor, depth: int) -> None:
        """By `weight` (O, I, K, K, K) and `bias` (O,)."""
        reach = weight.shape[2] // 2
        seen = [(max(reach - place, 0), min(depth - place + reach, weight.shape[2])) for place in range(depth)]
        kinds = sorted(set(seen))
        self.kind = torch.tensor([kinds.index(taps) for taps in seen], device=weight.device)
        self.conv: Convolution = how.conv(
            torch.cat([weight[:, :, first:last].sum(2) for first, last in kinds]), bias.repeat(len(kinds))
        )
        self.kinds = len(kinds)

    def __call__(self, x: Image) -> Tensor:
        """(1, I, H, W) to (1, O, D, H, W)."""
        found = picture(self.conv([Seen(x)]))[0].permute(1, 2, 0)
        kinds = found.reshape(*found.shape[:2], self.kinds, -1).permute(2, 0, 1, 3)
        return kinds[self.kind].permute(3, 0, 1, 2)[None]


class QuickGenerator:
    """A `TorsoGenerator`; its features have one channel more, of ones, for a bias that is blended like them."""

    def __init__(self, how: Arithmetic, generator: TorsoGenerator) -> None:
        self.how = how
        weight, bias = normed(generator.enter.conv, generator.enter.norm)
        deep = weight.reshape(len(weight), -1, generator.depth, *weight.shape[2:]).transpose(1, 2).flatten(1, 2)
        self.enter = how.conv(deep, bias, generator.enter.leak)
        self.join = how.conv(generator.join.weight, generator.join.bias)
        self.blocks = [QuickResidual(how, block) for block in each(generator.blocks)]
        *up, last = each(generator.up)
        weight, bias = normed(last.conv, last.norm)
        with_ones = torch.cat((weight, torch.zeros_like(weight[:1]))), torch.cat((bias, torch.ones_like(bias[:1])))
        self.up = [*(conv_norm(how, block) for block in up), how.conv(*with_ones, 0.0)]
        weight = generator.leave.weight
        self.leave = how.conv(torch.cat((weight, torch.zeros_like(weight[:, :1])), dim=1), generator.leave.bias)

    def __call__(self, volume: Tensor, places: Tensor) -> tuple[Image, Tensor]:
        """`volume` (1, C, D, H, W) at `places` (1, D, H, W, 3): (1, 64 + 1, 4 H, 4 W) and RGB (1, 3, 4 H, 4 W)."""
        warped = sampled_quickly(volume, places, beyond="border")
        x = self.enter([Seen(self.how.image(warped.transpose(1, 2).flatten(1, 2)))])
        x = self.join([Seen(x)])
        for block in self.blocks:
            x = block(x)
        for conv in self.up:
            x = conv([Seen(kept(x, repeated))])
        return x, picture(self.leave([Seen(x)])).float()


def conv_norm(how: Arithmetic, block: ConvNorm) -> Convolution:
    """Convolution, norm and activation in one."""
    return how.conv(*normed(block.conv, block.norm), block.leak)


def heats(grid: Tensor, keypoints: Tensor) -> Tensor:
    """`torso_motion.heat`, its three sides apart: (N, K, D, H, W)."""
    sides = grid[0, 0, :, 0], grid[0, :, 0, 1], grid[:, 0, 0, 2]
    x, y, z = (
        torch.exp(-0.5 * (side - keypoints[:, :, axis, None]).square() / SPREAD) for axis, side in enumerate(sides)
    )
    return torch.einsum("nkd,nkh,nkw->nkdhw", z, y, x)


def carried(compressed: Tensor, grid: Tensor, moves: Tensor, heat: Tensor) -> Tensor:
    """`torso_motion.carried` of (1, C, D, H, W) without the first heat, which is 0: (1, F (1 + C) - 1, D, H, W)."""
    parts = [compressed]
    for point in range(moves.shape[1]):
        warped = sampled_quickly(compressed, grid + moves[:, point, None, None, None], beyond="zeros")
        parts += [heat[:, point, None], warped]
    return torch.cat([part.movedim(1, -1) for part in parts], dim=-1).movedim(-1, 1)
