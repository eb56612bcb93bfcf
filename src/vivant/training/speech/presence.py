"""Fitting the sway of a speaker: amounts, rhythm and coupling of head and brows, from videos of people who talk.

Sound plays no part, so any talking video will do. Each clip is scaled to unit variance before the dynamics are fitted,
so that none speaks louder than the others; the amounts are geometric means over the clips.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError, VivantError
from vivant.face.arkit import INDEX
from vivant.face.landmarks import BROW_LEFT, BROW_RIGHT
from vivant.face.model import load_face_model
from vivant.face.pose import angles_from_rotation
from vivant.motion.idle import NECK
from vivant.motion.motion import Motion
from vivant.motion.speech.sway import CHANNELS, RATE, SwayModel, simulate
from vivant.motion.track import TrackSettings, track
from vivant.progress import Progress, no_progress

Doubles = NDArray[np.float64]

SEEN = (0.82, 0.73, 0.93, 1.0, 1.0, 1.0, 0.55, 1.0)
"""Share of each channel's motion that the tracker sees: slopes of tracked on drawn motion of portraits by relief."""
SMOOTHING = (0.04, 0.04, 0.04, 0.10, 0.10, 0.16, 0.045, 0.06)
"""Standard deviations in seconds of the Gaussians that take the tracker's noise from each channel."""
SHORTEST = 4.0
"""Seconds that a clip must last."""
PLACES = slice(3, 6)
"""Channels of the head's place: a moving camera moves them too."""


@dataclass(frozen=True)
class FitSettings:
    """How `fit_presence` fits."""

    order: int = 3
    """Steps of the past, 1/20 s each, that the next step depends on."""
    ridge: float = 0.001
    """Pull of the coefficients to 0, as a share of the data's own weight."""
    longest_memory: float = 4.0
    """Seconds; slower modes cannot be told from clips of a few seconds."""
    seed: int = 0
    """Of the simulation that sets the amounts."""

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 10 or not 0 <= self.ridge <= 1 or not 0.2 <= self.longest_memory <= 60:
            raise SettingsError(
                f"order {self.order}, ridge {self.ridge:g}, memory {self.longest_memory:g} s cannot be fitted; "
                "give 1..10, 0..1 and 0.2..60 s"
            )


