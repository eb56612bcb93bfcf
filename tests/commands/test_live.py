"""`vivant live` from its options to its outputs, with real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vivant.cli import parse
from vivant.commands.live import LiveOptions, live, open_draw
from vivant.errors import MediaError, SettingsError, VivantError
from vivant.face.arkit import INDEX
from vivant.media.video import open_video, probe_video
from vivant.motion.files import load_motion, save_motion
from vivant.motion.live.vmc import VmcFace
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState
from vivant.provenance import read_marks


def run(*words: str) -> int:
    options = parse("live", LiveOptions, list(words))
    assert options is not None
    return live(options)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind(("127.0.0.1", 0))
        return int(way.getsockname()[1])


@contextmanager
def phone(port: int, packet: bytes) -> Iterator[None]:
    """A phone that sends sixty packets a second."""
    stop = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            while not stop.wait(1 / 60):
                way.sendto(packet, ("127.0.0.1", port))
                way.sendto(b"rubbish", ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def result(text: str) -> dict[str, Any]:
    return json.loads(text.strip().splitlines()[-1])  # type: ignore[no-any-return]


def test_a_phone_moves_a_vmc_program_and_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port, out = free_port(), tmp_path / "motion.npz"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marionette, phone(port, b"jawOpen&80|eyeBlink_L&100|"):
        marionette.bind(("127.0.0.1", 0))
        marionette.settimeout(1.0)
        words = ["--from", "iphone", "--port", str(port), "--host", "127.0.0.1", "--to", "vmc", "--vmc-port"]
        words += [str(marionette.getsockname()[1]), "--seconds", "1.5", "-o", str(out), "--json"]
        assert run(*words) == 0
        face, state = VmcFace(), None
        marionette.setblocking(False)
        while True:
            try:
                state = face.feed(marionette.recv(2000)) or state
            except BlockingIOError:
                break
    captured = capsys.readouterr()
    record = result(captured.out)
    assert record["packets"]["taken"] > 5
    assert record["packets"]["malformed"] > 5
    assert "packets were malformed" in captured.err
    motion = load_motion(out)
    assert float(motion.curves[-1, INDEX["jawOpen"]]) == pytest.approx(0.8, abs=0.05)
    assert float(motion.curves[-1, INDEX["eyeBlinkRight"]]) > 0.9  # as in a mirror
    assert state is not None
    assert float(state.curves[INDEX["eyeBlinkRight"]]) > 0.9


def test_a_portrait_lives_in_a_film(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "live.mp4"
    words = [str(samples / "portraits" / "p03_glasses_curly.jpg"), "--from", "idle", "--to", "browser"]
    assert run(*words, "--web-port", "0", "--crop", "face", "--size", "256", "--seconds", "1.5", "-o", str(out)) == 0
    info = probe_video(out)
    assert (info.width, info.height, info.rate) == (256, 256, 30)
    assert info.seconds > 0.5
    captured = capsys.readouterr()
    assert "open http://127.0.0.1:" in captured.err
    assert "from driver to picture" in captured.out


@pytest.mark.slow
def test_a_real_character_opens_its_mouth_breathes_and_keeps_its_alpha(samples: Path) -> None:
    folder = samples / "tha4" / "lambda_00"
    if not folder.is_dir():
        pytest.skip("no character in the sample kit")
    draw = open_draw(LiveOptions(folder))
    curves = np.zeros(52, np.float32)
    curves[[INDEX["jawOpen"], INDEX["mouthLowerDownLeft"], INDEX["mouthLowerDownRight"]]] = (0.6, 0.5, 0.5)
    rest, said = draw(FaceState()).astype(int), draw(FaceState(curves)).astype(int)
    assert rest.shape == (512, 512, 4)
    assert rest[0, 0, 3] == 0
    assert rest[..., 3].max() == 255
    changed = np.abs(said - rest).max(2) > 40
    mouth, forehead = changed[155:190, 236:276], changed[90:125, 236:276]  # of this character
    assert mouth.sum() > 40
    assert forehead.sum() == 0


@pytest.mark.slow
def test_a_recorded_character_keeps_its_alpha_where_the_format_can(samples: Path, tmp_path: Path) -> None:
    folder = samples / "tha4" / "lambda_01"
    if not folder.is_dir():
        pytest.skip("no character in the sample kit")
    words = [str(folder), "--from", "idle", "--to", "browser", "--web-port", "0", "--seconds", "1", "-o"]
    assert run(*words, str(tmp_path / "frames")) == 0
    frame = cv2.imread(str(next((tmp_path / "frames").iterdir())), cv2.IMREAD_UNCHANGED)
    assert (frame[0, 0, 3], frame[..., 3].max()) == (0, 255)
    assert run(*words, str(tmp_path / "live.mp4")) == 0
    with open_video(tmp_path / "live.mp4") as film:
        assert next(iter(film)).pixels[:20, :20].min() > 245  # over white
    assert read_marks(tmp_path / "live.mp4").synthetic


def test_a_motion_file_plays_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "motion.csv"
    save_motion(path, Motion.from_states(30, [FaceState()] * 15, {}))  # type: ignore[arg-type]
    assert run("--from", "csv", "--motion", str(path), "--to", "vmc", "--vmc-port", str(free_port()), "--json") == 0
    assert 1 <= result(capsys.readouterr().out)["frames"] <= 16


@pytest.mark.usefixtures("device")
def test_the_microphone_drives(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--from", "mic", "--to", "vmc", "--vmc-port", str(free_port()), "--seconds", "1", "--json") == 0
    assert result(capsys.readouterr().out)["frames"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "idle"], "give a character or a portrait"),
        (["nothing.vivant", "--from", "idle"], "nothing.vivant does not exist"),
        (["face.png", "--from", "idle", "--character", "girl.vivant"], "give --avatar tha"),
        (["--from", "csv", "--to", "vmc"], "belong together"),
        (["--from", "csv", "--motion", "no.csv", "--to", "vmc"], "no.csv: no such file"),
        (["--from", "mouse", "--to", "vmc"], "over the window or the page only"),
        (["--from", "idle", "--to", "vmc", "--smooth", "99"], "smooth is 99"),
        (["--from", "idle", "--to", "vmc", "--fps", "0"], "0 frames per second cannot be shown"),
        (["--from", "idle", "--to", "vmc", "-o", "x.mp4"], "only --to vmc and --to vts need none"),
        (["--from", "idle", "--to", "vmc", "-o", "no/such/folder.npz"], "does not exist"),
        (["--from", "iphone", "--to", "vmc", "--port", "99999"], "port 99999 does not exist"),
        (["--from", "idle", "--to", "vmc", "--web-port", "-1"], "port -1 does not exist"),
        (["--from", "idle", "--to", "vmc", "--vmc-port", "0"], "port 0 does not exist; give a number from 1"),
        (["--from", "idle", "--to", "vts", "--vts-port", "99999"], "port 99999 does not exist"),
        (["--from", "vmc", "--to", "vmc"], "hear itself at port 39539; give another --port or --vmc-port"),
        (["--from", "vmc", "--to", "vmc", "--vmc-port", "1", "--sender", "nosuch.invalid"], "no host 'nosuch.invalid'"),
        (["--from", "idle", "--to", "vmc", "--seed", "-1"], "seed is -1"),
        (["--from", "sonar"], "invalid choice"),
        (["--from", "idle", "--to", "vts", "--vts-port", "1"], "nobody answers"),
    ],
)
def test_what_cannot_work_is_one_clear_line(words: list[str], message: str) -> None:
    with pytest.raises(VivantError, match=message) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


def test_a_film_is_never_written_over_its_picture(tmp_path: Path) -> None:
    picture = tmp_path / "girl.png"
    picture.write_bytes(b"x")
    with pytest.raises((SettingsError, MediaError)):
        run(str(picture), "--from", "idle", "--to", "browser", "-o", str(picture))
    assert picture.read_bytes() == b"x"


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_ends_cleanly_and_keeps_the_recording(tmp_path: Path) -> None:
    out = tmp_path / "motion.npz"
    code = (
        "import sys; from vivant.cli import parse; from vivant.commands.live import LiveOptions, live, open_draw; "
        "sys.exit(live(parse('live', LiveOptions, sys.argv[1:])))"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marionette:
        marionette.bind(("127.0.0.1", 0))
        marionette.settimeout(60.0)
        words = ["--from", "idle", "--to", "vmc", "--vmc-port", str(marionette.getsockname()[1]), "-o", str(out)]
        process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(40):
            marionette.recv(2000)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert b"vivant: stopped" in errors
    assert b"Traceback" not in errors
    assert b"frames" in output
    assert np.isfinite(load_motion(out).curves).all()
