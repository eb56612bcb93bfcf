"""Ours against real people: the motion of their faces, and of a portrait that says the same sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.avatars import open_avatar
from vivant.errors import MediaError
from vivant.evaluate.theval import Liveliness, lip_sync, liveliness, silent_lip_stability
from vivant.face.landmarks import MESH_COUNT, OUTER_EYE_CORNERS
from vivant.face.model import load_face_model
from vivant.face.pose import angles_from_rotation, fit_head_pose, stable_weights
from vivant.face.tracker import FaceTracker
from vivant.media.audio import read_audio
from vivant.media.video import open_video
from vivant.motion.speech.sound import RATE
from vivant.motion.state import FaceState
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SIDE = 256.0
"""Pixels of the frame in which THEval measures."""
SEEN = 0.08
"""Radians around the camera in which the eyes count as looking at it, beside the tracker's own error."""
SILENT, PAUSE = 0.06, 0.2
"""Share of the loud parts' level below which a frame is silent, and seconds that a pause lasts at least."""


@dataclass(frozen=True)
class Track:
    """A face in a video."""

    times: Doubles
    """(N,) seconds."""
    points: Floats
    """(N, 478, 3) in pixels of a frame of 256 x 256."""
    angles: Doubles
    """(N, 3) yaw, pitch, roll in radians."""

    @property
    def eyes(self) -> float:
        """Mean distance of the outer eye corners in pixels."""
        right, left = (self.points[:, corner, :2] for corner in OUTER_EYE_CORNERS)
        return float(np.linalg.norm(left - right, axis=1).mean())

    def scaled(self, factor: float) -> Track:
        """The same face in a frame in which it is `factor` times as large."""
        return Track(self.times, (self.points * factor).astype(np.float32), self.angles)


def track_video(path: Path) -> Track:
    """The face in a video, as THEval tracks it. Raises MediaError if a frame shows none."""
    with open_video(path) as video:
        return _track(((frame.time, frame.pixels) for frame in video), path.name)


def track_portrait(picture: Path, states: Sequence[FaceState], rate: float) -> Track:
    """The face of a portrait that relief draws in `states`."""
    portrait = open_portrait(picture)
    avatar = open_avatar()
    prepared = avatar.prepare(portrait, view(portrait, "face", 384))
    drawn = ((index / rate, avatar.draw(prepared, state).pixels[..., :3]) for index, state in enumerate(states))
    return _track(drawn, picture.name)


def _track(frames: Iterable[tuple[float, Bytes]], name: str) -> Track:
    """Landmarks (T, 478, 3) and angles (T, 3) of timed `frames` (H, W, 3)."""
    neutral, weights = load_face_model().neutral[:MESH_COUNT], stable_weights()
    times, points, angles = [], [], []
    with FaceTracker(moving=True) as tracker:
        for time, pixels in frames:
            found = tracker.find(np.ascontiguousarray(pixels), time)
            if not found:
                raise MediaError(f"{name}: no face at {time:.2f} s; choose a clip that shows one all the time")
            times.append(time)
            points.append(found[0].points * np.float32(SIDE / max(pixels.shape[:2])))
            angles.append(angles_from_rotation(fit_head_pose(found[0].points, neutral, weights).rotation))
    return Track(np.array(times), np.stack(points).astype(np.float32), np.array(angles))


def alike(real: Track, ours: Track) -> tuple[Liveliness, Liveliness]:
    """Figures of both, with our face as large as the real one."""
    scaled = ours.scaled(real.eyes / ours.eyes)
    return liveliness(real.points, real.angles), liveliness(scaled.points, scaled.angles)


def mouth_gap(track: Track) -> Doubles:
    """Distance of the inner lips (N,) over the height of the face."""
    lips = np.linalg.norm(track.points[:, 13, :2] - track.points[:, 14, :2], axis=1)
    return np.asarray(lips / np.linalg.norm(track.points[:, 10, :2] - track.points[:, 152, :2], axis=1), np.float64)


def best_likeness(times: Doubles, truth: Doubles, ours: Callable[[Doubles], Doubles], reach: float = 0.08) -> float:
    """Highest correlation of `truth` (N,) at `times` with `ours` at the same times, at most `reach` seconds apart."""
    lags = np.arange(-reach, reach + 1e-6, 0.01)
    return float(max(np.corrcoef(ours(times + lag), truth)[0, 1] for lag in lags))


@dataclass(frozen=True)
class Heard:
    """A clip's sound at the times of its frames."""

    loudness: Doubles
    """(N,) root mean square of 50 ms."""
    silent: NDArray[np.bool_]
    """(N,) within pauses of at least 0.2 s."""


def hear_clip(path: Path, times: Doubles) -> Heard:
    """The sound of a clip at `times` (N,)."""
    return loudness_at(np.concatenate([np.zeros(1, np.float32), *read_audio(path, RATE)]), times)


def loudness_at(sound: Floats, times: Doubles) -> Heard:
    """`sound` (n,) mono 16 kHz at `times` (N,)."""
    power = np.concatenate([np.zeros(1), np.cumsum(sound.astype(np.float64) ** 2)])
    low = np.clip(((times - 0.025) * RATE).astype(int), 0, len(sound) - 1)
    high = np.clip(((times + 0.025) * RATE).astype(int), low + 1, len(sound))
    loudness = np.sqrt((power[high] - power[low]) / (high - low))
    quiet = loudness < SILENT * np.percentile(loudness, 95)
    silent, start = np.zeros(len(times), bool), 0
    for place in range(1, len(times) + 1):
        if place == len(times) or quiet[place] != quiet[start]:
            silent[start:place] = quiet[start] and times[place - 1] - times[start] >= PAUSE
            start = place
    return Heard(loudness, silent)


def sound_figures(track: Track, heard: Heard) -> tuple[float, float]:
    """THEval's silent-lip stability and lip-sync."""
    return silent_lip_stability(track.points, heard.silent), lip_sync(track.points, heard.loudness, ~heard.silent)
