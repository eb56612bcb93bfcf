"""Find the faces of a picture, however small or turned, and tell them from dogs, clouds and colour wheels.

A short-range and a full-range detector propose places, on the whole picture first and then on overlapping tiles.
The landmark model looks at each place several times, each time a little shifted, scaled and turned. Only where it
sees the same face again and again there is one; the mean of these looks gives the landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import OUTER_EYE_CORNERS
from vivant.face.tracker import FaceLandmarks, FaceTracker, quiet_stderr
from vivant.portrait.pixels import fitted_size, scale_bytes

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

CROP_HEIGHTS = 2.2
"""Side of the square in which the landmark model looks, in face heights."""
CROP_PIXELS = 512
TILE_PIXELS = 320
SMALLEST_TILE = 150
"""Tiles below this many picture pixels hold no face worth animating."""
LOOKS = ((0.0, 0.0, 1.0, 0.0), (0.08, 0.0, 1.0, 0.0), (-0.08, 0.06, 1.0, 0.0), (0.0, -0.06, 1.25, 0.0))
TURNED_LOOKS = ((0.0, 0.0, 0.85, 0.0), (0.0, 0.0, 1.0, 12.0), (0.0, 0.0, 1.0, -12.0))
"""(shift x, shift y in face heights, scale of the crop, turn in degrees) of each look."""
LEAST_LOOKS = 5
"""A face is lost in at most two of the seven looks."""


@dataclass(frozen=True)
class FoundFace:
    """One face that passed the plausibility check."""

    points: Floats
    """(478, 3) picture pixels; z in the scale of x, negative toward the camera."""
    turns: int
    """Quarter turns counter-clockwise (0..3) that bring the face upright; `points` are of the picture as it is."""
    confidence: float
    """0..1: score of the face detector on a crop of the upright face; people reach 0.75 to 0.95."""
    wobble: float
    """Distance of the landmarks from their mean over the looks, in inter-ocular distances; people stay below 0.012."""
    scores: Floats | None = None
    """(52,) measured curves, if a model file was given."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) in pixels around all points; may reach outside the picture."""
        return FaceLandmarks(self.points).box

    @property
    def height(self) -> float:
        """Larger side of the box in pixels."""
        return FaceLandmarks(self.points).extent

    @property
    def centre(self) -> Floats:
        """(2,) middle of the box."""
        x0, y0, x1, y1 = self.box
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2], np.float32)

    @property
    def certain(self) -> bool:
        """False for what may be an animal, a thing, a hidden face or a sharp profile."""
        return self.wobble < 0.015 and self.confidence > 0.72

    @property
    def plausible(self) -> bool:
        """False for what is no face at all. Faces on their side are rare and false ones frequent: be strict there."""
        steady, clear = (0.012, 0.78) if self.turns else (0.030, 0.60)
        return self.wobble < steady and self.confidence > clear


@dataclass(frozen=True)
class _Place:
    """Where a detector proposes a face."""

    centre: Floats
    height: float
    turns: int
    confidence: float


def find_faces(picture: Bytes, *, model_file: Path | None = None) -> tuple[FoundFace, ...]:
    """Find all faces of `picture` (H, W, 3) RGB uint8: certain ones first, then by size.

    The whole picture and tiles of two thirds of it are always searched; smaller tiles and quarter turns only while
    nothing is found. The result depends on nothing but the picture. Raises VivantError if `model_file` is unusable.
    """
    with quiet_stderr(), _Searcher(picture, model_file) as search:
        found: list[FoundFace] = []
        for tiles, turns in _stages(picture.shape[1], picture.shape[0]):
            if turns and found:
                continue
            if len(tiles) > 16 and found:
                break
            for place in search.places(tiles, turns):
                _add(found, search.confirm(place, found))
    return tuple(sorted(found, key=lambda face: (not face.certain, -face.height)))


def _stages(width: int, height: int) -> Iterator[tuple[list[tuple[float, float, float]], int]]:
    """Tiles (x, y of the centre, side) and quarter turns to search, from the likeliest on."""
    whole = [(width / 2, height / 2, float(max(width, height)))]
    # A face that fills or leaves the picture is found with air around it.
    whole.append((width / 2, height / 2, 1.6 * max(width, height)))
    large, small, tiny = (_tiles(width, height, share) for share in (0.67, 0.34, 0.17))
    yield whole, 0
    yield large, 0
    for turns in (1, 3, 2):
        yield whole, turns
    yield small, 0
    for turns in (1, 3, 2):
        yield large, turns
    yield tiny, 0


