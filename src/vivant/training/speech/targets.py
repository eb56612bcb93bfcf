"""The published speech networks that can be trained, by name: apart, so that naming one loads no network."""

from __future__ import annotations

from typing import Literal, get_args

PublishedTarget = Literal[
    "geneface/sync_expert",
    "geneface/audio_to_landmarks",
    "geneface/audio_to_landmarks_pitch",
    "geneface/post_net",
    "geneface/head_pose",
    "real3d/sync_expert",
    "real3d/audio_to_expression",
]
"""post_net trains its landmark critic beside it."""
NAMES: tuple[str, ...] = get_args(PublishedTarget)
