"""Encoding into one container file: pictures, and sound interleaved with them, on exact rational time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vivant.media.audio import AudioReader, Request, probe_audio
from vivant.media.limits import DEFAULT_LIMITS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SOUND_RATE = 48000
_DEFAULT_QUALITY = 80


@dataclass(frozen=True)
class SoundTrack:
    """Sound that accompanies the picture: a sound file, or the sound of a video."""

    path: Path
    start: float = 0.0
    """Seconds of it to leave out."""
    seconds: float | None = None
    """How much of it to use; None: all. It never runs longer than the picture."""


@dataclass(frozen=True)
class Film:
    """What is to be written."""

    size: tuple[int, int]
    """(width, height) of the frames."""
    rate: Fraction
    """Frames per second."""
    alpha: bool
    audio: SoundTrack | None
    quality: int | None
    """0..100, higher is better; None for the usual."""
    comment: str = ""
    """Text stored in the file."""


@dataclass(frozen=True)
class ContainerFormat:
    """How one extension is written."""

    name: str
    """FFmpeg's name of the container."""
    codec: str
    pixels: str
    """FFmpeg's pixel format without alpha."""
    alpha_pixels: str | None
    """The same with alpha; None if it cannot."""
    sound_codec: str | None
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the container."""


CONTAINERS: Mapping[str, ContainerFormat] = {
    ".mp4": ContainerFormat("mp4", "libx264", "yuv420p", None, "aac", {"movflags": "+faststart"}),
    ".webm": ContainerFormat("webm", "libvpx-vp9", "yuv420p", "yuva420p", "libopus"),
    ".mov": ContainerFormat("mov", "prores_ks", "yuv444p10le", "yuva444p10le", "pcm_s16le"),
    ".webp": ContainerFormat("webp", "libwebp_anim", "bgra", "bgra", None, {"loop": "0"}),
}


class ContainerSink:
    """Writes frames, and the sound that belongs to them, into one file."""

    def __init__(self, path: Path, form: ContainerFormat, film: Film) -> None:
        self._film = film
        self._pixels = (form.alpha_pixels if film.alpha else None) or form.pixels
        self._frame_of = FrameMaker(self._pixels)
        self._count = 0
        self._container = av.open(str(path.resolve()), "w", format=form.name, options=dict(form.options))
        if film.comment:
            self._container.metadata["comment"] = film.comment
        try:
            self._stream = self._add_picture(form)
            self._sound: _Sound | None = None
            if film.audio is not None and form.sound_codec is not None:
                self._sound = _Sound(self._container, form.sound_codec, film.audio)
        except BaseException:
            self._container.close()
            raise

    def add(self, pixels: Bytes) -> None:
        """Encode one (H, W, 3 or 4) frame and the sound that goes with it."""
        frame = self._frame_of(pixels)
        frame.pts, frame.time_base = self._count, 1 / self._film.rate
        self._container.mux(self._stream.encode(frame))
        self._count += 1
        if self._sound is not None:
            self._sound.advance(self._count / self._film.rate)

    def finish(self) -> None:
        """Flush the encoders and complete the file."""
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish()
        self._container.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        if self._sound is not None:
            self._sound.close()
        self._container.close()

    def _add_picture(self, form: ContainerFormat) -> VideoStream:
        film = self._film
        stream = self._container.add_stream(form.codec, rate=film.rate, options=_codec_options(form.codec, film))
        assert isinstance(stream, VideoStream)
        even = 2 if "420" in self._pixels else 1
        stream.width, stream.height = (-(-side // even) * even for side in film.size)
        stream.pix_fmt = self._pixels
        stream.codec_context.time_base = 1 / film.rate
        stream.codec_context.thread_count = min(os.cpu_count() or 1, 8)
        if self._pixels.startswith("yuv"):
            stream.color_range, stream.colorspace = ColorRange.MPEG, Colorspace.ITU709
            stream.color_primaries, stream.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        if film.alpha and form.codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"  # without it players do not look for the alpha
        return stream


class _Sound:
    """Reads, converts and encodes a sound track as far as the picture has come."""

    def __init__(self, container: OutputContainer, codec: str, track: SoundTrack) -> None:
        self._layout = "mono" if probe_audio(track.path).channels == 1 else "stereo"
        channels = 1 if self._layout == "mono" else 2
        self._reader = AudioReader(
            track.path, Request(_SOUND_RATE, channels, track.start, track.seconds), DEFAULT_LIMITS
        )
        stream = container.add_stream(codec, rate=_SOUND_RATE, layout=self._layout)
        assert isinstance(stream, AudioStream)
        if codec != "pcm_s16le":
            stream.bit_rate = 96_000 * channels
        self._container, self._stream = container, stream
        self._waiting: Floats = np.zeros((0, channels), np.float32)
        self._given = 0
        self._ended = False

    def advance(self, time: Fraction) -> None:
        """Encode up to `time`, in seconds."""
        wanted = round(time * _SOUND_RATE) - self._given
        while len(self._waiting) < wanted and not self._ended:
            chunk = next(self._reader, None)
            if chunk is None:
                self._ended = True
            else:
                self._waiting = np.concatenate([self._waiting, chunk.reshape(len(chunk), -1)])
        block, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        if len(block):
            samples = np.clip(block, -1, 1).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, self._given, Fraction(1, _SOUND_RATE)
            self._given += len(block)
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self.close()
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._reader.close()


class FrameMaker:
    """Turns pixels into FFmpeg frames of one format; keeps the converter, whose setting up is slow."""

    def __init__(self, pixel_format: str) -> None:
        self._format = pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, pixels: Bytes) -> av.VideoFrame:
        """(H, W, 3 or 4) sRGB to a frame; odd sizes of halved colour are made even by repeating the edge."""
        odd = pixels.shape[0] % 2, pixels.shape[1] % 2
        if "420" in self._format and any(odd):
            pixels = np.pad(pixels, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
        pixels = np.ascontiguousarray(pixels)
        source = av.VideoFrame.from_ndarray(pixels, format="rgba" if pixels.shape[2] == 4 else "rgb24")
        if not self._format.startswith("yuv"):
            return self._reformatter.reformat(source, format=self._format)
        frame = self._reformatter.reformat(
            source,
            format=self._format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            # FFmpeg's fast ways are less exact and leave the last columns of some odd widths unset.
            interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND,
        )
        frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return frame


def _codec_options(codec: str, film: Film) -> dict[str, str]:
    quality = _DEFAULT_QUALITY if film.quality is None else film.quality
    if codec == "libx264":
        return {"preset": "veryfast", "crf": str(round(50 - 0.4 * quality))}
    if codec == "libvpx-vp9":
        speed = {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "lag-in-frames": "0", "auto-alt-ref": "0"}
        return {**speed, "crf": str(round(63 - 0.5 * quality)), "b": "0"}
    if codec == "prores_ks":
        return {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}
    return {"quality": str(quality), "lossless": "0"}
