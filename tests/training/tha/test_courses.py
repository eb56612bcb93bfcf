"""The loop: interrupted and continued it ends where it would have ended, and never goes on with something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.training.tha import courses
from vivant.training.tha.courses import Course, Standing, attend


class Stop(Exception):
    """What interrupts here."""


def course(steps: int = 40, stop_at: int | None = None, poison: int | None = None) -> Course:
    """Learns a line from noise that depends on the step."""
    torch.manual_seed(0)
    student = nn.Linear(3, 1)

    def losses(step: int) -> Mapping[str, Tensor]:
        if step == stop_at:
            raise Stop
        given = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        error = student(given) - given.sum(1, keepdim=True)
        return {"error": error.abs().mean() * (float("nan") if step == poison else 1)}

    return Course(
        "line", student, torch.optim.Adam(student.parameters()), steps, lambda step: 0.05 / (1 + step), losses
    )


def run(which: Course, folder: Path, mark: str = "me") -> list[Standing]:
    return list(attend(which, lambda: 20.0, folder, mark, every=10))


def test_it_learns_and_tells(tmp_path: Path) -> None:
    standings = run(course(), tmp_path)
    assert [one.step for one in standings] == [10, 20, 30, 40]
    assert standings[-1].loss < standings[0].loss
    assert (standings[-1].decibels, standings[-1].seconds_left) == (20.0, 0.0)


def test_interrupted_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = course()
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    run(whole, tmp_path / "whole")
    monkeypatch.setattr(courses, "SAVE_SECONDS", 0.0)
    for stop in (7, 25):
        with pytest.raises(Stop):
            run(course(stop_at=stop), tmp_path / "parts")
    last = course()
    assert [one.step for one in run(last, tmp_path / "parts")] == [30, 40]
    for one, other in zip(whole.student.parameters(), last.student.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = course()
    run(first, tmp_path)
    again = course()
    assert run(again, tmp_path) == []
    assert torch.equal(again.student.weight, first.student.weight)  # type: ignore[arg-type]


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    run(course(), tmp_path)
    with pytest.raises(SettingsError, match="other settings"):
        run(course(), tmp_path, mark="you")


def test_a_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="went wrong at step 5"):
        run(course(poison=5), tmp_path)
