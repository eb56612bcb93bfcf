"""One character: a drawing and the two student networks that move it; published folders and our own file.

Our `.vivant` file is a safetensors file: the tensors `face.*` and `body.*` under our names, the drawing as the bytes
of a PNG in `picture`, notes in the metadata.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, WeightsError
from vivant.weights import tha_students
from vivant.weights.checkpoint import read_checkpoint
from vivant.weights.keys import convert, load
from vivant.weights.store import read_safetensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vivant.avatars.tha.networks.body_student import BodyStudent
    from vivant.avatars.tha.networks.face_student import FaceStudent

Bytes = NDArray[np.uint8]
Tensors = Mapping[str, "Tensor"]

FORMAT = "vivant-character-1"
SIZE = 512
DESCRIPTION = "character_model.yaml"
FILES = ("character_image_file_name", "face_morpher_file_name", "body_morpher_file_name")
"""Keys of a published description, see the specification of THA4's character models."""
MOST_BYTES = 64 * 2**20
"""Of any one file of a character; published ones have 2 MB in all."""
MOST_TEXT = 4096


@dataclass(frozen=True)
class Character:
    """A drawing with its students."""

    picture: Bytes
    """(512, 512, 4) RGBA, sRGB, straight alpha."""
    face: Tensors
    """The weights of FaceStudent."""
    body: Tensors
    """The weights of BodyStudent."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Where it comes from, its licence; by name."""

    def networks(self) -> tuple[FaceStudent, BodyStudent]:
        """Both students with their weights, for evaluation; raises WeightsError where the weights do not fit."""
        from vivant.avatars.tha.networks.body_student import BodyStudent
        from vivant.avatars.tha.networks.face_student import FaceStudent

        face, body = FaceStudent(), BodyStudent()
        load(face, self.face, "the character's face")
        load(body, self.body, "the character's body")
        return face.eval().requires_grad_(False), body.eval().requires_grad_(False)


def load_character(path: Path) -> Character:
    """The character in a published folder (or its character_model.yaml), or in our `.vivant` file.

    Raises WeightsError or MediaError that names the file that is missing, foreign, damaged or too large.
    """
    if path.is_dir():
        return _published(path / DESCRIPTION)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _published(path)
    return _own(path)


def save_character(path: Path, character: Character) -> None:
    """Write `character` as our `.vivant` file, whole or not at all; raises WeightsError where that fails."""
    import torch
    from PIL import Image
    from safetensors.torch import save

    png = io.BytesIO()
    Image.fromarray(character.picture).save(png, "PNG", optimize=True)
    tensors = {"picture": torch.frombuffer(bytearray(png.getbuffer()), dtype=torch.uint8)}
    for name, network in (("face", character.face), ("body", character.body)):
        tensors |= {f"{name}.{key}": tensor.detach().cpu().float().contiguous() for key, tensor in network.items()}
    temporary = path.parent / f".vivant-{secrets.token_hex(6)}.part"
    try:
        temporary.write_bytes(save(tensors, {**character.notes, "format": FORMAT}))
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror}); check the folder {path.parent}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _published(description: Path) -> Character:
    from vivant.avatars.tha.networks.body_student import BodyStudent
    from vivant.avatars.tha.networks.face_student import FaceStudent

    named = _described(description)
    picture, face, body = (_beside(description, key, named[key]) for key in FILES)
    return Character(
        _picture(picture.read_bytes(), str(picture)),
        _students(face, tha_students.face_student(), FaceStudent()),
        _students(body, tha_students.body_student(), BodyStudent()),
        {"source": description.parent.resolve().name},
    )


def _described(description: Path) -> dict[str, str]:
    """The three file names; the published descriptions are three lines of `key: name`."""
    _check_size(description, MOST_TEXT)
    try:
        text = description.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise WeightsError(f"{description}: not a text in UTF-8; expected the description of a character") from None
    pairs = (line.partition(":") for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    named = {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}
    if missing := [key for key in FILES if not named.get(key)]:
        raise WeightsError(f"{description}: it does not name {', '.join(missing)}; is it a THA4 character model?")
    return named


def _beside(description: Path, key: str, name: str) -> Path:
    """The file `name` in the folder of `description`, nowhere else."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name or "\0" in name:
        raise WeightsError(f"{description}: {key} leads out of the folder ({name!r}); put the file beside the yaml")
    path = description.parent / parts
    _check_size(path, MOST_BYTES)
    return path


def _check_size(path: Path, most: int) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; a character needs its description, a picture and two networks")
    size = path.stat().st_size
    if size == 0:
        raise WeightsError(f"{path}: the file is empty (0 bytes)")
    if size > most:
        raise WeightsError(f"{path}: {size} bytes, but at most {most} are expected; is it the right file?")


def _students(path: Path, table: dict[str, str], network: nn.Module) -> dict[str, Tensor]:
    """The weights (O, I, 1, 1) and biases of one student, by our names."""
    with read_checkpoint(path) as tensors:
        # Copies, because the file behind the tensors goes away.
        found = {key: tensor.clone().float() for key, tensor in convert(tensors, table, network, str(path)).items()}
    _check_finite(found, str(path))
    return found


def _check_finite(tensors: Tensors, source: str) -> None:
    if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise WeightsError(f"{source}: {bad[0]} has numbers that are not finite; get the file again")


def _own(path: Path) -> Character:
    _check_size(path, MOST_BYTES)
    if path.suffix.lower() != ".vivant":
        raise WeightsError(f"{path}: not a character; run vivant distill {path} -o {path.stem}.vivant first")
    tensors, told = read_safetensors(path)
    if told.get("format") != FORMAT or "picture" not in tensors:
        raise WeightsError(f"{path}: not a character; give a .vivant file or a folder with {DESCRIPTION}")
    pixels = _picture(tensors.pop("picture").numpy().tobytes(), str(path))
    parts = {
        # Copies, because whoever rewrites the file in place would end the process.
        part: {key.partition(".")[2]: tensor.clone() for key, tensor in tensors.items() if key.startswith(f"{part}.")}
        for part in ("face", "body")
    }
    _check_finite(tensors, str(path))
    notes = {key: value for key, value in told.items() if key != "format"}
    character = Character(pixels, parts["face"], parts["body"], notes)
    if len(parts["face"]) + len(parts["body"]) != len(tensors):
        raise WeightsError(f"{path}: it holds tensors of neither face nor body; it was made by another version")
    try:
        character.networks()
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    return character


def _picture(data: bytes, source: str) -> Bytes:
    """A PNG of 512 x 512 with alpha; bounded before it is decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=("PNG",))
        if image.size != (SIZE, SIZE) or image.mode != "RGBA":
            found = f"{image.width}x{image.height} {image.mode}"
            raise MediaError(f"{source}: the drawing is {found}; a character needs 512x512 RGBA")
        return np.array(image)
    except MediaError:
        raise
    except UnidentifiedImageError:
        raise MediaError(f"{source}: the drawing cannot be decoded (it is no PNG)") from None
    except Exception as error:  # decoders of untrusted bytes raise whatever they like
        raise MediaError(f"{source}: the drawing cannot be decoded ({' '.join(str(error).split())[:120]})") from None
