"""Numbers recorded from original implementations: fixtures, filled weights, comparison at the stated tolerance."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from vivant.nn.flow_vae import FlowVAE, Reconstruction, divergence
from vivant.weights.keys import KeyTable, convert


@dataclass
class Original:
    """One fixture: SYSTEM/NAME.safetensors, with NAME.keys.json where it has weights."""

    path: Path
    tensors: dict[str, np.ndarray[Any, Any]]
    metadata: dict[str, str]
    errors: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Each compared output's error where it is worst, and the tolerance there."""

    def weights(self) -> dict[str, Tensor]:
        """Filled weights by their original names."""
        keys: dict[str, list[int]] = json.loads(self.path.with_suffix(".keys.json").read_text(encoding="utf-8"))
        constants = {key[6:]: value for key, value in self.tensors.items() if key.startswith("const.")}
        filled = _filler(self.path.parent.parent).fill(keys, constants)
        zero = json.loads(self.metadata.get("zero_filled_keys", "[]"))
        filled |= {key: np.zeros_like(filled[key]) for key in zero}
        rules = json.loads(self.metadata.get("config", "{}")).get("scale_rules", [])
        filled |= {key: filled[key] * _scale(key, shape, rules) for key, shape in keys.items() if key not in constants}
        return {key: torch.from_numpy(np.asarray(value)).reshape(keys[key]) for key, value in filled.items()}

    def load(self, network: nn.Module, table: KeyTable) -> None:
        """The way of a published checkpoint: key table, strict load; then eval mode."""
        network.load_state_dict(convert(self.weights(), table, network, self.path.name), strict=True)
        network.eval()

    def given(self, name: str) -> Tensor:
        """The input `name`, stored or made from its seed."""
        if f"in.{name}" in self.tensors:
            return torch.from_numpy(self.tensors[f"in.{name}"])
        recipe = json.loads(self.metadata["generated_inputs"])[name]
        random = np.random.Generator(np.random.PCG64(recipe["seed"]))
        if recipe["kind"] == "uniform":
            return torch.from_numpy(random.random(size=recipe["shape"], dtype=np.float32))
        value = random.standard_normal(size=recipe["shape"], dtype=np.float32) * np.float32(recipe.get("scale", 1))
        return torch.from_numpy(value + np.float32(recipe.get("shift", 0)))

    def compare(self, name: str, value: Any) -> None:
        """`value` against every stored crop of output `name`."""
        found = np.asarray(value.detach() if isinstance(value, Tensor) else value, np.float64)
        crops = [key for key in self.tensors if re.fullmatch(rf"out\.{re.escape(name)}(\[[\d:,]*\])?", key)]
        assert crops, f"{self.path.name} has no output {name}"
        for key in crops:
            wanted = self.tensors[key].astype(np.float64)
            part = found[_slices(key)] if key.endswith("]") else found.reshape(wanted.shape)
            relative, absolute = self.tolerance(name, wanted)
            error, allowed = np.abs(part - wanted), absolute + relative * np.abs(wanted)
            worst = np.unravel_index(np.argmax(error / np.maximum(allowed, 1e-30)), error.shape)
            self.errors[key] = (float(error[worst]), float(allowed[worst]))
            assert error[worst] <= allowed[worst], f"{self.path.name} {key}: {error[worst]:.3g} off"

    def tolerance(self, name: str, wanted: np.ndarray[Any, Any]) -> tuple[float, float]:
        """Relative and absolute tolerance of output `name`, from the words of the fixture."""
        words = self.metadata["tolerance"]
        number = r"([\d.]+(?:e-?\d+)?)"
        if own := re.search(rf"\b{re.escape(name)} {number}", words):
            return 0.0, float(own[1])
        if both := re.search(rf"rtol {number}, atol {number}", words):
            return float(both[1]), float(both[2])
        if whole := re.match(rf"{number} relative to max", words):
            return 0.0, float(whole[1]) * float(np.abs(wanted).max())
        if absolute := re.match(rf"abs {number}", words):
            return 0.0, float(absolute[1])
        raise AssertionError(f"{self.path.name}: what does the tolerance {words!r} mean?")


def original(parity: Path, system: str, name: str) -> Original:
    """The fixture SYSTEM/NAME; the test is skipped where the folder has none."""
    found = {path.stem: path for path in (parity / system).glob("*.safetensors")}
    if name not in found:
        pytest.skip(f"no fixture {name} in {parity / system}")
    with safe_open(found[name], "np") as file:
        return Original(found[name], {key: file.get_tensor(key) for key in file.keys()}, file.metadata())  # noqa: SIM118


def compare_flow(fixture: Original, vae: FlowVAE, condition: Tensor, noise: str, latent: str) -> None:
    """The flow of a VAE both ways, from input `noise` to output `latent` and forward from `flow_x`."""
    squeezed = vae.squeeze(condition.mT)
    fixture.compare("g_sqz", squeezed)
    moved = fixture.given("flow_x")
    ones = torch.ones_like(moved[:, :1])
    through = vae.flow(moved, ones, squeezed)
    fixture.compare("flow_forward", through)
    back = vae.flow.inverse(through, ones, squeezed)
    if "out.flow_roundtrip" in fixture.tensors:
        fixture.compare("flow_roundtrip", back)
    else:  # the original's own distance from where it started
        assert (back - moved).abs().max() < 5e-6 + 5 * float(fixture.tensors["out.flow_roundtrip_error"][0])
    scale = json.loads(fixture.metadata["config"]).get("temperature", 1.0)
    fixture.compare(latent, vae.flow.inverse(fixture.given(noise) * scale, ones, squeezed))


def compare_reconstruction(fixture: Original, result: Reconstruction) -> None:
    """What the training path leaves."""
    fixture.compare("train_m_q", result.mean)
    fixture.compare("train_logs_q", result.log_scale)
    fixture.compare("train_z_p", result.prior_latent)
    fixture.compare("train_loss_kl", divergence(result))


def _filler(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("parity_filler", folder / "filler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _scale(key: str, shape: list[int], rules: list[tuple[str, str]]) -> np.float32:
    """The factor of the first of `rules` that `key` fits; such layers expect weights of unit size."""
    factor = next((factor for pattern, factor in rules if re.fullmatch(pattern, key)), "1")
    root = np.sqrt(np.prod(shape[1:])) if "sqrt(fan_in)" in factor else 1.0
    return np.float32(root * (100 if factor.startswith("100") else 1))


def _slices(key: str) -> tuple[slice, ...]:
    parts = key[key.index("[") + 1 : -1].split(",")
    return tuple(slice(*(int(bit) if bit else None for bit in part.split(":"))) for part in parts)
