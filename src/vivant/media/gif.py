"""GIF out: one palette for the whole clip, found from its first seconds, so that flat parts do not flicker."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vivant.media.encode import Film, FrameMaker

Bytes = NDArray[np.uint8]

_PALETTE_FRAMES = 60
_PALETTE_BYTES = 96_000_000
"""How much is held back to find the palette: bounds the memory for large pictures."""


class GifSink:
    """Holds the first frames back, finds a palette in them, then writes frame by frame."""

    def __init__(self, path: Path, film: Film) -> None:
        self._film = film
        self._frame_of = FrameMaker("bgra")
        self._held: list[av.VideoFrame] = []
        self._count = 0
        self._dither: Graph | None = None
        self._container = av.open(str(path.resolve()), "w", format="gif", options={"loop": "0"})
        stream = self._container.add_stream("gif", rate=film.rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = film.size
        stream.pix_fmt = "pal8"
        stream.codec_context.time_base = 1 / film.rate
        self._stream = stream

    def add(self, pixels: Bytes) -> None:
        """Take one (H, W, 3 or 4) frame."""
        frame = self._frame_of(pixels)
        frame.pts, frame.time_base = self._count, 1 / self._film.rate
        self._count += 1
        if self._dither is not None:
            self._write(frame)
            return
        self._held.append(frame)
        if len(self._held) >= min(_PALETTE_FRAMES, max(1, _PALETTE_BYTES // (4 * frame.width * frame.height))):
            self._release()

    def finish(self) -> None:
        """Write what is held back and complete the file."""
        if self._dither is None:
            self._release()
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._container.close()

    def _release(self) -> None:
        """Find the palette and write the frames that were held back for it."""
        held, self._held = self._held, []
        self._dither = _dither_graph(self._film, _palette(self._film, held))
        for frame in held:
            self._write(frame)

    def _write(self, frame: av.VideoFrame) -> None:
        assert self._dither is not None
        self._dither.push(frame, at=0)
        coloured = self._dither.vpull()
        coloured.pts, coloured.time_base = frame.pts, frame.time_base
        self._container.mux(self._stream.encode(coloured))


def _palette(film: Film, frames: list[av.VideoFrame]) -> av.VideoFrame:
    graph = Graph()
    source = _source(graph, film.size, film)
    graph.link_nodes(source, graph.add("palettegen", "stats_mode=full"), graph.add("buffersink")).configure()
    for frame in frames:
        graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()


def _dither_graph(film: Film, palette: av.VideoFrame) -> Graph:
    """Pictures in, palette indices out; ordered dither, because its pattern stands still where the picture does."""
    graph = Graph()
    source = _source(graph, film.size, film)
    colours = _source(graph, (16, 16), film)
    apply = graph.add("paletteuse", "dither=bayer:bayer_scale=4:alpha_threshold=128")
    source.link_to(apply, 0, 0)
    colours.link_to(apply, 0, 1)
    apply.link_to(graph.add("buffersink"))
    graph.configure()
    palette.pts, palette.time_base = 0, 1 / film.rate
    colours.push(palette)
    colours.push(None)
    return graph


def _source(graph: Graph, size: tuple[int, int], film: Film) -> FilterContext:
    return graph.add_buffer(width=size[0], height=size[1], format=VideoFormat("bgra"), time_base=1 / film.rate)
