"""`vivant track`: the motion of a face in a video."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vivant.animation import parse_rate
from vivant.commands.telling import warn
from vivant.errors import SettingsError
from vivant.motion.files import check_place, save_motion
from vivant.motion.track import TrackSettings, track
from vivant.progress import shown_progress


@dataclass(frozen=True)
class TrackOptions:
    """Write the motion of the face in a video to a file."""

    video: Positional[Path]
    """The video."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The motion file; its extension decides the format unless --format is given."""
    format: Literal["npz", "json", "csv"] | None = None
    """npz keeps everything, json is plain, csv has the columns of Live Link Face."""
    fps: str | None = None
    """Frames per second of the motion; none: the video's."""
    motion_mode: Literal["relative", "absolute"] = TrackSettings.mode
    """relative: motion from the face's own rest; absolute: the pose as it is."""
    neutral: str = "auto"
    """Second at which the face is at rest; auto finds one."""
    face: str = TrackSettings.face
    """Which face: largest, left, right, centre, or a number from the left."""
    face_model: Path | None = TrackSettings.model_file
    """A face_landmarker.task for measured expression scores."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def track_video(options: TrackOptions) -> int:
    """`vivant track`"""
    output = options.output
    if options.format is not None and output.suffix.lower() != f".{options.format}":
        output = output.with_name(f"{output.name}.{options.format}")
    check_place(output)
    settings = TrackSettings(parse_neutral(options.neutral), options.motion_mode, options.face, options.face_model)
    rate = None if options.fps is None else parse_rate(options.fps)
    with shown_progress("track", as_json=options.json) as progress:
        motion = track(options.video, settings, rate, progress=progress)
    save_motion(output, motion)
    missing = int((~motion.present).sum())
    if "notes" in motion.meta:
        warn([f"{options.video}: {motion.meta['notes']}"])
    if missing:
        warn([f"{options.video}: no face in {missing} of {len(motion)} frames; the last state was held"])
    if options.json:
        record = {"output": str(output), "frames": len(motion), "held": missing, "rate": str(motion.rate)}
        print(json.dumps({"event": "result", **record, "seconds": motion.seconds}))
    else:
        print(f"{output}  ({len(motion)} frames, {motion.seconds:.2f} s)")
    return 0


def parse_neutral(text: str) -> float | None:
    """Seconds of `text`, None of auto; raises SettingsError for anything else."""
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"neutral {text!r} is no time; give seconds, or auto") from None
