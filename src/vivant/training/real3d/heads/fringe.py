"""Short hair of the face: brows, lashes and beards, grown on the person at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.mesh import FACE_CLASS
from vivant.training.real3d.heads.strands import Roots, Strands, scatter, shades

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

BEARDS = ("none", "short", "full", "goatee", "moustache")


@dataclass(frozen=True)
class FaceHair:
    """Brows, lashes and beard."""

    colour: Floats
    """(3,) of brows and beard."""
    brow: float
    """Density of the brows, 0..1."""
    thick: float
    """Height of the brows in cm."""
    lashes: float
    """Length in cm."""
    beard: str
    """One of `BEARDS`."""
    length: float
    """Of the beard in cm."""


def draw_face_hair(rng: np.random.Generator, soft: float, hair: Floats) -> FaceHair:
    """Random brows, lashes and beard that go with `hair` (3,), the colour on the head."""
    bearded = rng.random() < 0.4 * (soft < 0.5)
    beard = str(rng.choice(BEARDS[1:], p=(0.4, 0.25, 0.2, 0.15))) if bearded else "none"
    return FaceHair(
        colour=(np.minimum(hair, 0.25) * rng.uniform(0.5, 0.9)).astype(np.float32),
        brow=float(rng.uniform(0.45, 1.0)),
        thick=float(rng.uniform(0.2, 0.32) + 0.14 * (1 - soft) * rng.random()),
        lashes=float(rng.uniform(0.25, 0.45) + 0.35 * soft * rng.random()),
        beard=beard,
        length=float(rng.uniform(0.4, 1.0) if beard in ("short", "moustache") else rng.uniform(0.8, 4.0)),
    )


def brow_share(rest: Floats, marks: Floats, thick: float) -> Floats:
    """How much of a brow places `rest` (N, 3) of the mean head are, 0..1."""
    share = np.zeros(len(rest), np.float32)
    for first in (17, 22):
        curve = marks[first : first + 5]
        order = np.argsort(curve[:, 0])
        height = np.interp(rest[:, 0], curve[order, 0], curve[order, 1]) - 0.12
        inside = (rest[:, 0] > curve[:, 0].min() - 0.2) & (rest[:, 0] < curve[:, 0].max() + 0.1) & (rest[:, 2] > 5)
        outer = abs(curve[0, 0]) if first == 17 else abs(curve[-1, 0])
        thin = np.interp(np.abs(rest[:, 0]), (outer - 2.2, outer + 0.1), (1.0, 0.3))
        share += inside * np.clip(1.6 - 1.3 * np.abs(rest[:, 1] - height) / (thick * thin), 0, 1)
    return np.clip(share, 0, 1)


def grow_face_hair(
    hair: FaceHair, person: Floats, skin: Ints, shares: tuple[Floats, Floats], rng: np.random.Generator
) -> list[Strands]:
    """Brows and beard; `shares` of the model's vertices (26719,) say where brows and where a beard grow."""
    brows, beard = shares
    result = [_brows(hair, scatter(person, skin, brows, int(1000 * hair.brow), rng), person, rng)]
    if hair.beard != "none" and beard.any():
        many = {"short": 2600, "full": 3000, "goatee": 1300, "moustache": 700}[hair.beard]
        result.append(_beard(hair, scatter(person, skin, beard, many, rng), person, rng))
    return result


