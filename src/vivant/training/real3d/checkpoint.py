"""The standing of a training on disk: tensors as .safetensors files of a bounded size, everything else as JSON.

state.json                  step, mark, and the names of the files that belong to it
state-000123-00.safetensors tensors of step 123: networks, optimisers, weights that move; large ones in pieces
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.weights.store import read_safetensors

STATE = "state.json"
FORMAT = "vivant-training-1"


@dataclass(frozen=True)
class Standing:
    """What is saved."""

    step: int
    """Steps that are done."""
    mark: str
    """Whose training it is."""
    tensors: dict[str, Tensor]


def save_standing(folder: Path, standing: Standing, megabytes: float) -> None:
    """Write into `folder`, whole or not at all: the JSON comes last, then the files of the step before go."""
    files = []
    for number, part in enumerate(_parts(standing.tensors, int(megabytes * 1e6))):
        files.append(f"state-{standing.step:06d}-{number:02d}.safetensors")
        save_file(part, folder / files[-1])
    shapes = {name: list(tensor.shape) for name, tensor in standing.tensors.items()}
    told = {"format": FORMAT, "step": standing.step, "mark": standing.mark, "files": files, "shapes": shapes}
    partial = folder / f".{STATE}.part"
    partial.write_text(json.dumps(told), encoding="utf-8")
    os.replace(partial, folder / STATE)
    for path in folder.glob("state-*.safetensors"):
        if path.name not in files:
            path.unlink()


def read_standing(folder: Path) -> Standing | None:
    """What is saved in `folder`; None where nothing is. Raises SettingsError, WeightsError for a damaged one."""
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        step, mark, shapes = int(told["step"]), str(told["mark"]), dict(told["shapes"])
        files = [Path(str(name)).name for name in told["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: no standing of a training ({error}); delete the folder to begin again") from None
    pieces: dict[str, list[Tensor]] = {}
    for name in files:
        for key, tensor in sorted(read_safetensors(folder / name)[0].items()):
            pieces.setdefault(key.rpartition("#")[0], []).append(tensor)
    if pieces.keys() != shapes.keys():
        raise SettingsError(f"{folder}: tensors are missing; delete the folder to begin again")
    tensors = {name: torch.cat(pieces[name]).view(shape) for name, shape in shapes.items()}
    return Standing(step, mark, tensors)


def network_tensors(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    """State of `network` with `prefix` and a dot before the names."""
    return {f"{prefix}.{name}": tensor.detach() for name, tensor in network.state_dict().items()}


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and counts of `optimiser`, by the place of the parameter."""
    state = optimiser.state_dict()["state"]
    return {
        f"{prefix}.{place}.{name}": torch.as_tensor(value)
        for place, entries in state.items()
        for name, value in entries.items()
    }


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors under `prefix` and a dot, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def fill_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The way back of `optimiser_tensors`, names without the prefix."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        place, _, name = key.partition(".")
        state.setdefault(int(place), {})[name] = value.clone()
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _parts(tensors: Mapping[str, Tensor], most: int) -> list[dict[str, Tensor]]:
    """Flat pieces named `name#000`, grouped so that a group has at most `most` bytes."""
    groups: list[dict[str, Tensor]] = [{}]
    room = most
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous().view(-1)
        count = max(most // flat.element_size(), 1)
        pieces = [flat[start : start + count] for start in range(0, max(len(flat), 1), count)]
        for number, piece in enumerate(pieces):
            size = piece.numel() * piece.element_size()
            if size > room and groups[-1]:
                groups.append({})
                room = most
            groups[-1][f"{name}#{number:03d}"] = piece.clone()
            room -= size
    return groups
