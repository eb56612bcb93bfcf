"""NumPy's matrix products, kept from disturbing other threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def products_in_one_thread() -> Iterator[None]:
    """Within, NumPy's and SciPy's matrix products stay in the thread that asks for them, in the whole process.

    A second thread of OpenBLAS, once woken by a small product, waits busily for the next one: a core is lost that
    drawing and encoding want.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
