"""A face left for right: people expect a character that follows their camera to move like a mirror."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vivant.face.arkit import CURVES, INDEX
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState

_OTHER_SIDE = {"Left": "Right", "Right": "Left"}
_FLIP = np.array([-1.0, 1.0, 1.0], np.float32)


def _partner(name: str) -> str:
    side = next((side for side in _OTHER_SIDE if name.endswith(side)), None)
    return name if side is None else name.removesuffix(side) + _OTHER_SIDE[side]


PARTNERS = np.array([INDEX[_partner(name)] for name in CURVES])
"""(52,) the curve of the other side; mouthLeft and jawLeft have mouthRight and jawRight."""


def mirrored(state: FaceState) -> FaceState:
    """`state` as a mirror shows it."""
    dense = state.dense
    if dense is not None:
        dense = np.asarray(dense[load_face_model().mirror[:MESH_COUNT]] * _FLIP, np.float32)
    return FaceState(
        np.asarray(state.curves[PARTNERS], np.float32),
        np.asarray(state.rotation * _FLIP * _FLIP[:, None], np.float32),
        np.asarray(state.translation * _FLIP, np.float32),
        np.asarray(state.gaze * _FLIP[:2], np.float32),
        dense,
        state.present,
    )


def in_mirror(items: Iterable[Heard | None]) -> Iterator[Heard | None]:
    """`items` as a mirror shows them."""
    for heard in items:
        yield None if heard is None else Heard(mirrored(heard.state), heard.time)
