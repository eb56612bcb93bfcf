"""What every command that trains checks before it makes anything."""

from __future__ import annotations

from vivant.errors import SettingsError
from vivant.motion.idle import check_seed


def check_training(seed: int, device: str, threads: int) -> None:
    """Raise SettingsError for a seed, a device or a number of processor cores that cannot be."""
    check_seed(seed)
    if threads < 1:
        raise SettingsError(f"threads is {threads}; give 1 or more")
    if device != "cpu" and not _is_here(device):
        raise SettingsError(f"there is no device {device} for PyTorch here; use --device cpu")


def _is_here(device: str) -> bool:
    """Whether `device`, such as cuda or cuda:1, is one of this machine."""
    import torch

    kind, _, number = device.partition(":")
    return kind == "cuda" and (number or "0").isdecimal() and int(number or 0) < torch.cuda.device_count()
