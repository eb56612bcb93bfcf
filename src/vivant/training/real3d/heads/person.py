"""A random person, from identity to clothes, and the scenes in which they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.ict import IDENTITIES, REGIONS, IctHead
from vivant.smooth import smoothstep
from vivant.training.real3d.heads import garment as clothes
from vivant.training.real3d.heads import skin as skins
from vivant.training.real3d.heads.body import Body
from vivant.training.real3d.heads.draw import Look
from vivant.training.real3d.heads.fringe import FaceHair, brow_share, draw_face_hair, grow_face_hair, grow_lashes
from vivant.training.real3d.heads.garment import draw_garment, paint_garment, sew
from vivant.training.real3d.heads.hair import Hair, draw_hair, grow_hair, scalp
from vivant.training.real3d.heads.mesh import Mesh, join
from vivant.training.real3d.heads.skin import Skin, draw_skin, paint_eye, paint_skin
from vivant.training.real3d.heads.strands import Solid, Strands, scatter, solid_of
from vivant.training.real3d.heads.texture import Sheet, blend, noise, packed

Floats = NDArray[np.float32]

SIGMA = 0.62
"""Spread of identities in standard deviations; beyond 0.7 teeth may come through lips."""
MIDDLE: Floats = np.array([0.0, 4.5, -0.5], np.float32)
"""Inside the skull, from where hair is kept outside."""
NECK, BEND_FROM, BEND_TO = (0.0, -7.0, -2.0), 0.8, 9.0
"""Around what the trunk turns against the head, and how far in cm below the jaw it begins to, and does so whole."""


@dataclass(frozen=True)
class Person:
    """Everything that is the same in all pictures of one person."""

    identity: Floats
    """(100,) standard deviations."""
    neutral: Floats
    """(26719, 3) cm at rest."""
    look: Look
    strands: tuple[Strands, ...]
    garment: Mesh
    teeth: float
    """Their darkness, 0..1."""
    told: dict[str, str | float]
    """What was drawn, in words."""


def draw_person(model: IctHead, body: Body, rng: np.random.Generator) -> Person:
    """A random person on `model`."""
    soft = float(rng.random())
    identity = rng.normal(0, SIGMA, IDENTITIES).clip(-2, 2).astype(np.float32)
    neutral = model.person(identity)
    skin = draw_skin(rng, soft)
    hair = draw_hair(rng, soft, skin.tone)
    face_hair = draw_face_hair(rng, soft, hair.colour)
    garment = draw_garment(rng, soft)
    marks = model.neutral[model.ibug]
    head = solid_of(neutral, body.skin[(neutral[body.skin][..., 1] > -9).all(1)], MIDDLE)
    bust = solid_of(neutral, body.skin[(neutral[body.skin][..., 1] < -8).all(1)], clothes.MIDDLE)
    sewn = sew(garment, bust)
    trunk = solid_of(sewn.points, sewn.triangles, clothes.MIDDLE)
    strands = _strands(model, body, neutral, (hair, face_hair), (head, trunk), rng)
    look = Look(
        skin=_painted(skin, (hair, face_hair), marks, model, body, rng),
        cloth=paint_garment(garment, rng),
        eye=paint_eye(skin, rng),
        gloss=(skin.gloss, float(rng.uniform(0.3, 1.0)), garment.gloss),
        jaw=jaw_of(marks),
    )
    told: dict[str, str | float] = {
        **{"tone": skin.tone, "age": skin.age, "soft": soft, "hair": hair.cut, "beard": face_hair.beard},
        **{"collar": garment.collar, "pattern": garment.pattern},
    }
    return Person(identity, neutral, look, tuple(strands), sewn, float(rng.beta(1, 2)), told)


def scene(person: Person, model: IctHead, body: Body, curves: Floats, bend: Floats) -> Mesh:
    """The person with `curves` (52,), the trunk turned against the head by `bend` (3, 3)."""
    points = model.express(person.neutral, curves)
    parts = [body.mesh(points, person.teeth), person.garment, *(strand.mesh(points) for strand in person.strands)]
    whole = join(parts)
    height, slope, behind = person.look.jaw
    # Only skin has its place on the mean head; the places of eyeballs are near 0, and do not bend.
    below = np.minimum(height + slope * whole.place[:, 2:], behind) - whole.place[:, 1:2]
    low = smoothstep((below - BEND_FROM) / (BEND_TO - BEND_FROM))
    turned = (whole.points - NECK) @ bend.T + np.array(NECK, np.float32)
    moved = whole.points + low * (turned - whole.points)
    return Mesh(**{**vars(whole), "points": np.ascontiguousarray(moved, np.float32)})


def _strands(
    model: IctHead,
    body: Body,
    neutral: Floats,
    hairs: tuple[Hair, FaceHair],
    solids: tuple[Solid, Solid],
    rng: np.random.Generator,
) -> list[Strands]:
    """All strands on the skin of the `neutral` head (V, 3)."""
    hair, face_hair = hairs
    rest, marks = model.neutral, model.neutral[model.ibug]
    fray = np.interp(rest[:, 0], np.linspace(-9, 9, 40), rng.normal(0, 0.35, 40))
    area = scalp(rest, hair.recede, fray)
    many = {"buzz": (1500, 7000), "afro": (1200, 7500), "curly": (1100, 5500)}.get(hair.cut, (1000, 4600))
    roots = [scatter(neutral, body.skin, area, count, rng) for count in many]
    found = grow_hair(hair, (roots[0], roots[1]), neutral, solids, rng)
    beard = _beard_share(face_hair, rest, marks)
    beard[REGIONS["face"][1] :] *= rest[REGIONS["face"][1] :, 1] < -5  # not in mouth and sockets
    brows = brow_share(rest, marks, face_hair.thick)
    found += grow_face_hair(face_hair, neutral, body.skin, (brows, beard), rng)
    return [*found, grow_lashes(face_hair, neutral, body.rims, model.eye_centre, rng)]


def _beard_share(hair: FaceHair, rest: Floats, marks: Floats) -> Floats:
    """Where of the model's vertices (V,) a beard grows, 0..1."""
    if hair.beard == "none":
        return np.zeros(len(rest), np.float32)
    texels = skins.SHEET.texels(rest).astype(int).clip(0, skins.SHEET.size - 1)
    share = skins.beard_area(marks)[texels[:, 1], texels[:, 0]]
    if hair.beard == "moustache":
        share = share * (rest[:, 1] > -3.6) * (np.abs(rest[:, 0]) < 3.2)
    elif hair.beard == "goatee":
        share = share * (np.abs(rest[:, 0]) < 3.2)
    return np.asarray(share * (rest[:, 2] > 2), np.float32)


