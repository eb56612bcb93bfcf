"""Clips of sound and motion for the published audio-to-motion networks, made from the project's own corpus.

A folder holds `clips.json` and one .safetensors file per clip:

    sound       (2T, 1024)  HuBERT features, or a stand-in of the same width, 50 per second
    pitch       (2T,)       Hz, 0 where unvoiced
    landmarks   (T, 204)    68 points as offsets from the mean face, 25 per second
    expression  (T, 64)     coefficients of a face model: here the 52 curves and zeros
    pose        (T, 12)     angles and translation, and their velocities

T is a multiple of 4. The motion is what coarticulation and presence make of the phonemes and the sound.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.errors import SettingsError
from vivant.face.arkit import CURVES
from vivant.face.ibug import landmarks_of
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import angles_from_rotation
from vivant.media.audio import read_audio
from vivant.motion.speech.coarticulation import STEP, gestures_of_phones
from vivant.motion.speech.front_end import BANDS, front_end
from vivant.motion.speech.gestures import curves_of_gestures, mouth_matrix
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.pitch import pitch_track
from vivant.motion.speech.sound import RATE
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.progress import Progress, no_progress
from vivant.training.speech.corpus import Utterance

Floats = NDArray[np.float32]
Listener = Callable[[Floats], Floats]
"""Sound (n,) to features (E, 1024)."""

WIDTH = 1024
EXPRESSION = 64
INDEX = "clips.json"
SHORTEST = 32
"""Frames; shorter clips are left out, as published."""
PADDED, MOST = 60_000, 512
"""Rows of sound in one batch with its padding, and clips in one batch."""


@dataclass(frozen=True)
class Clip:
    """One clip, see above."""

    sound: Tensor
    pitch: Tensor
    landmarks: Tensor
    expression: Tensor
    pose: Tensor

    @property
    def frames(self) -> int:
        """T"""
        return len(self.landmarks)


@dataclass(frozen=True)
class Batch:
    """Clips of about the same length, padded with zeros."""

    sound: Tensor  # (B, 2T, 1024)
    pitch: Tensor  # (B, 2T)
    landmarks: Tensor  # (B, T, 204)
    expression: Tensor  # (B, T, 64)
    pose: Tensor  # (B, T, 12)
    mask: Tensor  # (B, T)


def stand_in(sound: Floats) -> Floats:
    """Features (E, 1024) of `sound` (n,) without HuBERT: log-mel bands and their neighbours in a fixed random mix.

    They let a training run without a download; networks trained on them understand nothing else.
    """
    rows = np.concatenate([np.zeros((0, BANDS + 2), np.float32), *front_end([sound], 2)])[1::2]
    near = np.concatenate([np.roll(rows, shift, axis=0) for shift in (-2, -1, 0, 1, 2)], axis=1)
    mix = np.random.default_rng(0).standard_normal((near.shape[1], WIDTH)) / np.sqrt(near.shape[1])
    return np.asarray(np.tanh(near @ mix), np.float32)


def prepare_clips(
    utterances: Sequence[Utterance], folder: Path, listen: Listener = stand_in, progress: Progress = no_progress
) -> int:
    """Write a clip for each utterance into `folder`; returns how many were long enough."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, object]] = []
    for done, utterance in enumerate(utterances):
        progress(done, len(utterances))
        clip = make_clip(utterance, listen)
        if clip.frames >= SHORTEST:
            name = f"{len(kept):06d}.safetensors"
            save_file({key: value.half().contiguous() for key, value in vars(clip).items()}, folder / name)
            kept.append({"file": name, "frames": clip.frames})
    (folder / INDEX).write_text(json.dumps(kept), encoding="utf-8")
    progress(len(utterances), len(utterances))
    return len(kept)


