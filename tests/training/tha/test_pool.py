"""The pool on disk: complete, the same after an interruption, never mixed up with another one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from teachers import DiscTeacher

from vivant.errors import SettingsError
from vivant.training.tha import pool as pools
from vivant.training.tha.pool import decoded, fill_pool


class Stop(Exception):
    """What interrupts here."""


def test_a_pool_holds_what_the_teacher_draws(tmp_path: Path) -> None:
    teacher = DiscTeacher()
    pool = fill_pool(tmp_path, teacher, 3, seed=0, mark="disc")
    shown = teacher.show(pool.poses)
    assert (decoded(pool.posed) - shown.posed.permute(0, 2, 3, 1)).abs().max() < 0.02
    assert (decoded(pool.faces) - shown.face.permute(0, 2, 3, 1)).abs().max() < 0.02
    assert (pool.flow[:, 0, 0].float() - shown.flow[:, :, 0, 0]).abs().max() < 1e-4


def test_an_interrupted_pool_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "BATCH", 2)
    whole = fill_pool(tmp_path / "whole", DiscTeacher(), 6, seed=5, mark="disc")

    def stop(done: int, _: int | None) -> None:
        if done == 4:
            raise Stop

    first, second = DiscTeacher(), DiscTeacher()
    with pytest.raises(Stop):
        fill_pool(tmp_path / "parts", first, 6, seed=5, mark="disc", progress=stop)
    parts = fill_pool(tmp_path / "parts", second, 6, seed=5, mark="disc")
    assert (first.drawn, second.drawn) == (4, 2)
    for name in ("poses", "faces", "posed", "flow"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("other", [{"mark": "another"}, {"seed": 1}, {"count": 3}])
def test_another_pool_is_refused(tmp_path: Path, other: dict[str, int | str]) -> None:
    given = {"count": 2, "seed": 0, "mark": "disc"}
    fill_pool(tmp_path, DiscTeacher(), **given)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="begun with another"):
        fill_pool(tmp_path, DiscTeacher(), **{**given, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", '{"made": "x"}', '{"count": 2}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "pool.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"pool\.json: damaged"):
        fill_pool(tmp_path, DiscTeacher(), 2, seed=0, mark="disc")


def test_a_full_disk_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="use fewer examples"):
        fill_pool(tmp_path, DiscTeacher(), 10**9 // 64, seed=0, mark="disc")
    assert not list(tmp_path.glob("*.raw"))
