"""The inside of the mouth: teeth, tongue and darkness, seen through the opening between the lips.

    prepare_mouth   colours from the picture, two arches and a tongue in head centimetres, the picture's own teeth
    draw_mouth      moves them with skull and jaw, draws them behind the lips, shades them by the lips' shadow

A picture that shows teeth keeps them: they are cut out and hang on the upper arch, so they stay where they are
while lips and jaw move over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.relief.light import LUMA, Light, estimate_light
from vivant.avatars.relief.teeth import (
    LOWER,
    UPPER,
    Palette,
    Solid,
    arch_depth,
    build_arch,
    build_cheeks,
    build_tongue,
    quads,
)
from vivant.avatars.retarget import Source
from vivant.face.arkit import INDEX
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, LIP_PAIRS, LIPS_INNER, LIPS_OUTER, OVAL
from vivant.face.pose import HeadPose
from vivant.face.raster import FAR, Raster, draw_into, rasterise
from vivant.portrait.portrait import Portrait
from vivant.smooth import eased

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

CHIN = (152, 175, 199, 148, 377)
INNER, OUTER = list(LIPS_INNER), list(LIPS_OUTER)
UPPER_RINGS = np.array(
    [
        (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
        (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
        (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
        (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
        (57, 186, 92, 165, 167, 164, 393, 391, 322, 410, 287),
    ]
)
"""The upper lip: four lines from its outer to its inner edge, then the skin next to it; right corner to left."""
LOWER_RINGS = np.array(
    [
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
        (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
        (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
        (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
        (57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287),
    ]
)
LIP_LENGTH = 2.05
"""Centimetres from the base of the nose to the lip line of a relaxed mouth."""
EDGE = 0.37
"""How far the upper incisors reach below the lip line of a closed mouth."""
HINGE = np.array([0.0, -0.3, 1.0], np.float32)
"""From the middle between the ears' points of the mesh to the axis of the jaw."""
JAW_LENGTH = 9.0
"""From the hinge of the jaw to the incisors, centimetres."""
BEHIND_NOSE = 1.05
"""How far the upper incisors stand behind the base of the nose."""
COVER = 0.16
"""How far the lower lip reaches above the lower incisors at rest."""
SHOWN = 0.4
"""Centimetres of the lower incisors that a wide open mouth shows above the lower lip at most."""
SEAM = 0.14
"""Height of the dark line between closed lips, centimetres."""
SLIT = 0.4
"""Between lips that are closer together than this, teeth lie in the shade."""
LEAST_GAP = 0.5
"""Centimetres between the lips of a picture from which on its own teeth are looked for: less shows but glints."""
FINE_BELOW = 60
"""Pixels per centimetre from which one sample a pixel is enough."""
SHADOW_PIXELS = 20
"""Pixels per centimetre that are enough for the lips' shadow."""
TONGUE_FOLLOWS = 0.87
"""Share of the jaw's rotation that the tongue takes; the rest of it stays up, at the palate."""


@dataclass(frozen=True)
class OwnTeeth:
    """The teeth that the source picture shows, cut out of it as a sheet on the upper arch."""

    points: Floats
    """(N, 3) head centimetres."""
    triangles: Ints
    coordinates: Floats
    """(N, 2) pixels of the first cut-out."""
    levels: tuple[Floats, ...]
    """(h, w, 4) RGB 0..255 multiplied by alpha, alpha 0..1; each level has half the pixels of the one before."""


@dataclass(frozen=True)
class Mouth:
    """What `draw_mouth` needs to know of a portrait."""

    upper: Solid
    lower: Solid
    tongue: Solid
    own: OwnTeeth | None
    palette: Palette
    incisors: Floats
    """(1, 3) head centimetres: middle of the edge of the lower ones."""
    hinge: Floats
    """(3,) head centimetres: the axis of the jaw runs through it, parallel to x."""
    rest: Floats
    """(478, 3) the portrait's own shape, head centimetres."""
    softness: float
    """Blur of the picture: sigma in head centimetres."""
    rest_scale: float
    """Picture pixels per head centimetre."""


