"""Training of the packaged poser's network: what it is shown is right, a few steps run, it goes on and it ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)

from vivant.avatars.tha.compact import open_compact
from vivant.avatars.tha.networks.finder import NAMES, SIZE, Finder, FinderConfig
from vivant.errors import SettingsError
from vivant.training.tha import finder_training
from vivant.training.tha.compact_teacher import CompactTeacher
from vivant.training.tha.finder_training import FinderSettings, draw_face, finder_losses, save_finder, train_finder

SMALL = FinderConfig(widths=(8, 8, 16, 16, 16), blocks=1)


def test_faces_are_shown_with_their_points() -> None:
    """An iris is where it is said to be: darker than the white beside it, whatever the light."""
    darker = 0
    for seed in range(30):
        face = draw_face(np.random.default_rng(seed))
        assert face.picture.shape == (SIZE, SIZE, 4)
        assert face.points.shape == (len(NAMES), 2)
        assert face.before.shape == (SIZE // 2, SIZE // 2)
        assert 0 <= face.before.min() <= face.before.max() <= 1
        x, y = face.points[NAMES.index("left_iris")].astype(int)
        inner = face.picture[y - 1 : y + 2, x - 1 : x + 2, :3].mean()
        cheek = (face.points[NAMES.index("left_lower8")] + (0, 9)).astype(int)
        darker += inner < face.picture[cheek[1], cheek[0], :3].mean()
        right, left = (face.points[NAMES.index(f"cheek_{side}")][0] for side in ("right", "left"))
        assert right < left
    assert darker > 20


def test_the_loss_falls_to_its_least_at_the_truth() -> None:
    class Known(torch.nn.Module):
        def draw(self, pictures: torch.Tensor) -> torch.Tensor:
            return maps

    points = torch.tensor(np.random.default_rng(0).uniform(40, 150, (1, len(NAMES), 2)), dtype=torch.float32)
    before = torch.zeros(1, 96, 96)
    line = (torch.arange(96) + 0.5) * 2
    far = (line - points[..., 0, None])[..., None, :] ** 2 + (line - points[..., 1, None])[..., :, None] ** 2
    maps = torch.cat([-far / 18, torch.full((1, 1, 96, 96), -20.0)], 1)
    there = finder_losses(Known(), torch.zeros(1, 4, SIZE, SIZE), points, before)  # type: ignore[arg-type]
    away = finder_losses(Known(), torch.zeros(1, 4, SIZE, SIZE), points + 4, before + 1)  # type: ignore[arg-type]
    assert there["points"] < 0.005
    assert there["before"] < 1e-3
    assert all(away[name] > there[name] + 0.05 for name in there)


def test_it_learns_goes_on_and_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivant.training.tha.courses.SAVE_SECONDS", 0.0)
    monkeypatch.setattr(finder_training, "mean_error", lambda *_: 1.0)
    settings = FinderSettings(steps=4, characters=2, every=1)
    torch.manual_seed(0)
    begun = train_finder(Finder(SMALL), tmp_path, settings)
    for _ in range(3):
        next(begun)
    begun.close()
    again = Finder(SMALL)
    rest = list(train_finder(again, tmp_path, settings))
    assert [one.step for one in rest] in ([3, 4], [4])
    save_finder(Finder(), tmp_path / "finder.safetensors")
    assert open_compact(tmp_path / "finder.safetensors") is not None
    assert (tmp_path / "finder.safetensors").stat().st_size < 24e6


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="1 or more"):
        FinderSettings(steps=0)


def test_the_packaged_poser_teaches_students() -> None:
    """What it shows is what it draws, in the colours of the students; the flow leads from one to the other."""
    from vivant.avatars.tha.picture import picture_of_tensor
    from vivant.avatars.tha.pose import pose_of
    from vivant.nn.warp import warp
    from vivant.training.tha.puppet.puppet import Puppets

    picture = Puppets(3).character(1).draw()
    poser = open_compact()
    teacher = CompactTeacher(poser, picture)
    poses = torch.from_numpy(np.stack([pose_of({"head_y": 0.6}), pose_of({"mouth_aaa": 1.0})]))
    shown = teacher.show(poses)
    assert (shown.face.shape, shown.posed.shape, shown.flow.shape) == (
        (2, 4, 128, 128),
        (2, 4, 512, 512),
        (2, 2, 512, 512),
    )
    drawn = poser.draw(poser.prepare(picture), poses[0].numpy()).astype(int)
    seen = picture_of_tensor(shown.posed[:1], premultiplied=True).astype(int)
    solid = drawn[..., 3] == 255
    assert np.abs(seen - drawn)[solid].max() <= 2
    warped = warp(teacher.drawing, shown.flow[:1])
    assert (warped - shown.posed[:1]).abs().mean() < 0.01
    assert not shown.flow[1].any()
    assert torch.equal(teacher.faces(poses), shown.face)
