"""How speech from a loudspeaker, a large room or a telephone sounds: augmentation, so that a model hears people, too.

All functions take and give mono sound (n,) at 16 kHz and keep its timing.
"""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.sound import RATE

Floats = NDArray[np.float32]


def faster(sound: Floats, percent: int) -> Floats:
    """Played at `percent` of its speed: above 100 shorter, higher, and from a smaller throat."""
    from scipy.signal import resample_poly

    return cast(Floats, resample_poly(sound, 100, percent).astype(np.float32))


def in_room(sound: Floats, draw: np.random.Generator) -> Floats:
    """With the echoes of a room that fades by 60 dB within 0.15 to 0.8 s; the direct sound stays in its place."""
    from scipy.signal import fftconvolve

    fade = float(draw.uniform(0.15, 0.8))
    count = int(fade * RATE)
    echoes = draw.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    echoes[: int(draw.uniform(0.002, 0.02) * RATE)] = 0
    echoes *= draw.uniform(0.15, 0.8) / np.sqrt((echoes**2).sum())
    echoes[0] = 1.0
    return cast(Floats, fftconvolve(sound, echoes)[: len(sound)].astype(np.float32))


def by_telephone(sound: Floats) -> Floats:
    """300 to 3400 Hz and eight bits by the mu-law (G.711)."""
    from scipy.signal import butter, sosfiltfilt

    narrow = sosfiltfilt(butter(4, [300, 3400], "bandpass", fs=RATE, output="sos"), sound)
    loudest = float(np.abs(narrow).max()) + 1e-9
    coded = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / loudest) / np.log(256)
    coded = np.round(coded * 127) / 127
    return cast(Floats, (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255 * loudest).astype(np.float32))


def by_opus(sound: Floats, bits_per_second: int) -> Floats:
    """Through the Opus coder and back."""
    import av

    file = io.BytesIO()
    whole = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(file, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=RATE)
        stream.layout, stream.bit_rate = "mono", bits_per_second
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=320)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as back:
        to_ours = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        pieces = [p.to_ndarray()[0] for f in back.decode(audio=0) for p in to_ours.resample(f)]
    joined: Floats = np.concatenate([*pieces, np.zeros(RATE, np.float32)])
    return joined[: len(sound)]
