"""Motion files: .npz (everything, compact), .json (plain), .csv (the columns of the Live Link Face app).

All three are untrusted when read: sizes are bounded before anything is decoded, nothing is unpickled, and a malformed
file gives a MotionError that names the file and the field.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from vivant.errors import MotionError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.motion import SHAPES, Floats, Motion

T = TypeVar("T")

FORMAT = "vivant-motion-1"
MAX_FRAMES = 4_000_000
"""Eighteen hours at 60 frames a second."""
MAX_ARRAY_BYTES = 2**32
MAX_TEXT_BYTES = 2**30
MOST = {"curves": 5.0, "translation": 1e4, "gaze": 10.0, "dense": 1e3}
"""What no field of a sound file exceeds, and far beyond what faces do: curves are 0 to 1, centimetres, radians."""
MIN_RATE, MAX_RATE = 1, 1000
DEFAULT_RATE = Fraction(60)
_ASSUMED = f"the time codes of this short file do not tell its rate; {DEFAULT_RATE} frames/s are assumed; use .npz"

LIVE_LINK_CURVES: tuple[str, ...] = tuple(
    name[0].upper() + name[1:]
    for name in (
        *CURVES[: INDEX["jawLeft"]],
        *("jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
        *CURVES[INDEX["mouthSmileLeft"] :],
    )
)
"""The 52 in the order of the app's columns: right before left for jaw and mouth."""
LIVE_LINK_PARTS = ("Head", "LeftEye", "RightEye")
LIVE_LINK_ANGLES = tuple(f"{part}{angle}" for part in LIVE_LINK_PARTS for angle in ("Yaw", "Pitch", "Roll"))
LIVE_LINK_RATES = (24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})[:;](\d{1,3}(?:\.\d+)?)")


def save_motion(path: str | Path, motion: Motion) -> None:
    """Write `motion` in the format of the extension of `path`; the file appears whole or not at all.

    .npz keeps everything (the mesh as float16), .json all but the mesh. .csv keeps curves, head angles and gaze in
    radians, as the app writes them, but neither the head's translation nor the mesh.
    Raises MotionError for another extension or where the file cannot be written.
    """
    path = Path(path)
    writer: Callable[[IO[bytes], Motion], None] = _by_extension(
        path, {".npz": _write_npz, ".json": _write_json, ".csv": _write_csv}
    )
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            writer(file, motion)
        os.replace(temporary, path)
    except OSError as error:
        raise MotionError(f"{str(path)!r} cannot be written ({error.strerror}); choose another place") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Raise the MotionError of `save_motion` for a name that it cannot write, before any work is done."""
    path = Path(path)
    _by_extension(path, {".npz": None, ".json": None, ".csv": None})
    if not path.parent.is_dir():
        raise MotionError(f"{str(path)!r}: the folder {path.parent} does not exist; create it first")


def load_motion(path: str | Path) -> Motion:
    """Read the motion file `path`; raises MotionError that names the file and what is wrong with it."""
    path = Path(path)
    readers: dict[str, Callable[[Path], Motion]] = {".npz": _read_npz, ".json": _read_json, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise MotionError(f"{str(path)!r} is not a motion file; give a .npz, .json or .csv motion")
    try:
        return _sane(reader(path))
    except MotionError as error:
        raise MotionError(f"{str(path)!r}: {error}") from error
    except KeyError as error:
        name = str(error.args[0]).removesuffix(" is not a file in the archive")  # so NumPy says it
        raise MotionError(f"{str(path)!r} lacks the field {name!r}; it is no motion of vivant") from error
    except (OSError, EOFError, ValueError, TypeError, OverflowError, ArithmeticError, RecursionError) as error:
        raise _unreadable(path, error) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def _sane(motion: Motion) -> Motion:
    """The same; raises MotionError for values that no face has, such as curves in percent."""
    for name, most in MOST.items():
        values = getattr(motion, name)
        reached = 0.0 if values is None else float(np.abs(values).max())
        if reached > most:
            hint = "they are 0 to 1, so divide percent by 100" if name == "curves" else "look at its units"
            raise MotionError(f"motion field {name!r} reaches {reached:g}, which no face does; {hint}")
    return motion


def _unreadable(path: Path, error: Exception) -> MotionError:
    reason = " ".join(str(error).split())[:120]
    return MotionError(f"{str(path)!r} is not a readable {path.suffix} motion ({reason}); write it again")


def _by_extension(path: Path, table: dict[str, T]) -> T:
    if path.suffix.lower() not in table:
        raise MotionError(f"{str(path)!r}: motion files end with .npz, .json or .csv; rename it")
    return table[path.suffix.lower()]


def _rate(text: object) -> Fraction:
    """A rate such as "25" or "30000/1001"; bounded, because it decides how many frames a second makes."""
    if not isinstance(text, str) or len(text) > 40:
        raise MotionError("field 'rate' is not text such as '25' or '30000/1001'")
    rate = Fraction(text)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise MotionError(f"field 'rate' is {text}, outside {MIN_RATE}..{MAX_RATE} frames per second")
    return rate


# .npz


def _write_npz(file: IO[bytes], motion: Motion) -> None:
    arrays = {name: getattr(motion, name) for name in SHAPES if getattr(motion, name) is not None}
    if motion.dense is not None:
        arrays["dense"] = motion.dense.astype(np.float16)
    meta = np.array(json.dumps(motion.meta))
    np.savez_compressed(
        file, format=np.array(FORMAT), rate=np.array(str(motion.rate)), meta=meta, names=np.array(CURVES), **arrays
    )


def _read_npz(path: Path) -> Motion:
    _bound_npz(path)
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["format"]) != FORMAT or tuple(stored["names"].tolist()) != CURVES:
            raise MotionError(f"field 'format' is not {FORMAT!r}; write the file with this version")
        arrays = {name: stored[name] for name in SHAPES if name != "dense" or name in stored.files}
        rate, meta = str(stored["rate"]), json.loads(str(stored["meta"]))
    for name, array in arrays.items():
        if array.dtype.kind not in ("b" if name == "present" else "fiu"):
            raise MotionError(f"field {name!r} has the type {array.dtype}")
    floats = {name: array.astype(np.float32) for name, array in arrays.items() if name != "present"}
    return Motion(rate=_rate(rate), present=arrays["present"], meta=_meta(meta), **floats)


def _bound_npz(path: Path) -> None:
    """Refuse arrays that would not fit, by their headers alone (a small zip can hold a huge array)."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if entry.file_size > MAX_ARRAY_BYTES:
                raise MotionError(f"field {name!r} is larger than {MAX_ARRAY_BYTES} bytes; split the motion")
            with archive.open(entry) as file:
                shape, _, dtype = _npy_header(file)
            frames = shape[0] if shape else 1
            if math.prod(shape) * dtype.itemsize > min(MAX_ARRAY_BYTES, entry.file_size) or frames > MAX_FRAMES:
                raise MotionError(f"field {name!r} claims the shape {shape}; the file is damaged or too long")


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    formats: Any = np.lib.format  # has no types
    if formats.read_magic(file) == (1, 0):
        return formats.read_array_header_1_0(file)  # type: ignore[no-any-return]
    return formats.read_array_header_2_0(file)  # type: ignore[no-any-return]


