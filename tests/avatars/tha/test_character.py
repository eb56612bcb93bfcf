"""Character files: published folders, our own, and everything that can be wrong with either."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from characters import PUBLISHED, made_up, published
from PIL import Image
from safetensors.torch import load_file, save_file

from vivant.avatars.tha.character import DESCRIPTION, Character, load_character, save_character
from vivant.errors import MediaError, VivantError, WeightsError
from vivant.weights import tha_students

TEXT = (
    "character_image_file_name: character.png\r\n"
    "face_morpher_file_name: face_morpher.pt\r\n"
    "body_morpher_file_name: body_morpher.pt"
)


@pytest.fixture(scope="module")
def character() -> Character:
    return made_up()


@pytest.fixture(scope="module")
def original_folder(tmp_path_factory: pytest.TempPathFactory, character: Character) -> Path:
    """A character as the published tools write it, CRLF and all."""
    folder = tmp_path_factory.mktemp("published")
    (folder / DESCRIPTION).write_bytes(TEXT.encode())
    Image.fromarray(character.picture).save(folder / "character.png")
    tables = {"face": tha_students.face_student(), "body": tha_students.body_student()}
    for part, tensors in (("face", character.face), ("body", character.body)):
        torch.save({key: tensors[name] for key, name in tables[part].items()}, folder / f"{part}_morpher.pt")
    return folder


@pytest.fixture
def folder(tmp_path: Path, original_folder: Path) -> Path:
    return Path(shutil.copytree(original_folder, tmp_path / "character"))


def same(one: Character, other: Character) -> None:
    np.testing.assert_array_equal(one.picture, other.picture)
    for part in ("face", "body"):
        found, wanted = getattr(one, part), getattr(other, part)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_published_folder_is_read_by_folder_or_description(folder: Path, character: Character) -> None:
    same(load_character(folder), character)
    same(load_character(folder / DESCRIPTION), character)


def test_our_file_keeps_everything(tmp_path: Path, character: Character) -> None:
    path = tmp_path / "disc.vivant"
    save_character(path, character)
    found = load_character(path)
    same(found, character)
    assert found.notes == character.notes
    assert [file.name for file in tmp_path.iterdir()] == ["disc.vivant"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_characters_become_small_files(samples: Path, tmp_path: Path, name: str) -> None:
    folder = published(samples, name)
    read = load_character(folder)
    path = tmp_path / "character.vivant"
    save_character(path, read)
    same(load_character(path), read)
    assert path.stat().st_size < 2_000_000
    assert read.notes["source"] == name
    np.testing.assert_array_equal(read.picture, np.asarray(Image.open(folder / "character.png")))


class Hostile:
    def __reduce__(self) -> Any:
        return eval, ("print('run')",)


def edit(name: str, change: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda folder: (change(folder / name), None)[1]


def poison(path: Path) -> None:
    tensors = torch.load(path, weights_only=True)
    next(iter(tensors.values()))[0] = float("nan")
    torch.save(tensors, path)


def picture(size: int, mode: str) -> Callable[[Path], object]:
    return lambda path: Image.new(mode, (size, size)).save(path, "PNG")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("face_morpher.pt", Path.unlink), "face_morpher.pt: no such file"),
        (edit(DESCRIPTION, Path.unlink), "no such file"),
        (edit(DESCRIPTION, lambda path: path.write_text("a: b")), "does not name character_image_file_name"),
        (edit(DESCRIPTION, lambda path: path.write_bytes(b"\xff\xfe\xfd")), "not a text"),
        (edit(DESCRIPTION, lambda path: path.write_text("x" * 5000)), "5000 bytes"),
        (edit(DESCRIPTION, lambda p: p.write_text(TEXT.replace(": face", ": ../face"))), "leads out of the folder"),
        (edit(DESCRIPTION, lambda p: p.write_text(TEXT.replace(": face", ": /etc/face"))), "leads out of the folder"),
        (edit("body_morpher.pt", lambda path: path.write_bytes(b"")), "0 bytes"),
        (edit("body_morpher.pt", lambda path: path.write_bytes(b"no checkpoint")), "body_morpher.pt: refused"),
        (edit("body_morpher.pt", lambda path: path.write_bytes(pickle.dumps(Hostile()))), "refused"),
        (edit("body_morpher.pt", poison), "not finite"),
        (edit("character.png", picture(256, "RGBA")), "256x256 RGBA; a character needs 512x512 RGBA"),
        (edit("character.png", picture(512, "RGB")), "512x512 RGB;"),
        (edit("character.png", picture(9000, "1")), "9000x9000"),
        (edit("character.png", lambda path: path.write_bytes(path.read_bytes()[:900])), "cannot be decoded"),
        (
            lambda folder: shutil.copy(folder / "face_morpher.pt", folder / "body_morpher.pt"),
            "does not fit BodyStudent",
        ),
    ],
)
def test_a_bad_folder_gives_one_clear_line(folder: Path, change: Callable[[Path], object], message: str) -> None:
    change(folder)
    with pytest.raises((WeightsError, MediaError)) as caught:
        load_character(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_bad_file_of_ours_gives_one_clear_line(tmp_path: Path, character: Character) -> None:
    path = tmp_path / "x.vivant"
    save_character(path, character)
    whole = path.read_bytes()
    tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}
    cases: list[tuple[bytes | dict[str, torch.Tensor], str]] = [
        (whole[:1000], "not a whole .safetensors file"),
        (b"", "the file is empty"),
        ({key: value for key, value in tensors.items() if key != "face.last.bias"}, "1 missing"),
        (tensors | {"other": torch.zeros(2)}, "neither face nor body"),
        (tensors | {"face.last.bias": torch.full((4,), torch.inf)}, "not finite"),
        ({key: value for key, value in tensors.items() if key != "picture"}, "not a character"),
        (tensors | {"picture": torch.zeros(64, dtype=torch.uint8)}, "the drawing cannot be decoded .it is no PNG"),
    ]
    for content, message in cases:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            save_file(content, path, {"format": "vivant-character-1"})
        with pytest.raises(VivantError, match=message) as caught:
            load_character(path)
        assert str(path) in str(caught.value)
    save_file(tensors, path, {"format": "another"})
    with pytest.raises(WeightsError, match="not a character"):
        load_character(path)


def test_saving_into_no_folder_is_refused_and_leaves_nothing(tmp_path: Path, character: Character) -> None:
    with pytest.raises(WeightsError, match="cannot be written"):
        save_character(tmp_path / "no" / "x.vivant", character)
    with pytest.raises(WeightsError, match="no such file"):
        load_character(tmp_path / "x.vivant")
    assert list(tmp_path.iterdir()) == []


def test_networks_refuse_foreign_weights(character: Character) -> None:
    with pytest.raises(WeightsError, match="the character's body"):
        replace(character, body=character.face).networks()
