"""Hair of the head: cuts from bald to long, parted, combed back, curly, tied; a strand is grown step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.mesh import HAIR_CLASS
from vivant.training.real3d.heads.strands import Roots, Solid, Strands, shades
from vivant.training.real3d.heads.texture import linear_of

Floats = NDArray[np.float32]

NATURAL: Floats = np.stack(
    [
        linear_of(*colour)
        for colour in (
            *((24, 20, 18), (38, 28, 22), (62, 42, 30), (96, 64, 42), (128, 68, 40), (150, 112, 70)),
            *((196, 160, 108), (222, 196, 150), (120, 118, 116), (200, 198, 194)),
        )
    ]
)
"""Black, browns, red, blonds, grey, white."""
NATURAL_SHARES = (0.2, 0.18, 0.18, 0.12, 0.06, 0.06, 0.06, 0.04, 0.06, 0.04)
CUTS = ("bald", "buzz", "short", "swept", "fringe", "curly", "afro", "bob", "long", "wavy", "bun", "tail")
ERECT, TIED = ("buzz", "afro"), ("bun", "tail")
"""Cuts that stand on end, and those that run to a knot."""
SOFT_SHARES = (0.01, 0.01, 0.04, 0.03, 0.08, 0.08, 0.05, 0.16, 0.2, 0.16, 0.1, 0.08)
PLAIN_SHARES = (0.09, 0.12, 0.24, 0.2, 0.09, 0.1, 0.06, 0.02, 0.02, 0.03, 0.02, 0.01)
"""How often each cut is worn by soft and by plain faces."""
ANGLES = (0.0, 0.35, 0.6, 0.85, 1.12, 1.3, 1.6, 1.9, 2.1, 2.45, np.pi)
HAIRLINE = (10.2, 10.3, 9.6, 7.2, 3.4, 5.6, 6.6, 5.0, 1.5, -1.0, -2.5)
"""Height in cm of the border of the hair by the angle around the head from the front."""


@dataclass(frozen=True)
class Hair:
    """One head of hair; lengths in cm."""

    cut: str
    colour: Floats
    """(3,)"""
    vary: float
    """Spread of the strands' brightness."""
    top: float
    """Length of the strands on top."""
    side: float
    """Length of those at the sides and behind."""
    lift: float
    """How far the hair stands off the head."""
    part: float
    """Where it is parted, cm to the viewer's right of the middle."""
    wave: float
    """Amplitude of waves."""
    curl: float
    """Waves along a strand."""
    recede: float
    """0..1, how far the hairline has gone back."""
    high: float
    """0..1, how high hair is tied."""


def draw_hair(rng: np.random.Generator, soft: float, tone: float) -> Hair:
    """Random hair; soft faces have longer hair more often, dark skins dark and curly hair."""
    shares = soft * np.array(SOFT_SHARES) + (1 - soft) * np.array(PLAIN_SHARES)
    if tone > 0.6:
        shares[[CUTS.index("curly"), CUTS.index("afro"), CUTS.index("buzz")]] *= 2.5
    cut = CUTS[int(rng.choice(len(CUTS), p=shares / shares.sum()))]
    weights = np.array(NATURAL_SHARES)
    if tone > 0.45:
        weights[3:8] *= 0.08
    colour = NATURAL[rng.choice(len(NATURAL), p=weights / weights.sum())] * np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.05:
        colour = rng.uniform(0.03, 0.5, 3)
    hair = Hair(
        cut=cut,
        colour=colour.astype(np.float32),
        vary=float(rng.uniform(0.12, 0.4)),
        top=float(rng.uniform(3.5, 7)),
        side=float(rng.uniform(1.5, 3.5)),
        lift=float(rng.uniform(0.2, 0.9)),
        part=float(rng.choice([-3.2, -2.0, 0.0, 2.0, 3.2]) + rng.normal(0, 0.3)),
        wave=float(rng.uniform(0.02, 0.12)),
        curl=float(rng.uniform(0.8, 2)),
        recede=float(rng.beta(0.7, 2) * (1 - soft)),
        high=float(rng.random()),
    )
    return replace(hair, **_cut(cut, rng))


