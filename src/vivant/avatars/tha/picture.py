"""Pictures to what the networks read, and back.

Networks see R, G, B, A in linear light, each scaled from 0..1 to -1..1. THA3 wants straight alpha, THA4 colours
multiplied by alpha. The published tools show THA4's results as if their alpha were straight, which darkens every soft
edge; here they are divided by alpha unless the published bytes are asked for.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Bytes = NDArray[np.uint8]

FAINTEST = 0.5 / 255
"""Below this alpha, whose byte is 0, a colour is black: nobody sees it, and division would make it bright noise."""


def tensor_of_picture(rgba: Bytes, *, premultiplied: bool) -> Tensor:
    """(1, 4, H, W) float32 in -1..1, linear light, of `rgba` (H, W, 4) uint8, sRGB, straight alpha.

    With `premultiplied` (THA4) colours are multiplied by alpha; else (THA3) they are black where alpha is 0.
    """
    picture = torch.from_numpy(np.ascontiguousarray(rgba))
    levels = torch.arange(256, dtype=torch.float64) / 255
    colour = linear_of_srgb(levels)[picture[..., :3].long()]
    alpha = levels[picture[..., 3:].long()]
    colour *= alpha if premultiplied else alpha > 0
    return (2 * torch.cat((colour, alpha), dim=2) - 1).float().permute(2, 0, 1)[None].contiguous()


def picture_of_tensor(
    image: Tensor, *, premultiplied: bool, official: bool = False, faintest: float = FAINTEST
) -> Bytes:
    """Straight alpha sRGB (H, W, 4) uint8, or (N, H, W, 4) for N other than 1, of an `image` (N, 4, H, W).

    `official` gives the bytes that the published manual posers save, which take premultiplied colours for straight.
    Else premultiplied colours are black below the alpha `faintest`.
    """
    light = _light(image)
    colour, alpha = light[:, :3], light[:, 3:]
    if premultiplied and not official:
        colour *= torch.where(alpha < faintest, 0, 1 / alpha)
        colour.clamp_(max=1)
    colour.copy_(srgb_of_linear(colour))
    return _bytes(light.mul_(255).round_())


def official_frame(image: Tensor, background: tuple[float, float, float] | None = None) -> Bytes:
    """The bytes (H, W, 4) that the published puppeteers show of `image` (1, 4, H, W), over `background` RGB in 0..1.

    Their blend multiplies THA4's colours by alpha once more; bytes are cut, not rounded.
    """
    light = _light(image)
    colour, alpha = light[:, :3], light[:, 3:]
    colour.copy_(srgb_of_linear(colour))
    if background is not None:
        colour.mul_(alpha).add_((1 - alpha) * light.new_tensor(background)[:, None, None])
        alpha.fill_(1)
    return _bytes(light.mul_(255))


def linear_of_srgb(level: Tensor) -> Tensor:
    """Linear light 0..1 of sRGB 0..1 of any shape (IEC 61966-2-1)."""
    return torch.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def srgb_of_linear(light: Tensor) -> Tensor:
    """sRGB 0..1 of linear light 0..1 of any shape."""
    return torch.where(light <= 0.003130804953560372, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _light(image: Tensor) -> Tensor:
    """Linear light 0..1 of an image (N, 4, H, W) in -1..1."""
    return (image.detach().float().contiguous() * 0.5 + 0.5).clamp_(0, 1)


def _bytes(image: Tensor) -> Bytes:
    """(N, 4, H, W) in 0..255 to (N, H, W, 4), or (H, W, 4) of one."""
    pixels: Bytes = image.byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels[0] if len(pixels) == 1 else pixels
