"""The loops of the painter, compiled by numba when they first run: colour of every sample.

Colours are linear light. Textures are bytes of the square root of linear light, so that dark tones keep their steps.
A table of vertices has `COLUMNS` columns, a painter's row of numbers is laid out by the names below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled
from vivant.training.real3d.heads.cover import SHADOW_SPAN
from vivant.training.real3d.heads.mesh import BODY_CLASS, CLOTH, EYE, FACE_CLASS, HAIR, HARD, SKIN

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

PLACE, COLOUR, NORMAL, WAY, LIGHT, POINT, COLUMNS = 0, 3, 6, 9, 12, 15, 18
"""Columns of the table of vertices, three each."""
KEY, KEY_COLOUR, VIEWER, GLOSS, JAW = 0, 3, 6, 9, 12
"""Of a painter's numbers: way to the key light, its colour, the camera in cm, gloss of skin, hair and garment, height
of the jaw's plane in cm at z = 0, its slope along z, and its height behind."""
TOP, BOTTOM, CLOTH_TOP, CLOTH_BOTTOM = 15.5, -20.5, -6.0, -46.0
"""Heights in cm that the textures of skin and garment span."""
AXIS_Z = 1.0
"""Textures of skin and garment are wrapped around this upright axis; their middle column faces the viewer."""
EYE_SPAN = 0.75
"""The texture of an eye shows this part of its radius to each side of its axis."""
SHADOW_BIAS = 0.35
"""How far in cm behind the map of shadow a point is in shadow."""


def _texel(texture: Bytes, u: Any, v: Any, out: Floats) -> None:
    """The `texture` (H, W, C) at u right and v down in 0..1, between its four nearest texels, into `out` (C,)."""
    rows, columns = texture.shape[0], texture.shape[1]
    x = min(max(u * columns - np.float32(0.5), np.float32(0)), np.float32(columns - 1.001))
    y = min(max(v * rows - np.float32(0.5), np.float32(0)), np.float32(rows - 1.001))
    left, top = int(x), int(y)
    fx, fy = x - left, y - top
    for k in range(texture.shape[2]):
        upper = texture[top, left, k] * (1 - fx) + texture[top, left + 1, k] * fx
        lower = texture[top + 1, left, k] * (1 - fx) + texture[top + 1, left + 1, k] * fx
        value = (upper * (1 - fy) + lower * fy) * np.float32(1 / 255)
        out[k] = value * value if k < 3 else value


def _around(x: Any, z: Any) -> Any:
    """Column 0..1 of a wrapped texture: the front gets more of it than the back."""
    turn = np.arctan2(x, z - np.float32(AXIS_Z)) * np.float32(1 / np.pi)
    share = abs(turn)
    share = share * (np.float32(1.6) - np.float32(0.6) * share)
    return np.float32(0.5) + (np.float32(0.5) * share if turn > 0 else -np.float32(0.5) * share)


def _power(base: Any, sixteenths: int) -> Any:
    """base to the power 2 ** sixteenths."""
    for _ in range(sixteenths):
        base *= base
    return base


def _lit(shadow: Floats, light: Floats, x: Any, y: Any, z: Any) -> Any:
    """Share 0..1 of the key light that reaches a point; `light` (3, 3) has the map's axes as rows."""
    size = shadow.shape[0]
    scale = np.float32(size / (2 * SHADOW_SPAN))
    u = (light[0, 0] * x + light[0, 1] * y + light[0, 2] * z + np.float32(SHADOW_SPAN)) * scale
    v = (light[1, 0] * x + light[1, 1] * y + light[1, 2] * z + np.float32(SHADOW_SPAN)) * scale
    deep = light[2, 0] * x + light[2, 1] * y + light[2, 2] * z + np.float32(SHADOW_BIAS)
    column, row = int(u - np.float32(0.5)), int(v - np.float32(0.5))
    if column < 1 or row < 1 or column > size - 4 or row > size - 4:
        return np.float32(1)
    fx, fy = u - np.float32(0.5) - column, v - np.float32(0.5) - row
    total = np.float32(0)
    for dy in range(-1, 3):
        wy = np.float32(1) - fy if dy == -1 else (fy if dy == 2 else np.float32(1))
        for dx in range(-1, 3):
            wx = np.float32(1) - fx if dx == -1 else (fx if dx == 2 else np.float32(1))
            if shadow[row + dy, column + dx] <= deep:
                total += wx * wy
    return total * np.float32(1 / 9)


texel, around, power, lit = compiled(_texel), compiled(_around), compiled(_power), compiled(_lit)


