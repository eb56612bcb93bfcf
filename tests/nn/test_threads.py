"""A small network runs on one core, and others get their cores back."""

from __future__ import annotations

import pytest
import torch

from vivant.nn.threads import one_thread


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
