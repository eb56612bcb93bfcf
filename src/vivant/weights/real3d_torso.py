"""Key tables of the torso and super-resolution networks of Real3D-Portrait, without the prefix `superresolution.`."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine, batch_norm, same

RESIDUALS = 6
"""Residual blocks of the torso's appearance and of its generator."""
HEAD_RESIDUALS = 3
LEVELS = 5


def head_super_resolution() -> KeyTable:
    """Of the checkpoints of a head alone, to HeadSuperResolution."""
    return synthesis_block("block0", "low") | synthesis_block("block1", "high")


def super_resolution() -> KeyTable:
    """Head, torso and background, to HeadTorsoSuperResolution."""
    torso = "torso_model"
    table = torso_appearance(f"{torso}.appearance_extractor.", "appearance.")
    table |= torso_motion(f"{torso}.motion_field_estimator.", "motion.")
    table |= torso_generator(f"{torso}.deform_based_generator.", "generator.")
    table |= chain(f"{torso}.occlusion_2_predictor", "occupancy")
    table |= affine("torso_encoder.0", "see_torso") | chain("bg_encoder", "see_background")
    table |= dead_chain("head_torso_alpha_predictor")
    table |= affine("fuse_head_torso_convs.0", "join_torso.0") | affine("fuse_head_torso_convs.2", "join_torso.2")
    table |= chain("fuse_fg_bg_convs", "join_background")
    return table | head_super_resolution() | synthesis_block("head_torso_block", "body")


def torso_appearance(old: str = "", new: str = "") -> KeyTable:
    """To TorsoAppearance; `old` and `new` are prefixes with their dot."""
    table = conv_norm(f"{old}in_conv", f"{new}enter") | affine(f"{old}mid_conv", f"{new}join")
    for level in range(2):
        table |= conv_norm(f"{old}down.{level}.layers.0", f"{new}down.{level}")
    for block in range(RESIDUALS):
        table |= residual(f"{old}res.{block}", f"{new}blocks.{block}")
    return table


def torso_motion(old: str = "", new: str = "") -> KeyTable:
    """To TorsoMotion."""
    names = {"tgt_head_fuser": "fuse", "mask_conv": "pick", "occlusion_conv": "former", "occlusion_conv2": "occlusion"}
    table: KeyTable = {}
    for there, here in (names | {"compress": "compress"}).items():
        table |= affine(f"{old}{there}", f"{new}{here}")
    for level in range(LEVELS):
        table |= conv_norm(f"{old}down.{level}.layers.0", f"{new}down.{level}")
        table |= conv_norm(f"{old}up.{level}.layers.1", f"{new}up.{level}")
    table |= conv_norm(f"{old}tgt_head_encoder.0", f"{new}see_head.0")
    for block in range(1, HEAD_RESIDUALS + 1):
        table |= residual(f"{old}tgt_head_encoder.{block}", f"{new}see_head.{block}")
    return table


def torso_generator(old: str = "", new: str = "") -> KeyTable:
    """To TorsoGenerator."""
    table = conv_norm(f"{old}in_conv", f"{new}enter", spectral=True)
    table |= affine(f"{old}mid_conv", f"{new}join") | affine(f"{old}out_conv", f"{new}leave")
    for block in range(RESIDUALS):
        table |= residual(f"{old}res.{block}", f"{new}blocks.{block}", spectral=True)
    for level in range(2):
        table |= conv_norm(f"{old}up.{level}.layers.1", f"{new}up.{level}", spectral=True)
    return table


def conv_norm(old: str, new: str, *, spectral: bool = False) -> KeyTable:
    """Convolution, then batch norm."""
    return convolution(f"{old}.layers.0", f"{new}.conv", spectral=spectral) | batch_norm(
        f"{old}.layers.1", f"{new}.norm"
    )


def residual(old: str, new: str, *, spectral: bool = False) -> KeyTable:
    """Twice batch norm, then convolution."""
    table: KeyTable = {}
    for place, part in enumerate(("first", "second")):
        there, here = f"{old}.layers.{place}.layers", f"{new}.{part}"
        table |= batch_norm(f"{there}.0", f"{here}.norm")
        table |= convolution(f"{there}.2", f"{here}.conv", spectral=spectral)
    return table


def convolution(old: str, new: str, *, spectral: bool) -> KeyTable:
    """With the vectors of its spectral normalisation, if it has one."""
    if not spectral:
        return affine(old, new)
    vectors = {f"{old}.weight_{vector}": f"{new}.{vector}" for vector in "uv"}
    return {f"{old}.weight_orig": f"{new}.weight"} | same(old, new, ("bias",)) | vectors


def synthesis_block(old: str, new: str) -> KeyTable:
    """Two steered convolutions and their colours; noise is off, and filters are constants."""
    table: KeyTable = {f"{old}.resample_filter": ""}
    for there, here in {"conv0": "first", "conv1": "second", "torgb": "to_rgb"}.items():
        table |= affine(f"{old}.{there}", f"{new}.{here}")
        table |= affine(f"{old}.{there}.affine", f"{new}.{here}.style")
    for conv in ("conv0", "conv1"):
        table |= {f"{old}.{conv}.{leaf}": "" for leaf in ("noise_const", "noise_strength", "resample_filter")}
    return table


def chain(old: str, new: str) -> KeyTable:
    """Three convolutions with activations between them."""
    table: KeyTable = {}
    for place in (0, 2, 4):
        table |= affine(f"{old}.{place}", f"{new}.{place}")
    return table


def dead_chain(old: str) -> KeyTable:
    """The same of a network that nothing asks."""
    return dict.fromkeys(chain(old, ""), "")
