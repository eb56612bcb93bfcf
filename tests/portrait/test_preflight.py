"""The report says what is wrong with a picture, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait
from vivant.portrait.preflight import inspect_record, overlay

Bytes = NDArray[np.uint8]


def _warned(portrait: Portrait, words: str) -> bool:
    return any(words in note.what and note.level != "info" for note in portrait.notes)


def test_a_good_portrait_gives_no_warning(portraits: dict[str, Portrait]) -> None:
    for name in ("p11", "p12", "p15"):
        assert [note for note in portraits[name].notes if note.level != "info"] == [], name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p05", "turned 3"),
        ("p10", "mouth is open by 2"),
        ("p13", "105 pixels high"),
        ("p09", "mouth is open"),
        ("p01", "107 pixels high"),
    ],
)
def test_known_troubles_are_told(portraits: dict[str, Portrait], name: str, words: str) -> None:
    assert _warned(portraits[name], words)


def test_a_dog_is_a_problem(samples: Path) -> None:
    assert _warned(open_portrait(samples / "bad" / "i14_dog.jpg"), "may not be a human face")


def test_blur_darkness_and_flatness(astronaut_picture: Bytes, astronaut: Portrait) -> None:
    blurred = open_portrait(np.asarray(cv2.GaussianBlur(astronaut_picture, (0, 0), 3.0), np.uint8))
    dark = open_portrait((astronaut_picture * 0.2).astype(np.uint8))
    flat = open_portrait((astronaut_picture * 0.2 + 100).astype(np.uint8))
    assert _warned(blurred, "blurred")
    assert _warned(dark, "dark")
    assert _warned(flat, "little contrast")
    for words in ("blurred", "dark", "contrast", "overexposed"):
        assert not _warned(astronaut, words)


def test_a_face_at_the_border(astronaut_picture: Bytes) -> None:
    cut = open_portrait(np.ascontiguousarray(astronaut_picture[:, 176:]))
    assert _warned(cut, "border")


def test_every_warning_says_what_to_do(portraits: dict[str, Portrait]) -> None:
    for portrait in portraits.values():
        assert all(note.advice for note in portrait.notes if note.level != "info")
        assert {note.level for note in portrait.notes} <= {"info", "warning", "problem"}


def test_the_record_is_json(portraits: dict[str, Portrait]) -> None:
    for portrait in portraits.values():
        record = json.loads(json.dumps(inspect_record(portrait)))
        assert record["chosen_face"] == 1
        assert (record["width"], record["height"]) == portrait.size
        assert len(record["notes"]) == len(portrait.notes)
        assert record["face"]["height"] > 80


def test_the_overlay_marks_the_face_and_leaves_the_rest(astronaut: Portrait) -> None:
    drawn = overlay(astronaut)
    assert drawn.shape == astronaut.picture.shape
    assert drawn.dtype == np.uint8
    changed = (drawn[..., :3] != astronaut.picture[..., :3]).any(-1)
    x0, y0, x1, y1 = (round(edge) for edge in astronaut.faces[0])
    assert changed[y0:y1, x0:x1].mean() > 0.05
    assert changed.mean() < 0.1
