"""open_drawing: any picture of a drawn character, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawings import HOME, character, drawn_figure, laid_on, overlap

from vivant.errors import FaceNotFoundError, MediaError, SettingsError, VivantError
from vivant.media.image import read_image
from vivant.portrait.drawing import drawn_note, open_drawing, portrait_of
from vivant.portrait.head import HeadBox, head_of_face


def said(notes: tuple[object, ...]) -> str:
    return " ".join(getattr(note, "what", "") for note in notes)


def test_a_character_becomes_a_portrait_around_its_head(samples: Path) -> None:
    drawing = open_drawing(samples / "tha4" / "lambda_01" / "character.png")
    portrait = portrait_of(drawing)
    assert portrait.landmarks.shape == (478, 3)
    assert overlap(head_of_face(portrait.faces[0]), drawing.head) > 0.99
    eyes = portrait.landmarks[[159, 386], :2]
    np.testing.assert_allclose(eyes.mean(0), [257, 138], atol=10)
    np.testing.assert_array_equal(portrait.picture, drawing.picture)
    assert portrait.person.max() == 1


def test_a_flat_background_is_taken_away_and_kept_for_the_picture(samples: Path) -> None:
    flat = laid_on(character(samples, "lambda_00"), np.array([180, 210, 240]))
    drawing = open_drawing(flat)
    assert "background was taken away" in said(drawing.notes)
    assert drawing.picture[5, 5, 3] == 0
    portrait = portrait_of(drawing)
    np.testing.assert_array_equal(portrait.picture[..., :3], flat)
    assert portrait.person[5, 5] == 0
    kept = open_drawing(flat, background=False)
    assert kept.picture[..., 3].min() == 255
    assert "no transparency" in said(kept.notes)
    assert overlap(kept.head, HOME) > 0.75


def test_other_backgrounds_are_cut_as_for_people_and_told(samples: Path) -> None:
    dunes = read_image(samples / "backgrounds" / "b01_dunes_604.jpg").pixels[:512, :512, :3]
    picture = character(samples, "lambda_01")
    drawing = open_drawing(laid_on(picture, dunes.astype(np.float64)))
    assert "is not flat" in said(drawing.notes)
    assert (np.abs(drawing.picture[..., 3].astype(int) - picture[..., 3]) > 77).mean() < 0.01


def test_shreds_at_the_border_are_no_part_of_the_character() -> None:
    flat = laid_on(drawn_figure(), np.array([200, 220, 240]))
    flat[:30, :60] = (90, 60, 40)  # a lamp that is cut by the border
    flat[20:30, 200:214] = (250, 220, 60)  # a star that floats over the head
    cut = open_drawing(flat, head=HeadBox(90, 40, 120)).picture[..., 3]
    assert cut[15, 30] == 0
    assert cut[25, 207] == 255
    assert cut[399, 150] == 255


def test_photographs_are_told(samples: Path) -> None:
    photo = open_drawing(samples / "portraits" / "p02_official_512.png")
    assert "photograph" in said(photo.notes)
    assert "relief" in " ".join(note.advice for note in photo.notes)
    drawn = open_drawing(samples / "tha4" / "lambda_00" / "character.png")
    assert "photograph" not in said(drawn.notes)
    note = drawn_note(portrait_of(drawn))
    assert note is not None
    assert "--avatar tha" in note.advice
    assert drawn_note(portrait_of(photo)) is None


def test_a_head_that_is_not_sure_is_told() -> None:
    figure = drawn_figure()
    figure[100:125, 120:180, :3] = (250, 222, 205)  # no eyes
    drawing = open_drawing(figure)
    assert drawing.head.how in ("outline", "skin")
    assert "--overlay" in " ".join(note.advice for note in drawing.notes)
    small = open_drawing(drawn_figure(), head=HeadBox(110, 60, 60))
    assert small.head.how == "given"
    assert "only 60 pixels" in said(small.notes)


def test_huge_drawings_are_made_smaller_with_their_head() -> None:
    figure = np.kron(drawn_figure(), np.ones((16, 16, 1), np.uint8))
    drawing = open_drawing(figure, head=HeadBox(1440, 640, 1920))
    assert max(drawing.picture.shape) == 4096
    assert drawing.head.size == pytest.approx(1920 * 4096 / 6400)


@pytest.mark.parametrize(
    ("source", "error", "reason"),
    [
        ("bad/i02_one_pixel.png", MediaError, "too few"),
        ("bad/i09_text_named.png", MediaError, "not a picture"),
        ("bad/i10_empty.png", MediaError, "empty"),
        ("bad/i11_no_face.jpg", FaceNotFoundError, "--head LEFT,TOP,SIZE"),
        ("bad/none.png", MediaError, "no such file"),
    ],
)
def test_what_is_no_character_is_one_line(samples: Path, source: str, error: type[VivantError], reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        open_drawing(samples / source)
    assert Path(source).name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("head", [HeadBox(900, 0, 100), HeadBox(0, 0, 4), HeadBox(-50, -50, 9000)])
def test_heads_that_cannot_be_are_refused(head: HeadBox) -> None:
    with pytest.raises(SettingsError, match="cannot be; the picture has 300x400"):
        open_drawing(drawn_figure(), head=head)


def test_arrays_must_be_pictures() -> None:
    with pytest.raises(SettingsError, match="uint8"):
        open_drawing(np.zeros((100, 100), np.uint8))
