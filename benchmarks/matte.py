"""How cleanly people are cut out, against rendered heads whose alpha is known: python benchmarks/matte.py HEADS

HEADS is a folder of `vivant train real3d/compact --prepare HEADS`. One picture of every head, as large again; pictures
in which the rough mask misses the person are left out, as are those without a face. Printed is the mean absolute error
of alpha in per cent: of the whole picture, of the band of 9 pixels around the true edges, and of all else, for the
rough mask and for the matte that starts from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.errors import VivantError
from vivant.portrait.matte import cut_out
from vivant.portrait.open import open_portrait
from vivant.training.real3d.compact_shards import Example, open_examples

Floats = NDArray[np.float32]

MISSED = 0.06
"""Mean error of a rough mask that is of something else."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("heads", type=Path, help="folder of prepared heads")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=8, help="every so many heads one is measured")
    parser.add_argument("--most", type=int, default=45)
    settings = parser.parse_args()
    examples = {example.head: example for example in reversed(open_examples(settings.heads)) if not example.lifted}
    chosen = [examples[head] for head in sorted(examples)[settings.first :: settings.step]][: settings.most]
    rows = [row for row in map(errors, chosen) if row is not None and row[0, 0] < 100 * MISSED]
    print(f"{len(rows)} pictures\n| | whole | edges | elsewhere |\n| --- | --- | --- | --- |")
    for name, row in zip(("rough mask", "matte"), np.mean(rows, 0), strict=True):
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")


def errors(example: Example) -> Floats | None:
    """(2, 3): of rough mask and matte, in per cent; None where there is no face or it lies on its side."""
    rows, columns = (np.nonzero(example.inside.any(axis))[0] for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    picture = cv2.resize(example.picture[part], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    truth = cv2.resize(example.mask[part], None, fx=2, fy=2).astype(np.float32) / 255
    try:
        portrait = open_portrait(np.asarray(picture, np.uint8))
    except VivantError:
        return None
    if portrait.person.shape != truth.shape:
        return None
    edges = cv2.dilate(((truth > 0.02) & (truth < 0.98)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    off = [np.abs(found - truth) for found in (portrait.person, cut_out(portrait).alpha)]
    return np.array([[100 * float(one[part].mean()) for part in (..., edges, ~edges)] for one in off], np.float32)


if __name__ == "__main__":
    main()
