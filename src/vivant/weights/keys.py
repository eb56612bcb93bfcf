"""Key tables: the names that tensors have in a published checkpoint, beside those that they have in our network.

A table gives every published key exactly one name of ours; an empty name says that the published network holds a
tensor that nothing reads. One report names every key that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivant.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

KeyTable = dict[str, str]
Shape = tuple[int, ...]
NAMED = 3
"""Keys of each fault that a report names."""


@dataclass(frozen=True)
class KeyReport:
    """How the tensors of a checkpoint differ from what a network wants; published names throughout."""

    wanted: int
    """Keys of the published network."""
    missing: tuple[str, ...]
    """Wanted, but not there."""
    unexpected: tuple[str, ...]
    """There, but not wanted."""
    misshapen: tuple[str, ...]
    """Of another shape; each with both shapes."""

    @property
    def faults(self) -> int:
        """Number of keys that do not fit; 0 is a perfect fit."""
        return len(self.missing) + len(self.unexpected) + len(self.misshapen)

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.misshapen}
        found = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in kinds.items() if keys]
        return f"of {self.wanted} keys {', '.join(found)}" if found else f"all {self.wanted} keys fit"


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:NAMED]) + ", ..." * (len(keys) > NAMED)


def compare(found: Mapping[str, Shape], table: KeyTable, wanted: Mapping[str, Shape]) -> KeyReport:
    """Compare published keys and shapes `found` with `wanted`, our keys and shapes, by way of `table`.

    Raises ValueError where the table itself does not give every one of our keys exactly once.
    """
    ours = [name for name in table.values() if name]
    if sorted(ours) != sorted(wanted):
        raise ValueError(f"the key table is wrong about {sorted(set(ours) ^ set(wanted))[:NAMED] or 'a repeated key'}")
    misshapen = [
        f"{key} is {list(found[key])}, not {list(wanted[name])}"
        for key, name in table.items()
        if name and key in found and found[key] != wanted[name]
    ]
    missing = tuple(key for key in table if key not in found)
    return KeyReport(len(table), missing, tuple(key for key in found if key not in table), tuple(misshapen))


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shape of each tensor (...)."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def convert(tensors: Mapping[str, Tensor], table: KeyTable, network: nn.Module, source: str) -> dict[str, Tensor]:
    """Published `tensors` (...) under our names, as `network` wants them.

    Raises WeightsError with one report that begins with `source` unless every key fits; no tensor is copied.
    """
    report = compare(shapes(tensors), table, shapes(network.state_dict()))
    if report.faults:
        raise WeightsError(f"{source} does not fit {type(network).__name__}: {report}; is it another version?")
    return {name: tensors[key] for key, name in table.items() if name}


def load(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load `tensors` (...) under our names strictly; raises WeightsError, `source` first, unless every key fits."""
    wanted = network.state_dict()
    network.load_state_dict(convert(tensors, {name: name for name in wanted}, network, source))


def same(old: str, new: str, leaves: tuple[str, ...]) -> KeyTable:
    """`old.leaf` is our `new.leaf` for each of `leaves`."""
    return {f"{old}.{leaf}": f"{new}.{leaf}" for leaf in leaves}


def affine(old: str, new: str) -> KeyTable:
    """A layer with weight and bias."""
    return same(old, new, ("weight", "bias"))


def batch_norm(old: str, new: str) -> KeyTable:
    """Batch norm with its running statistics."""
    return same(old, new, ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"))