def _meta(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MotionError("field 'meta' is not a table of texts")
    return {str(key): str(text) for key, text in value.items()}


# .json


def _write_json(file: IO[bytes], motion: Motion) -> None:
    frames = [
        {
            "curves": [round(float(value), 5) for value in state.curves],
            "rotation": [[round(float(value), 7) for value in row] for row in state.rotation],
            "translation": [round(float(value), 6) for value in state.translation],
            "gaze": [round(float(value), 6) for value in state.gaze],
            "present": state.present,
        }
        for state in motion
    ]
    content = {"format": FORMAT, "rate": str(motion.rate), "names": CURVES, "meta": motion.meta, "frames": frames}
    file.write(json.dumps(content).encode())


def _read_json(path: Path) -> Motion:
    content = json.loads(_text(path), parse_constant=_no_constant)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise MotionError(f"field 'format' is not {FORMAT!r}")
    frames, names = content["frames"], content["names"]
    if not isinstance(frames, list) or not 0 < len(frames) <= MAX_FRAMES:
        raise MotionError("field 'frames' is not a list of frames")
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(CURVES):
        raise MotionError("field 'names' is not the list of the 52 curves")
    arrays = {name: _frames_array(name, frames) for name in SHAPES if name not in ("dense", "present")}
    if arrays["curves"].shape[1:] != (len(CURVES),):
        raise MotionError("field 'curves' has not 52 numbers in each frame")
    arrays["curves"] = arrays["curves"][:, [names.index(name) for name in CURVES]]
    present = np.array([frame.get("present", True) is True for frame in frames])
    return Motion(rate=_rate(content["rate"]), present=present, meta=_meta(content.get("meta", {})), **arrays)


def _frames_array(name: str, frames: list[Any]) -> Floats:
    """One field (T, ...) of all frames of a JSON file."""
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused as such
            return np.array([frame[name] for frame in frames], np.float32)
    except (ValueError, TypeError, KeyError) as error:
        raise MotionError(f"field {name!r} is missing or is not numbers of one shape in every frame") from error


def _no_constant(name: str) -> float:
    raise MotionError(f"holds {name}; only finite numbers are allowed")


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise MotionError(f"is larger than {MAX_TEXT_BYTES} bytes; use .npz")
    return path.read_text("utf-8-sig")


# .csv of the Live Link Face app


def _write_csv(file: IO[bytes], motion: Motion) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("Timecode", "BlendShapeCount", *LIVE_LINK_CURVES, *LIVE_LINK_ANGLES))
    order = [INDEX[name[0].lower() + name[1:]] for name in LIVE_LINK_CURVES]
    count = len(LIVE_LINK_CURVES) + len(LIVE_LINK_ANGLES)
    for index, state in enumerate(motion):
        gaze = (float(state.gaze[0]), float(state.gaze[1]), 0.0)
        angles = (*angles_from_rotation(state.rotation), *gaze, *gaze)
        values = [f"{value:.8f}" for value in (*state.curves[order], *angles)]
        rows.writerow((_timecode(index, motion.rate), count, *values))
    text.flush()
    text.detach()