def make_clip(utterance: Utterance, listen: Listener) -> Clip:
    """What a face does that says `utterance`."""
    sound = np.concatenate([np.zeros(0, np.float32), *read_audio(utterance.sound, RATE)])
    heard, pitch = listen(sound), pitch_track(sound)
    states = list(speak([sound], SpeechSettings(), _mouth_of(utterance)))
    frames = min(len(heard) // 2, len(pitch) // 2, len(states)) // 4 * 4
    curves = np.stack([np.zeros(len(CURVES), np.float32), *(state.curves for state in states)])[1 : frames + 1]
    moved = [displacement_from_curves(load_face_model(), one) for one in curves]
    landmarks = landmarks_of(np.stack(moved)) if moved else np.zeros((0, 68, 3), np.float32)
    where = np.array([[*angles_from_rotation(s.rotation), *s.translation] for s in states[:frames]]).reshape(-1, 6)
    pose = np.concatenate([where, np.diff(where, axis=0, prepend=where[:1])], axis=1)
    padded = np.pad(curves, ((0, 0), (0, EXPRESSION - len(CURVES))))
    arrays = (heard[: 2 * frames], pitch[: 2 * frames], landmarks.reshape(frames, -1), padded, pose)
    return Clip(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in arrays))


def _mouth_of(utterance: Utterance) -> Mouth:
    """The mouth that the phonemes ask for."""
    phones = [(phone.start, phone.end, phone.ipa) for phone in utterance.phones]
    curves = curves_of_gestures(gestures_of_phones(phones, utterance.seconds), mouth_matrix())

    def mouth(chunks: Iterable[Floats], rate: Fraction) -> Iterator[Floats]:
        samples = sum(len(chunk) for chunk in chunks)
        for frame in range(ceil(samples * rate / RATE)):
            yield curves[min(round(frame / rate / Fraction(STEP)), len(curves) - 1)]

    return mouth


@dataclass(frozen=True)
class ClipFolder:
    """Clips on disk, those of training and every hundredth for validation."""

    training: tuple[Path, ...]
    validation: tuple[Path, ...]
    frames: dict[Path, int]


def open_clips(folder: Path) -> ClipFolder:
    """The clips in `folder`. Raises SettingsError without a usable index, or where files are missing."""
    try:
        rows = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        frames = {folder / Path(str(row["file"])).name: int(row["frames"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{folder}: no {INDEX} that can be read; make the clips again") from None
    missing = [path.name for path in frames if not path.is_file()]
    if missing or len(frames) < 2:
        raise SettingsError(f"{folder}: {len(frames)} clips, {len(missing)} missing; make the clips again")
    ordered = sorted(frames, key=lambda path: (frames[path], path.name))
    validation = ordered[:: max(min(100, len(ordered) // 2), 2)]
    return ClipFolder(tuple(path for path in ordered if path not in validation), tuple(validation), frames)


def read_clip(path: Path) -> Clip:
    """One clip of the folder."""
    from safetensors.torch import load_file

    return Clip(**{name: tensor.float() for name, tensor in load_file(path).items()})


def batches(clips: ClipFolder, draw: np.random.Generator, padded: int = PADDED) -> Iterator[Batch]:
    """Endless batches of training clips of about the same length, at most `padded` rows of sound and 512 clips."""
    groups: list[list[Path]] = [[]]
    for path in clips.training:
        count = len(groups[-1]) + 1
        if groups[-1] and (count * 2 * clips.frames[path] > padded or count > MOST):
            groups.append([])
        groups[-1].append(path)
    while True:
        for place in draw.permutation(len(groups)):
            yield join([read_clip(path) for path in groups[place]])


def join(clips: Sequence[Clip]) -> Batch:
    """A batch, padded with zeros to the longest clip."""
    longest = max(clip.frames for clip in clips)

    def padded(name: str, rows: int) -> Tensor:
        """(B, R, ...): what the clips have under `name`, each padded to R = `rows`."""
        tensors = [getattr(clip, name) for clip in clips]
        return torch.stack([torch.cat([t, t.new_zeros(rows - len(t), *t.shape[1:])]) for t in tensors])

    names = {"sound": 2, "pitch": 2, "landmarks": 1, "expression": 1, "pose": 1}
    mask = torch.stack([(torch.arange(longest) < clip.frames).float() for clip in clips])
    return Batch(**{name: padded(name, rows * longest) for name, rows in names.items()}, mask=mask)
