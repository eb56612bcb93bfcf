"""The full Talking Head Anime systems calculated as published: one plain operation after the other.

The baseline of `benchmarks/tha_posers.py`. It works on the networks of vivant before they are folded, and keeps nothing
from frame to frame but the decomposer's result, as the published code does.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.avatars.tha.networks.blocks import Body, ConvBlock, DeconvBlock, Heads, ResidualBlock, UpBlock, planes
from vivant.avatars.tha.networks.unet import Attention, Block, UNet
from vivant.nn.warp import warp


class PlainPoser:
    """Five networks by our names, as `vivant.avatars.tha.posers.assemble` takes them."""

    def __init__(self, networks: dict[str, Any], *, premultiplied: bool) -> None:
        self.decomposer, self.combiner, self.morpher, self.coarse, self.fine = networks.values()
        self.turn = turn_by_unets if premultiplied else turn_by_rotator

    def prepare(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The drawing, its background and its brows."""
        picture = image[:, :, 64:192, 192:320]
        alpha, colour, brow_alpha, brow_colour = heads(self.decomposer.heads, body(self.decomposer.body, picture))
        brows = picture * brow_alpha + brow_colour * (1 - brow_alpha)
        return image, colour * alpha + picture * (1 - alpha), brows

    def draw(self, prepared: tuple[Tensor, Tensor, Tensor], pose: Tensor) -> Tensor:
        """The posed picture (1, 4, 512, 512)."""
        image, background, brows = prepared
        seen = image[:, :, 32:224, 160:352].clone()
        seen[:, :, 32:160, 32:160] = self.with_brows(background, brows, pose[:, :12])
        image = image.clone()
        image[:, :, 32:224, 160:352] = self.with_face(seen, pose[:, 12:39])
        return self.turn(self.coarse, self.fine, image, pose[:, 39:])

    def with_brows(self, background: Tensor, brows: Tensor, pose: Tensor) -> Tensor:
        """Combiner."""
        feature = body(self.combiner.body, torch.cat((background, brows), 1), pose)
        flow, alpha, colour, combine = heads(self.combiner.heads, feature)
        warped = warp(brows, flow)
        morphed = colour * alpha + warped * (1 - alpha)
        for over in (combine, (morphed[:, 3:] + 1) / 2):
            result = torch.cat((morphed[:, :3] * over + background[:, :3] * (1 - over), background[:, 3:]), 1)
        return result

    def with_face(self, seen: Tensor, pose: Tensor) -> Tensor:
        """Face morpher."""
        flow, colour, alpha, eye, eye_alpha = heads(self.morpher.heads, body(self.morpher.body, seen, pose))
        warped = warp(seen, flow)
        mouth = colour * alpha + warped * (1 - alpha)
        return eye * eye_alpha + mouth * (1 - eye_alpha)


def turn_by_rotator(coarse: Any, fine: Any, image: Tensor, pose: Tensor) -> Tensor:
    """Rotator and editor."""
    half = F.interpolate(image, size=(256, 256), mode="bilinear")
    feature = turning(coarse.body, torch.cat((half, planes(pose, half)), 1))
    _, flow = heads(coarse.heads, feature)
    rough, flow = (F.interpolate(x, size=(512, 512), mode="bilinear") for x in (warp(half, flow), flow))
    feature = turning(fine.body, torch.cat((image, rough, flow, planes(pose, image)), 1))
    colour, alpha, change = heads(fine.heads, feature)
    warped = warp(image, flow + change)
    return colour * alpha + warped * (1 - alpha)


def turn_by_unets(coarse: Any, fine: Any, image: Tensor, pose: Tensor) -> Tensor:
    """Body morpher and upscaler."""
    half = F.interpolate(image, size=(256, 256), mode="bilinear")
    rough, flow = unet_results(half, unet(coarse.body, coarse.body.enter(half), pose))
    rough, flow = (F.interpolate(x, size=(512, 512), mode="bilinear") for x in (rough, flow))
    extra = fine.rough(torch.cat((rough, warp(image, flow), flow), 1))
    return unet_results(image, unet(fine.body, fine.body.enter(image) + extra, pose))[0]