def prepare_mouth(portrait: Portrait, source: Source) -> Mouth:
    """Build the inside of the mouth of `portrait`, in its own proportions and colours."""
    shape = source.shape
    light = estimate_light(portrait, shape)
    palette = read_palette(portrait, light)
    scale = float(np.clip(0.5 + 0.5 * source.mouth_ratio, 0.8, 1.1))
    front = _upper_front(shape)
    own, edge = _find_own_teeth(portrait, source, front, scale)
    if own is not None:
        front = np.array([front[0], edge, front[2]], np.float32)
        palette = Palette(_own_colour(own, palette), palette.gum, palette.tongue, palette.cavity)
    low = np.array([front[0], shape[14, 1] - COVER, front[2]], np.float32)
    worn = max(_gap(shape) - 0.3, 0.0) / JAW_LENGTH
    behind = np.array([0.0, 0.15 + 2.4 * worn, -0.75 * scale], np.float32)
    return Mouth(
        upper=_placed(build_arch(UPPER, palette, light, scale), front, 0.0),
        lower=_placed(build_arch(LOWER, palette, light, scale), low, worn),
        tongue=_placed(build_tongue(palette, light, scale), low + behind, 0.8 * worn),
        own=own,
        palette=palette,
        incisors=low[None],
        hinge=np.asarray(shape[[234, 454]].mean(0) + HINGE, np.float32),
        rest=shape,
        softness=_softness(portrait) / source.pose.scale,
        rest_scale=source.pose.scale,
    )


def draw_mouth(mouth: Mouth, pixels: Bytes, shape: Floats, canvas_from_head: HeadPose, curves: Floats) -> None:
    """Draw the inside of the mouth into `pixels` (rows, columns, 4), in place, where the lips are open.

    shape: (478, 3) head centimetres; canvas_from_head: head centimetres to pixels; curves: (52,) 0..1. Leaves the
    pixels alone while the lips are as close together as in the source picture (or nearly, where that shows teeth).
    """
    share = _share(mouth, shape)
    ring = canvas_from_head.picture_from_head(_parted(mouth, shape))[:, :2]
    blur = max(0.5, mouth.softness * canvas_from_head.scale)
    tongue = _move_tongue(mouth, shape, float(curves[INDEX["tongueOut"]]))
    out = _outside(mouth.tongue, tongue, shape)
    reach = canvas_from_head.picture_from_head(tongue[np.unique(out)])[:, :2]
    box = _box(np.concatenate([ring, reach]), pixels.shape, 3 + round(2 * blur))
    if box is None or share <= 0.0:
        return
    x, y, columns, rows = box
    local = replace(canvas_from_head, translation=canvas_from_head.translation - np.array([x, -y, 0], np.float32))
    opening = _opening(ring - (x, y), rows, columns)
    light = _lip_shadow(opening, local)
    if len(out):
        covered = _covered(local.picture_from_head(tongue), out, rows, columns)
        light = np.maximum(light, _blurred(covered, 0.12 * local.scale))
        opening = np.maximum(opening, covered)
    inside = _render(mouth, shape, tongue, local, rows, columns)
    inside = mouth.palette.cavity + (inside - mouth.palette.cavity) * light[..., None]
    inside = _blurred(inside, blur)
    if mouth.own is not None:
        _lay_own(mouth.own, inside, local, mouth.rest_scale, eased(_gap(shape) / SLIT))
    alpha = _blurred(opening, 0.8 * blur) * share
    part = pixels[y : y + rows, x : x + columns, :3]
    part[:] = np.rint(part + (inside - part) * alpha[..., None])


