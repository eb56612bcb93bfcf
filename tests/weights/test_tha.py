"""Talking Head Anime's published folders: every key once, variants told apart, what is hostile or broken refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from vivant.avatars.tha.networks.released import releases
from vivant.avatars.tha.posers import open_poser
from vivant.errors import SettingsError, WeightsError
from vivant.weights import store, tha
from vivant.weights.release import Release, import_weights

PUBLISHED = {
    "eyebrow_decomposer": "eyebrow_decomposer",
    "eyebrow_combiner": "eyebrow_morphing_combiner",
    "face_morpher": "face_morpher",
    "rotator": "two_algo_face_body_rotator",
    "editor": "editor",
}
TABLES = {
    f"tha3_{variant}_{theirs}": getattr(tha, ours)(separable=variant == "separable")
    for variant in ("standard", "separable")
    for ours, theirs in PUBLISHED.items()
} | {"tha4_body_morpher": tha.body_morpher(), "tha4_upscaler": tha.upscaler()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    return tmp_path / "in"


@pytest.mark.parametrize("name", TABLES)
def test_parity_of_keys_each_published_one_exactly_once(parity: Path, name: str) -> None:
    path = parity / "tha" / f"{name}.keys.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert sorted(TABLES[name]) == sorted(json.loads(path.read_text(encoding="utf-8")))
    assert len(set(TABLES[name].values())) == len(TABLES[name])


def known(prefix: str) -> dict[str, Release]:
    """Releases of a variant, such as tha3/separable_half, by network."""
    found = {f"{release.system}/{release.network}": release for release in releases()}
    return {name.rsplit("/", 1)[1]: release for name, release in found.items() if name.startswith(f"{prefix}/")}


def published(release: Release, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights under the published keys."""
    torch.manual_seed(seed)
    state = release.build().state_dict()
    return {key: state[name] for key, name in release.table.items()}


def save_variant(place: Path, prefix: str, *networks: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, release in known(prefix).items():
        if not networks or name in networks:
            tensors = published(release)
            torch.save({key: t.half() if release.half else t for key, t in tensors.items()}, place / f"{name}.pt")


def of_system(name: str) -> list[Release]:
    return [release for release in releases() if release.system == name]


@pytest.mark.slow
def test_variants_are_told_apart_and_open(folder: Path) -> None:
    for precision in ("float", "half"):
        save_variant(folder / f"separable_{precision}", f"tha3/separable_{precision}")
    done = import_weights(folder, of_system("tha3"), "CC BY 4.0")
    assert done.left == ()
    names = {f"tha3/separable_{p}/{network}" for p in ("float", "half") for network in PUBLISHED}
    assert {stored.name for stored in done.stored} == names
    half = store.read_safetensors(store.show("tha3/separable_half/editor").path)[0]
    assert {tensor.dtype for tensor in half.values()} == {torch.float16}
    poser = open_poser("tha3/separable")
    wanted = published(known("tha3/separable_float")["rotator"])["grid_change_creator.weight"]
    assert torch.equal(poser.body.coarse.heads.convs["flow"].weight, wanted)


@pytest.mark.slow
def test_half_weights_and_a_folder_of_files_open_too(folder: Path) -> None:
    save_variant(folder, "tha3/separable_half")
    poser = open_poser("tha3/separable", folder)
    weight = poser.body.fine.heads.convs["colour"].weight
    assert weight.dtype == torch.float32
    wanted = published(known("tha3/separable_half")["editor"])["color_change_creator.0.weight"]
    assert torch.equal(weight, wanted.half().float())
    assert store.list_stored() == []


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights tha4/teacher/eyebrow_decomposer.*import tha4"):
        open_poser("tha4/teacher")
    save_variant(folder, "tha3/separable_float", "editor")
    import_weights(folder, of_system("tha3"), "")
    with pytest.raises(WeightsError, match="no weights tha3/separable_float/eyebrow_decomposer"):
        open_poser("tha3/separable")
    with pytest.raises(WeightsError, match="no whole tha3/separable in it; found separable_float/editor"):
        open_poser("tha3/separable", folder)
    with pytest.raises(SettingsError, match="give one of tha3/standard, tha3/separable, tha4/teacher"):
        open_poser("tha5")


class Evil:
    """Unpickles by calling a program."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def test_a_hostile_file_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    torch.save(
        published(known("tha3/separable_float")["editor"]) | {"x": Evil(tmp_path / "mark")}, folder / "editor.pt"
    )
    for attempt in (
        lambda: import_weights(folder, of_system("tha3"), ""),
        lambda: open_poser("tha3/separable", folder),
    ):
        with pytest.raises(WeightsError, match=r"editor\.pt: refused"):
            attempt()
    assert not (tmp_path / "mark").exists()
    assert store.list_stored() == []


@pytest.mark.parametrize("fault", ["nan", "cut", "missing", "misshapen"])
def test_a_broken_file_is_refused_in_one_line(folder: Path, fault: str) -> None:
    folder.mkdir()
    path, tensors = folder / "editor.pt", published(known("tha3/separable_float")["editor"])
    key = "body.bottleneck_blocks.2.resnet_path.1.weight"
    if fault == "nan":
        tensors[key][3] = torch.nan
    elif fault == "missing":
        del tensors[key]
    elif fault == "misshapen":
        tensors[key] = torch.rand(7)
    torch.save(tensors, path)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    says = {"nan": "not finite", "cut": "refused", "missing": f"1 missing \\({key}", "misshapen": r"is \[7\], not"}[
        fault
    ]
    with pytest.raises(WeightsError, match=says) as caught:
        import_weights(folder, of_system("tha3"), "")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.list_stored() == []


def test_what_belongs_to_a_student_is_left_out(samples: Path) -> None:
    with pytest.raises(WeightsError, match="no network in it is known here"):
        import_weights(samples / "tha4" / "lambda_00", of_system("tha4"), "")
