"""Published systems as mouths, with random weights: frames, bounds, seeds, windows, constant memory, the whole way."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from published import basel_arrays, import_random, save_basel, save_hubert

from vivant.errors import SettingsError, WeightsError
from vivant.face.arkit import CURVES, INDEX
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.networks.audio_to_expression import AudioToExpression, AudioToExpressionConfig
from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks, AudioToLandmarksConfig
from vivant.motion.speech.networks.hubert import HOP
from vivant.motion.speech.networks.post_net import PostNet, PostNetConfig
from vivant.motion.speech.published import (
    MARGIN,
    STEP,
    WINDOW,
    draw_rest,
    draw_stream,
    mouth_of,
    noise,
    published_mouth,
)
from vivant.motion.speech.published_draw import Speaker, expression_draw, landmark_draw
from vivant.motion.speech.published_hearing import hear

Floats = NDArray[np.float32]
MOUTH = np.array([name.startswith(("jaw", "mouth")) for name in CURVES])
FEATURES = 6


def listen(sound: Floats) -> Floats:
    """Six features of each row: loudness in steps of the window."""
    seen = np.lib.stride_tricks.sliding_window_view(sound, 400)[::HOP]
    return np.log1p(np.stack([np.abs(seen[:, at : at + 60]).mean(1) for at in range(0, 360, 60)], axis=1))


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Random weights everywhere, also where training starts from zero."""
    torch.manual_seed(3)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 1.5 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1)
    return network.eval()


def landmark_speaker(*, pitch: bool = False, post: bool = False) -> Speaker:
    network = AudioToLandmarks(AudioToLandmarksConfig(sound=FEATURES, width=8, pitch=4 if pitch else 0))
    post_net = shaken(PostNet(PostNetConfig(pitch=8 if pitch else 0))) if post else None
    assert post_net is None or isinstance(post_net, PostNet)
    shaken(network)
    return Speaker(listen, FEATURES, landmark_draw(network, post_net))


def expression_speaker(folder: Path, amplitude: float = 0.4) -> Speaker:
    network = AudioToExpression(AudioToExpressionConfig(sound=FEATURES, width=8))
    shaken(network)
    return Speaker(listen, FEATURES, expression_draw(network, save_basel(folder), amplitude))


