"""Portraits that several tests look at; opened once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]


@pytest.fixture(scope="session")
def astronaut_picture() -> Bytes:
    """(512, 512, 3): a public-domain photo of a woman whose face is 107 pixels high."""
    data = pytest.importorskip("skimage.data")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def astronaut(astronaut_picture: Bytes) -> Portrait:
    return open_portrait(astronaut_picture)


@pytest.fixture(scope="session")
def portraits(samples: Path) -> dict[str, Portrait]:
    """All sample portraits by the first three letters of their names."""
    return {path.name[:3]: open_portrait(path) for path in sorted((samples / "portraits").iterdir())}