def _painted(
    skin: Skin,
    hairs: tuple[Hair, FaceHair],
    marks: Floats,
    model: IctHead,
    body: Body,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The skin (S, S, 4) with the shade of hair, brows and beard under the strands."""
    hair, face_hair = hairs
    left, right = (model.neutral[rim] for rim in body.rims)
    painted = paint_skin(skin, marks, (left, right), rng)
    albedo, gloss = np.ascontiguousarray(painted[..., :3]), painted[..., 3:]
    coarse = Sheet(skins.SHEET.size // 2, skins.SHEET.top, skins.SHEET.bottom)
    angle, height = coarse.grid()
    # A texel's place on a head of even width is near enough for the shade below the hair.
    places = [np.broadcast_to(part, (coarse.size, coarse.size)) for part in (np.sin(angle), height, np.cos(angle))]
    flat, front = (
        np.stack([wide * places[0], places[1], 1 + 9.5 * places[2]], -1).reshape(-1, 3).astype(np.float32)
        for wide in (7.65, 9.6)
    )

    def shade(share: Floats, colour: Floats, strength: float) -> None:
        """Let `colour` (3,) into the skin where `share` says so, on a sheet of half the size."""
        whole = cv2.resize(share.reshape(coarse.size, -1).astype(np.float32), albedo.shape[1::-1])
        blend(albedo, colour, whole * np.float32(strength))

    if hair.cut != "bald":
        rough = noise(rng, coarse.size, 120, 2).ravel() * 0.5
        shade(scalp(flat, hair.recede, rough), hair.colour * np.float32(0.45), 0.55 if hair.cut == "buzz" else 0.9)
    shade(brow_share(front, marks, face_hair.thick * 0.9), face_hair.colour, 0.5 * face_hair.brow)
    if face_hair.beard != "none":
        shade(_beard_share(face_hair, front, marks), face_hair.colour, 0.55)
    return np.ascontiguousarray(np.concatenate([packed(albedo), (gloss * 255).astype(np.uint8)], 2))


def jaw_of(marks: Floats) -> tuple[float, float, float]:
    """Below which height skin is the neck's, on the mean head: along the jaw from the chin, level behind it.

    The height at z = 0, the slope along z and the height behind, which is the ear lobes'; of landmarks (68, 3).
    """
    chin, corner = marks[8], (marks[3] + marks[13]) / 2
    slope = (chin[1] - corner[1]) / (chin[2] - corner[2])
    return float(chin[1] - slope * chin[2] - 0.7), float(slope), float(marks[2, 1] - 0.8)
