"""Training of the mouth network: lessons, losses, and a few steps from sound to weights that load again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from vivant.errors import SettingsError
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.motion.speech.front_end import BANDS, WIDTH
from vivant.motion.speech.gestures import ROUND, SHUT, curves_of_gestures, mouth_matrix
from vivant.motion.speech.networks.gesture_net import GestureNet
from vivant.training.speech import rooms
from vivant.training.speech.corpus import Phone, Utterance, write_flac
from vivant.training.speech.hearings import KINDS, Hearing, hear
from vivant.training.speech.lessons import lesson
from vivant.training.speech.mouth import (
    MouthRecipe,
    Student,
    gesture_error,
    learning_rate,
    lip_gap,
    losses,
    train_mouth,
)

RATE = 16000


def buzz(seconds: float, hertz: float = 130) -> np.ndarray:
    """A voice without words."""
    pulses = np.diff(np.floor(np.arange(int(seconds * RATE) + 1) * hertz / RATE)) > 0
    return (0.4 * np.convolve(pulses, np.exp(-np.arange(60) / 12))[: len(pulses)]).astype(np.float32)


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Three sentences "apa": the voice is still while the lips are closed."""
    folder, result = tmp_path_factory.mktemp("corpus"), []
    for number in range(3):
        sound = buzz(2.0)
        sound[: RATE // 2] = sound[3 * RATE // 2 :] = sound[RATE * 9 // 10 : RATE * 11 // 10] = 0
        write_flac(folder / f"{number}.flac", sound)
        times = ((0.0, 0.5, ""), (0.5, 0.9, "a"), (0.9, 1.1, "p"), (1.1, 1.5, "a"), (1.5, 2.0, ""))
        phones = tuple(Phone(*time) for time in times)
        result.append(Utterance(folder / f"{number}.flac", "none", "buzz", "xx", 2.0, phones))
    return result


@pytest.fixture(scope="module")
def heard(utterances: list[Utterance]) -> list[Hearing]:
    return [hear(utterances, [seed], carried) for seed, carried in ((0, 0.0), (1, 1.0), (2, 0.0), (3, 1.0))]


def test_sound_and_gestures_keep_together_at_every_speed(heard: list[Hearing]) -> None:
    for one in heard[::2]:  # the clean ones
        assert len(one.levels) == 2 * len(one.gestures) == 2 * len(one.kinds)
        loud = one.levels.astype(float)[:, 5:30].mean(1)[::2]
        closed, vowel = one.kinds == 1, one.kinds == len(KINDS) - 1
        assert np.median(loud[vowel]) > np.median(loud[closed]) + 30
        edges = np.flatnonzero(np.diff(closed.astype(int)) == 1)
        assert len(edges) == 3
        for edge in (edges[0], edges[-1]):  # no drift from the first sentence to the last
            assert loud[edge - 4 : edge - 1].min() > loud[edge + 4 : edge + 7].max() + 20
        assert one.gestures[closed][:, SHUT].max() > 0.8


@pytest.mark.parametrize("way", ["room", "telephone", "opus", "faster"])
def test_augmentation_keeps_the_timing(way: str) -> None:
    sound = np.concatenate([np.zeros(RATE, np.float32), buzz(0.3), np.zeros(RATE, np.float32)])
    changed = {
        "room": lambda: rooms.in_room(sound, np.random.default_rng(0)),
        "telephone": lambda: rooms.by_telephone(sound),
        "opus": lambda: rooms.by_opus(sound, 16000),
        "faster": lambda: rooms.faster(sound, 125),
    }[way]()
    factor = 1.25 if way == "faster" else 1.0
    assert len(changed) == pytest.approx(len(sound) / factor, abs=2)
    first = np.flatnonzero(np.abs(changed) > 0.3 * np.abs(changed).max())[0] * factor / RATE
    assert first == pytest.approx(1.0, abs=0.02)


def test_lessons_are_reproducible_and_bounded(heard: list[Hearing]) -> None:
    one, same, other = (lesson(heard, 4, 64, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.features.shape == (4, 128, WIDTH)
    assert one.gestures.shape == (4, 64, 7)
    assert one.kinds.max() < len(KINDS)
    np.testing.assert_array_equal(one.features, same.features)
    assert np.abs(one.features - other.features).max() > 0.5
    assert np.isfinite(one.features).all()
    assert -4 <= one.features[..., :BANDS].min() <= one.features[..., :BANDS].max() <= 1.5


def test_the_gap_that_training_sees_is_that_of_the_face() -> None:
    draw = np.random.default_rng(0)
    gestures = draw.uniform(0, 1, (200, 7)) * (draw.random((200, 7)) < 0.5)
    gestures[:, ROUND] *= 0.5
    model = load_face_model()
    moved = [displacement_from_curves(model, one)[[13, 14], 1] for one in curves_of_gestures(gestures, mouth_matrix())]
    true = np.array([upper - lower for upper, lower in moved])
    found = lip_gap(torch.from_numpy(gestures)).numpy()
    assert np.corrcoef(true, found)[0, 1] > 0.97
    assert np.abs(true - found).mean() < 0.1


def test_missing_a_closure_costs_more_than_making_one() -> None:
    recipe, still = MouthRecipe(), torch.zeros(1, 8, 7)
    closed = still.clone()
    closed[..., SHUT] = 1.0
    assert gesture_error(still, closed, recipe) > 2 * gesture_error(closed, still, recipe) > 0
    assert gesture_error(closed, closed, recipe) == 0
    assert gesture_error(still, closed, recipe, bold=3.0) > 2 * gesture_error(still, closed, recipe)
    assert gesture_error(closed, still, recipe, bold=3.0) == gesture_error(closed, still, recipe)


def test_learning_rate_rises_and_falls() -> None:
    recipe = MouthRecipe(steps=1000)
    rates = [learning_rate(step, recipe) for step in (0, 100, 199, 600, 999)]
    assert rates[0] < 0.01 * recipe.rate < rates[1] < rates[2] > rates[3] > rates[4] > 0
    assert learning_rate(1000, recipe) == recipe.finish_rate > learning_rate(999 + recipe.finish, recipe) > 0


def test_losses_fall_and_reach_every_part(heard: list[Hearing]) -> None:
    recipe = MouthRecipe(batch=4, frames=32)
    torch.manual_seed(0)
    student = Student()
    batch = lesson(heard, 4, 32, np.random.default_rng(0))
    optimiser = torch.optim.AdamW(student.parameters(), 2e-3)
    totals = []
    for _ in range(12):
        found = losses(student, batch, recipe)
        optimiser.zero_grad()
        torch.autograd.backward(found["total"])
        optimiser.step()
        totals.append(float(found["total"].detach()))
    assert totals[-1] < 0.6 * totals[0]
    still = [name for name, value in student.named_parameters() if value.grad is None or not value.grad.abs().any()]
    assert still == []


def test_a_few_steps_write_weights_that_speak(heard: list[Hearing], tmp_path: Path) -> None:
    recipe = MouthRecipe(steps=3, finish=2, batch=2, frames=32)
    output = tmp_path / "mouth.safetensors"
    steps = list(train_mouth(heard, output, recipe, {"hours": "0"}))
    assert ["encoded" in step for step in steps] == [True] * 3 + [False] * 2
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    with safe_open(output, "pt") as file:
        assert set(file.metadata()) == {"recipe", "figures", "hours"}
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    left = GestureNet().load_state_dict(tensors, strict=False)
    assert left.unexpected_keys == []
    assert all(name.startswith("vae.encoder.") for name in left.missing_keys)


def test_too_little_to_hear(heard: list[Hearing], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="too few"):
        list(train_mouth(heard[:1], tmp_path / "a.safetensors", replace(MouthRecipe(), steps=1)))
