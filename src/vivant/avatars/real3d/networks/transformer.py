"""Transformer blocks over the places of a feature map, as image-to-plane network and motion adapter use them.

Mix Transformer of SegFormer (arXiv 2105.15203): keys and values may be read from a smaller map, and a depth-wise
convolution within the feed-forward part says where a place is. All maps are (N, H, W, C) float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5
"""Of the norms of patch embeddings and of reduced keys."""


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """Sizes of one block."""

    width: int
    heads: int
    ratio: int
    """Channels within the feed-forward part, in units of `width`."""
    reduction: int = 1
    """How many times smaller each side of the map is that keys and values are read from."""
    epsilon: float = 1e-5
    """Of the block's own norms."""
    drop: float = 0.0
    """Chance of a branch to be left out for a picture in training (stochastic depth)."""


class PatchEmbedding(nn.Module):
    """Convolution that makes the map smaller, then a norm over the channels of each place."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W), I = `inputs`, channels first, to (N, H / stride, W / stride, width)."""
        return self.normed(self.conv(x))

    def normed(self, mixed: Tensor) -> Tensor:
        """The norm of what the convolution gave: (N, width, H, W) to (N, H, W, width)."""
        result: Tensor = self.norm(mixed.permute(0, 2, 3, 1))
        return result


class Block(nn.Module):
    """Attention, then feed-forward part; each sees its norm's result and is added to what came in."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width, self.drop = config.width, config.drop
        self.attention_norm = nn.LayerNorm(width, config.epsilon)
        self.attention = Attention(width, config.heads, config.reduction)
        self.feed_norm = nn.LayerNorm(width, config.epsilon)
        self.feed = FeedForward(width, config.ratio)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same shape."""
        x = x + self.kept(self.attention(self.attention_norm(x)))
        return x + self.kept(self.feed(self.feed_norm(x)))

    def kept(self, branch: Tensor) -> Tensor:
        """`branch` (N, H, W, C), in training without the pictures that chance leaves out, the others the stronger."""
        if not self.training or self.drop == 0:
            return branch
        keep = 1 - self.drop
        chosen = torch.rand(len(branch), 1, 1, 1, dtype=branch.dtype, device=branch.device) < keep
        return branch * chosen / keep


class Attention(nn.Module):
    """Every place looks at every place, or at each of a map that is `reduction` times smaller."""

    pieces = 1
    """In which the places look one after another, to bound memory."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, width)
        self.reduce = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else None
        self.reduce_norm = nn.LayerNorm(width, EPSILON) if reduction > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same shape."""
        key, value = (self.by_head(part) for part in self.key_value(self.reduced(x)).chunk(2, dim=3))
        found = []
        for part in x.tensor_split(self.pieces, 1):
            seen = F.scaled_dot_product_attention(self.by_head(self.query(part)), key, value).transpose(1, 2)
            found.append(self.leave(seen.reshape(part.shape)))
        return found[0] if len(found) == 1 else torch.cat(found, 1)

    def reduced(self, x: Tensor) -> Tensor:
        """The smaller map (N, H / reduction, W / reduction, C) of `x` (N, H, W, C)."""
        if self.reduce is None or self.reduce_norm is None:
            return x
        smaller: Tensor = self.reduce_norm(self.reduce(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return smaller

    def by_head(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to (N, heads, H W, C / heads)."""
        count, height, width, channels = x.shape
        return x.reshape(count, height * width, self.heads, channels // self.heads).transpose(1, 2)


class FeedForward(nn.Module):
    """Wider, a 3 x 3 convolution of each channel for itself, GELU, narrower."""

    pieces = 1
    """In which the channels within are worked on one after another, to bound memory."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        hidden = width * ratio
        self.widen = nn.Linear(width, hidden)
        self.spread = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same shape."""
        if self.pieces == 1:
            return self.narrowed(self.widen(x), slice(None), self.narrow.bias)
        channels = torch.arange(self.widen.out_features).tensor_split(self.pieces)
        parts = [slice(int(part[0]), int(part[-1]) + 1) for part in channels if len(part)]
        result = self.narrow.bias.expand(*x.shape[:3], -1).clone()
        for part in parts:
            result += self.narrowed(F.linear(x, self.widen.weight[part], self.widen.bias[part]), part, None)
        return result

    def narrowed(self, wide: Tensor, part: slice, bias: Tensor | None) -> Tensor:
        """What a `part` of the channels within, `wide` (N, H, W, part), gives to the result (N, H, W, C)."""
        spread = self.spread
        assert spread.bias is not None
        picture = wide.permute(0, 3, 1, 2)
        seen = F.conv2d(picture, spread.weight[part], spread.bias[part], padding=1, groups=picture.shape[1])
        return F.linear(F.gelu(seen.permute(0, 2, 3, 1)), self.narrow.weight[:, part], bias)
