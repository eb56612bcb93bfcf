"""FaceTracker: MediaPipe's face landmarker behind one small interface.

The wheel of mediapipe 0.10.21 carries the models of its FaceMesh, so nothing is downloaded. Where a
`face_landmarker.task` file is named, the tasks API runs it instead and the 52 measured scores come along.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import VivantError
from vivant.face.arkit import INDEX
from vivant.face.landmarks import COUNT

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SETTLING_ROUNDS = 5
"""How often a moving tracker looks again at the first frame of a face.

The first landmarks come from the detector's loose box and are off by 0.4 to 1.9 % of the inter-ocular distance; each
look at the same frame refines the box. Unsettled, that error would stay in every later frame as false motion."""


_STDERR_LOCK = threading.RLock()
"""Two threads that swap the descriptor at once could leave it swapped for ever."""


@dataclass(frozen=True)
class FaceLandmarks:
    """One face found in one picture."""

    points: Floats
    """(478, 3) pixels: x right, y down, z in the scale of x, negative toward the camera."""
    scores: Floats | None = None
    """(52,) measured curves 0..1 in the order of `CURVES`; None without a model file."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) in pixels around all points."""
        low, high = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def extent(self) -> float:
        """Larger side of the box in pixels."""
        x0, y0, x1, y1 = self.box
        return max(x1 - x0, y1 - y0)


class FaceTracker:
    """Finds faces in pictures; `moving` follows them from frame to frame with MediaPipe's own smoothing.

    For one still picture a fresh moving tracker is the most exact: it settles on the first frame.
    """

    def __init__(self, *, moving: bool, faces: int = 1, model_file: Path | None = None) -> None:
        """Load the models; raises VivantError if `model_file` cannot be used."""
        self._moving = moving
        self._last_ms = -1
        self._shift_ms = 0  # the repeated looks at a first frame take time of their own on MediaPipe's clock
        self._tracking = False
        self._has_scores = model_file is not None
        with quiet_stderr():
            self._engine = _open_task(model_file, moving, faces) if model_file else _open_mesh(moving, faces)

    def find(self, picture: Bytes, time: float = 0.0) -> tuple[FaceLandmarks, ...]:
        """All faces in `picture` (H, W, 3) RGB uint8; `time` in seconds must grow for a moving tracker."""
        picture = np.ascontiguousarray(picture)
        if self._tracking:
            found = self._find(picture, time)
        else:
            with quiet_stderr():
                found = self._find(picture, time)
                for _ in range(SETTLING_ROUNDS if self._moving and found else 0):
                    self._shift_ms += 40
                    found = self._find(picture, time) or found
        self._tracking = bool(found) and self._moving
        return found

    def forget(self) -> None:
        """Say that the next picture shows another place: it is settled on like a first one."""
        self._tracking = False

    def _find(self, picture: Bytes, time: float) -> tuple[FaceLandmarks, ...]:
        """The faces in `picture` (H, W, 3)."""
        height, width = picture.shape[:2]
        scale = np.array([width, height, width], np.float32)
        if not self._has_scores:
            found = self._engine.process(picture).multi_face_landmarks or ()
            return tuple(FaceLandmarks(_points(face.landmark) * scale) for face in found)
        result = self._run_task(picture, time)
        return tuple(
            FaceLandmarks(_points(face) * scale, _scores(shapes))
            for face, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True)
        )

    def _run_task(self, picture: Bytes, time: float) -> Any:
        """What MediaPipe's task says of `picture` (H, W, 3)."""
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        if not self._moving:
            return self._engine.detect(image)
        self._last_ms = max(round(time * 1000) + self._shift_ms, self._last_ms + 1)
        return self._engine.detect_for_video(image, self._last_ms)

    def close(self) -> None:
        """Release the models."""
        self._engine.close()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_mesh(moving: bool, faces: int) -> Any:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    return FaceMesh(static_image_mode=not moving, max_num_faces=faces, refine_landmarks=True)


def _open_task(model_file: Path, moving: bool, faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    if not model_file.is_file():
        raise VivantError(f"face model {str(model_file)!r} is not a file; give a face_landmarker.task")
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model_file)),
        running_mode=vision.RunningMode.VIDEO if moving else vision.RunningMode.IMAGE,
        num_faces=faces,
        output_face_blendshapes=True,
    )
    try:
        return vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise VivantError(f"{str(model_file)!r} is not a face_landmarker.task that MediaPipe can open") from error


def _points(landmarks: Any) -> Floats:
    """Landmarks as (478, 3)."""
    points = np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)
    if len(points) != COUNT:
        raise VivantError(f"the face model gives {len(points)} landmarks instead of {COUNT}; use one with irises")
    return points


def _scores(categories: Any) -> Floats:
    """Scores as (52,)."""
    scores = np.zeros(len(INDEX), np.float32)
    for category in categories:
        if category.category_name in INDEX:
            scores[INDEX[category.category_name]] = category.score
    return scores


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silence what native libraries write to file descriptor 2 until their models have run once."""
    with _STDERR_LOCK:
        sys.stderr.flush()
        kept = os.dup(2)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(sink)
