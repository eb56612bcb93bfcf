"""Video in: upright RGB frames with true time stamps, one at a time."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vivant.errors import MediaError, SettingsError
from vivant.media import webp
from vivant.media.container import check_seconds, fault, open_media, picture_stream, stream_seconds, zero_time
from vivant.media.limits import DEFAULT_LIMITS, Limits

Bytes = NDArray[np.uint8]
_Lazy = Callable[[], Bytes]

_STANDARD_RATES = (
    *(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)),
    *(Fraction(n) for n in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120)),
)
_UNSPECIFIED_COLORSPACE = 2
_HIGH_DEFINITION = 720
_HDR_TRANSFERS = (16, 18)  # PQ and HLG
_MAX_RATE = 480
_SEEK_MARGIN = 0.5


@dataclass(frozen=True)
class VideoInfo:
    """What the header and the first frame of a video say."""

    width: int
    """Pixels, upright, with square pixels."""
    height: int
    """Pixels, upright, with square pixels."""
    rate: Fraction
    """Frames per second; of a variable-rate clip the rate it was meant to have, else its average."""
    seconds: float
    """Length of the picture."""
    has_audio: bool
    rotation: int
    """Degrees clockwise by which the stored pictures are turned to be upright: 0, 90, 180, 270."""


@dataclass(frozen=True)
class VideoFrame:
    """One frame."""

    time: float
    """Seconds at which it appears, counted from the asked-for start (the first frame of the file by default)."""
    pixels: Bytes
    """(H, W, 3) RGB, sRGB, upright."""


def probe_video(path: Path, limits: Limits = DEFAULT_LIMITS) -> VideoInfo:
    """Read header and first frame of a video, animated GIF or animated WebP.

    Raises `MediaError` if there is no video stream, no frame that decodes, or more than `limits` allow.
    """
    if webp.is_webp(path, limits):
        return _webp_info(path, limits)
    with open_media(path, limits) as container:
        stream = _stream(path, container, limits)
        try:
            frame = next(_decode(container, stream, []), None)
        except av.FFmpegError as error:
            raise fault(path, error) from None
        if frame is None:
            raise MediaError(f"{path}: no frame of the video can be decoded; the file is damaged or cut off")
        turn = _Turn(frame)
        width, height = _square_size(frame, stream)
        if turn.sideways:
            width, height = height, width
        seconds = _seconds(path, container, stream, limits)
        return VideoInfo(width, height, _rate(stream), seconds, bool(container.streams.audio), turn.degrees)


def open_video(
    path: Path, limits: Limits = DEFAULT_LIMITS, start: float = 0.0, seconds: float | None = None
) -> VideoReader:
    """Open a clip for reading from `start` seconds, `seconds` long (None: to the end); use with `with`.

    Raises `MediaError` as `probe_video` does, and `SettingsError` if `start` is not within the clip.
    """
    return VideoReader(path, limits, start, seconds)


def sample_frames(path: Path, count: int, limits: Limits = DEFAULT_LIMITS) -> list[VideoFrame]:
    """`count` frames spread evenly over the clip, found by seeking; `time` counts from the start of the file."""
    info = probe_video(path, limits)
    frames: list[VideoFrame] = []
    for index in range(count):
        time = (index + 0.5) / count * info.seconds
        with open_video(path, limits, start=time) as reader:
            frames.extend(VideoFrame(time, frame.pixels) for frame in itertools.islice(reader, 1))
    return frames


class VideoReader:
    """Iterator over the frames of a clip; made by `open_video`, used once.

    The frame that stands at the start comes first with time 0. Damaged frames are left out and counted in `notes`.
    Iterating raises `MediaError` if no frame at all can be decoded.
    """

    def __init__(self, path: Path, limits: Limits, start: float, seconds: float | None) -> None:
        self.info = probe_video(path, limits)
        if not 0 <= start < max(self.info.seconds, 1e-3) or (seconds is not None and not seconds > 0):
            raise SettingsError(f"{path}: start {start} s is outside the clip of {self.info.seconds:.2f} s")
        self._path, self._limits, self._start = path, limits, start
        self._end = math.inf if seconds is None else seconds
        self._notes: list[str] = []
        self._reformatter = VideoReformatter()  # kept: setting one up costs as much as converting a small frame
        self._frames = self._cut()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of what has been read so far, one sentence each."""
        return tuple(self._notes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        return self._frames

    def _cut(self) -> Generator[VideoFrame]:
        """Frames from the start to the end, the one that already stands at the start first."""
        animation = webp.is_webp(self._path, self._limits)
        source = self._animated() if animation else self._timed()
        standing: _Lazy | None = None
        last = -1.0
        for time, picture in source:
            shown = time - self._start
            if shown <= 1e-6:
                standing = picture
                continue
            if standing is not None:
                last = 0.0
                yield VideoFrame(last, standing())
                standing = None
            if shown >= self._end - 1e-6:
                break
            if shown > last:  # time stamps that go back are damage
                last = check_seconds(self._path, shown, self._limits)
                yield VideoFrame(last, picture())
        if standing is not None:
            yield VideoFrame(0.0, standing())
        elif last < 0:
            raise MediaError(f"{self._path}: no frame of the video can be decoded from {self._start:.2f} s on")

    def _animated(self) -> Iterator[tuple[float, _Lazy]]:
        for frame in webp.read_frames(self._path, self._limits):
            yield frame.time, partial(_same, frame.pixels)

    def _timed(self) -> Iterator[tuple[float, _Lazy]]:
        """Frames with their times in the file, from at or before the start on."""
        if self._start > 2 * _SEEK_MARGIN:
            found = self._read(self._start - _SEEK_MARGIN)
            first = next(found, None)
            if first is not None and first[0] <= self._start:
                yield first
                yield from found
                return
            self._notes.clear()  # seeking led nowhere, as in streams with few key frames: read from the beginning
        yield from self._read(None)

    def _read(self, seek: float | None) -> Iterator[tuple[float, _Lazy]]:
        with open_media(self._path, self._limits) as container:
            stream = _stream(self._path, container, self._limits)
            zero = zero_time(container)
            if seek is not None:
                _seek(container, stream, seek + float(zero))
            step = float(1 / self.info.rate)
            time = -step
            for frame in _decode(container, stream, self._notes):
                if frame.pts is not None and frame.time_base is not None:
                    time = float(frame.pts * frame.time_base - zero)
                else:
                    time += step
                yield time, self._picture(frame, stream)
            if time + 2 * step + 1.0 < self.info.seconds:
                self._notes.append(f"the pictures end at {time + step:.2f} s of {self.info.seconds:.2f} s")

    def _picture(self, frame: av.VideoFrame, stream: VideoStream) -> _Lazy:
        """The conversion of a frame, to be made only if the frame is wanted."""
        if frame.width * frame.height > self._limits.max_video_pixels:
            raise _too_large(self._path, frame.width, frame.height, self._limits)
        if frame.color_trc in _HDR_TRANSFERS and not any("HDR" in note for note in self._notes):
            self._notes.append("HDR video: its colours are shown as if they were SDR")
        turn = _Turn(frame)
        size = (self.info.height, self.info.width) if turn.sideways else (self.info.width, self.info.height)
        return lambda: turn(_to_rgb(frame, size, self._reformatter))


class _Turn:
    """The display matrix of a frame: quarter turns and mirrors that make it upright."""

    def __init__(self, frame: av.VideoFrame) -> None:
        data = cast("Buffer | None", frame.side_data.get("DISPLAYMATRIX"))
        a, b, c, d = (1, 0, 0, 1)
        if data is not None and len(bytes(data)) == 36:
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        # A stored pixel (x, y) is shown at (a x + c y, b x + d y).
        self.sideways = abs(b) > abs(a)
        self._flip_x = (c if self.sideways else a) < 0
        self._flip_y = (b if self.sideways else d) < 0
        self.degrees = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360

    def __call__(self, pixels: Bytes) -> Bytes:
        """(H, W, C) turned upright."""
        if self.sideways:
            pixels = pixels.transpose(1, 0, 2)
        if self._flip_y:
            pixels = pixels[::-1]
        if self._flip_x:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(pixels)


def _stream(path: Path, container: InputContainer, limits: Limits) -> VideoStream:
    stream = picture_stream(container)
    if stream is None:
        raise MediaError(f"{path}: no video stream in it; to drive with its sound use it as audio")
    context = stream.codec_context
    if context is None:
        raise MediaError(f"{path}: the video is in a format that cannot be decoded")
    if context.width * context.height > limits.max_video_pixels:
        raise _too_large(path, context.width, context.height, limits)
    stream.thread_type = "AUTO"
    context.thread_count = min(os.cpu_count() or 1, 4)  # each thread holds frames: more would cost memory, not time
    context.options = {"max_pixels": str(limits.max_video_pixels)}
    return stream


def _too_large(path: Path, width: int, height: int, limits: Limits) -> MediaError:
    return MediaError(
        f"{path}: frames of {width}x{height} pixels, more than the limit of {limits.max_video_pixels}; make it smaller"
    )


def _decode(container: InputContainer, stream: VideoStream, notes: list[str]) -> Iterator[av.VideoFrame]:
    """All intact frames in order; what is damaged is skipped and said in `notes`."""
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            notes.append("the file is damaged or cut off: its end cannot be read")
            packet = None
        try:
            decoded = stream.decode(packet)
        except av.EOFError:
            decoded = []
        except av.FFmpegError:
            damaged, decoded = damaged + 1, []
        intact = [frame for frame in decoded if not frame.is_corrupt]
        damaged += len(decoded) - len(intact)
        yield from intact
        if packet is None or (packet.dts is None and packet.size == 0):
            break
    if damaged:
        notes.append(f"{damaged} damaged frames were left out")


def _seek(container: InputContainer, stream: VideoStream, seconds: float) -> None:
    assert stream.time_base is not None
    try:
        container.seek(max(0, int(seconds / stream.time_base)), stream=stream)
    except av.FFmpegError:
        return  # formats that cannot seek are read from their beginning


def _to_rgb(frame: av.VideoFrame, size: tuple[int, int], reformatter: VideoReformatter) -> Bytes:
    """(H, W, 3) sRGB of a decoded frame, over white where it has alpha."""
    matrix = None  # as the stream says
    if frame.colorspace == _UNSPECIFIED_COLORSPACE and frame.height >= _HIGH_DEFINITION:
        matrix = Colorspace.ITU709  # the customary guess for high definition; FFmpeg's own is always BT.601
    alpha = any(component.is_alpha for component in frame.format.components)
    if not alpha:
        rgb = reformatter.reformat(frame, *size, format="rgb24", src_colorspace=matrix)
        return np.asarray(rgb.to_ndarray(), np.uint8)
    # FFmpeg's fast ways to RGBA leave the last columns of some widths unset; this one does not.
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
    converted = reformatter.reformat(frame, *size, format="rgba", src_colorspace=matrix, interpolation=exact)
    return webp.over_white(np.asarray(converted.to_ndarray(), np.uint8))


def _square_size(frame: av.VideoFrame, stream: VideoStream) -> tuple[int, int]:
    aspect = stream.sample_aspect_ratio
    if aspect is None or not Fraction(1, 4) <= aspect <= 4:
        return frame.width, frame.height
    return max(1, round(frame.width * aspect)), frame.height


def _rate(stream: VideoStream) -> Fraction:
    average, nominal = stream.average_rate, stream.guessed_rate
    rate = average or nominal
    if not rate or rate <= 0 or rate > _MAX_RATE:
        return Fraction(25)  # nothing sensible is said
    if nominal and rate < nominal <= rate * Fraction(7, 4):
        rate = nominal  # some frames were left out: the rate of those that are there
    rate = max(Fraction(rate), Fraction(1))
    # Containers that round time stamps to milliseconds give 29.97003 for 30000/1001.
    return next((r for r in _STANDARD_RATES if abs(rate / r - 1) < Fraction(1, 5000)), rate.limit_denominator(100_000))


def _seconds(path: Path, container: InputContainer, stream: VideoStream, limits: Limits) -> float:
    seconds = stream_seconds(path, stream, limits)
    whole = (container.duration or 0) / av.time_base
    variable = stream.average_rate and stream.guessed_rate and stream.average_rate < stream.guessed_rate * 0.99
    if variable and seconds < whole < seconds + 1:
        return whole  # how long the last picture of a variable-rate clip stands, only the sound tells
    return seconds


def _webp_info(path: Path, limits: Limits) -> VideoInfo:
    spans = [(frame.seconds, frame.pixels.shape) for frame in webp.read_frames(path, limits)]
    if not spans:
        raise MediaError(f"{path}: no frame of the animation can be decoded")
    seconds = sum(span for span, _ in spans)
    height, width, _ = spans[0][1]
    rate = Fraction(len(spans)) / Fraction(seconds).limit_denominator(1000)
    return VideoInfo(width, height, rate, seconds, False, 0)


def _same(pixels: Bytes) -> Bytes:
    """(H, W, 3) as it is."""
    return pixels
