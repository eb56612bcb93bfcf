"""Find the head of a drawn character: by the face finder made for people, by its outline, or by its skin.

The finder sees most drawn faces that look ahead, also grey, recoloured or tilted ones. Where it sees none, a cut-out
character is measured: the outline narrows at the neck, or the face is the uppermost patch of skin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.portrait.find import find_faces
from vivant.portrait.person import is_cut_out, over_grey
from vivant.portrait.pixels import fitted_size, scale_bytes

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

WORK_SIDE = 256
"""Longer side at which outlines are measured."""
HEAD_PER_FACE = 1.55
"""Side of the head's box in mean sides of the face's: measured on published characters."""
NECK = 0.72
"""The outline narrows to this share of the head's width at the neck, or less."""
CHIN = 0.93
"""Where the chin is between the top of the hair (0) and the narrowest row of the neck (1)."""
LEAST_SKIN = 0.004
"""Share of the character that a face's skin covers at least."""
DRAWN, PHOTOGRAPHED = 0.30, 0.22
"""Share of even pixels in a face above which it is drawn, and below which it is a photograph or a painting."""
EVEN = 1.2
"""Lightness (0..100) within which neighbouring pixels of a small face count as even."""
FACE_PIXELS = 96


@dataclass(frozen=True)
class HeadBox:
    """A square from the top of the hair to the chin, centred on the face."""

    x: float
    """Left edge in picture pixels."""
    y: float
    """Top edge."""
    size: float
    """Side."""
    how: Literal["given", "face", "outline", "skin"] = "given"
    """Who said so: the user, the face finder, the outline with its neck, the patch of skin."""

    def scaled(self, factor: float) -> HeadBox:
        """The same in a picture that is so many times larger."""
        return replace(self, x=self.x * factor, y=self.y * factor, size=self.size * factor)


def find_head(picture: Bytes) -> HeadBox | None:
    """The head of the character in `picture` (H, W, 4) RGBA, None where there is nothing to go by."""
    faces = [face for face in find_faces(over_grey(picture)) if face.turns == 0]
    if faces:
        return head_of_face(max(faces, key=lambda face: face.height).box)
    return outlined_head(picture) if is_cut_out(picture) else None


def head_of_face(box: tuple[float, float, float, float]) -> HeadBox:
    """The head around the `box` (x0, y0, x1, y1) of a face's landmarks: the chin is the lower edge of both."""
    x0, y0, x1, y1 = box
    size = HEAD_PER_FACE * ((x1 - x0) + (y1 - y0)) / 2
    return HeadBox((x0 + x1 - size) / 2, y1 - size, size, "face")


def outlined_head(picture: Bytes) -> HeadBox | None:
    """The head of a cut-out character (H, W, 4) by its neck, else by its skin; None without either."""
    height, width = picture.shape[:2]
    scale = min(1.0, WORK_SIDE / max(width, height))
    small = scale_bytes(picture, fitted_size(width, height, scale))
    body = _largest(small[..., 3] > 127)
    if not body.any():
        return None
    found = _above_neck(body) or _around_skin(small, body)
    return None if found is None else HeadBox(found.x / scale, found.y / scale, found.size / scale, found.how)


def evenness(picture: Bytes, head: HeadBox) -> float:
    """Share 0..1 of pixels of the face in `picture` (H, W, 4) that equal their neighbours; see DRAWN, PHOTOGRAPHED.

    Drawn faces have areas of one colour between few lines; skin, film and brushes leave hardly any.
    """
    side = head.size * 0.72
    left, top = head.x + (head.size - side) / 2, head.y + head.size - 0.95 * side
    rows, columns = (slice(max(0, round(at)), max(0, round(at + side))) for at in (top, left))
    part = over_grey(np.ascontiguousarray(picture[rows, columns])) if picture[rows, columns].size else None
    if part is None:
        return 0.0
    lightness = cv2.cvtColor(scale_bytes(part, (FACE_PIXELS, FACE_PIXELS)), cv2.COLOR_RGB2LAB)[..., 0]
    around = np.ones((3, 3), np.uint8)
    spread = (cv2.dilate(lightness, around) - cv2.erode(lightness, around)).astype(np.float32) * (100 / 255)
    return float((spread < EVEN).mean())


def _above_neck(body: Flags) -> HeadBox | None:
    """The head of an outline (h, w) that narrows under it."""
    strands = max(1, round(0.05 * int(body.any(0).sum())))
    solid = _largest(cv2.morphologyEx(body.astype(np.uint8), cv2.MORPH_OPEN, np.ones((strands, strands))) > 0)
    widths = solid.sum(1).astype(np.float64)
    rows = np.flatnonzero(widths)
    if len(rows) < 16:
        return None
    top, smooth = int(rows[0]), np.convolve(widths, np.ones(3) / 3, "same")
    for row in range(top + 4, int(rows[-1]) - 4):
        widest = smooth[top:row].max()
        shoulders = smooth[row : row + max(4, row - top)].max()
        lowest = smooth[row] <= smooth[row - 3 : row + 4].min()
        if lowest and smooth[row] < NECK * min(widest, shoulders) and row - top > 0.5 * widest:
            size = CHIN * (row - top)
            across = np.flatnonzero(solid[top:row].sum(0) > 0.3 * (row - top))
            middle = (across[0] + across[-1] + 1) / 2 if len(across) else float(np.flatnonzero(solid[row]).mean())
            return HeadBox(middle - size / 2, top, size, "outline")
    return None


def _around_skin(small: Bytes, body: Flags) -> HeadBox | None:
    """The head around the uppermost patch of skin of a character (h, w, 4) that has the outline `body`."""
    lab = cv2.cvtColor(np.ascontiguousarray(small[..., :3]), cv2.COLOR_RGB2LAB).astype(np.float32) - [0, 128, 128]
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma = np.hypot(a, b)
    skin = (body & (lightness > 170) & (chroma > 6) & (chroma < 32) & (a > 1.5) & (b > 0.3 * a)).astype(np.uint8)
    joined = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))  # over lines, glasses, lashes
    solid = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(solid)
    least = max(30.0, LEAST_SKIN * float(body.sum()))
    patches = [index for index in range(1, count) if boxes[index][cv2.CC_STAT_AREA] >= least]
    if not patches:
        return None
    face = labels == min(patches, key=lambda index: int(boxes[index][cv2.CC_STAT_TOP]))
    widths, columns = face.sum(1), np.flatnonzero(face.any(0))
    widest = int(np.argmax(widths))
    wide = np.flatnonzero(widths > 0.5 * widths[widest])
    # The neck hangs on below the chin, and is narrower.
    chin = next((row for row in range(widest, len(widths)) if widths[row] < 0.5 * widths[widest]), int(wide[-1]) + 1)
    size = HEAD_PER_FACE * float(widths[widest])
    return HeadBox((columns[0] + columns[-1] + 1 - size) / 2, chin + 0.06 * widths[widest] - size, size, "skin")


def _largest(mask: Flags) -> Flags:
    """The largest connected part of `mask` (h, w)."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA])))
