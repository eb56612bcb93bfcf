"""Key tables of the networks of Real3D-Portrait that make planes, and of those that they start from in training.

In a published checkpoint of the whole, all keys stand behind `cano_img2plane_backbone.` (`img2plane_backbone.` where
it was trained alone) or `secc_img2plane_backbone.`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vivant.weights.keys import KeyTable, affine, batch_norm, same

DEPTHS = (3, 4, 6, 3)
"""Blocks of the stages of ResNet-34."""
STAGES = (2, 2, 2, 2)
"""Blocks of the stages of MiT-b0."""
REDUCED = 3
"""Stages of it whose keys are reduced."""


def image_to_plane(*, blocks: int = 5) -> KeyTable:
    """To ImageToPlane with so many transformer blocks in its deep branch."""
    return (
        context("low_reso_encoder.", "context.")
        | low_transformer("low_reso_vit.", "low.", blocks)
        | detail("high_reso_encoder.", "high.")
        | predictor("triplane_predictor_vit.", "join.")
    )


def motion_adapter() -> KeyTable:
    """To MotionAdapter; a filter for pictures of other sizes is stored with its first layer, but never used."""
    table = affine("prenet", "mix") | {"prenet.resample_filter": ""} | mix_transformer("mix_vit.", "encoder.")
    for stage in range(len(STAGES)):
        table |= affine(f"fuse_head.linear_c{stage + 1}.proj", f"head.linears.{stage}")
    table |= same("fuse_head.linear_fuse.conv", "head.join.conv", ("weight",))
    table |= batch_norm("fuse_head.linear_fuse.bn", "head.join.norm")
    for number, place in enumerate((0, 2, 4)):
        table |= affine(f"to_plane_cnn.{place}", f"convs.{number}")
    return table | affine("to_plane_cnn.7", "leave.conv")


def resnet34() -> KeyTable:
    """ResNet-34 for ImageNet as torchvision publishes it, to the residual encoder; what tells classes is left out."""
    return residual_encoder("", "") | {"fc.weight": "", "fc.bias": ""}


def mix_transformer(old: str = "", new: str = "", depths: Sequence[int] = STAGES) -> KeyTable:
    """MiT-b0, to MixTransformer."""
    table: KeyTable = {}
    for stage, depth in enumerate(depths):
        here = f"{new}shrink.{stage - 1}" if stage else f"{new}enter"
        table |= patch_embedding(f"{old}patch_embed{stage + 1}", here)
        table |= affine(f"{old}norm{stage + 1}", f"{new}norms.{stage}")
        for block in range(depth):
            there, here = f"{old}block{stage + 1}.{block}", f"{new}stages.{stage}.{block}"
            table |= transformer_block(there, here, reduced=stage < REDUCED)
    return table


def context(old: str, new: str) -> KeyTable:
    """DeepLab, to ContextEncoder."""
    table = residual_encoder(f"{old}encoder.", f"{new}encoder.")
    names = {"0.convs.0.0": "near", "0.convs.4.1": "whole", "0.project.0": "join", "1": "leave"}
    names |= {f"0.convs.{place + 1}.0": f"far.{place}" for place in range(3)}
    for there, here in names.items():
        table |= same(f"{old}decoder.{there}", f"{new}{here}", ("weight",))
    return table


def residual_encoder(old: str, new: str) -> KeyTable:
    """ResNet-34, to ResidualEncoder; the first stage alone has no convolution beside its first block."""
    table = conv_norm(f"{old}conv1", f"{old}bn1", f"{new}enter")
    for stage, depth in enumerate(DEPTHS):
        for block in range(depth):
            there, here = f"{old}layer{stage + 1}.{block}", f"{new}stages.{stage}.{block}"
            table |= conv_norm(f"{there}.conv1", f"{there}.bn1", f"{here}.first")
            table |= conv_norm(f"{there}.conv2", f"{there}.bn2", f"{here}.second")
            if stage and not block:
                table |= conv_norm(f"{there}.downsample.0", f"{there}.downsample.1", f"{here}.skip")
    return table


def low_transformer(old: str, new: str, blocks: int) -> KeyTable:
    """To LowTransformer."""
    table = patch_embedding(f"{old}patch_embed", f"{new}embed") | affine(f"{old}final_conv", f"{new}leave")
    for block in range(blocks):
        table |= transformer_block(f"{old}block{block + 1}", f"{new}blocks.{block}", reduced=False)
    for number in range(2):
        table |= affine(f"{old}conv_after_upsample{number + 1}", f"{new}enlarge.{number}.conv")
    return table


def detail(old: str, new: str) -> KeyTable:
    """To DetailEncoder."""
    table = affine(f"{old}first", f"{new}enter") | affine(f"{old}final", f"{new}leave")
    for number in range(4):
        table |= affine(f"{old}conv_layers.{2 * number}", f"{new}convs.{number}")
    return table


def predictor(old: str, new: str) -> KeyTable:
    """To PlanePredictor."""
    table = patch_embedding(f"{old}patch_embed", f"{new}embed") | affine(f"{old}final_conv", f"{new}leave")
    table |= transformer_block(f"{old}block1", f"{new}block", reduced=True)
    for number, word in enumerate(("first", "second", "third")):
        table |= affine(f"{old}{word}_conv_after_cat", f"{new}convs.{number}")
    for number, word in enumerate(("first", "second")):
        table |= affine(f"{old}{word}_conv", f"{new}enter.{number}")
    return table


def patch_embedding(old: str, new: str) -> KeyTable:
    """Convolution and norm."""
    return affine(f"{old}.proj", f"{new}.conv") | affine(f"{old}.norm", f"{new}.norm")


def transformer_block(old: str, new: str, *, reduced: bool) -> KeyTable:
    """Attention, of reduced keys or of all, and feed-forward part, each with its norm."""
    names = {
        "norm1": "attention_norm",
        "attn.q": "attention.query",
        "attn.kv": "attention.key_value",
        "attn.proj": "attention.leave",
        "norm2": "feed_norm",
        "mlp.fc1": "feed.widen",
        "mlp.dwconv.dwconv": "feed.spread",
        "mlp.fc2": "feed.narrow",
    }
    names |= {"attn.sr": "attention.reduce", "attn.norm": "attention.reduce_norm"} if reduced else {}
    table: KeyTable = {}
    for there, here in names.items():
        table |= affine(f"{old}.{there}", f"{new}.{here}")
    return table


def conv_norm(conv: str, norm: str, new: str) -> KeyTable:
    """Convolution without bias and batch norm."""
    return same(conv, f"{new}.conv", ("weight",)) | batch_norm(norm, f"{new}.norm")
