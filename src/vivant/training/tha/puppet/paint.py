"""Parts to pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MissingExtraError
from vivant.training.tha.puppet.shapes import Colour, Floats, Paint, Part

Bytes = NDArray[np.uint8]
Box = tuple[float, float, float, float]
SIDE = 512
WHOLE: Box = (0, 0, SIDE, SIDE)
"""Left, top, right and bottom of what is drawn, in pixels of 512."""
COVERING = 0.6
"""Alpha from which on a part hides what is behind it."""


def paint_parts(
    parts: list[Part], size: int = SIDE, box: Box = WHOLE, under: Bytes | None = None, over: Bytes | None = None
) -> Bytes:
    """(size, size, 4) RGBA, straight alpha, of `parts` from back to front, between pictures of what is
    behind them and before them.

    Raises MissingExtraError without skia.
    """
    skia = _skia()
    pixels = np.zeros((size, size, 4), np.uint8)
    info = skia.ImageInfo.Make(size, size, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    with skia.Surface.MakeRasterDirect(info, pixels) as canvas:
        if under is not None:
            canvas.drawImage(_image(skia, under), 0, 0)
        canvas.save()
        canvas.scale(size / (box[2] - box[0]), size / (box[3] - box[1]))
        canvas.translate(-box[0], -box[1])
        paths: dict[str, Any] = {}
        for part in parts:
            paths[part.name] = _path(skia, part)
            _draw(skia, canvas, part, paths)
        canvas.restore()
        if over is not None:
            canvas.drawImage(_image(skia, over), 0, 0)
    return _straight(pixels)


def paint_numbers(parts: list[Part], size: int = SIDE, box: Box = WHOLE) -> Bytes:
    """(S, S) the number from 1 of the part seen at the middle of each pixel, 0 where there is none.

    Only what covers: parts with a fill that is nearly opaque, without their contours. At most 255 parts.
    """
    skia = _skia()
    pixels = np.zeros((size, size, 4), np.uint8)
    info = skia.ImageInfo.Make(size, size, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    with skia.Surface.MakeRasterDirect(info, pixels) as canvas:
        canvas.scale(size / (box[2] - box[0]), size / (box[3] - box[1]))
        canvas.translate(-box[0], -box[1])
        paths: dict[str, Any] = {}
        for number, part in enumerate(parts, 1):
            paths[part.name] = _path(skia, part)
            if part.paint is None or part.paint.alpha < COVERING:
                continue
            canvas.save()
            for name in part.within:
                canvas.clipPath(paths[name])
            canvas.drawPath(paths[part.name], skia.Paint(AntiAlias=False, Color=skia.Color(number, 0, 0, 255)))
            canvas.restore()
    return pixels[..., 0]


def _draw(skia: Any, canvas: Any, part: Part, paths: dict[str, Any]) -> None:
    if part.within:
        canvas.save()
        for name in part.within:
            canvas.clipPath(paths[name], doAntiAlias=True)
    if part.paint is not None:
        canvas.drawPath(paths[part.name], _fill(skia, part.paint, part.points))
    if part.line is not None:
        stroke = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=part.line.width,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        stroke.setColor4f(skia.Color4f(*part.line.colour, part.line.alpha))
        canvas.drawPath(paths[part.name], stroke)
    if part.within:
        canvas.restore()


def _path(skia: Any, part: Part) -> Any:
    path = skia.Path()
    for outline in (part.points, *part.holes):
        first, *others = outline.tolist()
        path.moveTo(*first)
        for x, y in others:
            path.lineTo(x, y)
        if part.closed:
            path.close()
    if part.holes:
        path.setFillType(skia.PathFillType.kEvenOdd)
    return path


def _fill(skia: Any, paint: Paint, points: Floats) -> Any:
    """How to fill an outline `points` (N, 2)."""
    fill = skia.Paint(AntiAlias=True)
    if paint.low is None:
        fill.setColor4f(skia.Color4f(*paint.colour, paint.alpha))
        return fill
    low_alpha = paint.alpha if paint.low_alpha is None else paint.low_alpha
    colours = [_colour(skia, paint.colour, paint.alpha), _colour(skia, paint.low, low_alpha)]
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    if paint.round:
        middle = skia.Point((left + right) / 2, (top + bottom) / 2)
        fill.setShader(skia.GradientShader.MakeRadial(middle, max(right - left, bottom - top, 0.1) / 2, colours))
    else:
        ends = [skia.Point(left, top), skia.Point(left, max(bottom, top + 0.01))]
        fill.setShader(skia.GradientShader.MakeLinear(ends, colours))
    return fill


def _colour(skia: Any, colour: Colour, alpha: float) -> int:
    r, g, b, a = (round(255 * min(max(value, 0.0), 1.0)) for value in (*colour, alpha))
    result: int = skia.Color(r, g, b, a)
    return result


def _straight(pixels: Bytes) -> Bytes:
    """(H, W, 4) premultiplied to straight alpha, in place."""
    row, column = np.nonzero((pixels[..., 3] > 0) & (pixels[..., 3] < 255))
    soft = pixels[row, column].astype(np.float32)
    soft[:, :3] *= 255 / soft[:, 3:]
    pixels[row, column] = np.minimum(soft + 0.5, 255).astype(np.uint8)
    return pixels


def _image(skia: Any, straight: Bytes) -> Any:
    """`straight` (H, W, 4) as Skia takes it."""
    return skia.Image.fromarray(straight, skia.kRGBA_8888_ColorType)


def _skia() -> Any:
    try:
        import skia
    except ImportError as error:
        raise MissingExtraError("skia-python", "train") from error
    return skia