def grow_lashes(
    hair: FaceHair, person: Floats, rims: tuple[Ints, Ints], centres: Floats, rng: np.random.Generator
) -> Strands:
    """Lashes of both eyes, from the vertices `rims` around the openings; `centres` (2, 3) of the eyeballs."""
    starts, corners, up = [], [], []
    for rim, centre in zip(rims, centres, strict=True):
        upper = person[rim, 1] > person[rim, 1].mean() + 0.02
        for chosen, sign, times in ((rim[upper], 1.0, 3), (rim[~upper], -1.0, 1)):
            order = chosen[np.argsort(person[chosen, 0])]
            both = np.stack([order[:-1], order[1:]], 1).repeat(times, 0)
            starts.append(both)
            up.append(np.full(len(both), sign, np.float32))
            corners.append(np.broadcast_to(centre, (len(both), 3)))
    pairs, side, middle = np.concatenate(starts), np.concatenate(up), np.concatenate(corners)
    share = rng.random(len(pairs)).astype(np.float32)
    roots = Roots(np.concatenate([pairs, pairs[:, :1]], 1).astype(np.int32), np.stack([share, 1 - share, 0 * share], 1))
    start = roots.on(person)
    outward = start - middle
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    length = hair.lashes * np.where(side > 0, 1.0, 0.55) * rng.uniform(0.7, 1.1, len(start))
    along = np.linspace(0, 1, 4)[None, :, None]
    lean = rng.normal(0, 0.12, (len(start), 1, 1)) * np.array([1.0, 0, 0])
    bend = outward[:, None] * along + (np.array([0, 0.75, 0]) * side[:, None, None] + lean) * along**1.7
    points = start[:, None] + bend * length[:, None, None]
    colour = shades(hair.colour * np.float32(0.25), len(start), 4, 0.1, rng)
    # Seen from the front they show their width, which lies across.
    facing = np.broadcast_to(np.array([0, 0.2, 1.0], np.float32), points.shape)
    wide = np.full(len(start), 0.045, np.float32)
    return Strands(roots, start, points.astype(np.float32), wide, colour, facing / np.float32(1.02), FACE_CLASS)


def _brows(hair: FaceHair, roots: Roots, person: Floats, rng: np.random.Generator) -> Strands:
    """Brows, in strands (N, 4, 3), on the `person` (V, 3)."""
    start = roots.on(person)
    outer = np.sign(start[:, 0])
    away = np.clip((np.abs(start[:, 0]) - 1.2) / 4, 0, 1)
    way = np.stack([outer * (0.35 + 0.9 * away), 0.75 - 1.0 * away, 0.28 - 0.55 * away], 1)
    way += rng.normal(0, 0.15, way.shape)
    out = start - np.array([0, 2, 2], np.float32)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    length = rng.uniform(0.3, 0.55, len(start)).astype(np.float32)
    return _short(hair, roots, start, (way, out), length, rng)


def _beard(hair: FaceHair, roots: Roots, person: Floats, rng: np.random.Generator) -> Strands:
    """A beard, in strands (N, 4, 3), on the `person` (V, 3)."""
    start = roots.on(person)
    out = start - np.array([0, -1.5, 4.0], np.float32)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    way = np.stack([0.25 * np.sign(start[:, 0]), np.full(len(start), -0.9), np.full(len(start), 0.1)], 1)
    way = way + 0.5 * out + rng.normal(0, 0.22, way.shape)
    length = hair.length * np.where(start[:, 1] > -3.2, 0.45, 1.0) * rng.uniform(0.5, 1.1, len(start))
    return _short(hair, roots, start, (way, out), length, rng)


def _short(
    hair: FaceHair, roots: Roots, start: Floats, ways: tuple[Floats, Floats], length: Floats, rng: np.random.Generator
) -> Strands:
    """Strands (N, 4, 3) that leave the skin a little and then lie along the first of `ways` (N, 3)."""
    way, out = ways
    way = way / np.linalg.norm(way, axis=1, keepdims=True)
    along = np.linspace(0, 1, 4)[None, :, None]
    rise = 0.10 * np.sin(along * 2.4)
    points = start[:, None] + (way[:, None] * along + out[:, None] * rise) * length[:, None, None]
    points += out[:, None] * np.float32(0.03)
    colour = shades(hair.colour, len(start), 4, 0.25, rng)
    outward = np.broadcast_to(out[:, None], points.shape)
    wide = (0.030 + 0.030 * np.minimum(length, 2)).astype(np.float32)
    return Strands(
        roots, start, points.astype(np.float32), wide, colour, np.ascontiguousarray(outward, np.float32), FACE_CLASS
    )
