"""Where everything that is seen of a puppet was at rest: exact flow for the turns of head and body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import ROTATION
from vivant.avatars.tha.rig.turn import Turn, sitting
from vivant.training.tha.puppet.paint import SIDE, paint_numbers
from vivant.training.tha.puppet.puppet import REST, Puppet
from vivant.training.tha.puppet.shapes import Floats, vector

Mask = NDArray[np.bool_]
TURNS = np.arange(len(REST)) >= ROTATION.start
STEPS = 4
"""Of the search for the place at rest; an error falls at least fourfold in each."""


class Turned:
    """The turns of one puppet with its face at rest."""

    def __init__(self, puppet: Puppet, size: int = SIDE) -> None:
        """For flows of `size` pixels a side."""
        self._puppet, self._size = puppet, size
        self._places = [part.place for part in puppet.calm]
        self._before = paint_numbers(puppet.parts(REST), size)

    def flow(self, pose: Floats) -> tuple[Floats, Mask]:
        """Flow (size, size, 2) that draws the `pose` (45,) from the picture at rest; where it is right (size, size).

        As in `vivant.nn.warp`: x right, y down, 2 is the whole side. The numbers of the face are not looked at. It is
        not right where nothing is seen, nor where what is seen was hidden at rest; there it tells where that was.
        """
        size = self._size
        flow, right = np.zeros((size, size, 2), np.float32), np.zeros((size, size), np.bool_)
        numbers = paint_numbers(self._puppet.parts(np.where(TURNS, pose, REST)), size)
        seen = numbers > 0
        places = _centres(size)[seen]
        origins = self._origins(pose, numbers[seen], places)
        flow[seen] = (origins - places) * (2 / SIDE)
        row, column = (np.clip(origins[:, axis] * (size / SIDE), 0, size - 1).astype(int) for axis in (1, 0))
        right[seen] = self._before[row, column] == numbers[seen]
        return flow, right

    def _origins(self, pose: Floats, numbers: NDArray[np.uint8], places: Floats) -> Floats:
        """Where at rest the points of the parts `numbers` (n,) were that now are at `places` (n, 2), pixels of 512."""
        build = self._puppet.style.build
        turn = Turn(pose, build.chin, build.shoulders)
        sits = sitting(self._places, [1] * len(self._places))[numbers.astype(int) - 1]
        goal = (places - vector(*build.middle)) / np.float32(build.scale)
        guess = goal.copy()
        for _ in range(STEPS):
            guess += goal - turn.move(guess, sits)
        result: Floats = guess * np.float32(build.scale) + vector(*build.middle)
        return result


def _centres(size: int) -> Floats:
    """(size, size, 2) x and y of the pixels' middles, in pixels of 512."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (SIDE / size)
    return np.stack(np.meshgrid(line, line), axis=2)
