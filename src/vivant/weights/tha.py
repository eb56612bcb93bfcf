"""Key tables of the published checkpoints of Talking Head Anime 3 and 4."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine, same

LEVELS = 3
"""Halvings of the networks of THA3."""
BLOCKS = 6
"""Blocks at their smallest size."""
MIDDLE = 4
"""Blocks at the smallest size of the networks of THA4."""
WIDENS = {5: (False, True, True, False, False), 6: (False, True, True, True, False, False)}
"""By the number of levels of a U-Net of THA4: on which of them the number of channels grows."""


def eyebrow_decomposer(*, separable: bool = False) -> KeyTable:
    """To EyebrowDecomposer."""
    parts = {
        "background_layer_alpha": "background_alpha",
        "background_layer_color_change": "background_colour",
        "eyebrow_layer_alpha": "eyebrow_alpha",
        "eyebrow_layer_color_change": "eyebrow_colour",
    }
    return body("body.", separable=separable) | heads(parts)


def eyebrow_combiner(*, separable: bool = False) -> KeyTable:
    """The eyebrow morphing combiner, to EyebrowCombiner."""
    parts = {
        "morphed_eyebrow_layer_alpha": "eyebrow_alpha",
        "morphed_eyebrow_layer_color_change": "eyebrow_colour",
        "combine_alpha": "combine_alpha",
    }
    return body("body.", separable=separable) | heads(parts) | flow_head("morphed_eyebrow_layer_grid_change")


def face_morpher(*, separable: bool = False) -> KeyTable:
    """To FaceMorpher; the standard variant's keys have no `body.`."""
    parts = {
        "iris_mouth_color_change": "mouth_colour",
        "iris_mouth_alpha": "mouth_alpha",
        "eye_color_change": "eye_colour",
        "eye_alpha": "eye_alpha",
    }
    table = body("body." if separable else "", separable=separable)
    return table | heads(parts) | flow_head("iris_mouth_grid_change")


def rotator(*, separable: bool = False) -> KeyTable:
    """The two-algorithm face and body rotator, to Rotator."""
    table = heads({"direct_creator": "direct"}) | flow_head("grid_change_creator")
    return table | turning_body("encoder_decoder.", ".1", separable=separable)


def editor(*, separable: bool = False) -> KeyTable:
    """To Editor."""
    table = heads({"color_change_creator": "colour", "alpha_creator": "alpha"}) | flow_head("grid_change_creator")
    return table | turning_body("body.", "", separable=separable)


def body(prefix: str, *, separable: bool) -> KeyTable:
    """The encoder-decoder of the eyebrow and face networks."""
    table = conv_block(f"{prefix}downsample_blocks.0", "body.enter", separable=separable)
    table |= conv_block(f"{prefix}bottleneck_blocks.0", "body.join", separable=separable)
    for level in range(LEVELS):
        table |= conv_block(f"{prefix}downsample_blocks.{level + 1}", f"body.down.{level}", separable=separable)
        table |= conv_block(f"{prefix}upsample_blocks.{level}", f"body.up.{level}", separable=separable)
    for block in range(BLOCKS - 1):
        table |= residual(f"{prefix}bottleneck_blocks.{block + 1}", f"body.blocks.{block}", separable=separable)
    return table


def turning_body(prefix: str, up: str, *, separable: bool) -> KeyTable:
    """The encoder-decoder of rotator and editor; `up` is where the convolution stands within a block that enlarges."""
    table = conv_block(f"{prefix}downsample_blocks.0", "body.enter", separable=separable)
    for level in range(LEVELS):
        table |= conv_block(f"{prefix}downsample_blocks.{level + 1}", f"body.down.{level}", separable=separable)
        table |= conv_block(f"{prefix}upsample_blocks.{level}{up}", f"body.up.{level}.block", separable=separable)
    for block in range(BLOCKS):
        table |= residual(f"{prefix}bottleneck_blocks.{block}", f"body.blocks.{block}", separable=separable)
    return table


def conv_block(old: str, new: str, *, separable: bool) -> KeyTable:
    """Convolution and norm."""
    parts = ("depthwise", "conv") if separable else ("conv",)
    table = {f"{old}.{place}.weight": f"{new}.{part}.weight" for place, part in enumerate(parts)}
    return table | affine(f"{old}.{len(parts)}", f"{new}.norm")


