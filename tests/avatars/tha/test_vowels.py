"""The mixture of vowels: as exact as the fixture's true optima, and never beaten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.avatars.tha.vowels import SHAPES, vowel_cost, vowel_weights


def test_parity_tha_exact_optima(parity: Path) -> None:
    path = parity / "tha" / "mocap.json"
    if not path.is_file():
        pytest.skip(f"no fixture {path}")
    checked = 0
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        best = case.get("mouth_exact_optimum")
        if best is None:
            continue
        c = case["blendshapes"]
        lower = min(c["mouthLowerDownLeft"] + c["mouthLowerDownRight"], 1.0)
        opening = min(max((c["jawOpen"] - 0.1) / 0.3, 0.0), 1.0)
        aaa, iii, uuu, ooo = vowel_weights(np.array([opening, lower, c["mouthFunnel"], c["mouthPucker"]]))
        found = [aaa, iii, min(uuu + ooo, 1.0)]
        np.testing.assert_allclose(
            found, [best["mouth_aaa"], best["mouth_iii"], best["mouth_uuu"] + best["mouth_ooo"]], atol=1e-7
        )
        checked += 1
    assert checked > 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(0, 2**32 - 1))
def test_no_other_mixture_is_better(wanted: list[float], seed: int) -> None:
    mouth = np.array(wanted)
    best = vowel_weights(mouth)
    assert best.min() >= 0
    assert best.max() <= 1
    random = np.random.default_rng(seed)
    far = random.uniform(0, 1, (300, 4))
    near = np.clip(best + random.normal(0, 0.01, (300, 4)), 0, 1)
    corners = np.indices((2, 2, 2, 2)).reshape(4, -1).T
    others = vowel_cost(np.concatenate([far, near, corners]), mouth)
    assert float(vowel_cost(best[None], mouth)[0]) <= others.min() + 1e-12


def test_agrees_with_a_general_minimiser() -> None:
    optimise = pytest.importorskip("scipy.optimize")
    random = np.random.default_rng(4)
    for mouth in random.uniform(0, 1, (20, 4)):
        starts = (np.full(4, 0.5), random.uniform(0, 1, 4), vowel_weights(mouth))
        searched = min(
            optimise.minimize(lambda w, m=mouth: float(vowel_cost(w[None], m)[0]), start, bounds=[(0, 1)] * 4).fun
            for start in starts
        )
        assert float(vowel_cost(vowel_weights(mouth)[None], mouth)[0]) <= searched + 1e-9


def test_pure_vowels_are_themselves() -> None:
    for index, shape in enumerate(SHAPES):
        assert int(np.argmax(vowel_weights(shape))) == index
    np.testing.assert_array_equal(vowel_weights(np.zeros(4)), 0)