def _tiles(width: int, height: int, share: float) -> list[tuple[float, float, float]]:
    """Squares with a side of `share` of the shorter side that overlap by a third and cover the picture."""
    side = share * min(width, height)
    if side < SMALLEST_TILE:
        return []
    centres = [_spread(extent, side) for extent in (width, height)]
    return [(float(x), float(y), side) for y in centres[1] for x in centres[0]]


def _spread(extent: int, side: float) -> Floats:
    """The middles (N,) of as many tiles as cover `extent`."""
    count = int(np.ceil((extent - side) / (side * 2 / 3))) + 1
    return np.linspace(side / 2, extent - side / 2, count, dtype=np.float32)


def _add(found: list[FoundFace], face: FoundFace | None) -> None:
    """Keep `face` unless it is already there; of two of the same place the steadier one stays."""
    if face is None:
        return
    for index, other in enumerate(found):
        if np.linalg.norm(face.centre - other.centre) < 0.5 * max(face.height, other.height):
            found[index] = min(face, other, key=lambda one: one.wobble)
            return
    found.append(face)


class _Searcher:
    """The detectors and the landmark model, applied to squares of one picture."""

    def __init__(self, picture: Bytes, model_file: Path | None) -> None:
        """Of a `picture` (H, W, 3)."""
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._picture = picture
        # The user's model first: where it is refused, no other one is left that still writes to stderr.
        self._tracker = FaceTracker(moving=False, model_file=model_file)
        self._short = FaceDetection(min_detection_confidence=0.5, model_selection=0)
        self._full = FaceDetection(min_detection_confidence=0.6, model_selection=1)

    def __enter__(self) -> _Searcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._short.close()
        self._full.close()
        self._tracker.close()

    def places(self, tiles: list[tuple[float, float, float]], turns: int) -> list[_Place]:
        """What the two detectors propose in these squares, the best first, without repetitions."""
        proposed: list[_Place] = []
        for x, y, side in tiles:
            view, matrix = square_view(self._picture, (x, y), side, 90.0 * turns, TILE_PIXELS)
            for engine in (self._short, self._full):
                proposed += [_place(one, matrix, turns) for one in _run(engine, view)]
        proposed.sort(key=lambda place: (-place.confidence, place.centre[0], place.centre[1]))
        kept: list[_Place] = []
        for place in proposed:
            if not any(np.linalg.norm(place.centre - other.centre) < 0.5 * other.height for other in kept):
                kept.append(place)
        return kept

    def confirm(self, place: _Place, found: list[FoundFace]) -> FoundFace | None:
        """Look again and again at a place; None if there is no steady face, or one that is already known."""
        if any(np.linalg.norm(place.centre - face.centre) < 0.4 * face.height and face.certain for face in found):
            return None
        face = self._look(place)
        if face is None:
            return None
        turns = self._upright(face)
        if turns != face.turns:
            face = self._look(replace(place, centre=face.centre, height=face.height, turns=turns)) or face
        return face if face.plausible else None

    def _look(self, place: _Place) -> FoundFace | None:
        first = self._landmarks(place.centre, place.height * CROP_HEIGHTS, 90.0 * place.turns)
        if first is None:
            return None
        seen = FoundFace(first.points, place.turns, 0.0, 0.0)
        centre, height = seen.centre, seen.height
        if np.linalg.norm(centre - place.centre) > place.height:
            return None
        looks = []
        for right, down, scale, degrees in LOOKS + TURNED_LOOKS:
            middle = centre + np.array([right, down], np.float32) * height
            looks.append(self._landmarks(middle, height * CROP_HEIGHTS * scale, 90.0 * place.turns + degrees))
        steady = [look for look in looks if look is not None]
        if looks[0] is None or len(steady) < LEAST_LOOKS:
            return None
        points = np.mean([look.points for look in steady], 0)
        apart = [np.linalg.norm(look.points[:468, :2] - points[:468, :2], axis=1).mean() for look in steady]
        right, left = points[list(OUTER_EYE_CORNERS)]
        wobble = float(np.median(apart) / max(np.linalg.norm(right - left), 1e-3))
        face = FoundFace(points.astype(np.float32), place.turns, 0.0, wobble, looks[0].scores)
        return replace(face, confidence=self._confidence(face, place.turns))

    def _landmarks(self, centre: Floats, side: float, degrees: float) -> FaceLandmarks | None:
        """The face around `centre` (2,), seen upright after `degrees`."""
        view, matrix = square_view(self._picture, (float(centre[0]), float(centre[1])), side, degrees, CROP_PIXELS)
        seen = self._tracker.find(view)
        if not seen:
            return None
        flat = seen[0].points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        depth = seen[0].points[:, 2:] * (side / CROP_PIXELS)
        return FaceLandmarks(np.hstack([flat, depth]).astype(np.float32), seen[0].scores)

    def _upright(self, face: FoundFace) -> int:
        """The quarter turns at which the detector likes the face best; unchanged where it hardly matters."""
        scores = [self._confidence(face, turns) for turns in range(4)]
        best = int(np.argmax(scores))
        return best if scores[best] > scores[face.turns] + 0.02 else face.turns

    def _confidence(self, face: FoundFace, turns: int) -> float:
        centre = (float(face.centre[0]), float(face.centre[1]))
        view, matrix = square_view(self._picture, centre, CROP_HEIGHTS * face.height, 90.0 * turns, TILE_PIXELS)
        places = [_place(one, matrix, turns) for one in _run(self._short, view)]
        near = [place for place in places if np.linalg.norm(place.centre - face.centre) < 0.4 * face.height]
        return max((place.confidence for place in near), default=0.0)