def _cut(cut: str, rng: np.random.Generator) -> dict[str, Any]:
    """What a cut sets of the hair beside its name."""
    one = rng.uniform
    sets: dict[str, dict[str, float]] = {
        "buzz": {"top": one(0.4, 1.2), "side": one(0.25, 0.6), "lift": 0.1, "wave": 0.0},
        "swept": {"top": one(5, 9), "lift": one(0.6, 1.6), "recede": one(0, 0.5)},
        "fringe": {"top": one(6, 8.5), "side": one(3, 6), "recede": 0.0},
        "curly": {"top": one(5, 9), "side": one(4, 7), "wave": one(0.35, 0.6), "curl": one(2, 4), "lift": 1.0},
        "afro": {"top": one(3.5, 8), "side": one(3, 6), "wave": one(0.3, 0.5), "curl": one(3, 5), "recede": 0.0},
        "bob": {"top": one(15, 19), "side": one(9, 13), "lift": one(0.5, 1.2), "recede": 0.0},
        "long": {"top": one(28, 40), "side": one(22, 34), "lift": one(0.3, 1.0), "recede": 0.0},
        "wavy": {"top": one(24, 36), "side": one(18, 30), "wave": one(0.35, 0.8), "curl": one(2, 4), "recede": 0.0},
        "bun": {"top": 24.0, "side": 22.0, "lift": one(0.0, 0.3), "recede": 0.0},
        "tail": {"top": 24.0, "side": 22.0, "lift": one(0.0, 0.3), "recede": 0.0},
    }
    return sets.get(cut, {})


def scalp(rest: Floats, recede: float, rough: Floats) -> Floats:
    """How much of a scalp vertices at `rest` (N, 3) of the mean head are, 0..1; `rough` (N,) cm frays the hairline.

    A receding hairline leaves temples and crown.
    """
    angle = np.arctan2(np.abs(rest[:, 0]), rest[:, 2] - 1)
    line = np.interp(angle, ANGLES, HAIRLINE) + rough
    line = line + recede * np.interp(angle, (0, 0.5, 0.9, 1.2), (2.5, 3.4, 2.0, 0.0))
    share = np.clip((rest[:, 1] - line) / 0.5 + 0.5, 0, 1)
    crown = np.hypot(rest[:, 0], rest[:, 2] + 1.5) / (9.5 * max(recede - 0.45, 0) / 0.55 + 1e-3)
    share = share * np.where(rest[:, 1] > 10, np.clip(2.5 * (crown - 0.8), 0, 1), 1)
    ear = (np.abs(rest[:, 0]) > 7.6) & (rest[:, 1] < 6.3) & (angle > 1.1) & (angle < 2.2)
    return np.asarray(np.where(ear, 0, share), np.float32)


def grow_hair(
    hair: Hair, roots: tuple[Roots, Roots], person: Floats, solids: tuple[Solid, Solid], rng: np.random.Generator
) -> list[Strands]:
    """The strands of `hair`: a dense dark layer from the first `roots`, fine strands from the second.

    `person` (26719, 3) cm at rest; `solids` are head and trunk.
    """
    if hair.cut == "bald":
        return []
    result = []
    long = hair.top > 12
    fine = 0.06 if hair.cut in ERECT else 0.0
    for layer, (chosen, width) in enumerate(zip(roots, (0.5 - 4 * fine, 0.14 - 0.5 * fine), strict=True)):
        segments = (13 if long else 7) + layer
        points = _grown(hair, chosen.on(person), segments, layer, solids, rng)
        middle = solids[0].middle
        outward = points - middle
        outward[..., 1] *= np.where(points[..., 1] < 0, 0.2, 1.0)
        outward += rng.normal(0, 0.12, outward.shape) * np.linalg.norm(outward, axis=2, keepdims=True)
        outward /= np.linalg.norm(outward, axis=2, keepdims=True)
        colour = shades(hair.colour * (0.6, 1.0)[layer], len(points), segments, hair.vary, rng)
        wide = (width * rng.uniform(0.6, 1.3, len(points))).astype(np.float32)
        result.append(Strands(chosen, chosen.on(person), points, wide, colour, outward.astype(np.float32), HAIR_CLASS))
    if hair.cut in TIED:
        result.append(_tied(hair, roots[1], person, solids, rng))
    return result


