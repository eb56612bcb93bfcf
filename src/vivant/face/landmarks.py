"""Index lists of MediaPipe's 478 face landmarks (468 mesh points, then 5 points of each iris).

Right and left are the person's: the right eye is on the left of a picture that looks at us. Contours run as closed
rings without repeating the first point.
"""

from __future__ import annotations

MESH_COUNT = 468
COUNT = 478

LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Upper lip from the right corner (first) to the left corner (index 10), then the lower lip back."""
LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
"""(upper, lower) points of the inner lips that meet when the mouth closes."""
EYE_RIGHT = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
EYE_LEFT = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""Outer corner first, upper lid, inner corner (index 8), lower lid back."""
IRIS_RIGHT = (468, 469, 470, 471, 472)
IRIS_LEFT = (473, 474, 475, 476, 477)
"""Centre, then the rim at right, top, left, bottom as seen in the picture."""
BROW_RIGHT = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
BROW_LEFT = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
STABLE = (
    *(10, 109, 338, 67, 297, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454, 93, 323),
    *(33, 133, 362, 263, 168, 6, 197, 195, 5),
)
"""Points that expression hardly moves: forehead, temples, eye corners, bridge of the nose."""
STABLE_DOUBLE = (33, 133, 362, 263, 168, 6)
"""Those of `STABLE` that count twice in a rigid fit."""
OUTER_EYE_CORNERS = (33, 263)
"""Their distance is the inter-ocular distance (IOD) of this project."""
