"""Units that nothing is seen of are found, and what is drawn without them stays the same."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from characters import made_up, published
from numpy.typing import NDArray
from torch import nn

from vivant.avatars.tha import pruning
from vivant.avatars.tha.character import Character, load_character
from vivant.avatars.tha.networks.face_student import FACE_POSE
from vivant.avatars.tha.siren import kinds
from vivant.avatars.tha.siren_layers import Scratch
from vivant.avatars.tha.student import body_stages

Doubles = NDArray[np.float64]


def units(examples: int, count: int, seed: int = 0) -> Doubles:
    """Activations (N, C + 1), the last of which is 1."""
    values = np.sin(3 * np.random.default_rng(seed).standard_normal((examples, count)))
    return np.hstack([values, np.ones((examples, 1))])


def lost(x: Doubles, weight: Doubles, kept: NDArray[np.intp], weights: Doubles, share: Doubles) -> float:
    """Mean square of what is read of activations `x` (N, I + 1) that the weights of those kept do not give."""
    return float(np.square(x @ weight - x[:, [*kept, -1]] @ weights).mean(0) @ share)


def test_units_that_others_make_up_for_are_left_out() -> None:
    x = units(3000, 48)
    spare = [1, 5, 20, 47, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    others = np.setdiff1d(np.arange(48), spare)
    x[:, spare] = x[:, others] @ np.random.default_rng(1).standard_normal((32, 16)) / 6 + 0.3
    weight, share = np.random.default_rng(2).standard_normal((49, 5)), np.ones(5)
    products = x.T @ x / len(x)
    kept, weights = pruning.keep_best(products, weight, share, 1e-5, 1e-9)
    assert len(kept) == 32
    assert lost(x, weight, kept, weights, share) < 1e-5


def test_a_layer_loses_no_more_than_it_may_and_the_least_that_it_can() -> None:
    x, share = units(3000, 32), np.array([1.0, 0.2])
    weight = np.random.default_rng(3).standard_normal((33, 2)) * np.r_[np.linspace(0, 0.2, 32), 1][:, None]
    products = x.T @ x / len(x)
    whole, same = pruning.keep_best(products, weight, share, 0.0, 1e-9)
    assert len(whole) == 32
    np.testing.assert_allclose(same, weight, atol=1e-9)
    order = pruning._order(products, weight, share, 0.02, 0.0)
    assert 2 < len(order) < 32
    kept = np.setdiff1d(np.arange(32), order)
    rows = [*kept, 32]
    best = np.linalg.lstsq(x[:, rows], x @ weight, rcond=None)[0]
    assert 0.005 < lost(x, weight, kept, best, share) < 0.02
    # The first one to go is the one without which the others do best.
    each = [np.delete(np.arange(33), unit) for unit in range(32)]
    found = [lost(x, weight, r[:-1], np.linalg.lstsq(x[:, r], x @ weight, rcond=None)[0], share) for r in each]
    assert order[0] == int(np.argmin(found))


def test_as_many_units_are_left_as_are_computed_at_once() -> None:
    x, weight = units(2000, 40), np.zeros((41, 3))
    weight[:20] = np.random.default_rng(4).standard_normal((20, 3))
    for loss, count in ((1e-9, 32), (1e9, 1)):
        kept, _ = pruning.keep_best(x.T @ x / len(x), weight, np.ones(3), loss, 0.01)
        assert len(kept) == count
    assert set(range(20)) <= set(pruning.keep_best(x.T @ x / len(x), weight, np.ones(3), 1e-9, 0.01)[0])


def test_constant_units_leave_a_network() -> None:
    """A face whose third layer ignores 60 of its inputs' units and gives 70 constants is drawn by a narrower one."""
    character = made_up()
    face, _ = character.networks()
    third, fourth = face.layers[2].linear, face.layers[3].linear
    third.weight[:, 68:] = 0
    third.weight[58:] = 0
    character = Character(character.picture, face.state_dict(), character.body, character.notes)
    lean, _ = pruning.pruned(character)
    assert [lean.layers[at].linear.out_channels for at in (1, 2)] == [80, 64]
    assert lean.layers[3].linear.in_channels == 64
    assert fourth.in_channels == 128, "the character keeps its networks"
    pose = torch.rand(1, FACE_POSE.stop, generator=torch.Generator().manual_seed(9))
    torch.testing.assert_close(lean(pose), face(pose), atol=0.02, rtol=0)


def test_a_network_that_would_draw_something_else_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "LOSS", 1e3)
    face, body = pruning.pruned(made_up())
    assert {layer.linear.out_channels for layer in face.layers} == {128}
    assert body.levels[0][0].linear.out_channels == 360


def unseen() -> Character:
    """A character of which no unit shows."""
    character = made_up()
    face, body = character.networks()
    for last in (face.last, body.last):
        last.weight.zero_()
    return Character(character.picture, face.state_dict(), body.state_dict(), character.notes)


def test_a_character_that_shows_nothing_keeps_a_unit_of_each_layer() -> None:
    for network in pruning.pruned(unseen()):
        widths = [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        assert set(widths[:-1]) == {1}


@pytest.mark.parametrize("kind", kinds())
def test_levels_fit_together_where_one_has_a_unit_left(kind: torch.dtype) -> None:
    """Few values are also what ends a network; here the next level's first layer takes them, and lanes besides."""
    stages = body_stages(pruning.pruned(unseen())[1], [[kind] * 3] * 3)
    scratch = Scratch()
    for stage, after in pairwise(stages):
        phases = scratch.block(0, 256, len(stage.bias), torch.float32)
        phases.x.zero_()
        assert stage.values(phases, stage.bias).shape == (256, len(after.bias))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "spared"), [("lambda_00", 130_000), ("lambda_01", 40_000)])
def test_published_characters_have_units_to_spare(samples: Path, name: str, spared: int) -> None:
    """lambda_00's coarsest level is noise that the next one ignores; lambda_01's first layer has constant units."""
    character = load_character(published(samples, name))
    whole, lean = character.networks()[1], pruning.pruned(character)[1]
    size = [
        sum(layer.weight.numel() for layer in net.modules() if isinstance(layer, nn.Conv2d)) for net in (whole, lean)
    ]
    assert size[0] - size[1] > spared
    # Other places and poses than those that it was pruned by.
    given = pruning._given(512, torch.Generator().manual_seed(77))
    image = pruning.tensor_of_picture(character.picture, premultiplied=True)
    one, other = (pruning._colours(image, given, net) for net in (whole, lean))
    assert (one - other).square().mean() < 4 * 10**-4.4
