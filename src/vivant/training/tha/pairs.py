"""Pairs that teachers learn from: a character at rest and posed, in the steps in which the five networks pose it.

    rest     as drawn                          bare     rest without brows
    brows    brows posed                       mouth    brows, irises and mouth posed
    face     the lids too                      posed    head and body too

A source draws any character in any pose; its examples depend on nothing but their number, so that a training can go on
where it was interrupted, on any number of machines. Pictures are kept in one PNG per example, side by side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import EYEBROW, INDEX, ROTATION
from vivant.errors import MediaError, SettingsError
from vivant.progress import Progress, no_progress
from vivant.training.tha.poses import draw_poses

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = 512
STEPS = ("rest", "bare", "brows", "mouth", "face", "posed")
LIDS = slice(INDEX["eye_wink_left"], INDEX["iris_small_left"])
HELD_OUT = 50
"""Every so manieth character is kept for tests."""
TOLD = "pairs.json"
FORMAT = "vivant-pairs-1"
MOST = 1_000_000
"""Examples in a folder."""


class Character(Protocol):
    """Whatever can be drawn in every pose."""

    @property
    def knows(self) -> Floats:
        """(45,) 1 for each parameter that it can show, else 0."""
        ...

    def draw(self, pose: Floats) -> Bytes:
        """(512, 512, 4) RGBA, sRGB, straight alpha, of the `pose` (45,)."""
        ...

    def bare(self) -> Bytes:
        """The same (512, 512, 4) at rest without brows."""
        ...


class Source(Protocol):
    """Characters by number."""

    def character(self, number: int) -> Character:
        """The character `number`, always the same one."""
        ...


class Examples(Protocol):
    """What a training reads."""

    def read(self, number: int, *, test: bool = False) -> tuple[dict[str, Bytes], Floats]:
        """Pictures (512, 512, 4) by `STEPS` and the pose (45,) of example `number`; `test`: of a held-out character."""
        ...


@dataclass(frozen=True)
class LivePairs:
    """Examples that are drawn when they are asked for."""

    source: Source
    seed: int = 0

    def read(self, number: int, *, test: bool = False) -> tuple[dict[str, Bytes], Floats]:
        """See `Examples`: (512, 512, 4) by step, (45,); every example shows another character of the source."""
        who = number * HELD_OUT if test else number + number // (HELD_OUT - 1) + 1
        character = self.source.character(who)
        pose = draw_poses(np.random.default_rng([self.seed, number, test]), 1)[0] * character.knows
        return draw_steps(character, pose), pose


@dataclass(frozen=True)
class PairFolder:
    """Examples of a folder that `make_pairs` wrote."""

    folder: Path
    characters: int
    each: int
    """Examples of each."""
    seed: int = 0
    """Of the order."""

    def read(self, number: int, *, test: bool = False) -> tuple[dict[str, Bytes], Floats]:
        """See `Examples`; all examples once in an order by chance, then in another. Pose (45,). Raises MediaError."""
        held_out = np.arange(self.characters * self.each) // self.each % HELD_OUT == 0
        chosen = np.flatnonzero(held_out == test)
        if not len(chosen):
            raise SettingsError(f"{self.folder} has one character, which is kept for tests; prepare more elsewhere")
        turn, place = divmod(number, len(chosen))
        order = np.random.default_rng([self.seed, turn, test]).permutation(len(chosen))
        return _read_picture(_path(self.folder, int(chosen[order[place]])))


def draw_steps(character: Character, pose: Floats) -> dict[str, Bytes]:
    """The pictures (512, 512, 4) of all `STEPS` towards the `pose` (45,)."""
    brows, mouth, face = (pose.copy() for _ in range(3))
    brows[EYEBROW.stop :] = mouth[LIDS] = mouth[ROTATION] = face[ROTATION] = 0
    poses = {"rest": np.zeros_like(pose), "brows": brows, "mouth": mouth, "face": face, "posed": pose}
    return {step: character.bare() if step == "bare" else character.draw(poses[step]) for step in STEPS}


def make_pairs(
    source: Source, folder: Path, characters: int, poses: int, *, seed: int = 0, progress: Progress = no_progress
) -> int:
    """Write `poses` examples of each of `characters` into `folder`; goes on where it was interrupted.

    Returns the number of examples. Raises SettingsError where the folder holds another data set.
    """
    told = {"format": FORMAT, "characters": characters, "poses": poses, "seed": seed}
    if characters < 2:
        raise SettingsError(f"{characters} characters are too few; one is kept for tests, so prepare 2 or more")
    if not 0 < characters * poses <= MOST:
        raise SettingsError(f"{characters} characters in {poses} poses; between 1 and {MOST} examples can be made")
    index = folder / TOLD
    if _path(folder, 0).is_file() and index.is_file() and json.loads(index.read_text("utf-8")) != told:
        raise SettingsError(f"{folder} holds another data set; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    index.write_text(json.dumps(told), "utf-8")
    for number in range(characters):
        paths = [_path(folder, number * poses + place) for place in range(poses)]
        if not all(path.is_file() for path in paths):
            who = source.character(number)
            drawn = draw_poses(np.random.default_rng([seed, number]), poses) * who.knows
            for path, pose in zip(paths, drawn, strict=True):
                _write_picture(path, draw_steps(who, pose), pose)
        progress(number + 1, characters)
    return characters * poses


def open_pairs(folder: Path, seed: int = 0) -> PairFolder:
    """The examples that `make_pairs` wrote into `folder`. Raises SettingsError where it did not, or not to the end."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder; check the name")
    try:
        told = json.loads((folder / TOLD).read_text("utf-8"))
        characters, poses = int(told["characters"]), int(told["poses"])
        whole = told["format"] == FORMAT and 0 < characters * poses <= MOST
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise SettingsError(f"{folder} holds no pairs; make them by vivant train tha --prepare {folder}")
    if not _path(folder, characters * poses - 1).is_file():
        raise SettingsError(f"the pairs in {folder} are not complete; run the same vivant train tha --prepare again")
    return PairFolder(folder, characters, poses, seed)


def _path(folder: Path, index: int) -> Path:
    return folder / f"{index // 1000:04d}" / f"{index:07d}.png"


def _write_picture(path: Path, steps: dict[str, Bytes], pose: Floats) -> None:
    """Write all steps (512, 512, 4) side by side, with the `pose` (45,)."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".part")
    whole = np.concatenate([steps[step] for step in STEPS], axis=1)
    told = PngInfo()
    told.add_text("pose", json.dumps([round(float(value), 5) for value in pose]))
    Image.fromarray(whole).save(partial, "png", compress_level=1, pnginfo=told)
    partial.replace(path)


def _read_picture(path: Path) -> tuple[dict[str, Bytes], Floats]:
    """The steps (512, 512, 4) and the pose (45,) of a file."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.size != (SIDE * len(STEPS), SIDE) or image.mode != "RGBA":
                raise MediaError(f"{path}: not one of the prepared pictures; prepare them again")
            whole, pose = np.asarray(image), np.array(json.loads(image.info["pose"]), np.float32).reshape(45)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise MediaError(f"{path}: cannot be read ({error}); prepare the pairs again") from error
    return dict(zip(STEPS, np.split(whole, len(STEPS), axis=1), strict=True)), pose


def numbers_of(step: int, batch: int, rank: int = 0, ranks: int = 1) -> Sequence[int]:
    """The examples of one of `ranks` workers in a `step` of `batch` examples in all."""
    return range(step * batch + rank, (step + 1) * batch, ranks)
