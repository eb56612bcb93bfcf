"""Loops of `vivant.nn.separable_conv`, compiled by numba when they first run; the machine code is kept on disk.

A band is (rows, columns + 2, channels): rows of a picture with one column of zeros at either side. Kernels are given as
taps (K K, channels). Channels are the inner loop, where one instruction works on many of them.
"""

from __future__ import annotations

from typing import Any

from vivant.nn.norm_kernels import Floats, compiled


def _fill(source: Floats, top: int, scale: Floats, offset: Floats, leak: Any, band: Floats) -> None:
    """Rows of `source` (H, W, C) from `top` on, times `scale` plus `offset` (C,), leaky ReLU, to `band`; 0 outside."""
    height, width, channels = source.shape
    for r in range(band.shape[0]):
        row = top + r
        if row < 0 or row >= height:
            band[r] = 0
            continue
        for w in range(width):
            to, of = band[r, w + 1], source[row, w]
            for c in range(channels):
                value = of[c] * scale[c] + offset[c]
                to[c] = max(value, leak * value)


def _same(band: Floats, taps: Floats, count: int, out: Floats) -> None:
    """`count` rows of the convolution of kernel 3 over `band` (count + 2, W + 2, C), to `out` (count W, C)."""
    width, channels = band.shape[1] - 2, band.shape[2]
    for r in range(count):
        for w in range(width):
            to = out[r * width + w]
            a, b, c = band[r], band[r + 1], band[r + 2]
            a0, a1, a2 = a[w], a[w + 1], a[w + 2]
            b0, b1, b2 = b[w], b[w + 1], b[w + 2]
            c0, c1, c2 = c[w], c[w + 1], c[w + 2]
            for k in range(channels):
                upper = a0[k] * taps[0, k] + a1[k] * taps[1, k] + a2[k] * taps[2, k]
                middle = b0[k] * taps[3, k] + b1[k] * taps[4, k] + b2[k] * taps[5, k]
                lower = c0[k] * taps[6, k] + c1[k] * taps[7, k] + c2[k] * taps[8, k]
                to[k] = upper + middle + lower


def _halve(band: Floats, taps: Floats, count: int, out: Floats) -> None:
    """`count` rows of the convolution of kernel 4, stride 2, over `band` (2 count + 2, W + 2, C)."""
    width, channels = (band.shape[1] - 2) // 2, band.shape[2]
    for r in range(count):
        for w in range(width):
            to = out[r * width + w]
            for y in range(4):
                row = band[2 * r + y]
                p, q, s, t = row[2 * w], row[2 * w + 1], row[2 * w + 2], row[2 * w + 3]
                k0, k1, k2, k3 = taps[4 * y], taps[4 * y + 1], taps[4 * y + 2], taps[4 * y + 3]
                if y == 0:
                    for k in range(channels):
                        to[k] = p[k] * k0[k] + q[k] * k1[k] + s[k] * k2[k] + t[k] * k3[k]
                else:
                    for k in range(channels):
                        to[k] += p[k] * k0[k] + q[k] * k1[k] + s[k] * k2[k] + t[k] * k3[k]


def _double(band: Floats, taps: Floats, count: int, out: Floats) -> None:
    """`count` pairs of rows of the transposed convolution of kernel 4, stride 2, padding 1, of `band` (R, W + 2, C)."""
    # Each pixel of the result sees 2 x 2 of what comes in: of the taps, every second one.
    width, channels = band.shape[1] - 2, band.shape[2]
    for r in range(count):
        for down in range(2):
            upper, lower = band[r + down], band[r + down + 1]
            one, two = 4 * (3 - down), 4 * (1 - down)
            for w in range(width):
                for right in range(2):
                    to = out[((2 * r + down) * width + w) * 2 + right]
                    p, q, s, t = upper[w + right], upper[w + right + 1], lower[w + right], lower[w + right + 1]
                    k0, k1 = taps[one + 3 - right], taps[one + 1 - right]
                    k2, k3 = taps[two + 3 - right], taps[two + 1 - right]
                    for k in range(channels):
                        to[k] = p[k] * k0[k] + q[k] * k1[k] + s[k] * k2[k] + t[k] * k3[k]


fill = compiled(_fill)
same = compiled(_same)
halve = compiled(_halve)
double = compiled(_double)
