"""The perceptual distance on networks with random weights, and the files that it is read from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vivant.errors import WeightsError
from vivant.nn import vgg
from vivant.training.real3d.perceptual import FacePerceptual, open_face_perceptual

WIDTHS = (3, 4, 4, 4, 4)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg, "WIDTHS", WIDTHS)


def file_of(path: Path, counts: tuple[int, ...], names: str) -> Path:
    """Weights of so many convolutions in each group, by torchvision's names or by VGG-Face's."""
    torch.manual_seed(len(names))
    tensors: dict[str, Tensor] = {}
    place, inputs = 0, 3
    for group, (width, count) in enumerate(zip(WIDTHS, counts, strict=True)):
        for number in range(count):
            name = f"features.{place}" if names == "places" else f"conv{group + 1}_{number + 1}"
            tensors[f"{name}.weight"] = torch.randn(width, inputs, 3, 3)
            tensors[f"{name}.bias"] = torch.randn(width)
            place, inputs = place + 2, width
        place += 1
    save_file(tensors, path)
    return path


def test_files_are_read_by_either_kind_of_name(tmp_path: Path) -> None:
    general = file_of(tmp_path / "vgg19.safetensors", (2, 2, 4, 4, 4), "places")
    face = file_of(tmp_path / "face.safetensors", (2, 2, 3, 3, 3), "groups")
    both = open_face_perceptual(general, face)
    assert both is not None
    assert not any(parameter.requires_grad for parameter in both.parameters())
    assert open_face_perceptual(None, None) is None
    one, other = torch.rand(2, 1, 3, 128, 128)
    parts = [open_face_perceptual(general, None), open_face_perceptual(None, face)]
    total = sum(float(part(one, other)) for part in parts if part is not None)
    assert float(both(one, other)) == pytest.approx(total, rel=1e-4)
    assert float(both(one, one)) == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    wrong = file_of(tmp_path / "vgg16.safetensors", (2, 2, 3, 3, 3), "places")
    with pytest.raises(WeightsError, match="not the weights of torchvision's vgg19"):
        open_face_perceptual(wrong, None)


def test_it_looks_at_small_pictures_enlarged_and_gives_slopes() -> None:
    network = FacePerceptual(size=128).requires_grad_(False)
    small = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(small, torch.rand(1, 3, 32, 32)).backward()
    assert small.grad is not None
    assert float(small.grad.abs().sum()) > 0


def test_terms_that_are_no_number_count_nothing() -> None:
    network = FacePerceptual(size=128)
    assert network.face is not None
    torch.nn.init.constant_(network.face.groups[4][0].bias, torch.nan)  # type: ignore[index, arg-type]
    one, other = torch.rand(2, 1, 3, 128, 128)
    assert bool(network(one, other).isfinite())
    assert float(network(one, other).detach()) > 0