def _run(engine: Any, view: Bytes) -> list[Any]:
    """What a detector finds in a `view` (S, S, 3)."""
    return list(engine.process(view).detections or ())


def _place(detection: Any, picture_from_view: Floats, turns: int) -> _Place:
    """Where a detection is, by the matrix `picture_from_view` (2, 3)."""
    box = detection.location_data.relative_bounding_box
    middle = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2, 1 / TILE_PIXELS], np.float32) * TILE_PIXELS
    scale = float(np.hypot(picture_from_view[0, 0], picture_from_view[1, 0]))
    # The detector's box is square from brows to chin; the landmarks reach 1.2 times as far.
    height = 1.2 * box.width * TILE_PIXELS * scale
    return _Place(picture_from_view @ middle, height, turns, float(detection.score[0]))


def square_view(
    picture: Bytes, centre: tuple[float, float], side: float, degrees: float, pixels: int
) -> tuple[Bytes, Floats]:
    """Cut a square out of `picture` (H, W, C), turned counter-clockwise by `degrees`, without aliasing.

    Returns the square (pixels, pixels, C) and the (2, 3) map from its pixels to those of the picture. Outside the
    picture its border is repeated.
    """
    reach = 0.75 * side
    x0, x1 = (int(np.clip(centre[0] + sign * reach, 0, picture.shape[1] - 1)) for sign in (-1, 1))
    y0, y1 = (int(np.clip(centre[1] + sign * reach, 0, picture.shape[0] - 1)) for sign in (-1, 1))
    patch = picture[y0 : y1 + 1, x0 : x1 + 1]
    shrink = min(1.0, pixels / side)
    size = fitted_size(patch.shape[1], patch.shape[0], shrink)
    # warpAffine only interpolates: average first, or a large picture turns into noise.
    patch = scale_bytes(patch, size)
    scales = np.diag([size[0] / (x1 - x0 + 1), size[1] / (y1 - y0 + 1), 1.0])
    patch_from_picture = scales @ np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]])
    turned = np.asarray(cv2.getRotationMatrix2D(centre, degrees, pixels / side), np.float64)
    turned[:, 2] += pixels / 2 - np.array(centre)
    picture_from_view = cv2.invertAffineTransform(turned)
    view_from_patch = np.vstack([turned, [0, 0, 1]]) @ np.linalg.inv(patch_from_picture)
    # Coordinates name pixel borders here, OpenCV's name pixel centres: half a pixel apart.
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    matrix = np.asarray(half @ view_from_patch @ np.linalg.inv(half), np.float64)[:2]
    view = cv2.warpAffine(patch, matrix, (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8), np.asarray(picture_from_view, np.float32)
