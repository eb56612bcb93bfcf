"""Which mixture of vowel shapes makes an open mouth: the least-squares problem of the published puppeteers, exactly."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SHAPES = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.5, 0.3, 0.25, 0.75], [1.0, 0.5, 0.5, 0.4]])
"""Opening, lowered lower lip, funnel and pucker of aaa, iii, uuu and ooo."""
SPARSITY = 0.01
"""What a unit of weight costs."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """For every face of the unit cube (each weight at 0, at 1 or free: 81 faces) where its own minimum lies.

    On one face the minimiser is least - rest * pull, where least is the unpenalised solution and rest its residual.
    """

    least: Doubles
    """(81, 4, 4) from the wanted mouth to the unpenalised weights, with `least_at`."""
    least_at: Doubles
    """(81, 4)"""
    rest: Doubles
    """(81, 4, 4) from the wanted mouth to what stays unexplained, with `rest_at`."""
    rest_at: Doubles
    """(81, 4)"""
    pull: Doubles
    """(81, 4) how far the price of the weights draws them back per unit of residual."""


def vowel_weights(wanted: Doubles) -> Doubles:
    """Weights (4,) 0..1 of aaa, iii, uuu, ooo for a `wanted` mouth (4,): opening, lowered lip, funnel, pucker, 0..1.

    Minimises |w SHAPES - wanted| + SPARSITY sum(w). The problem is convex, and on each face of the cube it has a closed
    form: the best of the 81 is the minimum. The originals search it by L-BFGS-B, which stops early now and then.
    """
    faces = candidates()
    residual = np.linalg.norm(faces.rest @ wanted + faces.rest_at, axis=1)
    weights = np.clip(faces.least @ wanted + faces.least_at - residual[:, None] * faces.pull, 0.0, 1.0)
    return np.asarray(weights[np.argmin(vowel_cost(weights, wanted))])


def vowel_cost(weights: Doubles, wanted: Doubles) -> Doubles:
    """What `vowel_weights` minimises, for each of `weights` (N, 4)."""
    return np.asarray(np.linalg.norm(weights @ SHAPES - wanted, axis=1) + SPARSITY * weights.sum(1))


@functools.cache
def candidates() -> Candidates:
    """The closed forms, for `vowel_weights` and for the page in the browser."""
    rows = [_face(np.array(face)) for face in product((0, 1, 2), repeat=len(SHAPES))]
    return Candidates(*(np.stack(part) for part in zip(*rows, strict=True)))


def _face(face: NDArray[np.int_]) -> tuple[Doubles, ...]:
    """The five parts of `Candidates` for one face (4,): 0 and 1 fix a weight there, 2 leaves it free."""
    free, full = face == 2, (face == 1).astype(np.float64)
    used = SHAPES[free].T
    solve = np.linalg.pinv(used)
    # |used| residual**2 grows by (SPARSITY residual)**2 * spread when the weights give way.
    direction = np.linalg.inv(used.T @ used) @ np.ones(int(free.sum()))
    spread = float(direction.sum())
    place = np.eye(len(face))[:, free]
    away = np.eye(SHAPES.shape[1]) - used @ solve
    fixed = full @ SHAPES
    pull = place @ direction * (SPARSITY / np.sqrt(1 - SPARSITY**2 * spread))
    return place @ solve, full - place @ solve @ fixed, away, -away @ fixed, pull
