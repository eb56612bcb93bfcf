"""Self-reenactment: the first frame of a clip is the portrait, the clip itself the driver, its later frames the truth.

Every row also gives the unmoved still, the system that does nothing: an animation that scores below it is worse than
no animation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.avatar import Avatar, Frame
from vivant.evaluate.pictures import face_crop, psnr, ssim
from vivant.face.tracker import FaceTracker
from vivant.face.window import Window
from vivant.media.video import open_video
from vivant.motion.edits import EditSettings, smooth
from vivant.motion.track import TrackSettings, track_frames
from vivant.portrait.open import open_portrait

if TYPE_CHECKING:
    from vivant.evaluate.identity import IdentityNet

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Faces = tuple[list[Bytes], list[Floats | None]]
"""Pictures, and the landmarks of the face in each."""


@dataclass(frozen=True)
class Reenactment:
    """Scores of one clip, averaged over its compared frames; dB on the face crop unless named otherwise."""

    clip: str
    frames: int
    still: float
    """PSNR of the unmoved portrait."""
    animated: float
    """PSNR of the animation."""
    worst: float
    """Least of animated minus still over the frames."""
    still_ssim: float
    animated_ssim: float
    landmark_error: float
    """Mean distance of the landmarks found in animation and truth, in percent of the inter-ocular distance."""
    jitter_ratio: float
    """Mean second difference of the animation's landmarks over that of the truth."""
    identity: float
    """CSIM: mean cosine of the faces' embeddings, animation against truth, 0 for a frame without a face; not a number
    where no network of identity was given."""


def reenact(
    clip: Path,
    avatar: Avatar[Any],
    *,
    step: int = 4,
    model_file: Path | None = None,
    calm: float = EditSettings.smooth,
    identity: IdentityNet | None = None,
) -> Reenactment:
    """Score `avatar` on `clip`: all frames are tracked and smoothed, every `step`-th is compared.

    `identity` tells how much it is the same person. `calm` is the amount of smoothing, by default that of every
    animation; see `vivant.motion.edits.smooth`. Only with a `step` of 1 is the jitter that of neighbouring frames.
    Raises VivantError.
    """
    with open_video(clip) as video:
        frames, rate = list(video), video.info.rate
    portrait = open_portrait(frames[0].pixels, model_file=model_file)
    width, height = portrait.size
    view = Window(0, 0, width, height, width, height)
    prepared = avatar.prepare(portrait, view)
    settings = TrackSettings(neutral=frames[0].time, model_file=model_file)
    states = list(smooth((state for _, state in track_frames(frames, settings)), rate, calm))
    chosen = [index for index in range(1, len(frames)) if index % step == 0 and states[index].present]
    drawn = [_paste(portrait.picture, avatar.draw(prepared, states[index])) for index in chosen]
    truth = [frames[index].pixels for index in chosen]
    return _score(clip.name, frames[0].pixels, drawn, truth, identity)


def _paste(picture: Bytes, frame: Frame) -> Bytes:
    """`picture` (H, W, 3) with a frame at its window."""
    whole = picture[..., :3].copy()
    x, y = round(frame.window.x), round(frame.window.y)
    whole[y : y + frame.window.rows, x : x + frame.window.columns] = frame.pixels[..., :3]
    return whole


def _score(
    name: str, still: Bytes, drawn: list[Bytes], truth: list[Bytes], identity: IdentityNet | None
) -> Reenactment:
    """The measures of pictures (H, W, 3) that were `drawn`, beside the unmoved one, against the `truth`."""
    true_points, drawn_points = _landmarks(truth), _landmarks(drawn)
    seen = [k for k in range(len(truth)) if true_points[k] is not None and drawn_points[k] is not None]
    crops = {k: face_crop(np.asarray(true_points[k]), still.shape) for k in seen}
    moved = np.array([psnr(drawn[k][crops[k]], truth[k][crops[k]]) for k in seen])
    unmoved = np.array([psnr(still[crops[k]], truth[k][crops[k]]) for k in seen])
    real, ours = (np.array([points[k] for k in seen])[:, :468, :2] for points in (true_points, drawn_points))
    eyes = np.linalg.norm(real[:, 33] - real[:, 263], axis=1)
    error = np.linalg.norm(real - ours, axis=2).mean(1) / eyes * 100.0
    return Reenactment(
        clip=name,
        frames=len(seen),
        still=float(unmoved.mean()),
        animated=float(moved.mean()),
        worst=float((moved - unmoved).min()),
        still_ssim=float(np.mean([ssim(still[crops[k]], truth[k][crops[k]]) for k in seen])),
        animated_ssim=float(np.mean([ssim(drawn[k][crops[k]], truth[k][crops[k]]) for k in seen])),
        landmark_error=float(error.mean()),
        jitter_ratio=_jitter(ours) / max(_jitter(real), 1e-9),
        identity=_identity(identity, (drawn, drawn_points), (truth, true_points)) if identity else float("nan"),
    )


def _identity(net: IdentityNet, drawn: Faces, truth: Faces) -> float:
    """Mean cosine of pairs of faces; where none was drawn that can be found, it is nobody."""
    found = [
        0.0 if mine is None else net.likeness((picture, mine), (real, true))
        for picture, mine, real, true in zip(*drawn, *truth, strict=True)
        if true is not None
    ]
    return float(np.mean(found))


def _jitter(points: NDArray[Any]) -> float:
    """Mean second difference over time of `points` (T, N, 2), in pixels."""
    if len(points) < 3:
        return 0.0
    return float(np.linalg.norm(points[2:] - 2 * points[1:-1] + points[:-2], axis=2).mean())


def _landmarks(pictures: Iterable[Bytes]) -> list[Floats | None]:
    """Landmarks (478, 3) of each picture on its own, so that no smoothing over time helps either side."""
    with FaceTracker(moving=False) as tracker:
        found = [tracker.find(picture) for picture in pictures]
    return [faces[0].points if faces else None for faces in found]
