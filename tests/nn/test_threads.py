"""A small network runs on one core, and others get their cores back."""

from __future__ import annotations

import pytest
import torch

from vivant.nn.rows import one_core_each
from vivant.nn.threads import cores, cores_to_ourselves, one_thread


def test_one_core_and_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(IndexError), one_thread():
            [].pop()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_layers_stay_on_one_core_while_loops_share_all() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with cores_to_ourselves(), cores_to_ourselves():
            assert (cores(), torch.get_num_threads()) == (3, 1)
        assert (cores(), torch.get_num_threads()) == (3, 3)
    finally:
        torch.set_num_threads(before)


def test_a_task_of_several_has_one_core_and_keeps_no_gradients() -> None:
    seen: list[tuple[int, bool]] = []

    def task() -> None:
        seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled()))

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        one_core_each([task] * 3)
        one_core_each([task])
        assert seen == [(1, True)] * 3 + [(3, False)]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
