"""Make src/vivant/avatars/real3d/data/ear.npz: the light on a mean ear, seen from its side.

    python tools/make_ear.py --facekit PATH/ict_facekit.npz

The input holds ICT-FaceKit (MIT) as arrays; see `vivant.face.ict`. Two runs give the same array.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.ears import BESIDE, STEP, from_middle
from vivant.avatars.real3d.hidden_shade import Sky, skylight
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.face.ict import read_ict
from vivant.face.raster import rasterise

Floats = NDArray[np.float32]

OUTPUT = Path(__file__).resolve().parent.parent / "src/vivant/avatars/real3d/data/ear.npz"
ROWS, COLUMNS = 100, 80
FINER = 2
"""Times as many rows and columns are drawn, then made fewer."""
AROUND = 11.0
"""Centimetres of the head around the landmark that may throw shadows."""
LIGHT = Sky(ahead=1.5, directions=240, side=480, thick=0.08)
BOUNCED = 0.25
"""Light that comes everywhere: skin lets it through."""
EVEN = 2.0
"""Centimetres over which the light is evened that the ear's own is compared with."""
SOFT = 0.15
"""Centimetres; the mesh that shows it is no finer."""
STRENGTH = 0.7
"""Exponent: the nearest to rendered heads that still shows the inside of an ear."""
BRIGHTEST = 1.15
PROVENANCE = (
    "Light on the ear of the mean head of ICT-FaceKit (Copyright (c) 2020 USC Institute for Creative Technologies, MIT "
    "licence), computed by tools/make_ear.py."
)


def make_ear(path: Path) -> Floats:
    """The light (100, 80) on the person's left ear, against the light around it; the face is to the left."""
    model = read_ict(path)
    landmark = model.landmarks(model.neutral)[BESIDE[1]]
    near = np.linalg.norm(model.neutral - landmark, axis=1) < AROUND
    triangles = np.concatenate([model.triangles("face"), model.triangles("head_neck")])
    used, numbered = np.unique(triangles[near[triangles].all(1)], return_inverse=True)
    points, triangles = model.neutral[used], numbered.reshape(-1, 3).astype(np.int32)
    light = evened(skylight(points, triangles, LIGHT)[:, None], neighbour_means(triangles, len(points)), 1) + BOUNCED
    back, down = from_middle(points, landmark)
    unit = FINER / STEP
    places = np.stack([back * unit + COLUMNS, down * unit + ROWS, points[:, 0]], 1).astype(np.float32)
    drawn = rasterise(places, triangles, light.astype(np.float32), FINER * ROWS, FINER * COLUMNS).values[..., 0]
    against = np.minimum(drawn / cv2.GaussianBlur(drawn, (0, 0), EVEN * unit), BRIGHTEST)
    soft = cv2.GaussianBlur(against, (0, 0), SOFT * unit) ** STRENGTH
    return np.asarray(cv2.resize(soft, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA), np.float32)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facekit", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    light = make_ear(options.facekit).astype(np.float16)
    np.savez_compressed(options.output, light=light, provenance=PROVENANCE)
    print(f"{options.output}: light {light.min():.2f} to {light.max():.2f}")


if __name__ == "__main__":
    main()
