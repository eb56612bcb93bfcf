"""Layers of `fixed_point` on processors with AVX2, whose `vpmaddwd` sums sixteen products of 16 bits at once.

No loop that a compiler sees is turned into that instruction, so the innermost part, a tile of four points and sixteen
or eight channels, is written in the compiler's own language; the loops around it are compiled by numba as all others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from llvmlite.ir import Constant, IntType, IRBuilder, VectorType
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numpy.typing import NDArray

from vivant.avatars.tha.kernels import compiled

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]
Sums = NDArray[np.int32]

POINTS = 4
"""Points of a tile."""
LANES = 8
"""Sums of a vector."""
LARGE, SMALL = 2 * LANES, LANES
"""Channels of a tile of a sine layer and of one without: as many as the layer must be a multiple of."""
SERIES = (18704, -21165, 2603, -142)
"""c1 - 1, c3, c5 and c7 of `_sine`, in 1 / 32768: the odd polynomial with the least error."""
LONG, INT, SHORT, FLOAT = IntType(64), IntType(32), IntType(16), ir.FloatType()
SUMS, SHORTS, FLOATS = VectorType(INT, LANES), VectorType(SHORT, 2 * LANES), VectorType(FLOAT, LANES)


@cache
def available() -> bool:
    """Whether numba compiles for a processor that has the instruction."""
    chosen = config.CPU_NAME  # type: ignore[attr-defined]
    return chosen is None and bool(llvmlite.binding.get_host_cpu_features().get("avx2"))


def _call(builder: IRBuilder, name: str, kind: VectorType, *given: Any) -> Any:
    """What the compiler's intrinsic function `name` gives."""
    declared = ir.FunctionType(kind, [value.type for value in given])
    return builder.call(cgutils.get_or_insert_function(builder.module, declared, name), given)


def _times(builder: IRBuilder, a: Any, b: Any) -> Any:
    """Rounded products of numbers in 1 / 32768."""
    return _call(builder, "llvm.x86.avx2.pmul.hr.sw", SHORTS, a, b)


def _sine(builder: IRBuilder, turns: Any) -> Any:
    """Sine of phases: sin(pi x / 2) = x (c1 + c3 x^2 + c5 x^4 + c7 x^6) to 1e-6, x the distance to a quarter turn."""
    size = _larger(builder, turns, builder.neg(turns))
    quarter = builder.sub(_same(SHORTS, 16384), size)
    x = _larger(builder, _added(builder, quarter, quarter), _same(SHORTS, -32767))
    square = _times(builder, x, x)
    total = builder.add(_times(builder, square, _same(SHORTS, SERIES[-1])), _same(SHORTS, SERIES[-2]))
    for coefficient in SERIES[-3::-1]:
        total = builder.add(_times(builder, square, total), _same(SHORTS, coefficient))
    return _added(builder, x, _times(builder, x, total))


def _same(kind: VectorType, value: int) -> Any:
    return Constant(kind, [value] * kind.count)


