"""HuBERT features of sound: what the published audio-to-motion networks hear. Needs the extra `hubert`.

    sound   (n,)         mono 16 kHz, any level
    result  (E, 1024)    E = (n - 80) // 320, 50 per second; 1024 for HuBERT-large

The weights (`hubert-large-ls960-ft`, 316 million numbers) are the user's download: a folder with config.json and
model.safetensors or pytorch_model.bin. Nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.errors import MissingExtraError, WeightsError
from vivant.weights.checkpoint import read_checkpoint
from vivant.weights.hubert import hubert
from vivant.weights.keys import convert

Floats = NDArray[np.float32]

HOP, SEEN = 320, 400
"""Samples from one row to the next, and that one row sees before the transformer."""
BLOCK = 1000 * HOP
"""Samples that go through the transformer at once: 20 s."""
FILES = ("model.safetensors", "pytorch_model.bin")
MAX_CONFIG_BYTES = 2**20


def open_hubert(folder: Path) -> Any:
    """The HubertModel in `folder`, ready for `hubert_features`.

    Raises MissingExtraError without transformers, WeightsError for a folder or file that does not fit.
    """
    try:
        from transformers import HubertConfig, HubertModel
    except ImportError:
        raise MissingExtraError("transformers", "hubert") from None
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise WeightsError(f"{folder}: no {' or '.join(FILES)} in it; give the downloaded HuBERT folder")
    try:
        with torch.device("meta"):  # sizes of an untrusted file: nothing is allocated before the weights fit
            network = HubertModel(HubertConfig(**_read_config(folder / "config.json")))
    except WeightsError:
        raise
    except Exception as error:  # transformers raises many kinds for settings that make no sense
        raise WeightsError(f"{folder / 'config.json'}: not the settings of a HuBERT ({_first_line(error)})") from error
    with read_checkpoint(path) as tensors:
        table = hubert(tensors, network.state_dict())
        state = convert(tensors, table, network, str(path))
        network.load_state_dict({name: tensor.float().clone() for name, tensor in state.items()}, assign=True)
    return network.eval()  # type: ignore[no-untyped-call, unused-ignore]


def _read_config(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise WeightsError(f"{path}: too large for settings; get it again")
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); give the downloaded HuBERT folder") from error
    if not isinstance(settings, dict) or settings.get("model_type") != "hubert":
        raise WeightsError(f"{path}: not the settings of a HuBERT")
    return settings


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def hubert_features(network: Any, sound: Floats) -> Floats:
    """Features (E, 1024) of `sound` (n,); no row for less than 400 samples."""
    none = np.zeros((0, network.config.hidden_size), np.float32)
    return np.concatenate([none, *hubert_blocks(network, sound)])


def hubert_blocks(network: Any, sound: Floats) -> Iterator[Floats]:
    """The same in pieces of at most 1000 rows; each piece is heard on its own, as in the published systems."""
    if len(sound) < SEEN:
        return
    mean, deviation = sound.mean(dtype=np.float64), np.sqrt(sound.var(dtype=np.float64) + 1e-7)
    for start in range(0, len(sound) - SEEN + 1, BLOCK):
        piece = sound[start : start + BLOCK - HOP + SEEN]
        yield hubert_piece(network, ((piece - mean) / deviation).astype(np.float32))


@torch.inference_mode()
def hubert_piece(network: Any, normal: Floats) -> Floats:
    """Features (E, 1024) of `normal` (n,), at least 400 samples of mean 0 and variance 1, heard at once."""
    device = next(network.parameters()).device
    features: Floats = network(torch.from_numpy(normal)[None].to(device)).last_hidden_state[0].cpu().numpy()
    return features