def conv_block(block: ConvBlock | DeconvBlock, x: Tensor) -> Tensor:
    """Convolution, instance norm, activation."""
    up = isinstance(block, DeconvBlock)
    stride, padding = (2, 1) if up else (block.stride, block.padding)
    convolve = F.conv_transpose2d if up else F.conv2d
    if block.depthwise is None:
        x = convolve(x, block.conv.weight, None, stride, padding)
    else:
        x = convolve(x, block.depthwise.weight, None, stride, padding, groups=x.shape[1])
        x = F.conv2d(x, block.conv.weight)
    x = F.instance_norm(x, weight=block.norm.weight, bias=block.norm.bias)
    leak = block.norm.leak
    return x if leak == 1 else F.leaky_relu(x, leak) if leak else F.relu(x)


def residual(block: ResidualBlock, x: Tensor) -> Tensor:
    """Two convolutions and a sum."""
    return x + conv_block(block.second, conv_block(block.first, x))


def body(network: Body, x: Tensor, pose: Tensor | None = None) -> Tensor:
    """Encoder-decoder of the eyebrow and face networks."""
    for block in (network.enter, *network.down):
        x = conv_block(block, x)
    x = conv_block(network.join, x if pose is None else torch.cat((x, planes(pose, x)), 1))
    for block in network.blocks:
        x = residual(block, x)
    for block in network.up:
        x = conv_block(block, x)
    return x


def turning(network: Any, x: Tensor) -> Tensor:
    """Encoder-decoder of rotator and editor."""
    x = conv_block(network.enter, x)
    skips = [x]
    for block in network.down:
        x = conv_block(block, x)
        skips = [*skips, x]
    skips.pop()
    for block in network.blocks:
        x = residual(block, x)
    for block in network.up:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        if has_skip(block):
            x = torch.cat((x, skips.pop()), 1)
        x = conv_block(block.block, x)
    return x


def has_skip(block: UpBlock) -> bool:
    """Whether the block sees more than what comes from below."""
    first = block.block.depthwise or block.block.conv
    wide = first.out_channels if block.block.depthwise is not None else first.in_channels
    return wide > block.inputs


def heads(network: Heads, feature: Tensor) -> list[Tensor]:
    """One convolution after the other."""
    parts = [conv(feature) for conv in network.convs.values()]
    return [part if act is None else act(part) for part, act in zip(parts, network.acts, strict=True)]


def unet(network: UNet, x: Tensor, pose: Tensor) -> Tensor:
    """U-Net from its first feature on."""
    half = network.config.channels // 2
    code = torch.cat((pose.new_ones(1, half), pose.new_zeros(1, half)), 1)
    given = network.time(code), network.pose(pose)
    skips = [x]
    for level in network.down:
        x = unet_block(level.block, x, given)
        if level.attention is not None:
            x = attention(level.attention, x)
        skips.append(x)
        if level.shrink is not None:
            skips.append(x := unet_block(level.shrink, x, given))
    for place, block in enumerate(network.middle):
        x = unet_block(block, x, given)
        if place < len(network.between):
            x = attention(network.between[place], x)
    for level in network.up:
        for place, block in enumerate(level.blocks):
            x = unet_block(block, torch.cat((x, skips.pop()), 1), given)
            if len(level.attentions):
                x = attention(level.attentions[place], x)
        if level.enlarge is not None:
            x = unet_block(level.enlarge, x, given)
    return network.leave(F.silu(network.norm(x)))


def unet_block(block: Block, x: Tensor, given: tuple[Tensor, Tensor]) -> Tensor:
    """Residual block."""
    h = block.norm(block.conv_in(block.resized(F.silu(block.norm_in(x)))))
    for linear, embedding in zip((block.time, block.pose), given, strict=True):
        scale, shift = linear(F.silu(embedding))[:, :, None, None].chunk(2, 1)
        h = h * (1 + scale) + shift
    h = block.conv(F.silu(h))
    x = block.resized(x)
    return (x if block.skip is None else block.skip(x)) + h


def attention(network: Attention, x: Tensor) -> Tensor:
    """Every place looks at every other."""
    count, channels = x.shape[:2]
    size = channels // network.heads
    query, key, value = network.read(network.norm(x)).reshape(count, 3, network.heads, size, -1).unbind(1)
    weight = torch.einsum("nhct,nhcs->nhts", query * size**-0.25, key * size**-0.25).softmax(3)
    seen = torch.einsum("nhts,nhcs->nhct", weight, value).reshape(x.shape)
    return x + network.leave(seen)


def unet_results(image: Tensor, results: Tensor) -> tuple[Tensor, Tensor]:
    """The drawn picture and the flow."""
    direct, flow, logit = results.split((4, 2, 1), 1)
    alpha = logit.sigmoid()
    return direct * alpha + warp(image, flow) * (1 - alpha), flow