def _skin(at: Floats, albedo: Floats, angles: Floats, numbers: Floats, out: Floats) -> None:
    """`angles` (7,): n.l, n.h, n.v, h.v and the share of light. Red light goes further under the skin than blue."""
    for k in range(3):
        wrap = np.float32(0.22) if k == 0 else (np.float32(0.09) if k == 1 else np.float32(0.05))
        near = max((angles[0] + wrap) / (1 + wrap), np.float32(0))
        key = numbers[KEY_COLOUR + k] * near * angles[4]
        out[k] = albedo[k] * (at[LIGHT + k] + key)
    facing = max(angles[1], np.float32(0))
    graze = power(1 - max(angles[2], np.float32(0)), 2)
    lobe = np.float32(0.35) * power(facing, 4) + np.float32(0.5) * power(facing, 6)
    shine = numbers[GLOSS] * albedo[3] * lobe * max(angles[0], np.float32(0)) * angles[4]
    for k in range(3):
        out[k] += numbers[KEY_COLOUR + k] * shine + at[LIGHT + k] * (graze * np.float32(0.12) * albedo[3])


def _glossy(at: Floats, albedo: Floats, angles: Floats, numbers: Floats, out: Floats) -> None:
    """Wet and hard things: a small bright highlight; `out` is (3,)."""
    facing = max(angles[1], np.float32(0))
    graze = power(1 - max(angles[2], np.float32(0)), 2)
    shine = np.float32(1.6) * power(facing, 7) * angles[4] * albedo[3]
    for k in range(3):
        near = max(angles[0], np.float32(0)) * angles[4] * numbers[KEY_COLOUR + k]
        out[k] = albedo[k] * (at[LIGHT + k] + near) + numbers[KEY_COLOUR + k] * shine
        out[k] += at[LIGHT + k] * graze * np.float32(0.25) * albedo[3]


def _cloth(at: Floats, albedo: Floats, angles: Floats, numbers: Floats, out: Floats) -> None:
    """Rough things that shine at the rim; `out` is (3,)."""
    facing, near = max(angles[1], np.float32(0)), max(angles[0] * np.float32(0.9) + np.float32(0.1), np.float32(0))
    shine = numbers[GLOSS + 2] * power(facing, 4)
    for k in range(3):
        out[k] = albedo[k] * at[LIGHT + k] + (albedo[k] * near + shine) * angles[4] * numbers[KEY_COLOUR + k]


def _hair(at: Floats, albedo: Floats, angles: Floats, numbers: Floats, out: Floats) -> None:
    """Kajiya and Kay 1989: a strand is a thin cylinder; `angles` (7,) 5 and 6: its direction times l and h."""
    thin = np.sqrt(max(1 - angles[5] * angles[5], np.float32(0)))
    near = thin * max(np.float32(0.35) + np.float32(0.65) * angles[0], np.float32(0))
    across = np.sqrt(max(1 - angles[6] * angles[6], np.float32(0)))
    shift = angles[6] + np.float32(0.12)
    second = np.sqrt(max(1 - shift * shift, np.float32(0)))
    side = max(np.float32(0.25) + angles[0], np.float32(0))
    white = np.float32(0.05) * power(across, 6) * side
    tinted = np.float32(0.9) * power(second, 4) * side
    for k in range(3):
        key = numbers[KEY_COLOUR + k] * angles[4]
        out[k] = albedo[k] * (at[LIGHT + k] + key * near)
        out[k] += key * numbers[GLOSS + 1] * (white + tinted * albedo[k])


skin, glossy, cloth, hair = compiled(_skin), compiled(_glossy), compiled(_cloth), compiled(_hair)


def _angles(at: Floats, numbers: Floats, out: Floats) -> None:
    """What the materials need (7,) of normal, strand, light and viewer; makes the normal of `at` a unit one."""
    n = np.float32(1) / np.sqrt(at[NORMAL] ** 2 + at[NORMAL + 1] ** 2 + at[NORMAL + 2] ** 2 + np.float32(1e-12))
    vx, vy, vz = numbers[VIEWER] - at[POINT], numbers[VIEWER + 1] - at[POINT + 1], numbers[VIEWER + 2] - at[POINT + 2]
    v = np.float32(1) / np.sqrt(vx * vx + vy * vy + vz * vz)
    hx, hy, hz = vx * v + numbers[KEY], vy * v + numbers[KEY + 1], vz * v + numbers[KEY + 2]
    h = np.float32(1) / np.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9))
    nx, ny, nz = at[NORMAL] * n, at[NORMAL + 1] * n, at[NORMAL + 2] * n
    out[0] = nx * numbers[KEY] + ny * numbers[KEY + 1] + nz * numbers[KEY + 2]
    out[1] = (nx * hx + ny * hy + nz * hz) * h
    out[2] = (nx * vx + ny * vy + nz * vz) * v
    out[3] = (hx * vx + hy * vy + hz * vz) * h * v
    tx, ty, tz = at[WAY], at[WAY + 1], at[WAY + 2]
    t = np.float32(1) / np.sqrt(tx * tx + ty * ty + tz * tz + np.float32(1e-12))
    out[5] = (tx * numbers[KEY] + ty * numbers[KEY + 1] + tz * numbers[KEY + 2]) * t
    out[6] = (tx * hx + ty * hy + tz * hz) * t * h