def residual(old: str, new: str, *, separable: bool) -> KeyTable:
    """Two convolutions with their norms."""
    table: KeyTable = {}
    for place, part in ((0, "first"), (3, "second")):
        there = f"{old}.resnet_path.{place}"
        if separable:
            table |= {f"{there}.0.weight": f"{new}.{part}.depthwise.weight"}
        table |= {f"{there}.1.weight" if separable else f"{there}.weight": f"{new}.{part}.conv.weight"}
        table |= affine(f"{old}.resnet_path.{place + 1}", f"{new}.{part}.norm")
    return table


def heads(parts: dict[str, str]) -> KeyTable:
    """Convolutions with an activation behind, by their published names."""
    table: KeyTable = {}
    for old, new in parts.items():
        table |= affine(f"{old}.0", f"heads.convs.{new}")
    return table


def flow_head(old: str) -> KeyTable:
    """The convolution that gives the flow; it has no bias."""
    return same(old, "heads.convs.flow", ("weight",))


def body_morpher(*, levels: int = 5) -> KeyTable:
    """To BodyMorpher, a U-Net of so many levels."""
    return unet("body", "body", levels)


def upscaler(*, levels: int = 6) -> KeyTable:
    """To Upscaler."""
    return unet("body", "body", levels) | affine("coarse_image_conv", "rough")


def unet(old: str, new: str, levels: int) -> KeyTable:
    """U-Net with attention on the last level, to UNet."""
    names = {"time_embed.1": "time.0", "time_embed.3": "time.2", "cond_embed.0": "pose.0", "cond_embed.2": "pose.2"}
    names |= {"first_conv": "enter", "last.0": "norm", "last.2": "leave"}
    table: KeyTable = {}
    for there, here in names.items():
        table |= affine(f"{old}.{there}", f"{new}.{here}")
    for level in range(levels):
        table |= unet_level(old, new, level, levels)
    for block in range(MIDDLE):
        table |= unet_block(f"{old}.middle_blocks.{2 * block}", f"{new}.middle.{block}", skip=False)
    for block in range(MIDDLE - 1):
        table |= attention(f"{old}.middle_blocks.{2 * block + 1}.module", f"{new}.between.{block}")
    return table


def unet_level(old: str, new: str, level: int, levels: int) -> KeyTable:
    """A level of the way down, and the one of the same number on the way up."""
    down, up = (f"{old}.{way}_blocks.{level}" for way in ("down", "up"))
    here_down, here_up = (f"{new}.{way}.{level}" for way in ("down", "up"))
    table = unet_block(f"{down}.res_blocks.0", f"{here_down}.block", skip=WIDENS[levels][level])
    for block in range(2):
        table |= unet_block(f"{up}.resnet_blocks.{block}", f"{here_up}.blocks.{block}", skip=True)
        if level == 0:
            table |= attention(f"{up}.attention_blocks.{block}", f"{here_up}.attentions.{block}")
    if level < levels - 1:
        table |= unet_block(f"{down}.downsample", f"{here_down}.shrink", skip=False)
        table |= unet_block(f"{up}.upsample", f"{here_up}.enlarge", skip=False)
    else:
        table |= attention(f"{down}.attention_blocks.0", f"{here_down}.attention")
    return table


def unet_block(old: str, new: str, *, skip: bool) -> KeyTable:
    """Residual block; its input goes through a convolution (`skip`) where the number of channels changes."""
    names = {
        "norm0": "norm_in",
        "conv0": "conv_in",
        "cond0_layers.1": "time",
        "norm1": "norm",
        "cond1_layers.1": "pose",
        "conv1": "conv",
    } | ({"skip": "skip"} if skip else {})
    table: KeyTable = {}
    for there, here in names.items():
        table |= affine(f"{old}.{there}", f"{new}.{here}")
    return table


def attention(old: str, new: str) -> KeyTable:
    """Attention block."""
    return (
        affine(f"{old}.norm", f"{new}.norm")
        | affine(f"{old}.qkv", f"{new}.read")
        | affine(f"{old}.conv", f"{new}.leave")
    )
