"""HuBERT features with a tiny network of random weights in the layouts of published files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivant.errors import MissingExtraError, WeightsError
from vivant.motion.speech.networks.hubert import BLOCK, hubert_features, open_hubert


@pytest.fixture(scope="module")
def tiny() -> Any:
    """A network of the same kind as HuBERT-large, with few and narrow layers."""
    transformers = pytest.importorskip("transformers", reason="the extra hubert is not installed")
    torch.manual_seed(1)
    settings = transformers.HubertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=[8] * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    return transformers.HubertModel(settings).eval()


@pytest.fixture
def folder(tiny: Any, tmp_path: Path) -> Path:
    tiny.save_pretrained(tmp_path)
    return tmp_path


def noise(samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (0.1 + 0.05 * np.random.default_rng(5).standard_normal(samples)).astype(np.float32)


@torch.inference_mode()
def test_features_are_those_of_the_network_at_any_level(tiny: Any, folder: Path) -> None:
    sound = noise(8000)
    normal = torch.from_numpy((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7))
    wanted = tiny(normal[None]).last_hidden_state[0].numpy()
    found = hubert_features(open_hubert(folder), sound)
    assert found.shape == ((8000 - 80) // 320, 16)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    np.testing.assert_allclose(hubert_features(open_hubert(folder), 5 * sound - 1), wanted, atol=1e-3)


def test_a_fine_tuned_pickle_of_old_gives_the_same(tiny: Any, folder: Path, tmp_path: Path) -> None:
    state = {f"hubert.{key}": value for key, value in tiny.state_dict().items()}
    conv = "hubert.encoder.pos_conv_embed.conv"
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        state[f"{conv}.{old}"] = state.pop(f"{conv}.parametrizations.weight.{new}")
    state |= {"lm_head.weight": torch.zeros(32, 16), "lm_head.bias": torch.zeros(32)}
    wanted = hubert_features(open_hubert(folder), noise(4000))
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(hubert_features(open_hubert(folder), noise(4000)), wanted)


@pytest.mark.parametrize("samples", [0, 399, 400, 719, 720, BLOCK, BLOCK + 390, BLOCK + 400, BLOCK + 5000])
def test_there_is_one_row_for_each_320_samples(tiny: Any, samples: int) -> None:
    found = hubert_features(tiny, noise(samples))
    assert found.shape == (max(0, (samples - 80) // 320), 16)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": 32}, "of another shape"),
        ({"num_hidden_layers": 3}, "missing"),
        ({"hidden_size": 2_000_000, "num_attention_heads": 1}, "of another shape"),
        ({"model_type": "bert"}, "not the settings"),
        ({"hidden_size": "wide"}, "not the settings"),
        ({"conv_dim": [8]}, "not the settings"),
    ],
)
def test_settings_that_do_not_fit_are_refused(folder: Path, change: dict[str, Any], words: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WeightsError, match=words):
        open_hubert(folder)


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(WeightsError, match=r"no model\.safetensors or pytorch_model\.bin"):
        open_hubert(tmp_path)


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"vivant\[hubert\]"):
        open_hubert(tmp_path)
