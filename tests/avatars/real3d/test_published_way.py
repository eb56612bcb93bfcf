"""From published files to a frame: weights and face model are imported by the command, the avatar draws with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from basel import own_mesh, save_mesh
from originals import original

from vivant.avatars import open_avatar
from vivant.avatars.real3d.published import PublishedPainter
from vivant.avatars.real3d.real3d import Real3D
from vivant.cli import main
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait


@pytest.mark.slow
def test_imported_networks_draw_around_the_imported_face(
    samples: Path,
    parity: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    place = tmp_path / "checkpoints" / "secc2plane_torso_orig" / "model_ckpt_steps_100000.ckpt"
    place.parent.mkdir(parents=True)
    published = {
        "global_step": 100_000,
        "state_dict": {"model": original(parity, "real3d", "secc2plane_torso").weights()},
    }
    torch.save(published, place, _use_new_zipfile_serialization=False)
    (tmp_path / "BFM").mkdir()
    save_mesh(tmp_path / "BFM", own_mesh())
    assert main(["weights", "import", "real3d", str(place.parent), "--bfm", str(tmp_path / "BFM")]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "real3d/basel_face",
        "real3d/generator",
    ]
    place.unlink()
    avatar = open_avatar("real3d")
    assert isinstance(avatar, Real3D)
    assert isinstance(avatar.painter, PublishedPainter)
    portrait = open_portrait(samples / "portraits" / "p16_mona_lisa.jpg")
    prepared = avatar.prepare(portrait, view(portrait, "bust", None))
    states = (FaceState(), FaceState(rotation=rotation_from_angles(0.3, 0, 0)))
    still, turned = (avatar.draw(prepared, state).pixels for state in states)
    assert still.shape == (512, 512, 4)
    assert (still != turned).any()
    np.testing.assert_array_equal(avatar.draw(prepared, FaceState()).pixels, still)
