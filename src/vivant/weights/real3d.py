"""Key tables of Real3D-Portrait's published checkpoints; its speech networks are GeneFace++'s, or nearly."""

from __future__ import annotations

from vivant.weights import geneface
from vivant.weights.keys import KeyTable


def audio_to_expression() -> KeyTable:
    """Audio-to-motion VAE, to AudioToExpression."""
    return geneface.audio_to_expression()


def sync_expert() -> KeyTable:
    """SyncNet, to SyncExpert: one layer more at the end of each tower."""
    return geneface.sync_expert(layers=14)
