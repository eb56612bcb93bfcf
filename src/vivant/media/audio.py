"""Sound in: mono or stereo float samples at the asked-for rate, in chunks, aligned by time stamps."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from vivant.errors import MediaError, SettingsError
from vivant.media.container import fault, open_media, stream_seconds, zero_time
from vivant.media.limits import DEFAULT_LIMITS, Limits

Floats = NDArray[np.float32]

_JITTER = 0.04
"""Seconds by which time stamps may be off before silence is put in or sound left out."""
_INEXACT_SEEK = ("mp3", "aac", "mp2", "ac3", "eac3")
_SEEK_MARGIN = 5.0
_LOUDEST = 4.0
"""Floating-point sound may exceed full scale, but damage must not reach the filters."""
_FULL_SCALE = {"u8": 128.0, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0}


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a sound says."""

    seconds: float
    rate: int
    """Samples per second as stored."""
    channels: int


def probe_audio(path: Path, limits: Limits = DEFAULT_LIMITS) -> AudioInfo:
    """Read the header of a sound file, or of the first sound stream of a video.

    Raises `MediaError` if there is no sound stream, no sound in it, or more than `limits` allow.
    """
    with open_media(path, limits) as container:
        stream = _stream(path, container, limits)
        seconds = stream_seconds(path, stream, limits)
        if seconds <= 0:
            raise _nothing(path)
        return AudioInfo(seconds, stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels)


def read_audio(
    path: Path,
    rate: int = 16000,
    limits: Limits = DEFAULT_LIMITS,
    start: float = 0.0,
    seconds: float | None = None,
) -> AudioReader:
    """Read a sound, or the sound of a video, as mono.

    Yields (n,) float32, full scale +-1, `rate` samples per second, `rate` samples at a time (the last chunk is
    shorter). Mono is the mean of the channels; of surround sound the centre counts 0.7, front left and right 0.5,
    the others 0.35, the deep-bass channel nothing. Time 0 is the first picture of a video, the first sample of a
    sound file; `start` and `seconds` cut. Iterating raises `MediaError` if there is no sound or it is damaged.
    """
    return AudioReader(path, Request(rate, 1, start, seconds), limits)


@dataclass(frozen=True)
class Request:
    """Which part of a sound is wanted, and how."""

    rate: int
    """Samples per second."""
    channels: int
    """1 or 2."""
    start: float = 0.0
    """Seconds."""
    seconds: float | None = None
    """None: to the end."""


