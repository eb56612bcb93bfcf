"""Contacts: lips that meet, and a lip that meets the teeth. They are made or they are not; half of one is a mistake.

A network that is not sure asks for half a closure, and a mouth that stays open by half shows none at all. What is half
heard is therefore made in full, in its time and with its shape, while what is hardly heard stays as it is. A gain of
both would do the same to the flanks of closures that are sure, and cost the vowels beside them. Likewise a mouth that
opens a little between two closures, as in "mama", opens in full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.gestures import SHUT, TUCK

Doubles = NDArray[np.float64]

BESIDE = 5
"""Frames of 20 ms to either side in which the height of a contact is looked for; no more than a window looks ahead."""
HARDLY, HALF = 0.05, 0.25
"""Heights up to which a contact is left as it is, and from which on it is made in full."""
BETWEEN = 0.9
"""Share of what is left of two closures between them that is taken away."""


def decided(gestures: Doubles) -> Doubles:
    """`gestures` (T, 7), 50 per second, with every closure and bite that is half made grown to its full height.

    Frames that are BESIDE or more from both ends do not depend on where the stream was cut.
    """
    result = gestures.copy()
    for gesture in (SHUT, TUCK):
        found = np.clip(gestures[:, gesture], 0.0, 1.0)
        padded = np.pad(found, BESIDE, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * BESIDE + 1)
        height = around.max(1)
        least = BETWEEN * around.min(1) if gesture == SHUT else np.zeros(len(found))
        shape = (found - least) / np.maximum(height - least, 1e-6)
        sure = np.clip((height - HARDLY) / (HALF - HARDLY), 0.0, 1.0)
        result[:, gesture] = shape * np.maximum(sure**2 * (3 - 2 * sure), height)
    return result
