"""What a portrait is like, what suits, and what to do about it: notes, a record, and a picture of what was found."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    IRIS_LEFT,
    IRIS_RIGHT,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
)
from vivant.face.model import load_face_model
from vivant.face.pose import angles_from_rotation
from vivant.face.tracker import FaceLandmarks
from vivant.face.window import Window
from vivant.portrait.find import square_view
from vivant.portrait.layout import bust_view, face_view
from vivant.portrait.person import face_oval, is_cut_out
from vivant.portrait.portrait import Note, Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SMALL_FACE, TINY_FACE = 120.0, 60.0
"""Face heights in pixels below which the result gets soft, and poor."""
TURNED, FAR_TURNED = 20.0, 32.0
"""Yaw or pitch in degrees from which a part of the face is missing, and much of it."""
LEVEL_PITCH = -4.0
"""Degrees at which the landmark model reads a level face, in the median of the sample portraits."""
OPEN_MOUTH = 0.03
"""Gap of the inner lips in face heights."""
CLOSED_EYES = 0.15
"""Gap of the lids in eye widths."""
BLURRED = 0.035
DARK, BRIGHT, FLAT = 55.0, 225.0, 14.0
"""Mean and spread of the luma (0..255) inside the face."""


def preflight(portrait: Portrait, *, asked: bool = False) -> tuple[Note, ...]:
    """All findings about `portrait`, in the order in which they matter to a reader; `asked`: its face was asked for."""
    record = measure(portrait)
    found = _about_kind(record) + _about_choice(portrait, record, asked) + _about_size(record) + _about_pose(record)
    return found + _about_border(portrait) + _about_expression(record) + _about_light(record)


def measure(portrait: Portrait) -> dict[str, float]:
    """Figures of the chosen face: size in pixels, shares, angles in degrees, gaps, sharpness, light."""
    yaw, pitch, roll = (math.degrees(angle) for angle in angles_from_rotation(portrait.pose.rotation))
    x0, y0, x1, y1 = FaceLandmarks(portrait.landmarks).box
    tall = max(y1 - y0, x1 - x0)
    face, inside = _face_pixels(portrait)
    luma = face[inside]
    return {
        "height": tall,
        "share": tall / portrait.size[1],
        "yaw": yaw,
        "pitch": pitch - LEVEL_PITCH,
        "roll": roll,
        "mouth_gap": _distance(portrait, 13, 14) / tall,
        "eye_gap": max(
            _distance(portrait, 159, 145) / _distance(portrait, 33, 133),
            _distance(portrait, 386, 374) / _distance(portrait, 362, 263),
        ),
        "sharpness": _sharpness(face, inside),
        "light": float(luma.mean()),
        "contrast": float(luma.std()),
        "confidence": portrait.confidence,
        "wobble": portrait.wobble,
    }


def inspect_record(portrait: Portrait) -> dict[str, Any]:
    """Everything known of `portrait` as plain numbers, strings and lists, ready for JSON."""
    across = sorted(portrait.faces)
    chosen = _index_of_chosen(portrait)
    return {
        "name": portrait.name,
        "width": portrait.size[0],
        "height": portrait.size[1],
        "cut_out": is_cut_out(portrait.picture),
        "faces": [[round(float(edge), 1) for edge in box] for box in across],
        "chosen_face": chosen,
        "face": {key: round(float(value), 4) for key, value in measure(portrait).items()},
        "person_share": round(float(portrait.person.mean()), 4),
        "notes": [{"level": note.level, "what": note.what, "advice": note.advice} for note in portrait.notes],
    }


def overlay(portrait: Portrait) -> Bytes:
    """The picture (H, W, 4) with what was found: face boxes, contours, head axes, outline of the person, crops."""
    canvas = np.ascontiguousarray(portrait.picture[..., :3])
    thick = max(1, round(max(portrait.size) / 600))
    outlines, _ = cv2.findContours((portrait.person > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(canvas, outlines, -1, (255, 0, 255), thick, cv2.LINE_AA)
    for window, name in ((face_view(portrait), "face"), (bust_view(portrait), "bust")):
        _draw_window(canvas, window, name, thick)
    for number, box in enumerate(sorted(portrait.faces), 1):
        colour = (0, 255, 0) if number == _index_of_chosen(portrait) else (255, 160, 0)
        corner, far = (round(box[0]), round(box[1])), (round(box[2]), round(box[3]))
        cv2.rectangle(canvas, corner, far, colour, thick, cv2.LINE_AA)
        _write(canvas, str(number), (corner[0] + 3 * thick, far[1] - 4 * thick), colour, thick)
    _draw_face(canvas, portrait, max(1, thick // 2))
    drawn = np.any(canvas != portrait.picture[..., :3], axis=2)
    return np.dstack([canvas, np.where(drawn, np.uint8(255), portrait.picture[..., 3])])


def _draw_face(canvas: Bytes, portrait: Portrait, thick: int) -> None:
    """Draw what was found of the face on `canvas` (H, W, 3)."""
    flat = portrait.landmarks[:, :2]
    for ring in (OVAL, LIPS_OUTER, LIPS_INNER, EYE_RIGHT, EYE_LEFT, IRIS_RIGHT[1:], IRIS_LEFT[1:]):
        cv2.polylines(canvas, [_fixed(flat[list(ring)])], True, (0, 255, 255), thick, cv2.LINE_AA, 4)
    for brow in (BROW_RIGHT, BROW_LEFT):
        for line in (brow[:5], brow[5:]):
            cv2.polylines(canvas, [_fixed(flat[list(line)])], False, (0, 255, 255), thick, cv2.LINE_AA, 4)
    nose = load_face_model().neutral[4]
    ends = nose + np.array([[0, 0, 0], [5, 0, 0], [0, 5, 0], [0, 0, 5]], np.float32)
    tips = portrait.pose.picture_from_head(ends)[:, :2]
    tips += portrait.landmarks[4, :2] - tips[0]
    for tip, colour in zip(tips[1:], ((255, 60, 60), (60, 255, 60), (80, 120, 255)), strict=True):
        start, end = (tuple(_fixed(point)[0, 0].tolist()) for point in (tips[0], tip))
        cv2.line(canvas, start, end, colour, 2 * thick, cv2.LINE_AA, 4)


def _draw_window(canvas: Bytes, window: Window, name: str, thick: int) -> None:
    """Draw a window and its name on `canvas` (H, W, 3)."""
    corner = round(window.x), round(window.y)
    far = round(window.x + window.width) - 1, round(window.y + window.height) - 1
    cv2.rectangle(canvas, corner, far, (255, 255, 255), thick, cv2.LINE_AA)
    _write(canvas, name, (corner[0] + 4 * thick, corner[1] + 14 * thick), (255, 255, 255), thick)


def _write(canvas: Bytes, text: str, place: tuple[int, int], colour: tuple[int, int, int], thick: int) -> None:
    """Write `text` on `canvas` (H, W, 3), dark around."""
    for width, ink in ((3 * thick, (0, 0, 0)), (thick, colour)):
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thick, ink, width, cv2.LINE_AA)


def _fixed(points: Floats) -> NDArray[np.int32]:
    """(N, 1, 2) coordinates with the four fractional bits that OpenCV's drawing takes."""
    return np.asarray(np.round(points.reshape(-1, 1, 2) * 16), np.int32)


