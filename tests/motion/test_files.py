"""Motion files: round trips, the Live Link Face layout, and hostile input."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivant.errors import MotionError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import rotation_from_angles
from vivant.motion.files import load_motion, save_motion
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(24), Fraction(60))


def motion(count: int = 70, rate: Fraction = Fraction(25), dense: bool = True) -> Motion:
    random = np.random.default_rng(3)
    return Motion.from_states(
        rate,
        [
            FaceState(
                random.random(52).astype(np.float32),
                rotation_from_angles(*(0.4 * random.normal(size=3))),
                random.normal(size=3).astype(np.float32),
                (0.2 * random.normal(size=2)).astype(np.float32),
                random.normal(size=(468, 3)).astype(np.float32) if dense else None,
                bool(random.random() > 0.1),
            )
            for _ in range(count)
        ],
        {"driver": "clip ü.mp4"},
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ending", [".npz", ".json", ".csv"])
def test_round_trip(tmp_path: Path, ending: str, rate: Fraction) -> None:
    path, written = tmp_path / f"-a b😀{ending}", motion(rate=rate)
    save_motion(path, written)
    read = load_motion(path)
    assert read.rate == rate
    np.testing.assert_allclose(read.curves, written.curves, atol=1e-4)
    np.testing.assert_allclose(read.rotation, written.rotation, atol=1e-5)
    np.testing.assert_allclose(read.gaze, written.gaze, atol=1e-5)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # nothing temporary is left
    if ending != ".csv":
        np.testing.assert_allclose(read.translation, written.translation, atol=1e-5)
        assert np.array_equal(read.present, written.present)
        assert read.meta == written.meta
    if ending == ".npz":
        assert written.dense is not None
        np.testing.assert_allclose(read.dense, written.dense, atol=2e-3)
    else:
        assert read.dense is None


def test_one_frame_of_each(tmp_path: Path) -> None:
    for ending in (".npz", ".json", ".csv"):
        save_motion(tmp_path / f"m{ending}", motion(1, dense=False))
        assert len(load_motion(tmp_path / f"m{ending}")) == 1


def test_live_link_layout(tmp_path: Path) -> None:
    """The header that the app writes, from its public format description."""
    path = tmp_path / "m.csv"
    save_motion(path, motion(2))
    header, row = path.read_text().splitlines()[:2]
    names = header.split(",")
    assert names[:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert names[16:25] == [
        *("JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker"),
        *("MouthRight", "MouthLeft"),
    ]
    assert names[53:57] == ["TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"]
    assert names[57:] == [f"{eye}Eye{angle}" for eye in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll")]
    assert row.startswith("00:00:00:00.000,61,")
    assert len(row.split(",")) == 63


def app_rows(names: list[str]) -> str:
    rows = [
        f"17:28:{10 + i // 60}:{i % 60:02d}.123,61," + ",".join("0.5" if n == "JawOpen" else "0.1" for n in names[2:])
        for i in range(150)
    ]
    return "\r\n".join([",".join(names), *rows])


def test_a_recording_of_the_app_reads_in_any_column_order(tmp_path: Path) -> None:
    save_motion(tmp_path / "m.csv", motion(1))
    names = (tmp_path / "m.csv").read_text().splitlines()[0].split(",")
    names = ["Timecode", "BlendshapeCount", *sorted(names[2:])]
    (tmp_path / "app.csv").write_text("\ufeff" + app_rows(names))
    read = load_motion(tmp_path / "app.csv")
    assert read.rate == 60
    assert len(read) == 150
    np.testing.assert_allclose(read.curves[:, INDEX["jawOpen"]], 0.5)
    np.testing.assert_allclose(read.curves[:, INDEX["jawLeft"]], 0.1)
    np.testing.assert_allclose(read.rotation[0], rotation_from_angles(0.1, 0.1, 0.1), atol=1e-6)


def test_json_says_what_it_holds(tmp_path: Path) -> None:
    save_motion(tmp_path / "m.json", motion(2))
    content = json.loads((tmp_path / "m.json").read_text())
    assert content["names"] == list(CURVES)
    assert content["rate"] == "25"
    content["names"] = content["names"][::-1]
    (tmp_path / "r.json").write_text(json.dumps(content))
    np.testing.assert_allclose(
        load_motion(tmp_path / "r.json").curves, load_motion(tmp_path / "m.json").curves[:, ::-1]
    )


def broken_json(**changes: object) -> str:
    frame = {"curves": [0.0] * 52, "rotation": np.eye(3).tolist(), "translation": [0, 0, 0], "gaze": [0, 0]}
    frame.update({name: value for name, value in changes.items() if name in frame})
    content = {"format": "vivant-motion-1", "rate": "25", "names": CURVES, "frames": [frame]}
    content.update({name: value for name, value in changes.items() if name in content})
    return json.dumps(content)


@pytest.mark.parametrize(
    ("ending", "content", "says"),
    [
        (".npz", b"", "not a readable"),
        (".npz", b"PK\x03\x04 no zip", "not a readable"),
        (".json", b"{", "not a readable"),
        (".json", b"[" * 100_000, "not a readable"),
        (".json", b"[]", "format"),
        (".json", broken_json(rate="1/0").encode(), "rate|ZeroDivision|not a readable"),
        (".json", broken_json(rate="1e9").encode(), "rate"),
        (".json", broken_json(rate=25).encode(), "rate"),
        (".json", broken_json(frames=[]).encode(), "frames"),
        (".json", broken_json(frames=[1]).encode(), "curves"),
        (".json", broken_json(curves=[0.0] * 51).encode(), "curves"),
        (".json", broken_json(gaze="up").encode(), "gaze"),
        (".json", broken_json(rotation=np.ones((3, 3)).tolist()).encode(), "rotation"),
        (".json", broken_json(translation=[0, 0, 1e60]).encode(), "translation"),
        (".json", broken_json(gaze=[float("nan"), 0]).encode(), "NaN"),
        (".json", broken_json(names=["a"]).encode(), "names"),
        (".csv", b"", "0 rows"),
        (".csv", b"Timecode,EyeBlinkLeft\n1,2\n", "EyeLookDownLeft"),
        (".csv", b"\xff\xfe\x00", "not a readable"),
        (".txt", b"", "not a motion file"),
    ],
)
def test_malformed_files_are_named_in_one_line(tmp_path: Path, ending: str, content: bytes, says: str) -> None:
    path = tmp_path / f"bad one{ending}"
    path.write_bytes(content)
    with pytest.raises(MotionError, match=says) as caught:
        load_motion(path)
    assert "bad one" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("column", "value"), [("JawOpen", "wide"), ("HeadYaw", ""), ("Timecode", "noon")])
def test_a_bad_cell_names_its_column(tmp_path: Path, column: str, value: str) -> None:
    save_motion(tmp_path / "m.csv", motion(2))
    lines = (tmp_path / "m.csv").read_text().splitlines()
    cells = lines[2].split(",")
    cells[lines[0].split(",").index(column)] = value
    (tmp_path / "m.csv").write_text("\n".join([*lines[:2], ",".join(cells)]))
    with pytest.raises(MotionError, match=column):
        load_motion(tmp_path / "m.csv")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez(path, format=np.array(["x", {}], object))
    with pytest.raises(MotionError, match=r"m\.npz"):
        load_motion(path)


def test_a_small_file_that_claims_a_huge_array_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    save_motion(path, motion(2, dense=False))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 468, 3)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dense.npy", header.getvalue())
    with pytest.raises(MotionError, match="'dense' claims"):
        load_motion(path)


def test_an_archive_of_something_else_is_told_by_the_field_it_lacks(tmp_path: Path) -> None:
    np.savez(tmp_path / "track.npz", landmarks=np.zeros((3, 478, 3)))
    with pytest.raises(MotionError, match="lacks the field 'format';"):
        load_motion(tmp_path / "track.npz")


def test_a_missing_file_and_an_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="not a motion file"):
        load_motion(Path(__file__))
    with pytest.raises(MotionError, match="not a motion file"):
        load_motion(tmp_path / "none.npz")
    with pytest.raises(MotionError, match="cannot be written"):
        save_motion(tmp_path / "no" / "where.npz", motion(1))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.npz"
    save_motion(path, motion(1))
    before = path.read_bytes()

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fails)
    with pytest.raises(MotionError, match="No space"):
        save_motion(path, motion(2))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["m.npz"]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("ending", [".npz", ".json", ".csv"])
def test_mutated_files_load_or_raise_motion_errors(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    path = tmp_path / f"m{ending}"
    save_motion(path, motion(3, dense=False))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for _ in range(data.draw(st.integers(1, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(MotionError):  # any other exception fails
        assert np.isfinite(load_motion(path).curves).all()


def test_curves_in_percent_are_refused(tmp_path: Path) -> None:
    """Pickers of other programs write 0 to 100; drawn, that would tear a face apart."""
    still = motion(3)
    save_motion(tmp_path / "percent.npz", replace(still, curves=still.curves * 0 + 80))
    with pytest.raises(MotionError, match="'curves' reaches 80, which no face does; they are 0 to 1"):
        load_motion(tmp_path / "percent.npz")
    save_motion(tmp_path / "far.npz", replace(still, translation=still.translation * 0 + 1e9))
    with pytest.raises(MotionError, match="'translation' reaches 1e"):
        load_motion(tmp_path / "far.npz")
