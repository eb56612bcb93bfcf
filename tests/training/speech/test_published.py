"""Training of the published speech networks, from sound to weights that are stored and load again; few steps."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from vivant.errors import SettingsError, WeightsError
from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks
from vivant.training.loop import LoopSettings
from vivant.training.speech.clips import Clip, batches, join, make_clip, open_clips, prepare_clips, read_clip, stand_in
from vivant.training.speech.corpus import Phone, Utterance, write_flac
from vivant.training.speech.published import TrainSettings, train_published
from vivant.training.speech.sync_windows import draw_windows
from vivant.training.speech.targets import NAMES
from vivant.weights import store

RATE = 16000
FEW = TrainSettings(LoopSettings(steps=2, log_every=1), padded=300, windows=16)


def utterance(folder: Path, seconds: float, name: str) -> Utterance:
    """A hum that says "mama"."""
    count = int(seconds * RATE)
    sound = (0.3 * np.sin(2 * np.pi * 140 * np.arange(count) / RATE)).astype(np.float32)
    write_flac(folder / f"{name}.flac", sound)
    ends = np.linspace(0, seconds, 13)
    phones = tuple(Phone(a, b, "ma"[k % 2]) for k, (a, b) in enumerate(itertools.pairwise(ends)))
    return Utterance(folder / f"{name}.flac", "none", "hum", "xx", seconds, phones)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    said = [utterance(folder, seconds, f"s{k}") for k, seconds in enumerate((2.0, 2.6, 0.5, 3.1, 2.2))]
    assert prepare_clips(said, folder / "data") == 4  # half a second is too short
    return folder / "data"


@pytest.fixture(autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path_factory.getbasetemp() / "trained"))


def test_a_clip_holds_sound_and_motion_in_time(tmp_path: Path) -> None:
    clip = make_clip(utterance(tmp_path, 2.0, "a"), stand_in)
    assert clip.frames % 4 == 0
    assert clip.frames >= 44
    assert clip.sound.shape == (2 * clip.frames, 1024)
    assert clip.pitch.median() == pytest.approx(140, abs=2)
    gap = clip.landmarks.view(-1, 68, 3)[:, 62, 1] - clip.landmarks.view(-1, 68, 3)[:, 66, 1]
    assert float(gap.min()) < 0.1 < 0.4 < float(gap.max())  # closed at m, open at a
    torch.testing.assert_close(clip.pose[:-1, :6] + clip.pose[1:, 6:], clip.pose[1:, :6])


def test_batches_pad_and_mask(clips: Path) -> None:
    folder = open_clips(clips)
    assert len(folder.training) + len(folder.validation) == 4
    one, other = (read_clip(path) for path in (*folder.training, *folder.validation)[:2])
    batch = join([one, other])
    assert batch.mask.sum(1).tolist() == [one.frames, other.frames]
    assert not batch.landmarks[batch.mask == 0].any()
    queue = batches(folder, np.random.default_rng(0), padded=10**6)
    assert len(next(queue).mask) == len(folder.training)
    assert len(next(batches(folder, np.random.default_rng(0), padded=1)).mask) == 1


def ramp(frames: int) -> Clip:
    """A clip whose every number tells its own time."""
    times = torch.arange(frames, dtype=torch.float32)
    sound = torch.arange(2 * frames, dtype=torch.float32)[:, None].expand(-1, 1024) / 2
    return Clip(
        sound, torch.zeros(2 * frames), times[:, None].expand(-1, 204), torch.zeros(frames, 64), torch.zeros(frames, 12)
    )


def test_windows_are_in_time_or_not() -> None:
    batch = join([ramp(40), ramp(60)])
    draw = np.random.default_rng(0)
    pairs = draw_windows(batch.sound, batch.landmarks, batch.mask.sum(1), draw, count=2000)
    shift = pairs.sound[:, 0, 0] - pairs.mouth[:, 0, 0]
    assert 0.45 < float(pairs.in_time.mean()) < 0.55
    assert not shift[pairs.in_time == 1].any()
    near = (shift[pairs.in_time == 0].abs() <= 5) & (shift[pairs.in_time == 0] != 0)
    assert 0.3 < float(near.float().mean()) < 0.7
    assert float(pairs.mouth.max()) < 60 - 1
    only = draw_windows(batch.sound, batch.landmarks, batch.mask.sum(1), draw, count=50, positive=1.0)
    assert only.in_time.all()


@pytest.mark.slow
def test_every_network_trains_and_is_stored(clips: Path) -> None:
    for name in NAMES:
        told = train_published(name, clips, FEW)
        assert all(np.isfinite(value) for value in told.values()), name
    stored = {one.name for one in store.list_stored()}
    assert {*NAMES, "geneface/landmark_critic"} <= stored
    assert store.verify(store.show("geneface/audio_to_landmarks")) == []
    network = AudioToLandmarks()
    store.load_stored(network, "geneface/audio_to_landmarks")


@pytest.mark.slow
def test_a_sync_expert_learns_what_is_in_time(clips: Path) -> None:
    seen: list[dict[str, float]] = []
    for steps in (1, 25):
        settings = TrainSettings(LoopSettings(steps=steps, log_every=1), padded=10**6, windows=64)
        seen.append(train_published("geneface/sync_expert", clips, settings))
    assert seen[1]["sync"] < seen[0]["sync"]


def test_the_same_seed_gives_the_same_weights(clips: Path) -> None:
    contents = []
    for _ in range(2):
        train_published("geneface/head_pose", clips, FEW)
        contents.append(store.show("geneface/head_pose").origin.content)
    assert contents[0] == contents[1]


def test_mistakes(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no training of"):
        train_published("geneface/nerf", clips)
    with pytest.raises(SettingsError, match=r"clips\.json"):
        train_published("geneface/sync_expert", tmp_path)
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="sync_expert"):
        train_published("geneface/post_net", clips)
