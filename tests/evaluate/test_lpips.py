"""LPIPS with made-up weights: the published formula, written down literally on torchvision's own order of layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.errors import WeightsError
from vivant.evaluate.lpips import open_lpips

Bytes = NDArray[np.uint8]


def alexnet() -> nn.Sequential:
    """As torchvision lists it."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU()),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    )


def vgg16() -> nn.Sequential:
    """As torchvision lists it."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


CUTS = {"alexnet": (2, 5, 8, 10, 12), "vgg16": (4, 9, 16, 23, 30)}


@pytest.fixture(scope="module", params=["alexnet", "vgg16"])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, nn.Sequential, list[Tensor], Path]:
    """Name, backbone, heads, and the folder with their files."""
    torch.manual_seed(0)
    network, folder = {"alexnet": alexnet, "vgg16": vgg16}[request.param](), tmp_path_factory.mktemp("lpips")
    cuts = CUTS[request.param]
    widths = [layer.out_channels for cut in cuts for layer in [network[cut - 2]] if isinstance(layer, nn.Conv2d)]
    heads = [torch.rand(1, width, 1, 1) for width in widths]
    torch.save({f"features.{key}": value for key, value in network.state_dict().items()}, folder / "backbone.pth")
    torch.save({f"lin{n}.model.1.weight": head for n, head in enumerate(heads)}, folder / "heads.pth")
    return request.param, network, heads, folder


def pictures() -> tuple[Bytes, Bytes]:
    random = np.random.default_rng(0)
    one = random.integers(0, 256, (72, 80, 3), np.uint8)
    return one, np.clip(one.astype(int) + random.normal(0, 20, one.shape), 0, 255).astype(np.uint8)


def literal(name: str, network: nn.Sequential, heads: list[Tensor], one: Bytes, other: Bytes) -> float:
    """Section 3 of the paper: unit length, squared difference, weights, mean over places, sum over layers."""
    total = 0.0
    for start, end, head in zip((0, *CUTS[name]), CUTS[name], heads, strict=False):
        found = []
        for picture in (one, other):
            x = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 255 * 2 - 1
            x = (x - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[
                :, None, None
            ]
            features = network[:end](x)[0].detach().double().numpy()
            found.append(features / np.linalg.norm(features, axis=0).clip(1e-10))
        assert start < end
        total += float(
            (head[0, :, 0, 0].double().numpy() @ np.square(found[0] - found[1]).reshape(len(found[0]), -1)).mean()
        )
    return total


def test_it_is_the_published_formula(made: tuple[str, nn.Sequential, list[Tensor], Path]) -> None:
    name, network, heads, folder = made
    measure = open_lpips(folder / "backbone.pth", folder / "heads.pth")
    one, other = pictures()
    assert measure.between(one, other) == pytest.approx(literal(name, network, heads, one, other), rel=1e-4)
    assert measure.between(one, one) == 0
    assert measure.between(one, other) == pytest.approx(measure.between(other, one))


def test_other_files_are_refused(made: tuple[str, nn.Sequential, list[Tensor], Path], tmp_path: Path) -> None:
    folder = made[3]
    torch.save({"features.0.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "small.pth")
    with pytest.raises(WeightsError, match="neither"):
        open_lpips(tmp_path / "small.pth", folder / "heads.pth")
    with pytest.raises(WeightsError, match="lin0"):
        open_lpips(folder / "backbone.pth", folder / "backbone.pth")
    torch.save({f"lin{n}.model.1.weight": torch.zeros(1, 7, 1, 1) for n in range(5)}, tmp_path / "heads.pth")
    with pytest.raises(WeightsError, match="does not fit"):
        open_lpips(folder / "backbone.pth", tmp_path / "heads.pth")
    measure = open_lpips(folder / "backbone.pth", folder / "heads.pth")
    with pytest.raises(ValueError, match="one size"):
        measure.between(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 32, 3), np.uint8))
