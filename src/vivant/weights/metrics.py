"""Key tables of the published networks that metrics stand on."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine, batch_norm

CONVOLUTIONS = (0, 4, 8, 11, 14, 18)
"""Places of the convolutions in a tower of SyncNet v2; a batch norm follows each."""


def syncnet() -> KeyTable:
    """SyncNet v2, to SyncNet."""
    table: KeyTable = {}
    for old, new in (("lip", "lip"), ("aud", "sound")):
        for place in CONVOLUTIONS:
            table |= affine(f"netcnn{old}.{place}", f"{new}.{place}")
            table |= batch_norm(f"netcnn{old}.{place + 1}", f"{new}.{place + 1}")
        table |= affine(f"netfc{old}.0", f"{new}_head.0") | batch_norm(f"netfc{old}.1", f"{new}_head.1")
        table |= affine(f"netfc{old}.3", f"{new}_head.3")
    return table
