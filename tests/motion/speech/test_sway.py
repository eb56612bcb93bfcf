"""The learnt sway: bounded for hours, as large as fitted, lively by turns."""

from __future__ import annotations

import numpy as np

from vivant.motion.speech.sway import CHANNELS, RATE, Sway, load_sway, simulate


def test_it_stays_near_rest_for_hours() -> None:
    hour = simulate(load_sway(), 3600 * RATE, 1)
    deviation = hour.std(0)
    np.testing.assert_array_less(np.abs(hour.mean(0)), 0.15 * deviation)
    np.testing.assert_array_less(np.abs(hour).max(0), 9 * deviation)
    first, last = hour[: 600 * RATE].std(0), hour[-600 * RATE :].std(0)
    np.testing.assert_allclose(first, last, rtol=0.35)


def test_amounts_are_those_of_people() -> None:
    """Loose bounds from tracked talking heads: degrees, inter-ocular distances, curves."""
    deviation = dict(zip(CHANNELS, simulate(load_sway(), 1200 * RATE, 2).std(0), strict=True))
    for name, low, high in (("yaw", 2.5, 9), ("pitch", 1.5, 6), ("roll", 0.8, 4)):
        assert low < np.degrees(deviation[name]) < high
    assert all(0.01 < deviation[name] < 0.09 for name in ("right", "up", "near"))
    assert 0.1 < deviation["brow"] < 0.4


def test_a_seed_chooses_and_excitement_enlarges() -> None:
    model = load_sway()
    np.testing.assert_array_equal(simulate(model, 50, 3), simulate(model, 50, 3))
    assert np.abs(simulate(model, 50, 3) - simulate(model, 50, 4)).max() > 0.01
    calm, lively = Sway(model, 5), Sway(model, 5)
    small = np.stack([calm.step(-1.0) for _ in range(2000)]).std(0)
    large = np.stack([lively.step(0.0) for _ in range(2000)]).std(0)
    np.testing.assert_allclose(small / large, np.exp(-1.0), rtol=1e-6)
    excited = Sway(model, 5)
    excited.excite(1.0)
    first = np.stack([excited.step() for _ in range(10)]).std(0)
    np.testing.assert_array_less(simulate(model, 10, 5).std(0), first)


def test_the_noise_is_loud_and_quiet_by_turns() -> None:
    """Speeds have heavier tails than a Gaussian's (kurtosis 3), but not by bursts."""
    speed = np.diff(simulate(load_sway(), 600 * RATE, 0), axis=0)
    kurtosis = ((speed - speed.mean(0)) ** 4).mean(0) / speed.var(0) ** 2
    assert np.all((kurtosis > 3.0) & (kurtosis < 8))
    assert kurtosis.mean() > 3.3