angles_at = compiled(_angles)


def _shade(
    ids: Ints, screen: Floats, table: Floats, mesh: tuple[Ints, Ints, Ints], look: tuple[Any, ...], out: Floats
) -> None:
    """Colour (rows, columns, 3) of every sample, and its class in `ids` in place of its triangle; -1 stays 0.

    `mesh`: triangles, materials, kinds; `look`: textures of skin, garment and eye, shadow map, axes of the key light,
    numbers.
    """
    triangles, materials, kinds = mesh
    skin_texture, cloth_texture, eye_texture, shadow, light, numbers = look
    at, albedo = np.empty(COLUMNS, np.float32), np.ones(4, np.float32)
    angles = np.zeros(7, np.float32)
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            t = ids[row, column]
            if t < 0:
                ids[row, column] = 0
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x, y = column + np.float32(0.5) - screen[a, 0], row + np.float32(0.5) - screen[a, 1]
            bx, by = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
            cx, cy = screen[c, 0] - screen[a, 0], screen[c, 1] - screen[a, 1]
            area = bx * cy - cx * by
            wb, wc = (x * cy - cx * y) / area, (bx * y - x * by) / area
            # Weights on the screen become weights on the triangle by the nearness of its corners.
            wa = (1 - wb - wc) * screen[a, 2]
            wb, wc = wb * screen[b, 2], wc * screen[c, 2]
            total = np.float32(1) / (wa + wb + wc)
            wa, wb, wc = wa * total, wb * total, wc * total
            for k in range(COLUMNS):
                at[k] = wa * table[a, k] + wb * table[b, k] + wc * table[c, k]
            angles_at(at, numbers, angles)
            angles[4] = lit(shadow, light, at[POINT], at[POINT + 1], at[POINT + 2])
            material, kind = materials[t], kinds[t]
            albedo[:] = np.float32(1)
            if material == SKIN:
                v = (np.float32(TOP) - at[PLACE + 1]) / np.float32(TOP - BOTTOM)
                texel(skin_texture, around(at[PLACE], at[PLACE + 2]), v, albedo)
                jaw = min(numbers[JAW] + numbers[JAW + 1] * at[PLACE + 2], numbers[JAW + 2])
                if kind == FACE_CLASS and at[PLACE + 1] < jaw:
                    kind = BODY_CLASS
            elif material == CLOTH:
                v = (np.float32(CLOTH_TOP) - at[PLACE + 1]) / np.float32(CLOTH_TOP - CLOTH_BOTTOM)
                texel(cloth_texture, around(at[PLACE], at[PLACE + 2]), v, albedo)
            elif material == EYE:
                scale = np.float32(0.5 / EYE_SPAN)
                texel(eye_texture, at[PLACE] * scale + 0.5, np.float32(0.5) - at[PLACE + 1] * scale, albedo)
            for k in range(3):
                albedo[k] *= at[COLOUR + k]
            colour = out[row, column]
            if material == SKIN:
                skin(at, albedo, angles, numbers, colour)
            elif material == HAIR:
                hair(at, albedo, angles, numbers, colour)
            elif material == CLOTH:
                cloth(at, albedo, angles, numbers, colour)
            else:
                if material == HARD:
                    albedo[3] = np.float32(0.8)
                glossy(at, albedo, angles, numbers, colour)
            ids[row, column] = kind


shade = compiled(_shade)


def _reduce(colour: Floats, kinds: Ints, backdrop: Floats, out: Floats, maps: Bytes) -> None:
    """Pictures of samples: `colour` (2 R, 2 C, 3) and `kinds` over `backdrop` (R, C, 3), four to a pixel.

    `maps` (R, C, 2): class of most samples, the nearer to hair where two are equal, and share of the head, 0..255.
    """
    counts = np.zeros(6, np.int32)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            counts[:] = 0
            for k in range(3):
                out[row, column, k] = 0
            for i in range(4):
                y, x = 2 * row + (i >> 1), 2 * column + (i & 1)
                kind = kinds[y, x]
                counts[kind] += 1
                for k in range(3):
                    value = backdrop[row, column, k] if kind == 0 else colour[y, x, k]
                    out[row, column, k] += np.float32(0.25) * value
            best = 0
            for kind in range(1, 6):
                if counts[kind] >= counts[best]:
                    best = kind
            maps[row, column, 0] = best
            maps[row, column, 1] = (counts[1] + counts[3] + counts[5]) * 255 // 4


reduce_samples = compiled(_reduce)
