"""Hearing in windows: as in one piece where the sound is short, alike where it is long, never dependent on its cuts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vivant.motion.speech.networks.hubert import HOP
from vivant.motion.speech.pitch import pitch_track
from vivant.motion.speech.published_hearing import MARGIN, WINDOW, Level, hear, overlapping

Floats = NDArray[np.float32]
STEP = (WINDOW - 2 * MARGIN) * HOP


def listen(sound: Floats) -> Floats:
    """Three features of each row that depend on what the row sees and nothing else."""
    seen = np.lib.stride_tricks.sliding_window_view(sound, 400)[::HOP]
    return np.stack([seen.mean(1), seen.std(1), seen[:, 0]], axis=1).astype(np.float32)


def noise(samples: int, seed: int = 0) -> Floats:
    return (0.2 + 0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 399, 400, 5000, 123_456, (WINDOW + 1) * HOP])
def test_twenty_seconds_are_heard_as_published(samples: int) -> None:
    """One piece, mean 0 and variance 1 over all of it, pitch beside it."""
    sound = noise(samples)
    (heard,) = hear([sound], listen, 3)
    rows = max((samples - 80) // HOP, 1)
    assert heard.shape == (rows, 4)
    if samples < 400:
        assert not heard.any()
        return
    normal = (sound - sound.mean(dtype=np.float64)) / np.sqrt(sound.var(dtype=np.float64) + 1e-7)
    np.testing.assert_allclose(heard[:, :3], listen(normal.astype(np.float32)), atol=2e-5)
    np.testing.assert_array_equal(heard[:, 3], pitch_track(sound, np.abs(sound - sound.mean()).max())[:rows])


@pytest.mark.parametrize("extra", [1, 300, 400, 5000, STEP - 1, STEP, STEP + 1, 2 * STEP + 100_000])
def test_each_row_of_a_long_sound_is_there_once_and_in_its_place(extra: int) -> None:
    sound = noise((WINDOW + 1) * HOP + extra)
    heard = np.concatenate(list(hear([sound], listen, 3)))
    assert len(heard) == (len(sound) - 80) // HOP
    wanted = listen(((sound - sound.mean()) / sound.std()).astype(np.float32))
    # Even noise has the same level everywhere, so that hearing a part of it first makes no difference to speak of.
    np.testing.assert_allclose(heard[:, :3], wanted, atol=0.02)


def test_the_level_is_that_of_everything_up_to_the_end_of_the_window() -> None:
    sound = np.concatenate([0.01 * noise(STEP), noise(STEP), 0.1 * noise(STEP)])
    given: list[Floats] = []

    def remember(normal: Floats) -> Floats:
        given.append(normal)
        return listen(normal)

    assert len(list(hear([sound], remember, 3))) == len(given) == 3
    for index, normal in enumerate(given):
        stop = min(index * STEP + (WINDOW + 1) * HOP, len(sound))
        wanted = (sound[index * STEP : stop] - sound[:stop].mean(dtype=np.float64)) / sound[:stop].std(dtype=np.float64)
        np.testing.assert_allclose(normal, wanted, atol=1e-3)


@given(st.lists(st.integers(0, 200_000), max_size=12), st.integers(0, 900_000))
@settings(max_examples=10, deadline=None)
def test_the_cuts_of_the_sound_make_no_difference(cuts: list[int], samples: int) -> None:
    sound = noise(samples)
    whole = list(hear([sound], listen, 3))
    parts = list(hear(np.split(sound, sorted(min(cut, samples) for cut in cuts)), listen, 3))
    assert len(whole) == len(parts)
    assert all((one == other).all() for one, other in zip(whole, parts, strict=True))
    assert bool(whole) == bool(samples)


def test_a_stream_is_heard_while_it_goes_on() -> None:
    """Window by window; nothing but the window at hand is read ahead."""
    taken = 0

    def stream() -> object:
        nonlocal taken
        for seed in range(100):
            taken += 16000
            yield noise(16000, seed)

    seconds = Fraction(0)
    for rows in hear(stream(), listen, 3):  # type: ignore[arg-type]
        seconds += Fraction(len(rows), 50)
        assert taken <= 16000 * (seconds + 40)
    assert seconds == Fraction((100 * 16000 - 80) // HOP, 50)


def test_not_a_number_is_silence() -> None:
    sound = noise(8000)
    sound[2000:3000] = np.nan
    assert all(np.isfinite(rows).all() for rows in hear([sound], listen, 3))


@given(st.integers(0, 60), st.integers(1, 12), st.data())
@settings(max_examples=60, deadline=None)
def test_windows_cover_everything(count: int, step: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(step, 20))
    rows = np.arange(count)
    cuts = data.draw(st.lists(st.integers(0, count), max_size=4))
    windows = list(overlapping(np.split(rows, sorted(cuts)), size, step))
    assert [last for _, last in windows] == [False] * (len(windows) - 1) + [True] * bool(windows)
    for index, (window, last) in enumerate(windows):
        assert window.tolist() == rows[index * step : index * step + size].tolist()
        assert last or len(window) == size
    assert bool(windows) == bool(count)
    if len(windows) > 1:
        assert len(windows[-1][0]) > size - step


def test_level_is_that_of_everything_so_far() -> None:
    sound, level = noise(5000), Level()
    for piece in np.split(sound, [100, 101, 3000]):
        level.add(piece)
    normal = level.normal(sound)
    assert abs(normal.mean()) < 1e-5
    assert normal.std() == pytest.approx(1, abs=1e-4)
    assert level.loudest == pytest.approx(np.abs(sound - sound.mean()).max(), rel=1e-4)
