"""Key tables of Real3D-Portrait's published checkpoints; its speech networks are GeneFace++'s, or nearly."""

from __future__ import annotations

from vivant.weights import geneface
from vivant.weights.keys import KeyTable
from vivant.weights.real3d_planes import image_to_plane, motion_adapter
from vivant.weights.real3d_torso import super_resolution
from vivant.weights.real3d_volume import radiance_decoder

STATE = ("lambda_pertube_blink_secc", "lambda_pertube_secc")
"""Weights of losses, which training goes on from; they draw nothing."""


def audio_to_expression() -> KeyTable:
    """Audio-to-motion VAE, to AudioToExpression."""
    return geneface.audio_to_expression()


def sync_expert() -> KeyTable:
    """SyncNet, to SyncExpert: one layer more at the end of each tower."""
    return geneface.sync_expert(layers=14)


def generator() -> KeyTable:
    """The whole of the last stage, to Generator."""
    table = behind("cano_img2plane_backbone.", image_to_plane(), "image_to_plane.")
    table |= behind("secc_img2plane_backbone.", motion_adapter(), "motion_adapter.")
    table |= behind("decoder.", radiance_decoder(), "decoder.") | dict.fromkeys(STATE, "")
    return table | behind("superresolution.", super_resolution(), "super_resolution.")


def behind(old: str, table: KeyTable, new: str) -> KeyTable:
    """`table` where published keys stand behind `old` and ours behind `new`."""
    return {old + key: name and new + name for key, name in table.items()}