def _grown(
    hair: Hair, start: Floats, segments: int, layer: int, solids: tuple[Solid, Solid], rng: np.random.Generator
) -> Floats:
    """Points (S, K, 3) of strands from `start` (S, 3)."""
    head, trunk = solids
    count = len(start)
    depth = rng.random(count).astype(np.float32) * (0.35, 1.0)[layer]
    length = _lengths(hair, start, rng)
    step = (length / (segments - 1))[:, None]
    comb = _comb(hair, rng)
    away = start - head.middle
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    comb_first = comb(start)
    way = away * (0.3 + 2.0 * (hair.cut in ERECT)) + comb_first / (
        np.linalg.norm(comb_first, axis=1, keepdims=True) + 1e-6
    )
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    place, points = start.copy(), [start - 0.1 * away]
    for k in range(1, segments):
        away = place - head.middle
        normal = away / np.linalg.norm(away, axis=1, keepdims=True)
        target = comb(place)
        low = np.clip((2.0 - place[:, 1]) / 4, 0, 1)[:, None]
        # Hair stands off on top; at the sides it lies flat.
        lift = hair.lift * (0.2 + 0.8 * np.clip((place[:, 1] - 4) / 7, 0, 1))
        on_skin = target - normal * (target * normal).sum(1, keepdims=True) * (1 - low)
        stand = (0.5 * lift + 0.05) * (hair.cut not in TIED) * np.exp(-0.6 * (k - 1))
        if hair.cut in ERECT:
            on_skin, stand = 0.15 * on_skin, np.ones(count)
        on_skin /= np.linalg.norm(on_skin, axis=1, keepdims=True) + 0.1
        wanted = on_skin + normal * stand[:, None] + rng.normal(0, 0.04, (count, 3))
        way = 0.3 * way + 0.7 * wanted / (np.linalg.norm(wanted, axis=1, keepdims=True) + 1e-6)
        way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
        place = (place + way * step).astype(np.float32)
        thick = (0.12 + depth * (0.35 + 1.3 * lift)) * min(1.0, k / 3)
        place = trunk.push(head.push(place, thick), 0.25 + 0.7 * depth)
        points.append(place)
    grown = np.stack(points, 1)
    return _waved(hair, grown, length, rng) if hair.wave else grown.astype(np.float32)


def _lengths(hair: Hair, start: Floats, rng: np.random.Generator) -> Floats:
    """Lengths (N,) of the strands that start at (N, 3)."""
    high = np.clip((start[:, 1] - 6.0) / 5.0, 0, 1)
    length = hair.side + (hair.top - hair.side) * high
    if hair.cut in TIED:
        length = np.linalg.norm(start - _knot(hair), axis=1) * 1.25
    elif hair.cut == "fringe":
        length = np.where((start[:, 2] > 3.5) & (start[:, 1] > 8), np.minimum(length, start[:, 1] * 0.25 + 3.2), length)
    return np.asarray(length * rng.uniform(0.82, 1.08, len(start)), np.float32)


def _comb(hair: Hair, rng: np.random.Generator) -> Callable[[Floats], Floats]:
    """Which way hair is combed at places (S, 3): (S, 3), not of unit length."""
    part, knot = hair.part, _knot(hair)

    def parted(place: Floats) -> Floats:
        """Ways (N, 3) of hair at `place` (N, 3)."""
        side = np.where(place[:, 0] > part, 1.0, -1.0)
        high = np.clip((place[:, 1] - 5.0) / 5, 0, 1)
        back = -0.45 * high - 0.25 * np.clip((place[:, 2] - 1) / 4, 0, 1)
        # Before the face, hair goes aside first, and then down.
        face = np.clip((place[:, 2] - 5.0) / 3, 0, 1) * np.clip((11.5 - place[:, 1]) / 2, 0, 1)
        return np.stack([side * (0.9 * high + 1.0 * face), -1.0 + 0.3 * high, back - 0.9 * face], 1)

    def forward(place: Floats) -> Floats:
        """Ways (N, 3) of hair at `place` (N, 3)."""
        top = np.clip((place[:, 1] - 8) / 3, 0, 1) * np.clip((place[:, 2] + 5) / 4, 0, 1)
        side = np.where(place[:, 0] > part, 0.5, -0.5)
        return np.stack([side * (1 - 0.7 * top), -1.0 + 0.2 * top, 1.3 * top - 0.25 * (1 - top)], 1)

    def backward(place: Floats) -> Floats:
        """Ways (N, 3) of hair at `place` (N, 3)."""
        front = np.clip((place[:, 2] - 3) / 4, 0, 1)
        return np.stack([0.05 * place[:, 0], 0.7 * front - 0.5 * (1 - front), np.full(len(place), -1.0)], 1)

    def to_knot(place: Floats) -> Floats:
        """Ways (N, 3) of hair at `place` (N, 3)."""
        return knot - place

    ways = {"fringe": forward, "swept": backward, "bun": to_knot, "tail": to_knot}
    if hair.cut in ("short", "buzz") and rng.random() < 0.4:
        return forward
    return ways.get(hair.cut, parted)


