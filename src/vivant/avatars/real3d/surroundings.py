"""What is around a person: the wall, which stays where it is, and what a matte misses, which goes with the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.prepare import Layers
from vivant.portrait.fill import fill

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

INSIDE = 0.9
"""Alpha from which on a pixel has the person's own colour."""
STRAND = 12.0
"""Of 255: what a hair has of the person's colour at least, and more than it has of any third."""
LEFT = 0.2
"""Alpha from which on a pixel is wholly the person's."""
RIM = 1 / 256
"""Of the square: how far beside a person the wall's pixels are not its own: pictures are sharpened and compressed."""
LOOSE = 1 / 24
"""Of the square: how far beyond what is near a person the tips of loose hairs are."""
FINE = 7
"""Pixels of the square: what is narrower than half of that is fine."""
USUAL = 0.99
"""Share of the wall that is less rough than the roughest of it."""
LEAST_WALL = 0.05
"""Share of the square far from the person from which on the wall's roughness is known."""
SURE = 0.99
"""Share of the wall in a pixel from which on colours and texture go on from it."""
DIFFERENT = 6.0
"""Of 255, by which the picture differs from its background where it shows something else."""


def completed_background(layers: Layers, alpha: Floats) -> Bytes:
    """The background (H, W, 3) with the picture's own pixels beside a person of `alpha` (H, W), where they show a wall.

    The layers' background begins some way off the person, for the sake of loose hairs. What is not on the way from its
    colour to that of the nearest part of the person is no hair and stays where it is when the head moves; the rest is
    made up from there on.
    """
    inside = alpha > INSIDE
    if not inside.any():
        return layers.background
    picture, smooth = layers.picture.astype(np.float32), layers.background.astype(np.float32)
    toward = cv2.GaussianBlur(extended(picture, inside), (0, 0), 3) - smooth
    contrast = np.linalg.norm(toward, axis=2) + 1
    change = picture - smooth
    along = (change * toward).sum(2) / contrast
    astray = np.linalg.norm(change - (along / contrast)[..., None] * toward, axis=2)
    hair = np.clip((along - np.maximum(astray, STRAND)) / STRAND, 0, 1)
    rim = 2 * max(1, round(RIM * len(alpha))) + 1
    person = cv2.dilate(np.clip(alpha / LEFT, 0, 1), np.ones((rim, rim), np.uint8))
    near = (layers.picture != layers.background).any(2)  # loose hairs and jewels are not to be repeated
    hair = np.maximum(hair, _lines(layers.picture, near))
    wall = (1 - cv2.dilate(hair, np.ones((3, 3), np.uint8))) * (1 - person)
    wall = np.minimum(cv2.GaussianBlur(wall, (0, 0), 1), 1 - hair)[..., None]
    behind = fill(layers.picture, wall[..., 0] < SURE, near)
    return np.asarray(np.clip(np.round(behind + wall * (picture - behind)), 0, 255), np.uint8)


def _lines(picture: Bytes, near: Flags) -> Floats:
    """Where (H, W) the `picture` is finer `near` a person than the wall is anywhere else: hairs of any colour.

    Zeros where too little wall is seen to know.
    """
    reach = 2 * max(1, round(LOOSE * len(near))) + 1
    near = cv2.dilate(near.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    if np.count_nonzero(~near) < LEAST_WALL * near.size:
        return np.zeros(near.shape, np.float32)
    fine = np.abs(picture.astype(np.float32) - cv2.medianBlur(picture, FINE)).max(2)
    usual = max(float(np.quantile(fine[~near], USUAL)), 1.0)
    return np.asarray(np.clip(fine / usual - 1, 0, 1) * near, np.float32)


def left_beside(picture: Bytes, background: Bytes, alpha: Floats) -> Bytes:
    """What is left of the `picture`, (H, W, 4), where neither a person of `alpha` (H, W) nor the background shows it.

    A matte misses loose hairs and has holes; at rest nothing of the picture is to be lost by that.
    """
    change = np.abs(picture.astype(np.float32) - background).max(2)
    left = np.clip(change / DIFFERENT, 0, 1) * np.clip(1 - alpha / LEFT, 0, 1)
    return np.dstack([picture, np.round(255 * left).astype(np.uint8)])


def extended(values: Floats, known: Flags) -> Floats:
    """`values` (H, W, C), each that is not `known` (H, W) replaced by the nearest that is."""
    unknown = 1 - known.astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels[known]] = np.flatnonzero(known)
    return np.asarray(values.reshape(-1, values.shape[2])[nearest[labels]], np.float32)
