"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
import types
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


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sounddevice with one speaker and one headset; see `fakes.Stream`."""
    from fakes import Stream

    fake = types.ModuleType("sounddevice")
    fake.InputStream = Stream  # type: ignore[attr-defined]
    fake.PortAudioError = RuntimeError  # type: ignore[attr-defined]
    fake.query_devices = lambda: [  # type: ignore[attr-defined]
        {"name": "speaker", "default_samplerate": 44100.0, "max_input_channels": 0},
        {"name": "headset", "default_samplerate": 48000.0, "max_input_channels": 1},
    ]
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
