"""Training of the packaged 3-D heads: examples agree with themselves, a short training learns, and can be resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_heads import write_view_heads

from vivant.avatars.real3d.compact import open_compact
from vivant.avatars.real3d.head_window import SIDE, HeadWindow
from vivant.avatars.relief.relief import Relief
from vivant.errors import SettingsError, WeightsError
from vivant.face.model import load_face_model
from vivant.training.real3d.compact import CompactRecipe, ViewHead, save_head, train_compact, varied
from vivant.training.real3d.compact_shards import ARRAYS, STEPS, open_examples


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_view_heads(tmp_path_factory.mktemp("balls"))


@pytest.mark.slow
def test_a_few_steps_learn_and_resume(shards: Path, tmp_path: Path) -> None:
    """Interrupted and resumed, the training ends with the same weights; its loss falls."""
    recipe = CompactRecipe(steps=4, examples=1, points=256, every=2)
    whole = _trained(shards, tmp_path / "whole", recipe, 0)
    again = _trained(shards, tmp_path / "halves", recipe, 1)
    assert whole[-1] < whole[0]
    assert again[-1] == pytest.approx(whole[-1], rel=1e-3)


def _trained(shards: Path, work: Path, recipe: CompactRecipe, interruptions: int) -> list[float]:
    torch.manual_seed(0)
    work.mkdir()
    head = ViewHead()
    losses = []
    for round_ in range(interruptions + 1):
        for standing in train_compact(head, shards, work, recipe):
            losses.append(standing.loss)
            if round_ < interruptions:
                break
    save_head(head, work / "head.safetensors", {})
    open_compact(Relief(), work / "head.safetensors")
    return losses


def test_a_mirrored_example_is_the_mirrored_head(shards: Path) -> None:
    """Points of the surface keep the pixels that show them, mirrored or not, whatever the colours became."""
    example = open_examples(shards)[1]
    for seed in range(4):
        layers, _, _, _, surface, colour = varied(example, 400, np.random.default_rng(seed))
        front = (surface[:, 2] > 0.3) & (np.abs(surface[:, :2]).max(1) < 0.3)
        column = ((surface[front, 0] + 1) * SIDE / 2).astype(int)
        row = ((1 - surface[front, 1]) * SIDE / 2).astype(int)
        pixels = (layers[:3, row, column].T + 1) / 2
        assert np.abs(pixels - colour[front]).mean() < 0.06
        x = layers[5][layers[9] > 0]
        across = np.nonzero(layers[9] > 0)[1] - SIDE / 2
        assert np.corrcoef(x, across)[0, 1] > 0.95, "the model's x runs to the right, mirrored or not"


def test_folders_that_hold_no_heads(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no rendered heads"):
        open_examples(tmp_path)
    (tmp_path / "head.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(WeightsError, match=r"head\.safetensors"):
        open_examples(tmp_path)


def test_recipes_that_teach_nothing() -> None:
    with pytest.raises(SettingsError, match="0 steps"):
        CompactRecipe(steps=0)


@pytest.mark.slow
def test_rendered_heads_agree_with_their_pictures(samples: Path) -> None:
    """What the picture sees of the surface has the picture's colours, and what is before it is free."""
    from vivant.face.ict import read_ict
    from vivant.training.real3d.compact_examples import PLACES, person_examples
    from vivant.training.real3d.heads.body import open_body

    model = read_ict(samples / "ict_facekit.npz")
    example = person_examples(model, open_body(model), np.random.default_rng(5))[0]
    assert set(example) == set(ARRAYS)
    assert len(example["taken"]) == len(example["colour"]) == PLACES
    assert 0.1 < example["taken"].mean() < 0.7
    surface = example["surface"] / STEPS
    column, row = ((surface[:, 0] + 1) * SIDE / 2).astype(int), ((1 - surface[:, 1]) * SIDE / 2).astype(int)
    seen = np.full((SIDE, SIDE), -2.0)
    np.maximum.at(seen, (row // 4, column // 4), surface[:, 2])
    front = surface[:, 2] > seen[row // 4, column // 4] - 0.02
    error = np.abs(example["picture"][row, column].astype(float) - example["colour"])[front].mean()
    assert error < 25
    taken = example["places"][example["taken"] > 0] / STEPS
    column, row = ((taken[:, 0] + 1) * SIDE / 2).astype(int), ((1 - taken[:, 1]) * SIDE / 2).astype(int)
    inside = example["inside"][row.clip(0, SIDE - 1), column.clip(0, SIDE - 1)] > 0
    covered = example["mask"][row.clip(0, SIDE - 1), column.clip(0, SIDE - 1)] > 0
    assert covered[inside].mean() > 0.97, "nothing solid stands where the picture sees the background"
    points = load_face_model().neutral
    assert np.abs(HeadWindow.of_landmarks(example["landmarks"]).pose.scale * 18 - 128) < 1e-2 * len(points)