class AudioReader:
    """Iterator over chunks of about one second; made by `read_audio`, used once.

    Chunks are (n,) float32 for one channel and (n, 2) for two.
    """

    def __init__(self, path: Path, request: Request, limits: Limits) -> None:
        if not request.start >= 0 or (request.seconds is not None and not request.seconds > 0) or request.rate <= 0:
            raise SettingsError(f"{path}: start, length and rate of a sound must be positive")
        self._path, self._request, self._limits = path, request, limits
        self._notes: list[str] = []
        self._chunks = self._cut()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of what has been read so far, one sentence each."""
        return tuple(self._notes)

    def __iter__(self) -> Iterator[Floats]:
        """Chunks (N,), or (N, 2) of stereo."""
        return self

    def __next__(self) -> Floats:
        """The next chunk (N,), or (N, 2) of stereo."""
        return next(self._chunks)

    def close(self) -> None:
        """Close the file; nothing more is yielded."""
        self._chunks.close()

    def _cut(self) -> Generator[Floats]:
        """Chunks (N,) or (N, 2) of exactly one second, down to the asked-for length."""
        request, path = self._request, self._path
        most = round((request.seconds or self._limits.max_seconds) * request.rate)
        waiting: list[Floats] = []
        held = given = 0
        for block in self._resampled():
            block = block[: most - given - held]
            waiting.append(block)
            held += len(block)
            if held >= request.rate:
                joined = np.concatenate(waiting)
                for first in range(0, held - request.rate + 1, request.rate):
                    yield self._shaped(joined[first : first + request.rate])
                waiting = [joined[held - held % request.rate :]]
                given, held = given + held - held % request.rate, held % request.rate
            if given + held >= most:
                if request.seconds is None:
                    raise MediaError(f"{path}: longer than the limit of {self._limits.max_seconds:.0f} s; cut it")
                break
        if given + held == 0:
            raise _nothing(path, request.start)
        if held:
            yield self._shaped(np.concatenate(waiting))

    def _shaped(self, chunk: Floats) -> Floats:
        """(N, 1) as (N,); (N, 2) as it is."""
        return chunk[:, 0] if self._request.channels == 1 else chunk

    def _resampled(self) -> Iterator[Floats]:
        """Blocks (N, C) at the asked-for rate."""
        layout = "mono" if self._request.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="flt", layout=layout, rate=self._request.rate)
        source_rate = 0
        for rate, block in self._aligned():
            if source_rate not in (0, rate):
                raise MediaError(f"{self._path}: the sound changes its sample rate in the middle; convert it first")
            source_rate = rate
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate = rate
            yield from (_interleaved(f, self._request.channels) for f in resampler.resample(frame))
        if source_rate:
            yield from (_interleaved(f, self._request.channels) for f in resampler.resample(None))

    def _aligned(self) -> Iterator[tuple[int, Floats]]:
        """(rate, block (N, C)) without gaps or overlaps from the start on; silence stands where there is no sound."""
        with open_media(self._path, self._limits) as container:
            stream = _stream(self._path, container, self._limits)
            origin = zero_time(container) + Fraction(self._request.start)
            if self._request.start > 2 * _SEEK_MARGIN and container.format.name not in _INEXACT_SEEK:
                _seek(container, stream, float(origin) - _SEEK_MARGIN)
            cursor = 0
            for frame in self._decode(container, stream):
                rate = frame.sample_rate
                block = self._mixed(frame)
                at = cursor
                if frame.pts is not None and frame.time_base is not None:
                    at = round((frame.pts * frame.time_base - origin) * rate)
                if cursor == 0 or abs(at - cursor) > _JITTER * rate:
                    block = block[max(0, cursor - at) :]
                    for silence in _silence(min(at - cursor, int(self._limits.max_seconds * rate)), rate, block):
                        cursor += len(silence)
                        yield rate, silence
                if len(block):
                    cursor += len(block)
                    yield rate, block

    def _decode(self, container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
        damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self._notes.append("the file is damaged or cut off: its end cannot be read")
                packet = None
            try:
                yield from stream.decode(packet)
            except av.EOFError:
                pass
            except av.FFmpegError as error:
                damaged += 1
                if damaged > 1000:
                    raise fault(self._path, error) from None
            if packet is None or (packet.dts is None and packet.size == 0):
                break
        if damaged:
            self._notes.append(f"{damaged} damaged pieces of sound were left out")

    def _mixed(self, frame: av.AudioFrame) -> Floats:
        """(n, 1) or (n, 2) float32; not-a-number and infinity become 0."""
        names = [channel.name for channel in frame.layout.channels]
        if len(names) > self._limits.max_channels:
            raise _too_many(self._path, len(names), self._limits)
        kind = frame.format.name.removesuffix("p")
        if kind not in _FULL_SCALE:
            raise MediaError(f"{self._path}: samples of type {kind} are not understood; convert it to WAV first")
        array = frame.to_ndarray()
        stored = array.T if frame.format.is_planar else array.reshape(-1, len(names))
        if kind in ("flt", "dbl"):
            stored = self._numbers(stored)
        samples = (stored.astype(np.float32) - (128 if kind == "u8" else 0)) / np.float32(_FULL_SCALE[kind])
        return np.asarray(samples @ _mix(names, self._request.channels), np.float32)

    def _numbers(self, stored: NDArray[Any]) -> NDArray[Any]:
        """`stored` (N, C) without what is no number."""
        if not np.isfinite(stored).all():
            stored = np.nan_to_num(stored, nan=0.0, posinf=0.0, neginf=0.0)
            note = "samples that were no numbers (NaN, infinity) were replaced by silence"
            if note not in self._notes:
                self._notes.append(note)
        return np.clip(stored, -_LOUDEST, _LOUDEST)


def _mix(names: list[str], channels: int) -> Floats:
    """(S, C) weights of S `names`. FFmpeg's own mix to mono is 3 dB louder than the mean; this one is not."""
    if channels == 1:
        left_right = _mix(names, 2)
        return np.asarray(left_right.mean(axis=1, keepdims=True), np.float32)
    if len(names) <= 2:
        return np.eye(2, dtype=np.float32) if len(names) == 2 else np.ones((1, 2), np.float32)
    if "FC" not in names:
        return np.full((len(names), 2), 1 / len(names), np.float32)
    weights = []
    for name in names:
        loud = 1.0 if name in ("FL", "FR") else 0.0 if name.startswith("LFE") else 0.7071
        left = name.endswith("L") or name.endswith("C")
        right = name.endswith("R") or name.endswith("C")
        weights.append((loud * left, loud * right))
    return np.array(weights, np.float32)


def _interleaved(frame: av.AudioFrame, channels: int) -> Floats:
    """The samples (N, C) of a packed frame."""
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, channels)


def _silence(count: int, rate: int, like: Floats) -> Iterator[Floats]:
    """`count` zeros in blocks (N, C) of up to a second."""
    for first in range(0, count, rate):
        yield np.zeros((min(rate, count - first), like.shape[1]), np.float32)


def _stream(path: Path, container: InputContainer, limits: Limits) -> AudioStream:
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        raise MediaError(f"{path}: no audio stream in it")
    context = stream.codec_context
    if context is None or not 0 < context.sample_rate <= 768_000:
        raise MediaError(f"{path}: the sound is in a format that cannot be decoded; convert it to WAV first")
    if context.layout.nb_channels > limits.max_channels:
        raise _too_many(path, context.layout.nb_channels, limits)
    return stream


def _too_many(path: Path, channels: int, limits: Limits) -> MediaError:
    return MediaError(f"{path}: {channels} sound channels, more than the limit of {limits.max_channels}; mix it down")


def _nothing(path: Path, start: float = 0.0) -> MediaError:
    return MediaError(f"{path}: no sound in it" + (f" after {start} s" if start else " (no samples, or hardly any)"))


def _seek(container: InputContainer, stream: AudioStream, seconds: float) -> None:
    assert stream.time_base is not None
    try:
        container.seek(max(0, int(seconds / stream.time_base)), stream=stream)
    except av.FFmpegError:
        return  # formats that cannot seek are read from their beginning
