"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real pictures, videos and sound; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("VIVANT_SAMPLES_DIR", ROOT.parent / "shared" / "samples"))
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no sample kit at {folder}; set VIVANT_SAMPLES_DIR")
    return folder


@pytest.fixture(scope="session")
def parity() -> Path:
    """The folder of numbers recorded from original implementations; tests that need it are skipped without it."""
    folder = Path(os.environ.get("VIVANT_PARITY_DIR", ROOT.parent / "shared" / "parity"))
    if not folder.is_dir():
        pytest.skip(f"no parity fixtures at {folder}; set VIVANT_PARITY_DIR")
    return folder