def thin_lips(shape: Floats, source: Source) -> Floats:
    """`shape` (478, 3) with lips that get thinner where they are stretched, instead of thicker with the skin around.

    The motion along each lip is evened out first; the opening itself hardly changes.
    """
    result = shape.copy()
    for rings in (UPPER_RINGS, LOWER_RINGS):
        rest, now = source.shape[rings], shape[rings]
        moved = now - rest
        moved[:4, 1:-1] = 0.5 * moved[:4, 1:-1] + 0.25 * (moved[:4, :-2] + moved[:4, 2:])
        now = rest + moved
        stretch = _length(now[3]) / max(_length(rest[3]), 1e-6)
        height, rest_height = (np.linalg.norm(lip[0] - lip[3], axis=-1) for lip in (now, rest))
        limit = rest_height * 1.12 * max(stretch, 0.8) ** -1.1
        excess = np.maximum(height - limit, 0.0) / np.maximum(height, 1e-6)
        pull = (now[3] - now[0]) * excess[:, None]
        shares = np.array([1.0, 0.7, 0.35, 0.0, 0.5], np.float32)[:, None, None]
        result[rings] = now + shares * pull
    return result


def _length(line: Floats) -> float:
    """The length of a line (N, 2 or 3)."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def read_palette(portrait: Portrait, light: Light) -> Palette:
    """Colours for a mouth in the tones of `portrait`: nothing brighter than its eye whites or its skin's highlights."""
    face = _pixels_within(portrait, portrait.landmarks[list(OVAL), :2])
    eyes = [_pixels_within(portrait, portrait.landmarks[list(ring), :2]) for ring in (EYE_RIGHT, EYE_LEFT)]
    brightness = face @ LUMA
    skin = np.median(face[brightness >= np.percentile(brightness, 40)], axis=0)
    lip = _lip_colour(portrait)
    brightest = max(float(np.percentile(np.concatenate(eyes) @ LUMA, 85)), float(np.percentile(brightness, 95)))
    tint = light.colour * (skin / max(float(skin.max()), 1.0)) ** 0.22
    tooth = tint / float(tint @ LUMA) * min(0.92 * brightest, 225.0)
    flesh = 0.65 * lip + 0.35 * skin
    flesh = flesh + 0.35 * (flesh - flesh @ LUMA)  # wet mucosa is redder; grey stays grey
    dark = max(0.19 * float(lip @ LUMA), 0.5 * float(np.percentile(brightness, 1)))
    return Palette(
        tooth=np.asarray(np.minimum(tooth, 245.0), np.float32),
        gum=np.asarray(np.clip(0.8 * flesh, 0, 245), np.float32),
        tongue=np.asarray(np.clip(0.82 * flesh, 0, 245), np.float32),
        cavity=np.asarray(lip / max(float(lip @ LUMA), 1.0) * dark, np.float32),
    )


def _upper_front(shape: Floats) -> Floats:
    """Middle of the upper incisors' edge (3,) in head centimetres, told by the nose, because the skull carries both."""
    nose = shape[2]
    gap = float(np.clip(_gap(shape) / 0.4, 0.0, 1.0))
    seen = float(shape[13, 1])
    line = (1 - gap) * seen + gap * min(seen, float(nose[1]) - LIP_LENGTH)
    middle = float(shape[[0, 13, 2], 0].mean())
    return np.array([middle, line - EDGE, float(nose[2]) - BEHIND_NOSE], np.float32)


def _gap(shape: Floats) -> float:
    """Mean distance of the lips in the middle of the mouth of `shape` (478, 3), in head centimetres."""
    return float(np.mean([shape[upper, 1] - shape[lower, 1] for upper, lower in LIP_PAIRS[2:7]]))


def _share(mouth: Mouth, shape: Floats) -> float:
    """0..1: how much of the opening of `shape` (478, 3) is drawn here instead of being the picture's moved pixels."""
    if mouth.own is not None:
        moved = np.linalg.norm((shape - mouth.rest)[INNER, :2], axis=1)
        return eased(float(moved.max()) / (0.2 + 0.09 * _gap(mouth.rest) ** 2))
    own_gap = max(_gap(mouth.rest), 0.0)
    return eased((_gap(shape) - own_gap) / max(0.12, 0.6 * own_gap))


