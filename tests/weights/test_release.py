"""Import of published folders: networks are recognised by their keys, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vivant.errors import WeightsError
from vivant.evaluate import syncnet
from vivant.motion.speech.networks.post_net import PostNet
from vivant.motion.speech.networks.released import releases
from vivant.weights import store
from vivant.weights.release import Release, import_weights


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    return tmp_path / "store"


def of_system(name: str) -> dict[str, Release]:
    found = [release for release in (*releases(), *syncnet.releases()) if release.system == name]
    return {release.network: release for release in found}


def published(release: Release, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights under the published keys."""
    torch.manual_seed(seed)
    state = release.build().state_dict()
    return {key: state[name] for key, name in release.table.items() if name}


def save(path: Path, **children: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"global_step": 7, "state_dict": children}, path, _use_new_zipfile_serialization=False)


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}.{key}": value for key, value in state.items()}


@pytest.mark.slow
def test_a_person_of_geneface_with_all_that_hangs_on_it(tmp_path: Path) -> None:
    known = of_system("geneface")
    expert, generic = published(known["sync_expert"]), published(known["audio_to_landmarks"])
    save(tmp_path / "in/lrs3/syncnet/model_ckpt_steps_40000.ckpt", model=expert)
    save(
        tmp_path / "in/May/lm3d_postnet_sync/model_ckpt_steps_6000.ckpt",
        model=published(known["post_net"]),
        disc_model=published(known["landmark_critic"]),
        syncnet_task=prefixed("model", expert),
        audio2motion_task=prefixed("model", generic) | prefixed("syncnet_task.model", expert),
        criterion_lpips={"lin0.weight": torch.rand(3)},
    )
    done = import_weights(tmp_path / "in", list(known.values()), "told by me")
    names = [
        f"geneface/{name}" for name in ("audio_to_landmarks", "landmark_critic-May", "post_net-May", "sync_expert")
    ]
    assert sorted(stored.name for stored in done.stored) == names
    assert [stored.name for stored in store.list_stored()] == names
    assert len(done.left) == 1
    assert "criterion_lpips: 1 keys of a network that is not known" in done.left[0]
    network = PostNet()
    store.load_stored(network, "geneface/post_net-May")
    weights = published(known["post_net"])
    assert torch.equal(network.leave[1].weight, weights["block3.1.weight"])
    origin = store.show("geneface/post_net-May").origin
    assert (origin.licence, origin.source) == ("told by me", "model_ckpt_steps_6000.ckpt (model)")
    assert origin.source_sha256 == store.file_hash(tmp_path / "in/May/lm3d_postnet_sync/model_ckpt_steps_6000.ckpt")


@pytest.mark.slow
def test_variants_are_told_apart(tmp_path: Path) -> None:
    known = of_system("geneface")
    for name in ("audio_to_landmarks_pitch", "audio_to_expression", "post_net_pitch"):
        save(tmp_path / f"in/some/{name}/model_ckpt_steps_1.ckpt", model=published(known[name]))
    done = import_weights(tmp_path / "in", list(known.values()), "")
    assert {stored.origin.network for stored in done.stored} == {
        "audio_to_landmarks_pitch",
        "audio_to_expression",
        "post_net_pitch",
    }


def test_a_flat_file_is_one_network(tmp_path: Path) -> None:
    (release,) = syncnet.releases()
    torch.save(published(release), tmp_path / "syncnet_v2.model")
    with pytest.raises(WeightsError, match="weights absent"):
        syncnet.open_syncnet()
    import_weights(tmp_path / "syncnet_v2.model", [release], "")
    assert not syncnet.open_syncnet().training


def test_keys_that_nearly_fit_are_all_named(tmp_path: Path) -> None:
    known = of_system("real3d")
    state: dict[str, Any] = published(known["sync_expert"])
    del state["mouth_encoder.13.conv_block.0.bias"]
    state["mouth_encoder.0.conv_block.0.weight"] = torch.rand(96, 204, 3)
    state["mouth_encoder.14.extra"] = torch.rand(1)
    save(tmp_path / "in/model_ckpt_steps_1.ckpt", model=state)
    with pytest.raises(WeightsError, match=r"nearly real3d/sync_expert.*1 missing.*1 unexpected.*\[96, 204, 3\], not"):
        import_weights(tmp_path / "in", list(known.values()), "")
    assert store.list_stored() == []


def test_nothing_known_says_what_is_known(tmp_path: Path) -> None:
    save(tmp_path / "in/model.pt", model={"a": torch.rand(1)})
    with pytest.raises(WeightsError, match="known are real3d/audio_to_expression, real3d/sync_expert"):
        import_weights(tmp_path / "in", list(of_system("real3d").values()), "")


@pytest.mark.slow
def test_of_two_of_a_name_the_first_is_kept(tmp_path: Path) -> None:
    known = of_system("geneface")
    for seed, run in enumerate("ab"):
        save(tmp_path / f"in/{run}/model_ckpt_steps_1.ckpt", model=published(known["sync_expert"], seed))
    done = import_weights(tmp_path / "in", list(known.values()), "")
    assert len(done.stored) == 1
    assert "another sync_expert" in done.left[0]
