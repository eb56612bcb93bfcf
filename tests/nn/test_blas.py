"""Whose threads multiply matrices."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from vivant.nn.blas import products_in_one_thread


def threads() -> list[int]:
    """Of each library of matrix products that is loaded."""
    np.ones((4, 4)) @ np.ones((4, 4))
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_products_stay_in_the_thread_that_asks_until_the_end() -> None:
    before = threads()
    if not before:
        pytest.skip("NumPy has no library of its own for matrix products here")
    with products_in_one_thread():
        assert threads() == [1] * len(before)
    with pytest.raises(KeyError), products_in_one_thread():
        raise KeyError
    assert threads() == before
