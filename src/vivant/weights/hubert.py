"""Key table of HuBERT checkpoints in the layout of the transformers library."""

from __future__ import annotations

from collections.abc import Collection

from vivant.weights.keys import KeyTable

POSITIONS = "encoder.pos_conv_embed.conv"
WEIGHT_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def hubert(found: Collection[str], wanted: Collection[str]) -> KeyTable:
    """From the keys `found` in a file to those `wanted` by a HubertModel.

    A fine-tuned file has a prefix, and a head that features do not need; older files name weight norm otherwise.
    """
    prefix = "hubert." if any(key.startswith("hubert.") for key in found) else ""
    names = {f"{prefix}{name}": name for name in wanted}
    for new, old in WEIGHT_NORM.items():
        if f"{prefix}{POSITIONS}.{old}" in found:
            names[f"{prefix}{POSITIONS}.{old}"] = names.pop(f"{prefix}{POSITIONS}.{new}")
    return names | {key: "" for key in found if key.startswith("lm_head.")}
