"""The convolutions of VGG (Simonyan and Zisserman 2014), by whose features pictures are compared.

The weights are always the user's: torchvision's `vgg16` or `vgg19`, or VGG-Face's, as .pth or .safetensors files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.errors import WeightsError

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each group."""
VGG16, VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
"""Convolutions of each group."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels, 0..1, of the pictures that torchvision's were trained on."""


class Vgg(nn.Module):
    """Convolutions of kernel 3 in groups, each with a ReLU; a max pooling between the groups."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        """Of so many convolutions in each group; the deepest may be left out."""
        super().__init__()
        inputs = 3
        groups = []
        for width, count in zip(WIDTHS, counts, strict=False):
            groups.append(nn.ModuleList(nn.Conv2d(width if i else inputs, width, 3, padding=1) for i in range(count)))
            inputs = width
        self.groups = nn.ModuleList(groups)

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Every activation of each group (relu1_1, relu1_2, ...) of normalised pictures (N, 3, H, W)."""
        found = []
        for place, group in enumerate(self.groups):
            x = F.max_pool2d(x, 2) if place else x
            found.append([x := F.relu(conv(x)) for conv in cast(nn.ModuleList, group)])
        return found


def fill(vgg: Vgg, tensors: Mapping[str, Tensor], counts: tuple[int, ...], fault: str) -> None:
    """Load `tensors` of a network of `counts`, named by group and number (`conv1_1`) or by place (`features.0`).

    Weights are (O, I, 3, 3), biases (O,). Raises WeightsError, which begins with `fault`, where one is missing or of
    another shape.
    """
    place, names = 0, {}
    for group, count in enumerate(counts):
        for number in range(count):
            for part in ("weight", "bias"):
                either = f"features.{place}.{part}", f"conv{group + 1}_{number + 1}.{part}"
                names[f"groups.{group}.{number}.{part}"] = either
            place += 2  # its ReLU has a number too
        place += 1
    wanted = vgg.state_dict()
    vgg.load_state_dict({key: _taken(tensors, names[key], tensor.shape, fault) for key, tensor in wanted.items()})


def _taken(tensors: Mapping[str, Tensor], names: tuple[str, ...], shape: tuple[int, ...], fault: str) -> Tensor:
    name = next((name for name in names if name in tensors), None)
    if name is None:
        raise WeightsError(f"{fault}: it has no {names[0]}")
    if tensors[name].shape != shape:
        raise WeightsError(f"{fault}: {name} is {list(tensors[name].shape)}")
    return tensors[name].float().clone()