def _distance(portrait: Portrait, first: int, second: int) -> float:
    return max(1e-3, float(np.linalg.norm(portrait.landmarks[first] - portrait.landmarks[second])))


def _face_pixels(portrait: Portrait) -> tuple[Floats, NDArray[np.bool_]]:
    """Luma (256, 256) of the face and where in it the face is; the box fills the square."""
    x0, y0, x1, y1 = FaceLandmarks(portrait.landmarks).box
    side = max(x1 - x0, y1 - y0, 1.0)
    view, matrix = square_view(portrait.picture[..., :3], ((x0 + x1) / 2, (y0 + y1) / 2), side, 0.0, 256)
    points = (portrait.landmarks[:, :2] - matrix[:, 2]) * (256 / side)
    oval = cv2.erode(face_oval((256, 256), points), np.ones((9, 9), np.uint8)) > 0
    if not oval.any():
        oval[:] = True
    return cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32), oval


def _sharpness(face: Floats, inside: NDArray[np.bool_]) -> float:
    """Share of the contrast of `face` (h, w) that is finer than 1/80 of it; about 0.02 is visibly soft."""
    fine = face - cv2.GaussianBlur(face, (0, 0), 1.6)
    return float(fine[inside].std() / max(float(face[inside].std()), 1.0))


def _index_of_chosen(portrait: Portrait) -> int:
    """Number of the chosen face, counted from the left, from 1."""
    own = np.array(FaceLandmarks(portrait.landmarks).box)
    across = sorted(portrait.faces) or [tuple(own)]
    return 1 + int(np.argmin([np.abs(np.array(box) - own).sum() for box in across]))


