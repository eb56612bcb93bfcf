"""Which files a published system takes, and what it says where one is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from published import of_system, save_basel, save_checkpoint

from vivant.errors import SettingsError, WeightsError
from vivant.face.bfm import FILE
from vivant.motion.speech.published_files import HUBERT_IN_CACHE, STORED_FACE, find_published
from vivant.weights.store import Origin, content_hash, list_stored, save


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and no HuBERT in the user's cache."""
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    return tmp_path / "store"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with HuBERT and the face model, found by their names; nothing is read of them."""
    folder = tmp_path / "my files ✓"
    (folder / "hubert").mkdir(parents=True)
    (folder / "hubert" / "config.json").write_text('{"model_type": "hubert"}')
    (folder / "hubert" / "pytorch_model.bin").write_bytes(b"x")
    (folder / "BFM").mkdir()
    save_basel(folder / "BFM")
    return folder


def put(name: str, tensor: float = 0.0) -> None:
    """Weights of one number in the store."""
    system, network = name.split("/")
    tensors = {"x": torch.tensor([tensor])}
    save(name, tensors, Origin(system, network.split("-")[0], "", "", "", content_hash(tensors)))


@pytest.mark.parametrize(
    ("model", "network", "amplitude"),
    [
        ("geneface", "geneface/audio_to_landmarks_pitch", 0.0),
        ("geneface++", "geneface/audio_to_expression", 0.4),
        ("real3d", "real3d/audio_to_expression", 0.45),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_each_system_takes_its_own(
    store: Path, folder: Path, model: str, network: str, amplitude: float, by_name: bool
) -> None:
    for name in ("audio_to_landmarks", "audio_to_landmarks_pitch", "audio_to_expression", "sync_expert"):
        put(f"geneface/{name}")
    put("real3d/audio_to_expression")
    if by_name:  # everything lies in the store
        folder = folder.rename(store / "more")
    found = find_published(model, network if by_name else folder)
    assert found.motion.path == store / f"{network}.safetensors"
    assert (found.system.amplitude, found.post_net) == (amplitude, None)
    assert found.hubert == folder / "hubert"
    assert found.face_model == (None if model == "geneface" else folder / "BFM" / FILE)


def test_networks_of_the_folder_come_first(store: Path, folder: Path) -> None:
    put("geneface/audio_to_landmarks")
    (store / "geneface").rename(folder / "imported")
    put("geneface/audio_to_landmarks_pitch")
    assert find_published("geneface", folder).motion.path == folder / "imported" / "audio_to_landmarks.safetensors"


def test_a_post_net_brings_the_network_it_follows(store: Path, folder: Path) -> None:
    put("geneface/audio_to_landmarks")
    put("geneface/audio_to_landmarks_pitch")
    put("geneface/post_net-May")
    found = find_published("geneface", folder)
    assert found.post_net is not None
    assert (found.post_net.person, found.motion.network) == ("May", "audio_to_landmarks")
    put("geneface/post_net_pitch-Lea-2")
    with pytest.raises(WeightsError, match=r"several people.*geneface/post_net-May, geneface/post_net_pitch-Lea-2"):
        find_published("geneface", folder)
    folder.rename(store / "more")
    found = find_published("geneface", "geneface/post_net_pitch-Lea-2")
    assert found.post_net is not None
    assert (found.post_net.person, found.motion.network) == ("Lea-2", "audio_to_landmarks_pitch")
    assert find_published("geneface", "geneface/audio_to_landmarks").post_net is None


def test_a_post_net_alone_says_what_it_wants(store: Path) -> None:
    put("geneface/post_net-May")
    with pytest.raises(WeightsError, match="no weights 'geneface/audio_to_landmarks'"):
        find_published("geneface", "geneface/post_net-May")


def test_published_checkpoints_have_to_be_imported(folder: Path) -> None:
    save_checkpoint(folder / "lrs3" / "model_ckpt_steps_5.ckpt", of_system("geneface")["audio_to_landmarks"])
    with pytest.raises(WeightsError, match=r"_5\.ckpt is as it was published; run: vivant weights import geneface /"):
        find_published("geneface", folder)
    with pytest.raises(WeightsError, match=r"no audio_to_expression of real3d .* run: vivant weights import real3d /"):
        find_published("real3d", folder)


def test_what_is_missing_is_named(store: Path, folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"no audio_to_expression of real3d.*run: vivant weights import real3d DIR"):
        find_published("real3d", "real3d")
    with pytest.raises(WeightsError, match="absent: no such folder, and no name of real3d's weights"):
        find_published("real3d", "absent")
    put("real3d/audio_to_expression")
    (folder / "BFM" / FILE).unlink()
    with pytest.raises(WeightsError, match=rf"no {FILE} in it.*register at https://faces"):
        find_published("real3d", folder)
    put(STORED_FACE)
    assert find_published("real3d", folder).face_model == store / f"{STORED_FACE}.safetensors"
    save_basel(folder)
    assert find_published("real3d", folder).face_model == folder / FILE
    (folder / "hubert" / "pytorch_model.bin").unlink()
    with pytest.raises(WeightsError, match="no HuBERT in it; download hubert-large-ls960-ft"):
        find_published("real3d", folder)
    with pytest.raises(WeightsError, match="a file; give the folder"):
        find_published("real3d", folder / FILE)
    with pytest.raises(SettingsError, match="no published speech model 'sadtalker'; give one of geneface"):
        find_published("sadtalker", folder)


def test_hubert_of_the_cache_is_found(tmp_path: Path, folder: Path) -> None:
    put("geneface/audio_to_landmarks")
    place = tmp_path / "cache" / "hub" / HUBERT_IN_CACHE / "abc"
    place.parent.mkdir(parents=True)
    (folder / "hubert").rename(place)
    assert find_published("geneface", "geneface").hubert == place


@pytest.mark.parametrize("settings", ["", "[1]", '{"model_type": "bert"}', "{"])
def test_other_settings_are_no_hubert(folder: Path, settings: str) -> None:
    put("geneface/audio_to_landmarks")
    (folder / "hubert" / "config.json").write_text(settings)
    with pytest.raises(WeightsError, match="no HuBERT"):
        find_published("geneface", folder)


def test_a_hubert_in_the_store_does_not_disturb_its_list(store: Path) -> None:
    put("geneface/audio_to_landmarks")
    (store / "hubert").mkdir()
    (store / "hubert" / "model.safetensors").write_bytes(b"another form")
    with pytest.raises(WeightsError, match="not weights that vivant imported"):
        list_stored()
    (store / "hubert" / "config.json").write_text(json.dumps({"model_type": "hubert"}))
    assert [stored.name for stored in list_stored()] == ["geneface/audio_to_landmarks"]
