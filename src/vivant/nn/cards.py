"""What networks do on graphics cards: work for compilers, which want plain operations on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., object])


def on_card(x: Tensor) -> bool:
    """Whether operations on `x` must be PyTorch's own: on a graphics card, or where a compiler follows them."""
    return torch.compiler.is_compiling() or x.device.type != "cpu"


def compiled(function: Function) -> Function:
    """`function`, a network or whatever has tensors, compiled when it is first called, for the sizes that it gets."""
    return cast(Function, torch.compile(function, dynamic=False))