def sound(samples: int, seed: int = 0) -> Floats:
    """Syllables of noise."""
    time = np.arange(samples) / 16000
    loud = 0.01 + np.clip(np.sin(2 * np.pi * 3 * time), 0, 1)
    return (0.2 * loud * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def run(mouth: Mouth, *chunks: Floats, rate: Fraction = Fraction(25)) -> Floats:
    return np.array(list(mouth(chunks, rate)), np.float32).reshape(-1, len(CURVES))


def heard(rows: int) -> Floats:
    random = np.random.default_rng(rows)
    return random.normal(0, 1, (rows, FEATURES + 1)).astype(np.float32) * np.array([1] * FEATURES + [0], np.float32)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("samples", [0, 1, 399, 640, 16000, 33333])
def test_there_is_a_frame_for_each_moment_of_the_sound(rate: Fraction, samples: int) -> None:
    curves = run(mouth_of(landmark_speaker(), 1.0, 0.2, 0), sound(samples), rate=rate)
    assert len(curves) == -(-samples * rate // 16000)
    assert np.isfinite(curves).all()
    assert ((curves >= 0) & (curves <= 1)).all()
    assert not curves[:, ~MOUTH].any()


@pytest.mark.parametrize("pitch", [False, True])
@pytest.mark.parametrize("post", [False, True])
def test_neither_cuts_nor_windows_make_a_difference(pitch: bool, post: bool) -> None:
    speaker = landmark_speaker(pitch=pitch, post=post)
    long = sound(30 * 16000)
    mouth = mouth_of(speaker, 1.0, 0.5, 1)
    whole = run(mouth, long)
    assert whole[:, MOUTH].std(0).max() > 0.01
    np.testing.assert_array_equal(run(mouth, *np.array_split(long, 41)), whole)
    rows = heard(1503)
    (one_piece,) = [
        speaker.draw(np.pad(rows, ((0, 1), (0, 0))), 0.5 * noise(1, 0, 188)),
    ]
    windows = np.concatenate(list(draw_stream(np.array_split(rows, 7), speaker.draw, 0.5, 1)))
    assert windows.shape == one_piece.shape == (752, 68, 3)
    assert STEP + WINDOW < 752  # three windows at least
    np.testing.assert_allclose(windows, one_piece, atol=2e-4 * np.abs(one_piece).max())


def test_windows_see_far_enough() -> None:
    """What is outside of a window's margin has no influence on the frames that are kept."""
    draw = landmark_speaker(post=True).draw
    rows, still = heard(2 * WINDOW), noise(0, 0, WINDOW // 4)
    plain = draw(rows, still)
    for reach in (MARGIN, 16):
        other, moved = rows.copy(), still.copy()
        other[: 2 * (200 - reach)] += 3
        moved[: (200 - reach) // 4] += 3
        change = np.abs(draw(other, moved)[200:] - plain[200:]).max()
        assert (change < 1e-4) == (reach == MARGIN)


def test_the_seed_moves_the_mouth_as_far_as_the_temperature_lets_it() -> None:
    speaker, voice = landmark_speaker(), sound(48000)
    cold = run(mouth_of(speaker, 1.0, 0.0, 0), voice)
    np.testing.assert_array_equal(run(mouth_of(speaker, 1.0, 0.0, 7), voice), cold)
    warm = [np.abs(run(mouth_of(speaker, 1.0, t, 7), voice) - cold).mean() for t in (0.1, 0.3, 1.0)]
    assert 0 < warm[0] < warm[1] < warm[2]
    np.testing.assert_array_equal(*(run(mouth_of(speaker, 1.0, 0.3, 7), voice) for _ in range(2)))


def test_noise_belongs_to_its_row() -> None:
    np.testing.assert_array_equal(noise(5, 100, 40)[7], noise(5, 107, 1)[0])
    assert not np.allclose(noise(5, 0, 1), noise(6, 0, 1))
    many = noise(0, 0, 3000)
    assert abs(many.mean()) < 0.02
    assert many.std() == pytest.approx(1, abs=0.02)


def test_silence_is_rest() -> None:
    """What is drawn amid a long silence is, on the mean, what is subtracted."""
    speaker = landmark_speaker()
    heard = hear([np.zeros(10 * 16000, np.float32)], speaker.listen, FEATURES)
    drawn = np.concatenate(list(draw_stream(heard, speaker.draw, 0.0, 0)))
    np.testing.assert_allclose(drawn[100:148].mean(0), draw_rest(speaker), atol=1e-4 * np.abs(drawn).max())


def test_the_shape_of_a_person_is_no_motion() -> None:
    """GeneFace's landmarks hold the identity too."""
    plain, shape = landmark_speaker(), np.random.default_rng(4).normal(0, 0.5, (68, 3)).astype(np.float32)
    other = Speaker(listen, FEATURES, lambda heard, noise: plain.draw(heard, noise) + shape)
    one, two = (run(mouth_of(speaker, 1.0, 0.2, 0), sound(32000)) for speaker in (plain, other))
    np.testing.assert_allclose(two, one, atol=1e-3)


def test_gain_scales_the_curves() -> None:
    mouth, voice = mouth_of(landmark_speaker(), 1.0, 0.0, 0), sound(48000)
    plain, half = run(mouth, voice), run(mouth_of(landmark_speaker(), 0.5, 0.0, 0), voice)
    unclipped = plain < 0.99
    np.testing.assert_allclose(half[unclipped], 0.5 * plain[unclipped], atol=1e-5)
    assert not run(mouth_of(landmark_speaker(), 0.0, 0.0, 0), voice).any()


def test_coefficients_move_the_face_that_they_should(tmp_path: Path) -> None:
    """The fake Basel face has our curves as its first expressions: what it is told is what is seen."""
    wanted = np.zeros((8, 64), np.float32)
    wanted[:, INDEX["jawOpen"]] = np.linspace(0, 0.7, 8)
    wanted[4:, INDEX["mouthPucker"]] = 0.4

    class Saying(AudioToExpression):
        def forward(self, voice: object, noise: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(wanted)[None] if noise.any() else torch.zeros(1, WINDOW, 64)

    network = Saying(AudioToExpressionConfig(sound=FEATURES, width=8))
    speaker = Speaker(listen, FEATURES, expression_draw(network, save_basel(tmp_path), 0.4))
    assert speaker.draw(heard(16), np.ones((2, 16), np.float32)).shape == (8, 68, 3)
    curves = run(mouth_of(speaker, 1.0, 1.0, 0), sound(16 * HOP))
    np.testing.assert_allclose(curves[:8, INDEX["jawOpen"]], wanted[:, INDEX["jawOpen"]], atol=0.06)
    np.testing.assert_allclose(curves[:8, INDEX["mouthPucker"]], wanted[:, INDEX["mouthPucker"]], atol=0.1)


def test_offsets_have_the_size_of_the_built_in_face(tmp_path: Path) -> None:
    """A Basel face of half the size says the same."""
    arrays = basel_arrays()
    halved = arrays | {name: arrays[name] / 2 for name in ("meanshape", "exBase")}
    drawn = []
    for name, numbers in (("whole", arrays), ("half", halved)):
        (tmp_path / name).mkdir()
        network = AudioToExpression(AudioToExpressionConfig(sound=FEATURES, width=8))
        shaken(network)
        drawn.append(expression_draw(network, save_basel(tmp_path / name, numbers), 0.4)(heard(16), noise(0, 0, 2)))
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-4, atol=1e-6)


def test_the_amplitude_of_the_system_is_used(tmp_path: Path) -> None:
    rests = [draw_rest(expression_speaker(tmp_path, amplitude)) for amplitude in (0.0, 0.45)]
    assert not np.allclose(rests[0], rests[1])


@pytest.mark.slow
def test_ten_minutes_need_no_more_memory_than_one() -> None:
    import tracemalloc

    def stream(seconds: int) -> Iterator[Floats]:
        return (sound(16000, second) for second in range(seconds))

    mouth, peaks = mouth_of(landmark_speaker(pitch=True), 1.0, 0.2, 0), []
    for seconds in (60, 600):
        tracemalloc.start()
        frames = sum(1 for _ in mouth(stream(seconds), Fraction(25)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert frames == 25 * seconds
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize("value", [{"gain": 4.0}, {"gain": float("nan")}, {"temperature": -0.1}, {"seed": -1}])
def test_values_out_of_range_are_refused(value: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="temperature is 0 to 1"):
        published_mouth("geneface", "anything", **value)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a tiny HuBERT and a face model; random published checkpoints in the store."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIVANT_WEIGHTS_DIR", str(folder / "store"))
        patch.setenv("HF_HOME", str(folder / "cache"))
        save_hubert(folder / "user" / "hubert")
        save_basel(folder / "user")
        import_random(folder / "g", "geneface", audio_to_landmarks="", post_net="May", audio_to_expression="")
        import_random(folder / "r", "real3d", audio_to_expression="")
        yield folder / "user"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["geneface", "geneface++", "real3d"])
def test_the_whole_way_from_published_checkpoints(user: Path, model: str) -> None:
    mouth = published_mouth(model, user, seed=2)
    voice = sound(4 * 16000 + 77)
    curves = run(mouth, voice, rate=Fraction(30))
    assert curves.shape == (121, len(CURVES))
    assert np.isfinite(curves).all()
    assert curves.min() >= 0
    assert 0 < curves.max() <= 1
    assert run(mouth).shape == (0, len(CURVES))
    strange = np.concatenate([np.full(5000, np.nan), np.full(20000, 1e9), np.zeros(20000)]).astype(np.float32)
    assert np.isfinite(run(mouth, strange)).all()


@pytest.mark.slow
def test_a_hubert_of_another_width_is_refused(user: Path, tmp_path: Path) -> None:
    save_hubert(tmp_path / "hubert", width=32)
    with pytest.raises(WeightsError, match="32 numbers, not 1024; get hubert-large-ls960-ft"):
        published_mouth("geneface", tmp_path)
