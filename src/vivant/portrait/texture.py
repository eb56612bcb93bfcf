"""Texture goes on where it is covered: patches of what is open, found coarse to fine.

Texture is what a picture is beside its own blurred self, the tone: the tone goes on as it is given, so that no patch
brings the light of another place along. Every covered place looks for the open patch that its own is most like, at
random and beside its neighbours' finds (Barnes et al., PatchMatch, SIGGRAPH 2009), then all patches over a pixel vote
for it (Wexler, Shechtman, Irani, Space-time completion of video, PAMI 2007). At last the picture's own pixels are taken
from where the finest patches were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.portrait import texture_kernels as kernels
from vivant.portrait.pixels import fitted_size, scale_floats
from vivant.portrait.texture_kernels import REACH, SIDE

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)

LONGEST = 256
"""Pixels of the longer side at which patches are looked for."""
SMALLEST = 40
"""Pixels of the shorter side from which on there is a coarser level."""
TONE = 20.0
"""Blur of the tone, in pixels of the finest level."""
ROUNDS = (12, 6, 4, 3)
"""Searches and votes of each level, the coarsest first; the last number is that of all finer ones too."""
FEW = 50
"""Open patches below which there is no texture to go on with."""
FADES = 2.0
"""Factor by which a patch counts less for each pixel farther from what is open: edges go on from there inwards."""
INNER = (slice(REACH, -REACH), slice(REACH, -REACH))
"""A level without its margin."""
PART_COVERED = 0.3
"""Share of a coarse pixel that is covered, from which on all of it counts as covered."""


@dataclass
class _Level:
    """A picture at one of its sizes, with a margin of `REACH` that mirrors it."""

    texture: Floats
    """(h, w, 3)."""
    tone: Floats
    """(h, w, 3)."""
    covered: Flags
    """(h, w)."""
    sources: Flags
    """(h, w): the middles of patches to take from: open all over, and nowhere doubtful if there are such."""
    match: Places
    """(h, w): the place of a source for each patch that is not open all over, elsewhere -1."""

    @cached_property
    def targets(self) -> Places:
        """(N,) places whose patches have a match."""
        return np.flatnonzero(self.match.ravel() >= 0)

    @cached_property
    def sure(self) -> Floats:
        """(places,) weight of the patch around each."""
        deep = cv2.distanceTransform(self.covered.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(FADES**-deep, np.float32).ravel()


def continue_texture(picture: Bytes, surface: Bytes, covered: Flags, doubtful: Flags | None = None) -> Bytes:
    """`picture` (H, W, 3) where it is not `covered` (H, W), there `surface` (H, W, 3) with the picture's texture.

    What is `doubtful` (H, W) goes on where it meets what is covered, but is repeated nowhere else if there is more.
    The same for the same input. Where hardly a patch is open, the surface stays as it is.
    """
    whole = np.where(covered[..., None], surface, picture).astype(np.float32)
    height, width = covered.shape
    size = fitted_size(width, height, min(1.0, LONGEST / max(height, width)))
    small = scale_floats(whole, size)
    tone = np.asarray(cv2.GaussianBlur(small, (0, 0), TONE, borderType=cv2.BORDER_REFLECT), np.float32)
    unsure = covered if doubtful is None else covered | doubtful
    shares = [scale_floats(part.astype(np.float32), size) for part in (covered, unsure)]
    finest = _searched(small, tone, *shares)
    if finest is None:
        return np.asarray(whole, np.uint8)
    even = np.asarray(cv2.resize(tone, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    moves, found = _moves(finest)
    result = np.where(covered[..., None], even, whole)
    scale = np.array([height / size[1], width / size[0]], np.float32)
    kernels.take(whole - even, covered, moves * scale, found, result)
    return np.asarray(np.clip(result + 0.5, 0, 255), np.uint8)


def _searched(picture: Floats, tone: Floats, covered: Floats, unsure: Floats) -> _Level | None:
    """The finest level with its matches; None where the picture has hardly an open patch.

    `picture`, `tone` (h, w, 3); `covered`, `unsure` (h, w) the share of each pixel.
    """
    stack = [(picture, covered > 0, unsure > 0)]
    while min(stack[-1][1].shape) > SMALLEST:
        last, hidden, doubtful = stack[-1]
        half = (last.shape[1] + 1) // 2, (last.shape[0] + 1) // 2
        hidden, doubtful = (scale_floats(part.astype(np.float32), half) > PART_COVERED for part in (hidden, doubtful))
        stack.append((scale_floats(last, half), hidden, doubtful))
    level: _Level | None = None
    for number, (part, hidden, doubtful) in enumerate(reversed(stack)):
        finer = _level(part, scale_floats(tone, (part.shape[1], part.shape[0])), hidden, doubtful, number)
        if finer is not None:
            if level is not None:
                _inherit(finer, level)
            _settle(finer, ROUNDS[min(number, len(ROUNDS) - 1)])
        level = finer
    return level


def _level(picture: Floats, tone: Floats, covered: Flags, unsure: Flags, seed: int) -> _Level | None:
    """A level whose matches are random; None where nothing can match. All (h, w) or (h, w, 3)."""
    hidden, patch = _grown(covered), np.ones((SIDE, SIDE), np.uint8)
    touched, near = (cv2.dilate(part.astype(np.uint8), patch) > 0 for part in (hidden, _grown(unsure)))
    rim = np.ones_like(hidden)
    rim[INNER] = False
    asked, sources = touched & ~rim, ~near & ~rim
    if sources.sum() < FEW:
        sources = ~touched & ~rim
    places = np.flatnonzero(sources)
    if len(places) < FEW or not asked.any():
        return None
    match = np.full(hidden.shape, -1, np.int64)
    match[asked] = np.random.default_rng(seed).choice(places, int(asked.sum()))
    return _Level(_grown(picture - tone), _grown(tone), hidden, sources, match)


def _grown(array: NDArray[Number]) -> NDArray[Number]:
    """(h, w, ...) with the margin of a level."""
    wide = ((REACH, REACH), (REACH, REACH), (0, 0))[: array.ndim]
    return np.ascontiguousarray(np.pad(array, wide, mode="symmetric"))


def _inherit(level: _Level, coarser: _Level) -> None:
    """Begin with the matches of the level before, and what they show."""
    moves, found = _moves(coarser)
    rows, columns = np.indices(level.match[INNER].shape)
    from_rows, from_columns = rows // 2, columns // 2
    moved = 2 * moves[from_rows, from_columns].astype(np.int64)
    rows, columns = rows + moved[..., 0] + REACH, columns + moved[..., 1] + REACH
    height, width = level.match.shape
    there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & found[from_rows, from_columns]
    there &= level.match[INNER] >= 0
    there[there] = level.sources[rows[there], columns[there]]
    level.match[INNER][there] = (rows * width + columns)[there]
    _vote(level)


def _moves(level: _Level) -> tuple[Floats, Flags]:
    """(h, w, 2) rows and columns from each place to its match, and where (h, w) it has one, without the margin."""
    rows, columns = np.indices(level.match.shape)
    ways = np.stack([level.match // level.match.shape[1] - rows, level.match % level.match.shape[1] - columns], 2)
    return ways[INNER].astype(np.float32), np.ascontiguousarray(level.match[INNER] >= 0)


def _settle(level: _Level, rounds: int) -> None:
    """Look for matches and vote, so many times."""
    texture, tone, match = level.texture.ravel(), level.tone.ravel(), level.match.ravel()
    width, targets, sources, chance = level.match.shape[1], level.targets, level.sources.ravel(), 12345
    for _ in range(rounds):
        cost = np.zeros(match.size, np.float32)
        kernels.judge(texture, tone, width, targets, match, cost)
        for backwards in (False, True):
            chance = kernels.improve(texture, tone, width, targets, match, cost, sources, chance, backwards)
        _vote(level)


def _vote(level: _Level) -> None:
    """Paint what is covered by the patches that were found."""
    sums = np.zeros((level.match.size, 4), np.float32)
    parts = (level.match.shape[1], level.targets, level.match.ravel(), level.sure, level.covered.ravel(), sums)
    kernels.vote(level.texture.ravel(), *parts)
