"""VGG16's distance: the right layers, the recipe's chances and weights, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vivant.errors import WeightsError
from vivant.training.tha.perceptual import Perceptual, open_perceptual


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    inputs, found = 3, {}
    for place, width in ((0, 64), (2, 64), (5, 128), (7, 128), (10, 256), (12, 256), (14, 256)):
        found[f"features.{place}.weight"] = torch.randn(width, inputs, 3, 3) * (2 / 9 / inputs) ** 0.5
        found[f"features.{place}.bias"] = torch.randn(width) * 0.1
        inputs = width
    return {**found, "classifier.0.weight": torch.zeros(2, 2)}


@pytest.fixture(scope="module")
def network(weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Perceptual:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(weights, path)
    return open_perceptual(path)


def test_features_are_those_of_the_layers_by_name(network: Perceptual, weights: dict[str, torch.Tensor]) -> None:
    picture = torch.rand(1, 3, 32, 32)
    x = (picture - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    wanted = []
    for place in range(16):  # torchvision: convolutions, each with a ReLU behind it, and poolings at 4 and 9
        if f"features.{place}.weight" in weights:
            x = F.conv2d(x, weights[f"features.{place}.weight"], weights[f"features.{place}.bias"], padding=1)
        elif place in (4, 9):
            x = F.max_pool2d(x, 2)
        else:
            x = F.relu(x)
        if place in (3, 8, 15):
            wanted.append(x)
    for found, right in zip(network.features(picture), wanted, strict=True):
        assert torch.allclose(found, right, atol=1e-4)


def test_the_distance_is_zero_for_the_same_and_grows(network: Perceptual) -> None:
    first = torch.rand(2, 4, 32, 32) * 2 - 1
    other = first.clone()
    other[:, :3] = -other[:, :3]
    assert network.distance(first, first, colours=True) == 0
    assert network.distance(first, other, colours=True) > 0.1
    assert network.distance(first, other, colours=False) == 0  # alpha is the same
    other[:, 3] = -other[:, 3]
    assert network.distance(first, other, colours=False) > 0.1


def test_rare_comparisons_weigh_more(network: Perceptual) -> None:
    """3/4 of the time colours, times 4/3; else alpha, times 4: the mean is the sum of both distances."""
    grey = torch.full((1, 4, 16, 16), 0.2)
    first, second = grey.clone(), grey.clone()
    second[:, :3] = first[:, :3] = 0.5 * 0.5
    first[:, 3], second[:, 3] = 0.1, 0.9
    alpha = network.distance(first, second, colours=False)
    seen = [(one[:, 3:] * 0.5 + 0.5).expand(-1, 3, -1, -1) for one in (first, second)]
    plain = sum((a - b).abs().mean() for a, b in zip(network.features(seen[0]), network.features(seen[1]), strict=True))
    assert alpha == pytest.approx(4 * float(plain), rel=1e-3)


def test_gradients_flow_where_colours_are_black(network: Perceptual) -> None:
    drawn = torch.full((1, 4, 16, 16), -1.0, requires_grad=True)
    network.distance(drawn, torch.zeros(1, 4, 16, 16), colours=True).backward()
    assert drawn.grad is not None
    assert torch.isfinite(drawn.grad).all()


def test_other_files_are_refused(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"no features\.0\.weight"):
        open_perceptual(tmp_path / "a.safetensors")
    save_file({**weights, "features.2.weight": torch.zeros(3, 3)}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match=r"features\.2\.weight is \[3, 3\]"):
        open_perceptual(tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        open_perceptual(tmp_path / "c.pth")
