"""Ears: their light lies where people's ears are, and on none that hair covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from project_tools import load_tool

from vivant.avatars import open_avatar
from vivant.avatars.real3d.ears import BESIDE, HALF, ear_light, ears_of, from_middle, light_at
from vivant.avatars.real3d.real3d import Real3DSettings
from vivant.face.ict import REGIONS, read_ict
from vivant.portrait.open import open_portrait


@pytest.mark.slow
def test_the_hollows_of_many_ears_are_dark_and_their_rims_light(samples: Path) -> None:
    """The model knows ears of people; which of its points are hollow, its mean head says."""
    model = read_ict(samples / "ict_facekit.npz")
    last = REGIONS["head_neck"][1]
    neutral, landmark = model.neutral[:last], model.landmarks(model.neutral)[BESIDE[1]]
    back, down = from_middle(neutral, landmark)
    inside = (np.hypot(back / HALF[1], down / HALF[0]) < 1) & (neutral[:, 0] > 5)
    hollow = inside & (neutral[:, 0] < landmark[0] - 0.1) & (back < 0) & (abs(down) < 1)
    rim = inside & (neutral[:, 0] > landmark[0] + 1.4)
    assert min(hollow.sum(), rim.sum()) > 20
    random, found = np.random.default_rng(0), []
    for _ in range(12):
        person = model.person(random.normal(size=100).astype(np.float32))
        place = from_middle(person[:last], model.landmarks(person)[BESIDE[1]])
        light = light_at(*place)
        found.append((light[hollow].mean(), light[rim].mean()))
    dark, bright = np.array(found).T
    assert dark.mean() < 0.82
    assert bright.mean() > 1


@pytest.mark.slow
def test_the_tool_makes_the_packaged_light(samples: Path) -> None:
    made = load_tool("make_ear").make_ear(samples / "ict_facekit.npz")
    np.testing.assert_allclose(made, ear_light(), atol=2e-3)


def share_of_ears(samples: Path, name: str) -> tuple[Any, Any]:
    """What the packaged head of a portrait shows as ears, and the head."""
    painter: Any = open_avatar("real3d", Real3DSettings(networks="packaged"))
    layers = painter.layers(open_portrait(next((samples / "portraits").glob(name))))
    prepared = painter.painter.prepare(layers)
    return ears_of(prepared.head, prepared.hair.share, prepared.scene.source), prepared


@pytest.mark.slow
def test_ears_of_short_hair_are_seen_and_those_under_long_hair_are_not(samples: Path) -> None:
    ears, prepared = share_of_ears(samples, "p13*")
    colour = prepared.head.colour.mean(1)
    on, dark, light = ears.share > 0.9, ears.light < 0.75, ears.light > 1
    assert (on & dark).sum() > 20
    assert colour[on & dark].mean() < 0.85 * colour[on & light].mean()
    covered, prepared = share_of_ears(samples, "p16*")
    hidden = 1 - prepared.head.own[:, 0]
    assert (hidden * covered.share).sum() < 0.25 * ears.share.sum()
