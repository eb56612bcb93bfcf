"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Let interrupts through, and give each worker of pytest-xdist its share of the cores.

    Two workers with two threads each wait for one another after every layer of a small network: 15 times slower.
    """
    # A shell that starts the tests in the background has interrupts ignored, in all that they start, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 0))
    if workers:
        os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // workers, 1)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the files that have slow tests: in the end none waits long for another."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture(autouse=True, scope="module")
def share_of_the_cores() -> Iterator[None]:
    """Commands choose how many threads PyTorch uses; that is not meant for the tests after theirs."""
    yield
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(threads))


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Random numbers of PyTorch are the same for a test wherever it runs, and whatever ran before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shared by the cores that PyTorch uses is shared by three, however many there are."""
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)


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
