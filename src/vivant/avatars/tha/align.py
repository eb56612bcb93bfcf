"""Bring a drawn character into the picture that networks know: 512 x 512, the head in rows 64:192, columns 192:320."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.place import Square
from vivant.portrait.head import HeadBox
from vivant.portrait.portrait import Note

Bytes = NDArray[np.uint8]

SIDE = 512
"""Pixels of a character's picture."""
HEAD_LEFT, HEAD_TOP, HEAD_SIDE = 192, 64, 128
"""Where the head belongs in it (published rule of both systems)."""
HOME = HeadBox(HEAD_LEFT, HEAD_TOP, HEAD_SIDE)
NEAR_HOME = 20.0
"""Pixels of a character's picture by which a found head may be off its place while the picture is meant so."""


def square_of(head: HeadBox) -> Square:
    """The part of a picture that brings its head to the right place."""
    scale = head.size / HEAD_SIDE
    return Square(round(head.x - HEAD_LEFT * scale), round(head.y - HEAD_TOP * scale), max(1, round(SIDE * scale)))


def at_home(head: HeadBox, size: tuple[int, int]) -> HeadBox:
    """`head`, or the head's own place in a square picture of `size` (width, height) that is right already."""
    width, height = size
    if width != height or head.how == "given":
        return head
    scale = SIDE / width
    off = (head.x * scale - HEAD_LEFT, head.y * scale - HEAD_TOP, head.size * scale - HEAD_SIDE)
    if max(abs(one) for one in off) > NEAR_HOME:
        return head
    return HeadBox(HEAD_LEFT / scale, HEAD_TOP / scale, HEAD_SIDE / scale, head.how)


def align(picture: Bytes, head: HeadBox) -> Bytes:
    """The character's picture (512, 512, 4) from `picture` (H, W, 4) RGBA, straight alpha, with its head at `head`.

    What lies outside the picture is transparent. A picture that is right already comes out as it is.
    """
    square = square_of(head)
    height, width = picture.shape[:2]
    first = np.clip((square.left, square.top), 0, (width, height))
    last = np.clip((square.left + square.side, square.top + square.side), 0, (width, height))
    character = np.zeros((SIDE, SIDE, 4), np.uint8)
    scale = SIDE / square.side
    x0, y0 = np.round((first - (square.left, square.top)) * scale).astype(int).tolist()
    x1, y1 = np.round((last - (square.left, square.top)) * scale).astype(int).tolist()
    if x1 > x0 and y1 > y0:
        part = np.ascontiguousarray(picture[first[1] : last[1], first[0] : last[0]])
        character[y0:y1, x0:x1] = resize_premultiplied(part, (x1 - x0, y1 - y0))
    return character


def resize_premultiplied(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """`picture` (H, W, 4), straight alpha, at `size` (width, height); what is transparent colours nothing."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    alpha = picture[..., 3:].astype(np.float32) / 255
    layers = np.concatenate([picture[..., :3] * alpha, alpha], 2).astype(np.float32)
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(layers, size, interpolation=way), np.float32)
    colour = scaled[..., :3] / np.maximum(scaled[..., 3:], 1 / 512)
    return np.asarray(np.clip(np.concatenate([colour, scaled[..., 3:] * 255], 2) + 0.5, 0, 255), np.uint8)


def placement_notes(character: Bytes) -> tuple[Note, ...]:
    """What a user should know of an aligned `character` (512, 512, 4): cut edges, a missing body, no transparency."""
    alpha = character[..., 3]
    notes = []
    if alpha.min() > 127:
        notes.append(Note("warning", "the character has no transparent background; everything moves with it"))
        return tuple(notes)
    edges = {"top": alpha[0], "left": alpha[: SIDE // 2, 0], "right": alpha[: SIDE // 2, -1]}
    touched = [name for name, edge in edges.items() if (edge > 127).mean() > 0.02]
    if touched:
        what = f"the character is cut off at the {' and '.join(touched)}"
        notes.append(Note("warning", what, "use a picture with more room around the head"))
    if (alpha[-1] > 127).mean() < 0.02:
        notes.append(Note("info", "the body ends above the lower edge of the picture"))
    return tuple(notes)


def show_box(picture: Bytes, head: HeadBox) -> Bytes:
    """`picture` (H, W, 4) on a chequered ground with the head's box and the character's square drawn in, (H, W, 3)."""
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[:height, :width] // max(4, max(height, width) // 64)
    ground = np.where((rows + columns) % 2, 210, 235).astype(np.float32)[..., None]
    alpha = picture[..., 3:].astype(np.float32) / 255
    shown = np.ascontiguousarray((picture[..., :3] * alpha + ground * (1 - alpha) + 0.5).astype(np.uint8))
    thick = max(1, round(max(height, width) / 300))
    square = square_of(head)
    for left, top, side, colour in (
        (square.left, square.top, square.side, (40, 90, 220)),
        (round(head.x), round(head.y), round(head.size), (220, 40, 40)),
    ):
        cv2.rectangle(shown, (left, top), (left + side - 1, top + side - 1), colour, thick)
    return shown