def _larger(builder: IRBuilder, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _added(builder: IRBuilder, a: Any, b: Any) -> Any:
    """The sum, at its bound where it is beyond."""
    return _call(builder, f"llvm.sadd.sat.v{2 * LANES}i16", SHORTS, a, b)


def _spread(builder: IRBuilder, value: Any) -> Any:
    """A number in every lane."""
    nothing = Constant(SUMS, ir.Undefined)
    return builder.shuffle_vector(builder.insert_element(nothing, value, INT(0)), nothing, _same(SUMS, 0))


def _halves(builder: IRBuilder, upper: int, a: Any, b: Any) -> Any:
    """The upper (1) or lower (0) 16 bits of two vectors of sums."""
    order = Constant(VectorType(INT, 2 * LANES), list(range(upper, 4 * LANES, 2)))
    return builder.shuffle_vector(builder.bitcast(a, SHORTS), builder.bitcast(b, SHORTS), order)


def _inlined(write: Callable[..., Any]) -> Any:
    """What `write` writes in the compiler's language, as a function for compiled loops."""
    return intrinsic(write)


class _Arrays:
    """Arrays that an intrinsic function was given, as places in memory."""

    def __init__(self, context: Any, builder: IRBuilder, kinds: Any, given: Any) -> None:
        self._builder = builder
        self._parts: list[Any] = [
            cgutils.create_struct_proxy(kind)(context, builder, value=value) if isinstance(kind, types.Array) else None
            for kind, value in zip(kinds, given, strict=True)
        ]

    def columns(self, which: int) -> Any:
        """Of a matrix."""
        return self._builder.extract_value(self._parts[which].shape, 1)

    def vectors(self, which: int, place: Any, kind: Any) -> Any:
        """The address of number `place` of an array as one of vectors."""
        return self._builder.bitcast(self._builder.gep(self._parts[which].data, [place]), kind.as_pointer())


def _expect(arrays: list[Any], numbers: list[Any]) -> None:
    """Refuse `arrays` that do not lie in memory as a tile reads them, of `numbers` each."""
    for array, number in zip(arrays, numbers, strict=True):
        if not isinstance(array, types.Array) or array.layout != "C" or array.dtype != number:
            raise TypingError(f"a contiguous array of {number} is needed, not {array}")


def _sums(builder: IRBuilder, arrays: _Arrays, point: Any, channel: Any, vectors: int) -> list[list[Any]]:
    """Sums of products of the first two arrays, activations (N, I) and weights: POINTS rows of `vectors`."""
    inputs = arrays.columns(0)
    places = [[cgutils.alloca_once(builder, SUMS) for _ in range(vectors)] for _ in range(POINTS)]
    for sums in places:
        for place in sums:
            builder.store(_same(SUMS, 0), place)
    weights = arrays.vectors(1, builder.mul(channel, inputs), SHORTS)
    rows = [arrays.vectors(0, builder.mul(builder.add(point, LONG(k)), inputs), INT) for k in range(POINTS)]
    with cgutils.for_range(builder, builder.lshr(inputs, LONG(1))) as loop:
        start = builder.mul(loop.index, LONG(vectors))
        given = [builder.load(builder.gep(weights, [builder.add(start, LONG(v))]), align=2) for v in range(vectors)]
        for row, sums in zip(rows, places, strict=True):
            pair = _spread(builder, builder.load(builder.gep(row, [loop.index]), align=2))
            for weight, place in zip(given, sums, strict=True):
                more = _call(builder, "llvm.x86.avx2.pmadd.wd", SUMS, builder.bitcast(pair, SHORTS), weight)
                builder.store(builder.add(builder.load(place), more), place)
    return [[builder.load(place) for place in sums] for sums in places]


@_inlined
def _sine_tile(_: Any, x: Any, weight: Any, bias: Any, shift: Any, out: Any, point: Any, channel: Any) -> Any:
    """Sines for POINTS points from `point` on and LARGE channels from `channel` on, see `dense`."""
    _expect([x, weight, bias, out], [types.int16, types.int16, types.int32, types.int16])

    def generate(context: Any, builder: IRBuilder, signature: Any, given: Any) -> Any:
        arrays = _Arrays(context, builder, signature.args, given)
        shift, point, channel = given[3], given[5], given[6]
        up = _spread(builder, builder.trunc(shift, INT))
        start = arrays.vectors(2, channel, SUMS)
        biases = [builder.load(builder.gep(start, [LONG(v)]), align=4) for v in range(2)]
        for k, sums in enumerate(_sums(builder, arrays, point, channel, 2)):
            pair = (builder.add(builder.shl(part, up), more) for part, more in zip(sums, biases, strict=True))
            at = builder.add(builder.mul(builder.add(point, LONG(k)), arrays.columns(4)), channel)
            builder.store(_sine(builder, _halves(builder, 1, *pair)), arrays.vectors(4, at, SHORTS), align=2)
        return context.get_dummy_value()

    return types.void(x, weight, bias, shift, out, point, channel), generate


@_inlined
def _linear_tile(_: Any, x: Any, weight: Any, scale: Any, out: Any, point: Any, channel: Any) -> Any:
    """Values for POINTS points from `point` on and SMALL channels from `channel` on, see `linear`."""
    _expect([x, weight, scale, out], [types.int16, types.int16, types.float32, types.float32])

    def generate(context: Any, builder: IRBuilder, signature: Any, given: Any) -> Any:
        arrays = _Arrays(context, builder, signature.args, given)
        point, channel = given[4], given[5]
        by = builder.load(arrays.vectors(2, channel, FLOATS), align=4)
        for k, (sums,) in enumerate(_sums(builder, arrays, point, channel, 1)):
            at = builder.add(builder.mul(builder.add(point, LONG(k)), arrays.columns(3)), channel)
            value = builder.fmul(builder.sitofp(sums, FLOATS), by)
            builder.store(value, arrays.vectors(3, at, FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(x, weight, scale, out, point, channel), generate


@_inlined
def _begin_tile(_: Any, z: Any, bias: Any, out: Any, point: Any, channel: Any) -> Any:
    """Sines of LARGE phases of a point from `channel` on, see `begin`."""
    _expect([z, bias, out], [types.float32, types.float32, types.int16])

    def generate(context: Any, builder: IRBuilder, signature: Any, given: Any) -> Any:
        arrays = _Arrays(context, builder, signature.args, given)
        point, channel = given[3:]
        at = builder.add(builder.mul(point, arrays.columns(0)), channel)
        starts = (arrays.vectors(0, at, FLOATS), arrays.vectors(1, channel, FLOATS))
        turn = Constant(FLOATS, [2.0**16] * LANES)
        parts = []
        for v in range(2):
            phase, more = (builder.load(builder.gep(start, [LONG(v)]), align=4) for start in starts)
            turns = builder.fmul(builder.fadd(phase, more), turn)
            parts.append(_call(builder, "llvm.x86.avx.cvt.ps2dq.256", SUMS, turns))
        builder.store(_sine(builder, _halves(builder, 0, *parts)), arrays.vectors(2, at, SHORTS), align=2)
        return context.get_dummy_value()

    return types.void(z, bias, out, point, channel), generate


def _begin(z: Floats, bias: Floats, out: Shorts) -> None:
    """Sine of phases `z` (N, C) plus `bias` (C,) to `out` (N, C), C a multiple of LARGE; up to 2**14 turns."""
    for point in range(z.shape[0]):
        for channel in range(0, z.shape[1], LARGE):
            _begin_tile(z, bias, out, point, channel)


def _dense(x: Shorts, weight: Shorts, bias: Sums, shift: int, out: Shorts) -> None:
    """A sine layer: `x` (N, I) to `out` (N, O), N a multiple of POINTS; the others from `fixed_point.sines`.

    `weight` is interleaved by LARGE, which O must be a multiple of, and flat.
    """
    for channel in range(0, out.shape[1], LARGE):
        for point in range(0, x.shape[0], POINTS):
            _sine_tile(x, weight, bias, shift, out, point, channel)


def _linear(x: Shorts, weight: Shorts, scale: Floats, out: Floats) -> None:
    """A layer without a sine: `x` (N, I) to `out` (N, O); weights from `fixed_point.products`, interleaved by SMALL."""
    for channel in range(0, out.shape[1], SMALL):
        for point in range(0, x.shape[0], POINTS):
            _linear_tile(x, weight, scale, out, point, channel)


begin, dense, linear = compiled(_begin), compiled(_dense), compiled(_linear)
