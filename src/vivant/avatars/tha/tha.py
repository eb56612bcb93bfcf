"""Tha: a drawn character as an avatar. A network draws it in 512 x 512, here it gets its place in the picture.

    prepare   cuts the character out, brings its head to where the networks want it, lets the network look at it once
    draw      state -> 45 numbers -> the network's picture -> its part of the frame

What the square of the networks does not hold, such as the legs of a whole figure, stays as it is; along the seam the
drawn picture eases into the still one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.avatar import Frame
from vivant.avatars.place import Square, fills, over, premultiplied, sample, seam, seen_window, straight
from vivant.avatars.tha.align import HOME, SIDE, align, at_home, square_of
from vivant.avatars.tha.character import Character, load_character
from vivant.avatars.tha.currency import pose_of_state
from vivant.avatars.tha.profile import Profile
from vivant.errors import SettingsError, WeightsError
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.drawing import character_of, open_drawing, portrait_of
from vivant.portrait.fill import fill_background
from vivant.portrait.head import head_of_face
from vivant.portrait.matte import CutOut
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Draw = Callable[[Floats], Bytes]

POSERS = ("tha4/teacher", "tha3/standard", "tha3/separable")
"""The full systems, which draw any character, best first."""
COMPACT = "compact"
"""The packaged poser, which draws any character where no weights of a full system are imported."""
ALIKE = 12.0
"""Mean difference (0..255) up to which two pictures show the same character."""


@dataclass(frozen=True)
class ThaSettings:
    """Who draws, and how states become poses."""

    character: Path | None = None
    """A character with networks of its own: a published folder or a .vivant file; none: a full system draws."""
    poser: str | None = None
    """tha4/teacher, tha3/standard, tha3/separable or compact; none: the best whose weights are there."""
    weights: Path | None = None
    """Folder of the published files of `poser`; none: those that were imported."""
    live: bool = False
    """A character of its own is drawn by the fast engine, nearly as exact."""
    fast: bool = False
    """A full system calculates in numbers of 16 bits, about twice as fast, and nearly as exact."""
    official: bool = False
    """The bytes of the published tools, whose soft edges are too dark."""
    profile: Profile = field(default_factory=Profile)

    def __post_init__(self) -> None:
        if self.character is not None and (self.poser is not None or self.weights is not None):
            raise SettingsError("a character brings its own weights; leave the poser and its weights out")
        if self.poser is not None and self.poser not in (*POSERS, COMPACT):
            raise SettingsError(f"there is no poser {self.poser!r}; give one of {', '.join((*POSERS, COMPACT))}")


@dataclass(frozen=True)
class Prepared:
    """A character in its place."""

    draw: Draw
    """From a pose (45,) to the character (512, 512, 4)."""
    picture: Bytes
    """(512, 512, 4) the character as the network knows it."""
    square: Square
    """The part of the portrait's picture that the network draws."""
    window: Window
    """What of it is seen."""
    still: Floats | None
    """(rows, columns, 4) premultiplied: the character as it stands, where it reaches over the square."""
    share: Floats | None
    """(rows, columns, 1) how much of each pixel the drawn picture has, beside `still`."""
    behind: Floats | None
    """(rows, columns, 3) the background where frames must be opaque."""


class Tha:
    """Draws characters by the networks of Talking Head Anime; see `ThaSettings`."""

    def __init__(self, settings: ThaSettings | None = None) -> None:
        """Load the networks; raises WeightsError where they are missing or damaged."""
        self.settings = settings or ThaSettings()
        own = self.settings.character
        self._character = None if own is None else load_character(own)
        self._open = _student(self._character, self.settings) if self._character else _full_system(self.settings)

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> Prepared:
        """Place the character of `portrait` for frames of `view`; see `Avatar.prepare`.

        Raises SettingsError where the avatar has a character of its own and the portrait shows another one.
        """
        head = at_home(head_of_face(portrait.faces[0]), portrait.size)
        character, way = character_of(portrait.picture, head)
        square, picture = square_of(head), align(character, head)
        if self._character is not None:
            picture = _own_picture(self._character, picture, portrait.name)
        window = seen_window(square, view)
        apart = not square.covers(portrait.size)
        whole = Square(0, 0, portrait.size[0])
        return Prepared(
            draw=self._open(picture),
            picture=picture,
            square=square,
            window=window,
            still=sample(premultiplied(character), whole, window) if apart else None,
            share=seam(square, portrait.size, window) if apart else None,
            behind=None if cutout or way == "own" else sample(_background(portrait, character), whole, window),
        )

    def draw(self, prepared: Prepared, state: FaceState) -> Frame:
        """One frame of the prepared window in `state`."""
        return self.draw_pose(prepared, pose_of_state(state, self.settings.profile))

    def draw_pose(self, prepared: Prepared, pose: Floats) -> Frame:
        """One frame of the prepared window in a `pose` (45,)."""
        drawn, window = prepared.draw(pose), prepared.window
        if prepared.share is None and prepared.behind is None and fills(window, prepared.square, SIDE):
            return Frame(drawn, window)
        layer = sample(premultiplied(drawn), prepared.square, window)
        if prepared.share is not None and prepared.still is not None:
            layer = prepared.still + prepared.share * (layer - prepared.still)
        return Frame(straight(layer) if prepared.behind is None else over(layer, prepared.behind), window)


