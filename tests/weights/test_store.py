"""The folder of weights: what is stored is whole, described, and checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vivant.errors import WeightsError
from vivant.weights import store
from vivant.weights.store import Origin


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


def put(name: str = "geneface/thing") -> store.Stored:
    tensors = {
        "weight": torch.arange(6.0).reshape(2, 3),
        "bias": torch.ones(2, dtype=torch.bfloat16),
        "n": torch.tensor(3),
    }
    origin = Origin("geneface", "thing", "mine", "x.ckpt (model)", "0" * 64, store.content_hash(tensors))
    return store.save(name, tensors, origin)


def test_what_is_stored_can_be_listed_shown_and_loaded(folder: Path) -> None:
    stored = put()
    assert store.list_stored() == [stored]
    assert store.show("geneface/thing") == stored
    assert (stored.tensors, stored.numbers) == (3, 9)
    assert stored.path == folder / "geneface" / "thing.safetensors"
    assert store.verify(stored) == []
    layer = torch.nn.Linear(3, 2)
    with pytest.raises(WeightsError, match=r"thing\.safetensors does not fit Linear: of 2 keys 1 unexpected \(n\)"):
        store.load_stored(layer, "geneface/thing")


def test_a_changed_number_is_found() -> None:
    stored = put()
    whole = bytearray(stored.path.read_bytes())
    whole[-1] ^= 1
    stored.path.write_bytes(whole)
    assert any("changed" in problem for problem in store.verify(stored))


def test_numbers_that_are_none_are_found() -> None:
    tensors = {"weight": torch.tensor([1.0, float("nan")])}
    stored = store.save("a/b", tensors, Origin("a", "b", "", "", "", store.content_hash(tensors)))
    assert store.verify(stored) == ["weight has numbers that are not finite"]


@pytest.mark.parametrize("name", ["../thing", "/etc/thing", "a/../b", "", "a//b", ".a", "a\\b", "a b"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(WeightsError, match="is no name"):
        store.show(name)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="there are: none"):
        store.show("geneface/other")
    put()
    with pytest.raises(WeightsError, match="there are: geneface/thing"):
        store.show("geneface/other")


def test_a_foreign_or_broken_file_is_named(folder: Path) -> None:
    folder.mkdir()
    save_file({"x": torch.ones(1)}, folder / "foreign.safetensors")
    with pytest.raises(WeightsError, match=r"foreign\.safetensors: not weights that vivant imported"):
        store.list_stored()
    (folder / "foreign.safetensors").write_bytes(b"oops")
    with pytest.raises(WeightsError, match=r"foreign\.safetensors"):
        store.show("foreign")


def test_nothing_is_left_where_writing_fails(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="VIVANT_WEIGHTS_DIR"):
        put()


def test_the_hash_does_not_depend_on_order_but_on_everything_else() -> None:
    one = {"a": torch.zeros(2, 3), "b": torch.ones(1)}
    same = store.content_hash(dict(reversed(one.items())))
    assert same == store.content_hash(one)
    for other in (
        {"c": one["a"], "b": one["b"]},
        {**one, "a": torch.zeros(3, 2)},
        {**one, "b": torch.ones(1).double()},
    ):
        assert store.content_hash(other) != same
