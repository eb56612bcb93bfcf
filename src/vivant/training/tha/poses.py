"""Poses to learn from: how the published ones were drawn is not known, so three kinds are mixed.

one by one   at most one group of each category, as the manual tools allow, with head and body anywhere
captured     what the published puppeteers make of a moving face: several groups of a category at once
anywhere     every number by itself; nobody looks like that, but a student must not break there
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.constants import Constants
from vivant.avatars.tha.currency import pose_of_curves
from vivant.avatars.tha.pose import HIGH, INDEX, LOW, PARAMETERS
from vivant.face import arkit

Floats = NDArray[np.float32]

SHARES = (0.5, 0.35, 0.15)
"""Of the three kinds."""
STILL = 0.15
"""Share of the categories that stay at rest, one by one."""
BOTH = 0.6
"""Share of the groups with two sides whose sides are equal."""
LIVELY = 0.4
"""Share of the curves of a captured face that are not 0."""
MORPHS = ("eyebrow", "eye", "iris", "mouth")


def draw_poses(random: np.random.Generator, count: int) -> Floats:
    """(count, 45) within each parameter's range, the kinds mixed by `SHARES`."""
    makers = (one_by_one, captured, anywhere)
    kinds = random.choice(len(makers), count, p=SHARES)
    return np.stack([makers[kind](random) for kind in kinds]).astype(np.float32)


def one_by_one(random: np.random.Generator) -> Floats:
    """A pose (45,) as the manual tools set it."""
    pose = anywhere(random)
    pose[: INDEX["iris_rotation_x"]] = 0
    for category in MORPHS:
        if random.random() < STILL:
            continue
        groups = sorted({_group(one.name) for one in PARAMETERS if one.category == category})
        group = groups[random.integers(len(groups))]
        members = [place for place, one in enumerate(PARAMETERS) if _group(one.name) == group]
        pose[members] = random.random() if random.random() < BOTH else random.random(len(members))
    return pose


def captured(random: np.random.Generator) -> Floats:
    """A pose (45,) as a tracker sets it."""
    count = len(arkit.CURVES)
    curves = np.where(random.random(count) < LIVELY, random.random(count), 0).astype(np.float32)
    constants = Constants()
    angles = [math.radians(full) * float(random.uniform(-1, 1)) for full in constants.head_degrees]
    pose = pose_of_curves(curves, angles, constants)
    pose[INDEX["breathing"]] = random.random()
    return pose


def anywhere(random: np.random.Generator) -> Floats:
    """A pose (45,) anywhere in the parameters' ranges."""
    return (LOW + random.random(len(LOW)) * (HIGH - LOW)).astype(np.float32)


def _group(name: str) -> str:
    return name.removesuffix("_left").removesuffix("_right")
