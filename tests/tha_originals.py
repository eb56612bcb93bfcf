"""Fixtures of Talking Head Anime: inputs by recipe, scaled weights, samples of whole outputs."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import numpy as np
import torch
from originals import Original, _filler, _slices
from torch import Tensor


def inputs_of(fixture: Original) -> dict[str, Tensor]:
    """Every input, stored or made by its recipe; stored samples check the recipe."""
    made = {name: torch.from_numpy(value) for name, value in _recipes(fixture).load_inputs(fixture.path).items()}
    for key, wanted in fixture.tensors.items():
        name = key[3:].split("[")[0]
        if key.startswith("in.") and "[" in key and name in made:
            np.testing.assert_array_equal(made[name][_slices(key)], wanted)
    return made


def compare_outputs(fixture: Original, found: dict[str, Tensor], item: int | None = None) -> None:
    """Every stored sample of the outputs `found`, by largest and mean error.

    `item` says which of several poses `found` is of; None: all of them.
    """
    tolerances = json.loads(fixture.metadata["tolerance"])
    for name, value in found.items():
        keys = [key for key in fixture.tensors if re.split(r"\[", key)[0] == f"out.{name}"]
        assert keys, f"{fixture.path.name} has no output {name}"
        for key in keys:
            compare_sample(fixture, key, value, tolerances[name], item)


def compare_sample(fixture: Original, key: str, value: Tensor, tolerance: dict[str, float], item: int | None) -> None:
    """One stored sample, such as `out.x[:,:,::5,::5][pose 1]`."""
    wanted = fixture.tensors[key].astype(np.float64)
    stored = re.search(r"\[pose (\d+)\]", key)
    if stored and item is not None and int(stored[1]) != item:
        return
    if not stored and item is not None:
        wanted = wanted[item : item + 1]
    crop = re.search(r"\[[\d:,]*:[\d:,]*\]", key)
    part = value.detach().double().numpy()[_slices(crop[0])] if crop else value.detach().double().numpy()
    error = np.abs(part - wanted)
    fixture.errors[key] = (float(error.max()), tolerance["max"])
    assert error.max() <= tolerance["max"], f"{fixture.path.name} {key}: {error.max():.3g} off"
    assert error.mean() <= tolerance["mean"], f"{fixture.path.name} {key}: {error.mean():.3g} off in the mean"


def whole_weights(fixture: Original, keys: dict[str, str]) -> dict[str, dict[str, Tensor]]:
    """Filled and scaled weights of a whole poser: published network to published keys to tensors.

    `keys` names for each network the fixture whose `.keys.json` lists its keys.
    """
    folder, rules = fixture.path.parent, json.loads(fixture.metadata["weight_scale"])
    recipes, filler, found = _recipes(fixture), _filler(folder.parent), {}
    for network, listed in keys.items():
        shapes = json.loads((folder / f"{listed}.keys.json").read_text(encoding="utf-8"))
        state = recipes.scale_weights(filler.fill(shapes), rules[network])
        found[network] = {key: torch.from_numpy(np.asarray(value)) for key, value in state.items()}
    return found


def _recipes(fixture: Original) -> Any:
    spec = importlib.util.spec_from_file_location("tha_inputs", fixture.path.parent / "inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
