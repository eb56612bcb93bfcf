"""Self-reenactment scores of an avatar beside the unmoved still, one row per clip.

python benchmarks/reenactment.py CLIP.mp4 [CLIP.mp4 ...] [--avatar real3d] [--step 4] [--smooth 0]
    [--identity backbone.pth]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vivant.avatars import open_avatar
from vivant.evaluate.identity import open_identity
from vivant.evaluate.reenact import reenact
from vivant.motion.edits import EditSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--step", type=int, default=4, help="compare every STEP-th frame")
    parser.add_argument("--smooth", type=float, default=EditSettings.smooth, help="as of vivant animate; 0 is none")
    parser.add_argument("--model", type=Path, help="a face_landmarker.task; default: the models of the mediapipe wheel")
    parser.add_argument("--avatar", default="relief", choices=("relief", "real3d"))
    parser.add_argument("--identity", type=Path, help="your weights for CSIM, see vivant.evaluate.identity")
    options = parser.parse_args()
    identity = open_identity(options.identity) if options.identity else None
    avatar = open_avatar(options.avatar)
    print(
        "| clip | frames | still dB | animated dB | gain | worst frame | still SSIM | animated SSIM | LMD % | jitter "
        "| CSIM |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for clip in options.clips:
        row = reenact(clip, avatar, step=options.step, model_file=options.model, calm=options.smooth, identity=identity)
        print(
            f"| {row.clip} | {row.frames} | {row.still:.2f} | {row.animated:.2f} | {row.animated - row.still:+.2f} "
            f"| {row.worst:+.2f} | {row.still_ssim:.3f} | {row.animated_ssim:.3f} | {row.landmark_error:.2f} "
            f"| {row.jitter_ratio:.2f} | {row.identity:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
