"""How much nearer to the truth the packaged poser draws than standing still: python benchmarks/packaged_poser.py

The truth are puppets that it was not trained on. One parameter at a time is set to its end; compared are RGBA values,
colours premultiplied, where the truth changes and four pixels around. dB is 10 log10 of the ratio of the
squared errors, the mean over puppets whose picture the parameter changes. Needs `pip install vivant[train]`.
With --sheet FILE three of them are drawn, by the poser above and in truth below, instead of the table.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.place import over, premultiplied
from vivant.avatars.tha.compact import CompactPoser, open_compact
from vivant.avatars.tha.pose import pose_of
from vivant.media.image import write_image
from vivant.training.tha.finder_training import HELD_OUT
from vivant.training.tha.puppet.puppet import Puppet
from vivant.training.tha.puppet.style import random_style

Bytes = NDArray[np.uint8]

GROUPS = {
    "brows": ["troubled", "angry", "lowered", "raised", "happy", "serious"],
    "lids": ["eye_wink", "eye_happy_wink", "eye_relaxed"],
    "irises": ["iris_small"],
    "mouth": ["mouth_aaa", "mouth_iii", "mouth_uuu", "mouth_eee", "mouth_ooo"],
    "turns": ["head_x", "head_y", "neck_z", "body_y", "body_z"],
}
CHANGED = 0.02
AROUND = np.ones((9, 9), np.uint8)
SHOWN: tuple[dict[str, float], ...] = (
    {},
    {"eye_wink": 1},
    {"eye_relaxed": 0.5},
    {"eye_happy_wink": 1},
    {"mouth_aaa": 1},
    {"mouth_eee": 1},
    {"mouth_ooo": 1},
    {"mouth_raised_corner": 1, "eyebrow_angry": 1},
    {"iris_rotation_y": 1, "eyebrow_raised": 1},
    {"head_x": 1},
    {"head_y": 1},
    {"neck_z": 1, "head_y": -0.5},
)
PEOPLE = (6, 7, 27)
WHITE = np.full(3, 255, np.float32)
CROP, CELL = (slice(30, 230), slice(156, 356)), 140


def main() -> None:
    """Draw and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puppets", type=int, default=30)
    parser.add_argument("--sheet", type=Path, help="a picture, .webp or .png")
    options = parser.parse_args()
    poser, gains = open_compact(), dict[str, list[float]]()
    if options.sheet:
        write_image(options.sheet, np.vstack([pair(poser, held_out(number)) for number in PEOPLE]))
        return
    for seed in range(options.puppets):
        for name, gain in gains_of(poser, held_out(seed)).items():
            gains.setdefault(name, []).append(gain)
    print("| parameter | dB against standing still | puppets that it changes |\n|---|---|---|")
    for name, found in gains.items():
        print(f"| {name} | {np.mean(found):+.1f} | {len(found)} |")


def held_out(number: int) -> Puppet:
    """A puppet that the network never saw."""
    return Puppet(random_style(np.random.default_rng(HELD_OUT + number)))


def pair(poser: CompactPoser, puppet: Puppet) -> Bytes:
    """Two rows (2 CELL, W, 4): a puppet in poses that the `poser` draws, and as they are."""
    prepared, rows = poser.prepare(puppet.draw()), []
    for draw in (partial(poser.draw, prepared), puppet.draw):
        seen = [over(premultiplied(np.ascontiguousarray(draw(pose_of(values))[CROP])), WHITE) for values in SHOWN]
        rows.append(np.hstack([cv2.resize(one, (CELL, CELL), interpolation=cv2.INTER_AREA) for one in seen]))
    return np.asarray(np.vstack(rows), np.uint8)


def gains_of(poser: CompactPoser, puppet: Puppet) -> dict[str, float]:
    """dB by parameter for one puppet; those without which nothing changes are left out."""
    rig, found = poser.prepare(puppet.draw()).rig, {}
    for group, names in GROUPS.items():
        for name in (f"eyebrow_{name}" if group == "brows" else name for name in names):
            pose = pose_of({name: 1.0})
            truth = premultiplied(puppet.draw(pose)) / 255
            changed = cv2.dilate((np.abs(truth - rig.drawing).max(-1) > CHANGED).astype(np.uint8), AROUND) > 0
            if changed.any():
                errors = [np.square((one - truth)[changed]).mean() for one in (rig.drawing, rig.draw(pose))]
                found[name] = float(10 * np.log10(errors[0] / errors[1]))
    return found


if __name__ == "__main__":
    main()