def _about_kind(record: dict[str, float]) -> tuple[Note, ...]:
    if record["wobble"] < 0.015 and record["confidence"] > 0.72:
        return ()
    return (
        Note(
            "problem",
            "this may not be a human face, or much of it is hidden or turned away",
            "look at the overlay; animals and profiles do not animate well: use a picture that faces the camera",
        ),
    )


def _about_choice(portrait: Portrait, record: dict[str, float], asked: bool) -> tuple[Note, ...]:
    if len(portrait.faces) < 2:
        return ()
    chosen = _index_of_chosen(portrait)
    what = (
        f"{len(portrait.faces)} faces found; number {chosen} from the left is used ({record['height']:.0f} pixels high)"
    )
    level = "info" if asked else "warning"
    return (Note(level, what, "choose another with --face largest, left, right, centre or a number from the left"),)


def _about_size(record: dict[str, float]) -> tuple[Note, ...]:
    what = f"the face is {record['height']:.0f} pixels high, {100 * record['share']:.0f} % of the picture"
    if record["height"] < TINY_FACE:
        return (Note("problem", what, "the result will be poor: use a larger picture of the face"),)
    if record["height"] < SMALL_FACE:
        return (Note("warning", what, "the result will be soft: a face of 200 pixels or more looks better"),)
    return (Note("info", what),)


def _about_pose(record: dict[str, float]) -> tuple[Note, ...]:
    yaw, pitch, roll = record["yaw"], record["pitch"], record["roll"]
    side, height = ("right" if yaw > 0 else "left"), ("up" if pitch > 0 else "down")
    notes = []
    if abs(yaw) > TURNED:
        what = f"the head is turned {abs(yaw):.0f} degrees to the {side} of the picture"
        advice = "keep head turns small, above all away from that side, or use a picture from the front"
        notes.append(Note("problem" if abs(yaw) > FAR_TURNED else "warning", what, advice))
    if abs(pitch) > TURNED:
        what = f"the head looks {abs(pitch):.0f} degrees {height}"
        notes.append(Note("warning", what, "keep nods small, or use a picture from the height of the eyes"))
    if abs(roll) > 25:
        notes.append(Note("info", f"the head is tilted by {abs(roll):.0f} degrees"))
    return tuple(notes)


def _about_border(portrait: Portrait) -> tuple[Note, ...]:
    width, height = portrait.size
    outline = portrait.landmarks[list(OVAL), :2]
    if (outline < 0).any() or (outline > [width, height]).any():
        return (
            Note("problem", "the face is cut by the border of the picture", "use a picture with the whole face in it"),
        )
    x0, y0, x1, y1 = FaceLandmarks(portrait.landmarks).box
    air = 0.08 * max(y1 - y0, x1 - x0)
    if x0 < air or x1 > width - air or y1 > height - air:
        advice = "keep head motion small, or use a picture with more room around the head"
        return (Note("warning", "the face nearly touches the border of the picture", advice),)
    top = portrait.person[0, max(0, int(x0)) : max(1, int(x1))]
    if top.size and (top > 0.5).mean() > 0.2:
        return (Note("info", "the top of the head is cut off by the border of the picture", "keep head motion small"),)
    return ()


def _about_expression(record: dict[str, float]) -> tuple[Note, ...]:
    notes = []
    if record["mouth_gap"] > OPEN_MOUTH:
        what = f"the mouth is open by {100 * record['mouth_gap']:.0f} % of the face height"
        notes.append(Note("warning", what, "a picture with closed lips gives better speech"))
    if record["eye_gap"] < CLOSED_EYES:
        notes.append(Note("warning", "the eyes look closed", "a picture with open eyes can blink and look about"))
    return tuple(notes)


def _about_light(record: dict[str, float]) -> tuple[Note, ...]:
    notes = []
    if record["sharpness"] < BLURRED:
        notes.append(Note("warning", "the face is blurred", "use a sharper picture"))
    if record["light"] < DARK:
        notes.append(Note("warning", "the face is dark", "brighten the picture or use one with light from the front"))
    elif record["light"] > BRIGHT:
        notes.append(Note("warning", "the face is overexposed", "use a picture with less light"))
    if record["contrast"] < FLAT:
        notes.append(Note("warning", "the face has little contrast", "use a picture with more light and shade"))
    return tuple(notes)