def is_character(path: Path) -> bool:
    """Whether `path` looks like a character with networks of its own: a folder, its description, or a .vivant file."""
    return path.is_dir() or path.suffix.lower() in (".vivant", ".yaml", ".yml")


def open_character(path: Path) -> Portrait:
    """The portrait of the character in a folder or file; raises what `load_character` raises."""
    return portrait_of(replace(open_drawing(load_character(path).picture, head=HOME, background=False), name=str(path)))


def _background(portrait: Portrait, character: Bytes) -> Floats:
    """The background (H, W, 3) of `portrait` without its `character` (H, W, 4)."""
    cut = CutOut(np.ascontiguousarray(character[..., :3]), character[..., 3] / np.float32(255))
    return fill_background(portrait, cut).astype(np.float32)


def _own_picture(character: Character, found: Bytes, name: str) -> Bytes:
    """The picture that the character's networks were made for, if `found` (512, 512, 4) shows the same."""
    if np.abs(premultiplied(character.picture) - premultiplied(found)).mean() > ALIKE:
        raise SettingsError(f"{name} does not show this character; give the character's file or folder as the picture")
    return character.picture


def _student(character: Character, settings: ThaSettings) -> Callable[[Bytes], Draw]:
    """What draws a character's picture (512, 512, 4) of each pose."""
    if settings.live:
        from vivant.avatars.tha.live_student import LiveStudent

        draw = LiveStudent(character).draw
    else:
        from vivant.avatars.tha.student import StudentPoser

        draw = StudentPoser(character, official=settings.official).draw
    return lambda picture: draw


def _full_system(settings: ThaSettings) -> Callable[[Bytes], Draw]:
    """What makes of a drawing (512, 512, 4) what draws it in each pose."""
    from vivant.avatars.tha.posers import open_poser

    names = _candidates(settings)
    if names == (COMPACT,):
        return _compact_system()
    for name in names:
        try:
            poser = open_poser(name, settings.weights, fast=settings.fast, official=settings.official)
        except WeightsError:
            if name == names[-1]:
                raise
        else:
            break
    return lambda picture: partial(poser.draw, poser.prepare(picture))


def _compact_system() -> Callable[[Bytes], Draw]:
    """The same, by the packaged network: of (512, 512, 4)."""
    from vivant.avatars.tha.compact import open_compact

    poser = open_compact()
    return lambda picture: partial(poser.draw, poser.prepare(picture))


def who_draws(settings: ThaSettings) -> str:
    """One line that says by what a character is drawn; raises WeightsError where the folder of weights is damaged."""
    if settings.character is not None:
        return f"{settings.character} draws itself"
    names = _candidates(settings)
    if names == (COMPACT,):
        return "drawn by the packaged poser; imported weights draw finer, see vivant weights import --help"
    return f"drawn by {names[0] if len(names) == 1 else settings.weights}"


def _candidates(settings: ThaSettings) -> tuple[str, ...]:
    """The systems to try: the named one; all, for a folder of files; else the best of which anything is stored.

    Where nothing is stored: the packaged one.
    """
    from vivant.weights.store import list_stored

    if settings.poser is not None:
        return (settings.poser,)
    if settings.weights is not None:
        return POSERS
    stored = [one.name for one in list_stored()]
    return (next((name for name in POSERS if any(one.startswith(name) for one in stored)), COMPACT),)