def fit_presence(
    videos: Sequence[Path],
    output: Path,
    settings: FitSettings = FitSettings(),
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Track `videos`, fit the sway of their heads and brows and write it to `output` (.safetensors).

    `progress` counts videos. Returns the figures that the file's metadata carries as well. Raises SettingsError
    without a video of at least 4 s, and whatever `vivant.motion.track.track` raises.
    """
    clips = []
    for done, video in enumerate(videos):
        progress(done, len(videos))
        motion = track(video, TrackSettings(look_ahead=600.0))
        if motion.seconds >= SHORTEST:
            clips.append(channels(motion))
    if not clips:
        raise SettingsError(f"none of {len(videos)} videos lasts {SHORTEST:g} s; give longer ones of a talking face")
    model = fit_sway(clips, settings)
    figures = _figures(clips, model, settings.seed)
    names = [Path(video).name for video in videos]
    told = {"videos": names, "settings": asdict(settings), "figures": figures, "channels": CHANNELS}
    _save(model, output, {"format": "vivant-sway-1", **{name: json.dumps(value) for name, value in told.items()}})
    progress(len(videos), len(videos))
    return figures


def channels(motion: Motion) -> Doubles:
    """Head and brows (N, 8) of a tracked `motion`, 20 per second, as it must be drawn to be tracked so; see `CHANNELS`.

    The tracker's noise is smoothed away. The place is what remains of it when the head turns about the neck.
    """
    angles = np.array([angles_from_rotation(rotation) for rotation in motion.rotation])
    place = motion.translation - (NECK - motion.rotation @ NECK)
    values = np.column_stack([angles, place, _brows(motion)]) / SEEN
    rate = float(motion.rate)
    smooth = np.stack([_smooth(column, s * rate) for column, s in zip(values.T, SMOOTHING, strict=True)], 1)
    times = np.arange(int(len(smooth) / rate * RATE)) / RATE
    return np.stack([np.interp(times, np.arange(len(smooth)) / rate, column) for column in smooth.T], 1)


def _brows(motion: Motion) -> Doubles:
    """Height of the brows and how much higher their inner ends are (N, 2), in units of the curves that raise them."""
    basis = load_face_model().basis[:, :, 1]
    names = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
    raised = sum(basis[INDEX[name]] for name in names)
    assert motion.dense is not None
    heights = []
    for part in ((3, 4, 8, 9), (0, 1, 5, 6)):  # inner ends, outer ends
        points = [side[i] for side in (BROW_RIGHT, BROW_LEFT) for i in part]
        heights.append(motion.dense[:, points, 1].mean(1) / raised[points].mean())
    return np.column_stack([(heights[0] + heights[1]) / 2, (heights[0] - heights[1]) / 2])


def _smooth(values: Doubles, sigma: float) -> Doubles:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, sigma, mode="nearest"), np.float64)


def fit_sway(clips: Sequence[Doubles], settings: FitSettings = FitSettings()) -> SwayModel:
    """A vector autoregression of `clips` (N, 8) at 20 per second whose simulation moves as much as they do."""
    still = [_without_trend(clip) for clip in clips]
    unit = [clip / np.sqrt(clip.std(0) * np.diff(clip, axis=0).std(0) * RATE + 1e-9) for clip in still]
    past = np.concatenate([_past(clip, settings.order) for clip in unit])
    now = np.concatenate([clip[settings.order :] for clip in unit])
    gram = past.T @ past
    weight = np.linalg.solve(gram + settings.ridge * np.trace(gram) / len(gram) * np.eye(len(gram)), past.T @ now)
    width = now.shape[1]
    transition = weight.T.reshape(width, settings.order, width).swapaxes(0, 1)
    transition = _bounded(transition, float(np.exp(-1 / (RATE * settings.longest_memory))))
    residual = now - past @ transition.swapaxes(0, 1).reshape(width, -1).T
    keep, spread = _volatility(np.split(residual, np.cumsum([len(clip) - settings.order for clip in unit])[:-1]))
    noise = np.linalg.cholesky(np.cov(residual.T) + 1e-6 * np.eye(width))
    raw = SwayModel(transition, noise, np.ones(width), keep, spread)
    return SwayModel(transition, noise, _amounts(still) / _amounts(_windows(raw, settings.seed)), keep, spread)


def _without_trend(clip: Doubles) -> Doubles:
    """`clip` (N, C) less its mean, and its places less their parabola: camera and chair, not the neck."""
    time = np.linspace(-1, 1, len(clip))
    result = clip - clip.mean(0)
    trends = np.stack([np.ones_like(time), time, time**2], axis=1)
    result[:, PLACES] -= trends @ np.linalg.lstsq(trends, result[:, PLACES], rcond=None)[0]
    return np.asarray(result)


def _past(clip: Doubles, order: int) -> Doubles:
    """Rows (N - order, order * C): the step before, the one before that, ..."""
    return np.concatenate([clip[order - lag : len(clip) - lag] for lag in range(1, order + 1)], axis=1)


def _bounded(transition: Doubles, largest: float) -> Doubles:
    """`transition` (P, C, C) with every mode dying at least as fast as `largest` per step."""
    order, width, _ = transition.shape
    companion = np.eye(order * width, k=-width)
    companion[:width] = transition.swapaxes(0, 1).reshape(width, -1)
    radius = float(np.abs(np.linalg.eigvals(companion)).max())
    shrink = min(1.0, largest / radius)
    return transition * (shrink ** np.arange(1, order + 1))[:, None, None]


def _volatility(residuals: Sequence[Doubles]) -> tuple[float, float]:
    """How long stillness and liveliness last, as kept per step, and the standard deviation of their logarithm."""
    logs = [np.log((part**2 / part.var(0)).mean(1)) / 2 for part in residuals]
    logs = [_smooth(log - log.mean(), 2.0) for log in logs]
    spread = float(np.sqrt(np.mean(np.concatenate(logs) ** 2)))
    lag = round(RATE / 2)
    alike = sum(float(log[lag:] @ log[:-lag]) for log in logs) / sum(float(log[lag:] @ log[lag:]) for log in logs)
    return float(np.clip(alike, 0.05, 0.9) ** (1 / lag)), float(np.clip(spread, 0.1, 0.8))


def _windows(model: SwayModel, seed: int) -> list[Doubles]:
    """Simulated clips of 10 s."""
    walk = simulate(model, 400 * round(10 * RATE), seed)
    return [_without_trend(clip) for clip in np.split(walk, 400)]


def _amounts(clips: Sequence[Doubles]) -> Doubles:
    """Standard deviation (C,) of a typical clip: the geometric mean, for the place of the calmer half of clips."""
    logs = np.log([clip.std(0) + 1e-9 for clip in clips])
    result = np.exp(logs.mean(0))
    if len(logs) < 100:  # measured, not simulated: cameras in motion only add
        result[PLACES] = np.exp(np.sort(logs, axis=0)[: (len(logs) + 1) // 2].mean(0))[PLACES]
    return np.asarray(result)


def _figures(clips: Sequence[Doubles], model: SwayModel, seed: int) -> dict[str, float]:
    """Standard deviations and speeds of the clips and of the model, geometric means, in radians, IOD and curves."""
    still, ours = [_without_trend(clip) for clip in clips], _windows(model, seed)
    figures: dict[str, float] = {"seconds": round(sum(map(len, clips)) / RATE, 2)}
    for name, parts in (("real", still), ("model", ours)):
        speeds = np.exp(np.mean([np.log(np.diff(part, axis=0).std(0) * RATE + 1e-9) for part in parts], axis=0))
        for channel, amount, speed in zip(CHANNELS, _amounts(parts), speeds, strict=True):
            figures |= {f"{name}_{channel}": round(float(amount), 5), f"{name}_{channel}_per_s": round(float(speed), 5)}
    return figures


def _save(model: SwayModel, output: Path, told: dict[str, str]) -> None:
    from safetensors.numpy import save

    part = output.with_name(f".{output.name}.part")
    try:
        part.write_bytes(save({name: np.asarray(value, np.float32) for name, value in vars(model).items()}, told))
        os.replace(part, output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise VivantError(f"{output}: cannot be written ({error.strerror}); choose another place") from error