def _parted(mouth: Mouth, shape: Floats) -> Floats:
    """The ring of the inner lips (20, 3); where the lips of a picture with an open mouth meet, they keep a dark line.

    Without it the interpolation across the closed lips would show a thread of the teeth that lie between them.
    """
    ring = shape[INNER].copy()
    apart = ring[1:10, 1] - ring[:10:-1, 1]
    own_gap = eased((_gap(mouth.rest) - 0.1) / 0.3)
    widen = 0.5 * own_gap * np.maximum(SEAM - np.maximum(apart, 0.0), 0.0)
    ring[1:10, 1] += widen
    ring[:10:-1, 1] -= widen
    return np.asarray(ring, np.float32)


def _jaw(mouth: Mouth, shape: Floats) -> tuple[float, Floats]:
    """What the jaw does: the angle by which it opens about the hinge, and its shift (3,) in centimetres.

    Both are relative to the source picture and read from the chin. Upwards, teeth stop the jaw but not the skin. A
    lower lip that goes down farther than the chin tells of a jaw that does, too: lips do not leave their teeth.
    """
    chin = list(CHIN)
    moved, arm = (shape - mouth.rest)[chin], mouth.rest[chin] - mouth.hinge
    tangent = np.stack([np.zeros(len(chin), np.float32), -arm[:, 2], arm[:, 1]], -1)
    angle = float((moved * tangent).sum() / (tangent**2).sum())
    rise = float(moved[:, 1].mean())
    share = min(1.0, max(_gap(mouth.rest) - 0.3, 0.0) / rise) if rise > 0 else 1.0
    shift = (moved - (_turned(arm, angle) - arm)).mean(0) * (1.0, share, share)
    angle *= share
    _, up, ahead = _turned(mouth.incisors - mouth.hinge, angle)[0]
    above = max(float(up + mouth.hinge[1] + shift[1] - shape[14, 1]) - SHOWN, 0.0)
    return angle + above / max(float(ahead), 1.0), np.asarray(shift, np.float32)


def _turned(points: Floats, angle: float) -> Floats:
    """`points` (N, 3) turned by `angle` about the x axis, so that what lies in front goes down."""
    cosine, sine = np.cos(angle), np.sin(angle)
    y, z = points[:, 1] * cosine - points[:, 2] * sine, points[:, 1] * sine + points[:, 2] * cosine
    return np.asarray(np.stack([points[:, 0], y, z], -1), np.float32)


def _move_tongue(mouth: Mouth, shape: Floats, out: float) -> Floats:
    """Points (N, 3) of the tongue, which goes with the jaw and, `out` 0..1, over the lower lip and down."""
    angle, shift = _jaw(mouth, shape)
    points = _turned(mouth.tongue.points - mouth.hinge, angle * TONGUE_FOLLOWS) + mouth.hinge + shift
    if out > 0.0:
        points = points * (1 - 0.2 * out, 1.0, 1.0) + out * np.array([0.0, 0.35, 3.2], np.float32)
        beyond = np.maximum(points[:, 2] - float(shape[14, 2]), 0.0)
        points[:, 1] -= 0.55 * beyond**1.5
        points[:, 2] -= 0.4 * beyond
    return np.asarray(points, np.float32)


def _outside(tongue: Solid, points: Floats, shape: Floats) -> Ints:
    """Triangles (T, 3) of the `tongue` at `points` that lie in front of the lower lip."""
    front = points[:, 2] > float(shape[14, 2])
    return np.asarray(tongue.triangles[front[tongue.triangles].all(1)], np.int32)


