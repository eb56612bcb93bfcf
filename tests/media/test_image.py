"""Pictures, against the sample kit, Pillow's own numbers and hand-made files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vivant.errors import MediaError, SettingsError
from vivant.media.image import read_image, write_image
from vivant.media.limits import Limits

WIDE_GAMUT = "portraits/p16_mona_lisa.jpg"
"""Carries a Display P3 profile."""


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def smooth(noise: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(noise[:8, :12]).resize((120, 80), Image.Resampling.BICUBIC))


def test_every_portrait_has_the_pixels_that_pillow_sees(samples: Path) -> None:
    for path in sorted((samples / "portraits").iterdir()):
        picture = read_image(path)
        with Image.open(path) as image:
            same = np.array_equal(picture.pixels[..., :3], np.asarray(image.convert("RGB")))
            assert same or path == samples / WIDE_GAMUT, path.name
        assert picture.pixels[..., 3].min() == 255
        assert picture.notes == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("i01_truncated.jpg", "truncated"),
        ("i09_text_named.png", "not a picture"),
        ("i10_empty.png", "empty"),
        ("a01_u8_16k.wav", "not a picture"),
        ("missing.png", "no such file"),
        ("", "folder"),
    ],
)
def test_what_is_no_picture_is_named_and_explained(samples: Path, name: str, words: str) -> None:
    path = samples / "bad" / name
    with pytest.raises(MediaError, match=words) as caught:
        read_image(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sixteen_bits_are_scaled_not_clipped(samples: Path, tmp_path: Path) -> None:
    deep = read_image(samples / "bad" / "i03_rgb16.png").pixels
    with Image.open(samples / "bad" / "i17_webp.webp") as same_picture:
        resized = np.asarray(same_picture.convert("RGB").resize((320, 320), Image.Resampling.LANCZOS), float)
    assert np.abs(deep[..., :3] - resized).mean() < 3
    grey = (np.arange(65536, dtype=np.uint16)).reshape(256, 256)
    Image.fromarray(grey).save(tmp_path / "grey16.png")
    assert np.array_equal(read_image(tmp_path / "grey16.png").pixels[..., 0], np.round(grey / 257).astype(np.uint8))


def test_grey_becomes_equal_channels(samples: Path) -> None:
    pixels = read_image(samples / "bad" / "i04_gray8.png").pixels
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_hidden_colour_of_transparent_pixels_never_shows(samples: Path) -> None:
    pixels = read_image(samples / "bad" / "i05_palette_alpha.png").pixels
    hidden = pixels[pixels[..., 3] == 0].astype(int)
    assert len(hidden) > 1000
    magenta = np.minimum(hidden[:, 0], hidden[:, 2]) - hidden[:, 1]
    assert magenta.max() < 60


def test_orientations_show_the_same_picture(tmp_path: Path, noise: np.ndarray) -> None:
    stored = {1: noise, 2: noise[:, ::-1], 3: noise[::-1, ::-1], 4: noise[::-1], 5: noise.transpose(1, 0, 2)}
    stored |= {6: np.rot90(noise, 1), 7: noise[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(noise, -1)}
    for orientation, pixels in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"turned{orientation}.png"
        Image.fromarray(np.ascontiguousarray(pixels)).save(path, exif=exif)
        assert np.array_equal(read_image(path).pixels[..., :3], noise), orientation


def test_colour_profile_is_converted(samples: Path, tmp_path: Path) -> None:
    with Image.open(samples / WIDE_GAMUT) as image:
        profile = image.info["icc_profile"]
    path = tmp_path / "wide.png"
    Image.new("RGBA", (4, 4), (180, 120, 90, 77)).save(path, icc_profile=profile)
    encoded = np.array([180, 120, 90]) / 255
    linear = ((encoded + 0.055) / 1.055) ** 2.4
    srgb = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]) @ linear
    expected = 255 * (1.055 * srgb ** (1 / 2.4) - 0.055)
    assert np.abs(read_image(path).pixels[0, 0] - [*expected, 77]).max() < 1.5


def test_unusable_colour_profile_is_ignored_with_a_note(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (10, 20, 30)).save(tmp_path / "broken.png", icc_profile=b"no profile")
    picture = read_image(tmp_path / "broken.png")
    assert picture.pixels[0, 0].tolist() == [10, 20, 30, 255]
    assert "profile" in picture.notes[0]


def test_cmyk_and_one_bit_are_read(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red = read_image(tmp_path / "red.jpg").pixels[4, 4]
    assert red[0] > 200
    assert red[1] < 60
    Image.new("1", (8, 8), 1).save(tmp_path / "white.png")
    assert read_image(tmp_path / "white.png").pixels.min() == 255


def test_heic_is_upright_and_avif_is_read(tmp_path: Path, smooth: np.ndarray) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heif = pillow_heif.from_pillow(Image.fromarray(np.ascontiguousarray(np.rot90(smooth))))
    exif = Image.Exif()
    exif[0x0112] = 6
    heif.info["exif"] = exif.tobytes()
    heif.save(tmp_path / "phone.heic", quality=95)
    Image.fromarray(smooth).save(tmp_path / "small.avif", quality=95)
    for name in ("phone.heic", "small.avif"):
        pixels = read_image(tmp_path / name).pixels
        assert pixels.shape == (80, 120, 4)
        assert np.abs(pixels[..., :3].astype(int) - smooth).mean() < 8, name


def test_animations_give_their_first_frame_and_say_so(samples: Path) -> None:
    picture = read_image(samples / "bad" / "i07_animated.gif")
    assert picture.pixels.shape == (256, 256, 4)
    assert "first frame" in picture.notes[0]


def test_size_is_checked_before_decoding(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="limit of 1000000"):
        read_image(samples / "bad" / "i08_huge_12000x9000.png", Limits(max_pixels=1_000_000))
    with pytest.raises(MediaError, match="limit of 10"):
        read_image(samples / "bad" / "i17_webp.webp", Limits(max_bytes=10))


@pytest.mark.slow
def test_huge_picture_is_read_in_bounded_memory(samples: Path) -> None:
    assert read_image(samples / "bad" / "i08_huge_12000x9000.png").pixels.shape == (9000, 12000, 4)


@pytest.mark.parametrize("name", ["out.png", "-dash 'quote' \"x\" 🙂.png", "OUT.WEBP", "a.jpg", "b.tiff"])
def test_what_is_written_is_read(tmp_path: Path, smooth: np.ndarray, name: str) -> None:
    write_image(tmp_path / name, smooth)
    assert np.abs(read_image(tmp_path / name).pixels[..., :3].astype(int) - smooth).mean() < 4
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_alpha_survives_png(tmp_path: Path, noise: np.ndarray) -> None:
    rgba = np.dstack([noise, np.clip(noise[..., 0], 1, 255)])
    write_image(tmp_path / "alpha.png", rgba)
    assert np.array_equal(read_image(tmp_path / "alpha.png").pixels, rgba)


def test_unwritable_places_are_explained(tmp_path: Path, noise: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="known are"):
        write_image(tmp_path / "out.xyz", noise)
    with pytest.raises(MediaError, match="folder"):
        write_image(tmp_path / "none" / "out.png", noise)
    assert list(tmp_path.iterdir()) == []
