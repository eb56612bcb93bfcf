"""The user's face model as one stored file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from basel import save_front

from vivant.avatars.real3d.face_store import NAME, open_face, store_face
from vivant.errors import WeightsError
from vivant.face.bfm import FILE
from vivant.face.bfm_files import EYES, read_basel_mesh
from vivant.motion.speech.networks.audio_to_expression import AudioToExpression, AudioToExpressionConfig
from vivant.motion.speech.published_draw import FEATURES, expression_draw
from vivant.motion.speech.published_files import STORED_FACE
from vivant.weights.store import list_stored, show, verify


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small face model two folders deep in the user's folder, and an empty store."""
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    place = tmp_path / "user" / "deep_3drecon" / "BFM"
    place.mkdir(parents=True)
    save_front(place)
    return tmp_path / "user"


def test_what_was_stored_is_what_was_read(folder: Path) -> None:
    stored = store_face(folder, "research only")
    assert (stored.name, stored.origin.source, stored.origin.licence) == (NAME, FILE, "research only")
    assert [one.name for one in list_stored()] == [NAME]
    assert verify(show(NAME)) == []
    back, read = open_face(), read_basel_mesh(folder)
    for name, array in read.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array, strict=True)


def test_the_published_speech_networks_speak_by_it(folder: Path) -> None:
    stored = store_face(folder, "")
    assert stored.name == STORED_FACE
    torch.manual_seed(0)
    network = AudioToExpression(AudioToExpressionConfig(sound=FEATURES, width=8)).eval()
    random = np.random.default_rng(0)
    heard, noise = (random.normal(size=size).astype(np.float32) for size in ((16, FEATURES + 1), (2, 16)))
    (mat,) = folder.rglob(FILE)
    one, other = (expression_draw(network, path, 0.4)(heard, noise) for path in (mat, stored.path))
    assert np.abs(one).max() > 1e-4
    np.testing.assert_array_equal(one, other)


def test_a_model_that_was_not_imported(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"register.*vivant weights import real3d DIR --bfm DIR"):
        open_face()


def test_nothing_is_stored_of_a_partial_folder(folder: Path) -> None:
    (folder / "deep_3drecon" / "BFM" / EYES[0]).unlink()
    with pytest.raises(WeightsError, match=EYES[0]):
        store_face(folder, "")
    assert list_stored() == []


def test_another_file_under_the_name_is_refused(folder: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    path = store_face(folder, "").path
    with safe_open(path, "np") as file:
        metadata = file.metadata()
    save_file({"mean": np.zeros((4, 3), np.float32)}, path, metadata)
    with pytest.raises(WeightsError, match=r"basel_face.*has no identity"):
        open_face()
