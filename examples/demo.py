"""Makes a portrait speak: scikit-image's astronaut, and two sentences of a public-domain recording.

Run by `make demo`; prints the path of the film.
"""

from __future__ import annotations

import sys
from pathlib import Path

from skimage.data import astronaut

from vivant.cli import main
from vivant.media.image import write_image

HERE = Path(__file__).resolve().parent


def demo(folder: Path) -> int:
    """Write the picture and the film into `folder`; returns the exit status of `vivant animate`."""
    folder.mkdir(exist_ok=True)
    picture, film = folder / "astronaut.png", folder / "astronaut.mp4"
    write_image(picture, astronaut())
    speech = HERE / "speech.flac"
    return main(["animate", str(picture), "--audio", str(speech), "--crop", "face", "-o", str(film)])


if __name__ == "__main__":
    sys.exit(demo(HERE.parent / "demo"))
