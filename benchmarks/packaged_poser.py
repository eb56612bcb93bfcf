"""How much nearer to the truth the packaged poser draws than standing still: python benchmarks/packaged_poser.py

The truth are puppets that it was not trained on. One parameter at a time is set to its end; compared are RGBA values,
colours premultiplied, where the truth changes and four pixels around. dB is 10 log10 of the ratio of the
squared errors, the mean over puppets whose picture the parameter changes. Needs `pip install vivant[train]`.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from vivant.avatars.place import premultiplied
from vivant.avatars.tha.compact import CompactPoser, open_compact
from vivant.avatars.tha.pose import pose_of
from vivant.training.tha.finder_training import HELD_OUT
from vivant.training.tha.puppet.puppet import Puppet
from vivant.training.tha.puppet.style import random_style

GROUPS = {
    "brows": ["troubled", "angry", "lowered", "raised", "happy", "serious"],
    "lids": ["eye_wink", "eye_happy_wink", "eye_relaxed"],
    "mouth": ["mouth_aaa", "mouth_iii", "mouth_uuu", "mouth_eee", "mouth_ooo"],
    "turns": ["head_x", "head_y", "neck_z", "body_y", "body_z"],
}
CHANGED = 0.02
AROUND = np.ones((9, 9), np.uint8)


def main() -> None:
    """Draw and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puppets", type=int, default=30)
    count = parser.parse_args().puppets
    poser, gains = open_compact(), dict[str, list[float]]()
    for seed in range(count):
        puppet = Puppet(random_style(np.random.default_rng(HELD_OUT + seed)))
        for name, gain in gains_of(poser, puppet).items():
            gains.setdefault(name, []).append(gain)
    print("| parameter | dB against standing still | puppets that it changes |\n|---|---|---|")
    for name, found in gains.items():
        print(f"| {name} | {np.mean(found):+.1f} | {len(found)} |")


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