def _timecode(index: int, rate: Fraction) -> str:
    """Time of a frame as HH:MM:SS:FF.fff, frames counted at the next whole rate (29.97 counts to 30)."""
    seconds, rest = divmod(Fraction(index) / rate, 1)
    thousandths = min(round(rest * math.ceil(rate) * 1000), math.ceil(rate) * 1000 - 1)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"


def _read_csv(path: Path) -> Motion:
    """Live Link Face: angles in radians; yaw > 0 to the viewer's right, pitch > 0 up, gaze = mean of both eyes."""
    rows = list(islice(csv.DictReader(io.StringIO(_text(path))), MAX_FRAMES + 1))
    if not 0 < len(rows) <= MAX_FRAMES:
        raise MotionError(f"has {len(rows)} rows; a motion has 1 to {MAX_FRAMES}")
    columns = {str(name).strip().lower(): name for name in rows[0]}
    missing = [name for name in ("Timecode", *LIVE_LINK_CURVES[:-1]) if name.lower() not in columns]
    if missing:
        raise MotionError(f"lacks the column {missing[0]!r}; export it with the columns of Live Link Face")
    curves = np.stack([_column(rows, columns.get(name.lower())) for name in CURVES], 1)
    angles = {name: _column(rows, columns.get(name.lower())) for name in LIVE_LINK_ANGLES}
    head = zip(angles["HeadYaw"], angles["HeadPitch"], angles["HeadRoll"], strict=True)
    rotation = np.stack([rotation_from_angles(*map(float, turn)) for turn in head])
    gaze = np.stack([(angles[f"LeftEye{axis}"] + angles[f"RightEye{axis}"]) / 2 for axis in ("Yaw", "Pitch")], 1)
    times = [str(row[columns["timecode"]]) for row in rows]
    nothing = np.zeros((len(rows), 3), np.float32)
    present = np.ones(len(rows), np.bool_)
    rate = _timecode_rate(times)
    meta = {} if rate is not None else {"notes": _ASSUMED}
    return Motion(rate or DEFAULT_RATE, np.clip(curves, 0, 1), rotation, nothing, gaze, present, meta=meta)


def _column(rows: list[dict[str, str]], name: str | None) -> Floats:
    """One column (T,); zeros where the file has none (older versions of the app have no tongueOut and no eyes)."""
    if name is None:
        return np.zeros(len(rows), np.float32)
    try:
        return np.array([float(row[name]) for row in rows], np.float32)
    except (ValueError, TypeError) as error:
        raise MotionError(f"column {name!r} holds something that is no number") from error


def _timecode_rate(times: list[str]) -> Fraction | None:
    """Frames per second: what the rows' time codes say, at the nearest usual rate if it is close; None if nothing."""
    parts = [TIMECODE.fullmatch(text.strip()) for text in times]
    if None in parts:
        raise MotionError(f"column 'Timecode' holds {times[parts.index(None)][:40]!r} instead of HH:MM:SS:FF")
    split = [tuple(map(float, part.groups())) for part in parts if part]
    clock = [hours * 3600 + minutes * 60 + seconds for hours, minutes, seconds, _ in split]
    if clock[-1] <= clock[0]:  # within one second nothing tells frames from seconds
        return None
    counted = next((rate for rate in LIVE_LINK_RATES if rate > max(frame for *_, frame in split)), LIVE_LINK_RATES[-1])
    span = clock[-1] + split[-1][3] / counted - clock[0] - split[0][3] / counted
    measured = (len(times) - 1) / span
    usual = [rate for whole in LIVE_LINK_RATES for rate in (Fraction(whole), Fraction(whole * 1000, 1001))]
    nearest = min(usual, key=lambda rate: abs(float(rate) - measured))
    near = abs(float(nearest) - measured) < 0.0006 * measured
    return nearest if near else _rate(str(Fraction(measured).limit_denominator(1001)))
