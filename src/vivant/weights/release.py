"""Import of published checkpoints: every network in them is recognised by its keys, converted and stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vivant.errors import WeightsError
from vivant.weights.checkpoint import Tensors, find_checkpoints, networks_in, read_checkpoint
from vivant.weights.keys import KeyReport, KeyTable, compare, convert, shapes
from vivant.weights.store import Origin, Stored, content_hash, file_hash, save

if TYPE_CHECKING:
    from torch import nn

ALIKE = 0.5
"""Share of a network's keys that must fit for the rest to be reported as faults, not as another network."""


@dataclass(frozen=True)
class Release:
    """One published network."""

    system: str
    """geneface, real3d, metrics."""
    network: str
    """Our name."""
    table: KeyTable
    build: Callable[[], nn.Module]
    """Makes the network in the sizes of the release."""
    personal: bool = False
    """Trained for one person; the person's folder becomes part of the name."""
    half: bool | None = None
    """Its numbers are float16, or are not, where nothing else tells it from another release; None: either."""


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    stored: tuple[Stored, ...]
    left: tuple[str, ...]
    """Networks that were found but not stored, with the reason."""


def import_weights(place: Path, releases: Sequence[Release], licence: str) -> Imported:
    """Store every network of `releases` that the checkpoints at `place`, a file or folder, hold.

    `licence` is what the user says about it, kept in the metadata. Raises WeightsError for a file that is refused, for
    a network that fits one of `releases` but for some keys, and where nothing was recognised.
    """
    stored: dict[str, Stored] = {}
    left: list[str] = []
    for path in find_checkpoints(place, releases[0].system):
        digest = file_hash(path)
        with read_checkpoint(path) as tensors:
            for root, network in sorted(networks_in(tensors).items(), key=lambda item: item[0].count(".")):
                source = f"{path}: {root or 'network'}"
                release = recognise(network, releases, source)
                if release is None:
                    left.append(f"{source}: {len(network)} keys of a network that is not known here")
                    continue
                one = _store(network, release, (path, root, digest, licence), stored)
                if one is None:
                    left.append(f"{source}: another {release.network}; the first one was kept")
                else:
                    stored[one.name] = one
    if not stored:
        known = ", ".join(f"{release.system}/{release.network}" for release in releases)
        raise WeightsError(f"{place}: no network in it is known here; known are {known}")
    return Imported(tuple(stored.values()), tuple(left))


def recognise(network: Tensors, releases: Sequence[Release], source: str) -> Release | None:
    """The release whose keys and shapes are those of `network`, and its type where that matters; None if none is near.

    Raises WeightsError with one report, beginning with `source`, if most keys fit but not all.
    """
    fitting = [release for release in releases if release.half in (None, _is_half(network))]
    if not fitting:
        return None
    reports = [(release, _compare(network, release)) for release in fitting]
    release, report = min(reports, key=lambda pair: pair[1].faults)
    if not report.faults:
        return release
    if len(report.missing) + len(report.misshapen) > ALIKE * report.wanted:
        return None
    raise WeightsError(f"{source} is nearly {release.system}/{release.network}: {report}; is it another version?")


def _is_half(network: Tensors) -> bool:
    import torch

    return any(tensor.dtype == torch.float16 for tensor in network.values())


def _compare(network: Tensors, release: Release) -> KeyReport:
    import torch

    with torch.device("meta"):
        wanted = shapes(release.build().state_dict())
    return compare(shapes(network), release.table, wanted)


def _store(
    network: Tensors, release: Release, found: tuple[Path, str, str, str], stored: dict[str, Stored]
) -> Stored | None:
    """Save one network; what is stored already if it is the same, None if it is another of the same name."""
    import torch

    path, root, digest, licence = found
    with torch.device("meta"):
        empty = release.build()
    ours = convert(network, release.table, empty, str(path))
    if broken := [key for key, tensor in ours.items() if not tensor.isfinite().all()]:
        raise WeightsError(f"{path}: {broken[0]} has numbers that are not finite; get the file again")
    name = f"{release.system}/{release.network}"
    if release.personal:
        name += "-" + (re.sub(r"[^A-Za-z0-9_-]+", "_", path.resolve().parent.parent.name) or "person")
    content = content_hash(ours)
    if name in stored:
        return stored[name] if stored[name].origin.content == content else None
    source = path.name + (f" ({root})" if root else "")
    return save(name, ours, Origin(release.system, release.network, licence, source, digest, content))