def _waved(hair: Hair, points: Floats, length: Floats, rng: np.random.Generator) -> Floats:
    """Strands (N, K, 3) wound around their own way; neighbours wave alike, so that locks form."""
    count, many = points.shape[:2]
    lock = (np.floor(points[:, 0] * 0.9 + 50) * [1, 131, 17161]).sum(1)
    own = np.abs(np.modf(np.sin(lock) * 43758.5)[0])  # a number of its own for each cube of the roots
    phase = 2 * np.pi * (own + 0.12 * rng.standard_normal(count))
    along = np.linspace(0, 1, many)[None]
    turn = 2 * np.pi * hair.curl * along * (length / max(hair.top, 1e-3))[:, None] + phase[:, None]
    strong = hair.wave * np.minimum(along * 4, 1) * rng.uniform(0.7, 1.2, (count, 1))
    way = np.gradient(points, axis=1)
    way /= np.linalg.norm(way, axis=2, keepdims=True) + 1e-9
    across = np.cross(way, [0.3, 0.2, 1.0])
    across /= np.linalg.norm(across, axis=2, keepdims=True) + 1e-9
    third = np.cross(way, across)
    offset = across * (strong * np.cos(turn))[..., None] + third * (strong * np.sin(turn))[..., None]
    return np.asarray(points + offset, np.float32)


def _knot(hair: Hair) -> Floats:
    """Where hair is tied (3,): from low behind to high on the crown."""
    if hair.cut == "bun" and hair.high > 0.7:
        return np.array([0.0, 15.5, -2.0], np.float32)
    return np.array([0.0, 3.0 + 7.0 * hair.high, -9.6 + 1.2 * hair.high], np.float32)


def _tied(hair: Hair, roots: Roots, person: Floats, solids: tuple[Solid, Solid], rng: np.random.Generator) -> Strands:
    """The knot of a bun, or the tail that hangs from it: strands (N, 14, 3)."""
    knot, segments = _knot(hair), 14
    count = 500 if hair.cut == "bun" else 380
    chosen = Roots(roots.corners[:1].repeat(count, 0), roots.weights[:1].repeat(count, 0))
    if hair.cut == "bun":
        radius = 2.2 + 1.2 * hair.top / 24 * rng.random()
        axis = rng.normal(0, 1, (count, 3)) * [1.0, 0.4, 1.0]
        one = np.cross(axis, rng.normal(0, 1, (count, 3)))
        one /= np.linalg.norm(one, axis=1, keepdims=True)
        two = np.cross(axis / np.linalg.norm(axis, axis=1, keepdims=True), one)
        turn = np.linspace(0, 3.4, segments)[None, :, None]
        far = radius * rng.uniform(0.75, 1.0, (count, 1, 1)) ** 0.5
        points = knot + far * (one[:, None] * np.cos(turn) + two[:, None] * np.sin(turn)) * [1.1, 0.95, 0.85]
        outward = (points - knot) / far
        middle = knot
    else:
        length = rng.uniform(14, 26) * rng.uniform(0.8, 1.05, (count, 1))
        spread = rng.normal(0, 0.45, (count, 3))
        place, points_list, fall = knot + spread, [], np.array([0.0, 0.25, -1.0])
        way = np.broadcast_to(fall, (count, 3)).copy()
        for _ in range(segments):
            points_list.append(place)
            way = 0.72 * way + 0.28 * np.array([0.0, -1.0, 0.0]) + 0.02 * spread
            place = place + way * (length / segments) * 1.2
            place = solids[1].push(place.astype(np.float32), np.full(count, 0.6, np.float32))
        points = np.stack(points_list, 1)
        middle = points.mean(0)[None]
        outward = points - middle + [0, 0, -0.4]
        outward /= np.linalg.norm(outward, axis=2, keepdims=True) + 1e-9
    colour = shades(hair.colour, count, segments, hair.vary, rng)
    wide = rng.uniform(0.18, 0.4, count).astype(np.float32)
    start = chosen.on(person)
    return Strands(chosen, start, points.astype(np.float32), wide, colour, outward.astype(np.float32), HAIR_CLASS)
