"""Opening of local media files: which files, which formats, and the words of the errors."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from vivant.errors import MediaError, SettingsError
from vivant.media.limits import Limits

# Only formats that hold their media themselves. Playlists (hls, dash, concat, sdp), devices and picture sequences,
# which would make FFmpeg open other files or addresses, are not among them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,asf,gif,apng,mxf,nut,h264,hevc,m4v,ivf,yuv4mpegpipe,"
    "wav,w64,aiff,au,caf,mp3,mp2,aac,ac3,eac3,ogg,flac,amr,wv,ape,tta,dts"
)


def check_file(path: Path, limits: Limits) -> Path:
    """Absolute path of a local regular file that is neither empty nor larger than the limit.

    Raises `MediaError` for everything else (missing, folder, device, pipe, unreadable, empty, too large).
    """
    try:
        # An absolute path cannot be taken for a protocol ("http:...") or an option ("-x") further down.
        resolved = Path(path).resolve()
        status = resolved.stat()
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(f"{path}: this is a folder; give a file")
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{path}: not a regular file; only local files are read")
        resolved.open("rb").close()
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file (only local files are read, no addresses)") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be read: {_one_line(error)}") from None
    if status.st_size == 0:
        raise MediaError(f"{path}: the file is empty (0 bytes)")
    if status.st_size > limits.max_bytes:
        raise MediaError(f"{path}: {status.st_size} bytes, more than the limit of {limits.max_bytes}")
    return resolved


def spare_inputs(output: Path, inputs: Iterable[Path | None]) -> None:
    """Raise `SettingsError` if writing `output`, a file or a whole folder, would destroy one of `inputs`.

    Those may be files or folders, such as a character's, in which nothing that is there is written over.
    """
    place = output.resolve()
    for path in inputs:
        source = place if path is None else path.resolve()
        same = source.exists() and place.exists() and place.samefile(source)
        within = (source.is_file() and place in source.parents) or (place.exists() and source in place.parents)
        if path is not None and (same or within):
            raise SettingsError(f"{output}: writing this would destroy {path}, which is read; choose another name")


def check_parent(path: Path) -> None:
    """Raise `MediaError` if the folder in which `path` is to be written does not exist."""
    parent = path.absolute().parent
    if not parent.is_dir():
        raise MediaError(f"{path}: the folder {path.parent} does not exist; create it first")


def open_media(path: Path, limits: Limits) -> InputContainer:
    """Open a media file by its content, whatever its name; no other file or address can be opened from within it.

    Raises `MediaError` if it is not a media file of a known format.
    """
    resolved = check_file(path, limits)
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": _FORMATS,
        "max_pixels": str(limits.max_video_pixels),
    }
    try:
        return av.open(str(resolved), "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError):
        raise MediaError(f"{path}: not a video or sound file that can be read (playlists are refused too)") from None


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; cover art of a sound file is none."""
    cover = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & cover), None)


def zero_time(container: InputContainer) -> Fraction:
    """Time stamp in seconds that counts as 0: the first picture, or the first sample of a file without pictures.

    Sound and pictures of one file are counted from the same instant, so that they stay together.
    """
    picture = picture_stream(container)
    stream: Stream | None = picture or next(iter(container.streams.audio), None)
    if stream is None or stream.start_time is None or stream.time_base is None:
        return Fraction(0)
    return stream.start_time * stream.time_base


def stream_seconds(path: Path, stream: Stream, limits: Limits) -> float:
    """Length of one stream: as the header says or, where it is silent or not to be believed, by reading the packets.

    Raises `MediaError` if the length exceeds the limit.
    """
    container = stream.container
    assert isinstance(container, InputContainer)
    seconds = 0.0
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif "DURATION" in stream.metadata:
        seconds = _clock_seconds(stream.metadata["DURATION"])
    elif container.duration is not None:
        seconds = container.duration / av.time_base
    if not 0 < seconds <= limits.max_seconds:
        seconds = _count_packets(path, stream.index, limits)
    return check_seconds(path, seconds, limits)


def check_seconds(path: Path, seconds: float, limits: Limits) -> float:
    """The same number; raises `MediaError` if it is over the limit."""
    if seconds > limits.max_seconds:
        raise MediaError(f"{path}: {seconds:.0f} s long, more than the limit of {limits.max_seconds:.0f} s; cut it")
    return seconds


def fault(path: Path, error: BaseException) -> MediaError:
    """The error for a file whose content turned out to be damaged while it was read."""
    return MediaError(f"{path}: the file is damaged: {_one_line(error)}")


def _count_packets(path: Path, index: int, limits: Limits) -> float:
    first, last = None, Fraction(0)
    with open_media(path, limits) as container:
        stream = container.streams[index]
        try:
            for packet in container.demux(stream):
                if packet.pts is None or packet.time_base is None:
                    continue
                first = packet.pts * packet.time_base if first is None else first
                last = max(last, (packet.pts + (packet.duration or 0)) * packet.time_base)
        except av.FFmpegError:
            pass  # the part before the damage counts
    return float(last - first) if first is not None else 0.0


def _clock_seconds(text: str) -> float:
    """Seconds of Matroska's "00:00:03.003000000"; 0 for anything else."""
    try:
        hours, minutes, seconds = (float(part) for part in text.split(":"))
    except ValueError:
        return 0.0
    return hours * 3600 + minutes * 60 + seconds


def _one_line(error: BaseException) -> str:
    text: Any = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
