"""CSIM with made-up weights: the published network written down literally, and the alignment of faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vivant.errors import WeightsError
from vivant.evaluate.identity import LANDMARKS, PLACES, SIDE, IdentityNet, aligned, open_identity

BLOCKS = (2, 1, 1, 1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    state = {
        name: torch.rand_like(tensor) + 0.5 if "running_var" in name else torch.randn_like(tensor) * 0.1
        for name, tensor in IdentityNet(BLOCKS).state_dict().items()
        if tensor.is_floating_point()
    }
    counters = {name: tensor for name, tensor in IdentityNet(BLOCKS).state_dict().items() if name not in state}
    path = tmp_path_factory.mktemp("identity") / "backbone.pth"
    torch.save({**state, **counters}, path)
    return path


def literal(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The network as the publication has it, one operation after the other."""

    def norm(name: str, x: Tensor) -> Tensor:
        mean, variance, weight, bias = (state[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (x - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt() * weight.view(shape) + bias.view(shape)

    def prelu(name: str, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x * state[f"{name}.weight"].view(1, -1, 1, 1))

    x = prelu("prelu", norm("bn1", F.conv2d(x, state["conv1.weight"], padding=1)))
    for stage, count in enumerate(BLOCKS, 1):
        for place in range(count):
            name, stride = f"layer{stage}.{place}", 2 if place == 0 else 1
            y = F.conv2d(norm(f"{name}.bn1", x), state[f"{name}.conv1.weight"], padding=1)
            y = prelu(f"{name}.prelu", norm(f"{name}.bn2", y))
            y = norm(f"{name}.bn3", F.conv2d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1))
            if place == 0:
                x = norm(f"{name}.downsample.1", F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=2))
            x = x + y
    x = norm("bn2", x).flatten(1) @ state["fc.weight"].T + state["fc.bias"]
    x = norm("features", x)
    return x / x.square().sum(1, keepdim=True).sqrt()


def face() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A smooth picture and landmarks in it."""
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 256, (200, 220, 3)).astype(np.uint8), (0, 0), 4)
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[list(LANDMARKS), :2] = PLACES * 1.2 + (30, 25)
    return picture, landmarks


def test_it_computes_what_the_publication_says(file: Path) -> None:
    network = open_identity(file)
    picture, landmarks = face()
    given = (torch.from_numpy(aligned(picture, landmarks)).permute(2, 0, 1)[None].float() - 127.5) / 127.5
    wanted = literal(torch.load(file, weights_only=True), given)[0].numpy()
    np.testing.assert_allclose(network.embedding(picture, landmarks), wanted, atol=1e-5)


def test_the_same_face_is_alike_wherever_it_is(file: Path) -> None:
    network = open_identity(file)
    picture, landmarks = face()
    matrix = cv2.getRotationMatrix2D((110, 100), 25, 1.3)
    moved, there = cv2.warpAffine(picture, matrix, (300, 300)), landmarks.copy()
    there[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    again = network.likeness((picture, landmarks), (moved, there))
    other = network.likeness((picture, landmarks), (255 - picture, landmarks))
    assert network.likeness((picture, landmarks), (picture, landmarks)) == pytest.approx(1, abs=1e-5)
    assert again > 0.95
    assert other < again


def test_eyes_nose_and_mouth_come_to_their_places() -> None:
    picture, landmarks = np.zeros((200, 220, 3), np.uint8), face()[1]
    for place in LANDMARKS:
        picture[tuple(np.round(landmarks[place, 1::-1]).astype(int))] = 255
    found = aligned(cv2.GaussianBlur(picture, (0, 0), 1.5), landmarks).max(2)
    assert found.shape == (SIDE, SIDE)
    for x, y in PLACES:
        near = found[int(y) - 4 : int(y) + 6, int(x) - 4 : int(x) + 6]
        assert near.max() == pytest.approx(found.max(), rel=0.25)


def test_depth_is_seen_from_the_names_and_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    assert len(open_identity(file).layer1) == 2
    torch.save({"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="no iresnet"):
        open_identity(tmp_path / "other.pth")
    torn = {name: tensor for name, tensor in torch.load(file, weights_only=True).items() if name != "fc.bias"}
    torch.save(torn, tmp_path / "torn.pth")
    with pytest.raises(WeightsError, match=r"fc\.bias"):
        open_identity(tmp_path / "torn.pth")
    with pytest.raises(WeightsError):
        open_identity(tmp_path / "missing.pth")