def _covered(points: Floats, triangles: Ints, rows: int, columns: int, *, fine: int = 2) -> Floats:
    """Coverage (rows, columns) 0..1 by `triangles` of `points` (N, 3) in pixels, from `fine`^2 samples a pixel."""
    raster = rasterise(points * np.float32(fine), triangles, points[:, :1], rows * fine, columns * fine)
    covered = raster.covered.astype(np.float32)
    return np.asarray(cv2.resize(covered, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _render(mouth: Mouth, shape: Floats, tongue: Floats, local: HeadPose, rows: int, columns: int) -> Floats:
    """RGB (rows, columns, 3) 0..255 of teeth, tongue and darkness without the lips' shadow."""
    angle, shift = _jaw(mouth, shape)
    fine = 2 if local.scale < FINE_BELOW else 1
    raster = Raster(
        np.broadcast_to(mouth.palette.cavity, (rows * fine, columns * fine, 3)).copy(),
        np.full((rows * fine, columns * fine), FAR, np.float32),
    )
    lower = _turned(mouth.lower.points - mouth.hinge, angle) + mouth.hinge + shift
    cheeks = build_cheeks(shape[INNER], mouth.palette)
    moved = ((cheeks, cheeks.points), (mouth.tongue, tongue), (mouth.lower, lower), (mouth.upper, mouth.upper.points))
    for solid, points in moved:
        placed = local.picture_from_head(points) * np.array([fine, fine, -fine], np.float32)
        draw_into(raster, placed, solid.triangles, solid.colours)
    if fine == 1:
        return raster.values
    return np.asarray(cv2.resize(raster.values, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _box(ring: Floats, extent: tuple[int, ...], pad: int) -> tuple[int, int, int, int] | None:
    """(x, y, columns, rows) around `ring` (N, 2) within pixels of shape `extent`; None if nothing is left."""
    low = np.maximum(np.floor(ring.min(0)).astype(int) - pad, 0)
    high = np.minimum(np.ceil(ring.max(0)).astype(int) + pad, (extent[1], extent[0]))
    if (high - low).min() < 2:
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _opening(ring: Floats, rows: int, columns: int) -> Floats:
    """Coverage (rows, columns) 0..1 of each pixel by the smooth curve through `ring` (20, 2)."""
    curve = _rounded(ring)
    half = len(curve) // 2
    strip = np.stack([curve[: half + 1], np.roll(curve[::-1], 1, axis=0)[: half + 1]])  # upper, lower lip
    points = np.concatenate([strip, np.zeros((2, half + 1, 1), np.float32)], -1)
    return _covered(points.reshape(-1, 3), quads(strip), rows, columns, fine=4)


def _rounded(ring: Floats) -> Floats:
    """A Catmull-Rom curve (4 N, 2) through the closed `ring` (N, 2), with its two mouth corners left sharp."""
    halves = []
    for first in (0, 10):
        line = ring[np.arange(first, first + 11) % len(ring)]
        line = np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
        p0, p1, p2, p3 = line[:-3], line[1:-2], line[2:-1], line[3:]
        t = np.arange(0, 1, 0.25, dtype=np.float32)[None, :, None]
        p0, p1, p2, p3 = p0[:, None], p1[:, None], p2[:, None], p3[:, None]
        curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
        halves.append(curve.reshape(-1, 2))
    return np.asarray(np.concatenate(halves), np.float32)


def _lip_shadow(opening: Floats, local: HeadPose) -> Floats:
    """Light (rows, columns) 0..1 that comes in between the lips: little near them, least below the upper one."""
    down = local.rotation[:2, 1] * (-1, 1)  # picture direction of the head's down
    coarse = max(1, int(local.scale / SHADOW_PIXELS))  # shadows are soft: large pictures need no more pixels of them
    rows, columns = opening.shape
    size = -(-columns // coarse), -(-rows // coarse)
    small = np.asarray(cv2.resize(opening, size, interpolation=cv2.INTER_AREA), np.float32)
    unit = local.scale / coarse
    near = _blurred(_shifted(small, 0.07 * unit * down), 0.10 * unit)
    above = _blurred(_shifted(small, 0.20 * unit * down), 0.20 * unit)
    wide = _blurred(small, 0.35 * unit)
    light = (0.55 + 0.45 * near) * (0.6 + 0.4 * above) * (0.45 + 0.55 * wide)
    return np.asarray(cv2.resize(light, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def _shifted(mask: Floats, by: Floats) -> Floats:
    """`mask` (rows, columns) moved `by` (2,) pixels."""
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return np.asarray(cv2.warpAffine(mask, matrix, mask.shape[::-1], flags=cv2.INTER_LINEAR), np.float32)


def _blurred(mask: Floats, sigma: float) -> Floats:
    """`mask` (rows, columns) with its edges `sigma` pixels soft."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.4, sigma)), np.float32)


def _placed(solid: Solid, at: Floats, angle: float) -> Solid:
    """`solid` opened by `angle` about its origin, which comes to `at` (3,)."""
    return Solid(np.asarray(_turned(solid.points, angle) + at, np.float32), solid.triangles, solid.colours)


def _pixels_within(portrait: Portrait, ring: Floats) -> Floats:
    """RGB (N, 3) 0..255 of the picture inside `ring` (K, 2); one grey pixel if it lies outside the picture."""
    box = _box(ring, portrait.picture.shape, 1)
    if box is None:
        return np.full((1, 3), 128.0, np.float32)
    x, y, columns, rows = box
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(mask, [np.round(ring - (x, y)).astype(np.int32)], (1,))
    return np.asarray(portrait.picture[y : y + rows, x : x + columns, :3][mask > 0], np.float32)


def _lip_colour(portrait: Portrait) -> Floats:
    """RGB (3,) 0..255: the median between the outer and the inner line of the lips."""
    points = portrait.landmarks[:, :2]
    lower = np.concatenate([points[OUTER[10:]], points[OUTER[:1]], points[INNER[:1]], points[INNER[:9:-1]]])
    upper = np.concatenate([points[OUTER[:11]], points[INNER[10::-1]]])
    both = np.concatenate([_pixels_within(portrait, lower), _pixels_within(portrait, upper)])
    return np.asarray(np.median(both, axis=0), np.float32)


def _softness(portrait: Portrait) -> float:
    """Sigma in picture pixels of the blur that the lower face of `portrait` shows, 0.4..3.

    White noise blurred by a Gaussian has mean |gradient|^2 / |Laplacian|^2 = sigma^2 / 2.
    """
    box = _box(portrait.landmarks[OUTER, :2], portrait.picture.shape, 8)
    if box is None:
        return 0.6
    x, y, columns, rows = box
    grey = portrait.picture[y : y + rows, x : x + columns, :3].astype(np.float32) @ LUMA
    down, across = np.gradient(grey)
    bend = cv2.Laplacian(grey, cv2.CV_32F)
    strong = down**2 + across**2
    strong = strong * (strong > np.percentile(strong, 90))
    bent = bend**2 * (strong > 0)
    return float(np.clip(0.55 * np.sqrt(2 * strong.sum() / max(float(bent.sum()), 1e-6)), 0.4, 3.0))


def _find_own_teeth(portrait: Portrait, source: Source, front: Floats, scale: float) -> tuple[OwnTeeth | None, float]:
    """The upper teeth that the picture shows, on `front` (N, 3), and the height (head cm) of their edge, or None."""
    ring = portrait.landmarks[INNER, :2]
    box = _box(ring, portrait.picture.shape, 3)
    lip_line = float(source.shape[13, 1])
    if box is None or _gap(source.shape) < LEAST_GAP:
        return None, 0.0
    x, y, columns, rows = box
    part = portrait.picture[y : y + rows, x : x + columns, :3].astype(np.float32)
    points, triangles = _sheet(front, scale)
    placed = source.pose.picture_from_head(points) - np.array([x, y, 0.0], np.float32)
    nearer = placed * np.array([1.0, 1.0, -1.0], np.float32)  # of a turned head the sheet's far side is behind
    height = rasterise(nearer, triangles, points[:, 1:2], rows, columns).values[..., 0]
    opening = _opening(ring - (x, y), rows, columns)
    alpha = _tooth_mask(part, opening, _lip_colour(portrait)) * np.clip((height - lip_line + 1.25) / 0.15, 0, 1)
    seen = alpha[(opening > 0.5) & (height > lip_line - 0.9)]
    middle = (alpha > 0.5) & (np.abs(np.arange(columns) - columns / 2) < 0.2 * columns)
    if seen.size < 20 or seen.mean() < 0.3 or not middle.any():
        return None, 0.0
    levels = [np.concatenate([part * alpha[..., None], alpha[..., None]], -1).astype(np.float32)]
    while min(levels[-1].shape[:2]) >= 8 and len(levels) < 4:
        half = cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.float32))
    return OwnTeeth(points, triangles, placed[:, :2].copy(), tuple(levels)), float(np.percentile(height[middle], 4))


def _tooth_mask(part: Floats, opening: Floats, lip: Floats) -> Floats:
    """0..1 (rows, columns): how surely a pixel of `part` (rows, columns, 3) belongs to a tooth.

    Teeth are the palest thing in a mouth: what tells them from lips and tongue is the least of red, green and blue.
    """
    palest = part.min(-1)
    white = float(np.percentile(palest[opening > 0.5], 93)) if (opening > 0.5).any() else 0.0
    contrast = white - float(lip.min())
    if contrast < 18.0:
        return np.zeros_like(palest)
    sure = np.clip((palest - float(lip.min())) / contrast, 0, 1) * opening
    size = max(1, round(part.shape[1] / 30))
    sure = cv2.morphologyEx(sure, cv2.MORPH_CLOSE, np.ones((2 * size + 1, 2 * size + 1), np.uint8))
    return np.asarray(cv2.GaussianBlur(np.clip((sure - 0.25) / 0.3, 0, 1), (0, 0), 0.6), np.float32)


def _sheet(front: Floats, scale: float) -> tuple[Floats, Ints]:
    """Points (N, 3) in head centimetres and triangles of a curtain that hangs on the upper arch."""
    x, y = np.meshgrid(np.linspace(-3.4, 3.4, 21) * scale, np.linspace(2.2, -2.2, 5))
    grid = np.stack([x, y, arch_depth(x / scale) * scale], -1).astype(np.float32)
    return np.asarray(grid.reshape(-1, 3) + front, np.float32), quads(grid)


def _own_colour(own: OwnTeeth, palette: Palette) -> Floats:
    """RGB (3,) of the picture's own teeth in good light."""
    pixels = own.levels[0].reshape(-1, 4)
    sure = pixels[pixels[:, 3] > 0.9, :3]
    if len(sure) < 8:
        return palette.tooth
    return np.asarray(np.median(sure[sure @ LUMA >= np.percentile(sure @ LUMA, 60)], axis=0), np.float32)


def _lay_own(own: OwnTeeth, inside: Floats, local: HeadPose, rest_scale: float, light: float) -> None:
    """Draw the picture's own teeth over `inside` (rows, columns, 3), in place; `light` 0..1 comes in to them."""
    rows, columns = inside.shape[:2]
    placed = local.picture_from_head(own.points) * np.array([1.0, 1.0, -1.0], np.float32)
    flow = rasterise(placed, own.triangles, own.coordinates, rows, columns)
    level = int(np.clip(np.round(np.log2(max(rest_scale / local.scale, 1e-3))), 0, len(own.levels) - 1))
    at = flow.values / 2**level - 0.5
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    teeth = cv2.remap(own.levels[level], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    teeth = teeth * flow.covered[..., None]
    inside *= 1.0 - light * teeth[..., 3:]
    inside += light * teeth[..., :3]
