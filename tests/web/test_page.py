"""The page in a real Chromium, from a server that only serves files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from characters import decibels, made_up, random_poses

from vivant.avatars.tha.pose import INDEX
from vivant.avatars.tha.student import StudentPoser
from vivant.media.limits import DEFAULT_LIMITS
from vivant.media.video import open_video
from vivant.web.export import Tracker, export_web
from vivant.web.pack import pack

from .conftest import Launch, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium(launch: Launch) -> Any:
    return launch()


@pytest.fixture
def page(chromium: Any, folder: Path) -> Iterator[Any]:
    """The page of the made-up character, still."""
    with served(folder) as url:
        context = chromium.new_context(viewport={"width": 1000, "height": 700})
        page = context.new_page()
        page.asked = []  # every address that the page asks for
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(url)
        page.wait_for_selector("html[data-frames]")
        page.uncheck("#idle")
        page.url_of_server = url
        yield page
        context.close()


SETTLED = """async () => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    await frame();
    do await frame(); while (vivant.pool.shown < vivant.pool.number);
    return Array.from(document.getElementById("picture").getContext("2d").getImageData(0, 0, 512, 512).data);
}"""


def shown(page: Any) -> np.ndarray:
    """(512, 512, 4) what the canvas holds once nothing moves any more."""
    return np.array(page.evaluate(SETTLED), np.uint8).reshape(512, 512, 4)


def test_it_draws_what_the_exact_student_draws(page: Any) -> None:
    wanted = StudentPoser(made_up()).draw(np.zeros(45, np.float32))
    assert decibels(shown(page), wanted) > 38


BOTH = """async pose => {
    const { Engine } = await import("./engine.js"), { unpacked } = await import("./files.js");
    const character = await unpacked("character.bin"), drawn = [];
    for (const name of ["engine.wasm", "engine_relaxed.wasm"]) {
        const engine = await Engine.start(await (await fetch(name)).arrayBuffer(), character.slice(0));
        drawn.push(Array.from(engine.draw(pose)));
    }
    return drawn;
}"""


def test_products_of_bytes_draw_what_those_of_16_bits_draw(page: Any) -> None:
    pose = random_poses(26, 1)[0]
    one, other = np.array(page.evaluate(BOTH, pose.tolist()), np.uint8).reshape(2, 512, 512, 4)
    assert decibels(one, other) > 40
    assert (one != other).any()
    assert decibels(other, StudentPoser(made_up()).draw(pose)) > 38


def test_a_slider_moves_the_picture_and_rest_brings_it_back(page: Any) -> None:
    before = shown(page)
    page.evaluate("vivant.sliders.set('mouth_aaa', 1)")
    opened = shown(page)
    face = np.abs(opened.astype(int) - before)[80:208, 192:320]
    assert face.mean() > 3
    page.click("#rest")
    np.testing.assert_array_equal(shown(page), before)


def test_sliders_go_in_pairs_unless_told_otherwise(page: Any) -> None:
    page.click("#group-eye summary")
    slider = "document.getElementById('eye_wink_right').valueAsNumber"
    page.fill("#eye_wink_left", "0.5")
    assert page.evaluate(slider) == 0.5
    page.uncheck("#pairs")
    page.fill("#eye_wink_left", "0.8")
    assert page.evaluate(slider) == 0.5
    assert page.locator(".slider input").count() == 45


def test_the_mouse_and_idling_move_the_head(page: Any) -> None:
    wanted = "vivant.wanted(0.05)[vivant.rules.index.head_y]"
    assert page.evaluate(wanted) == 0
    page.check("#mouse")
    page.mouse.move(600, 200)
    page.wait_for_timeout(1500)
    assert page.evaluate(wanted) < -0.2  # to the viewer's right
    page.uncheck("#mouse")
    page.check("#idle")
    page.wait_for_timeout(1500)
    assert page.evaluate(wanted) != 0
    assert 0 <= page.evaluate("vivant.wanted(0.05)[vivant.rules.index.breathing]") <= 1


def test_nothing_is_asked_of_another_server(page: Any) -> None:
    assert page.asked
    assert all(url.startswith((page.url_of_server, "data:", "blob:")) for url in page.asked)
    assert page.locator("#problem").is_hidden()


@pytest.mark.parametrize("name", ["engine_relaxed.wasm", "character.bin", "character.json", "pool.js", "worker.js"])
def test_a_missing_file_is_named(chromium: Any, folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "page"
    shutil.copytree(folder, copy)
    (copy / name).unlink()
    with served(copy) as url:
        page = chromium.new_page()
        page.goto(url)
        page.wait_for_selector("#problem:not([hidden])", timeout=5000)
        assert name in page.inner_text("#problem") or name == "pool.js"
        page.close()


def test_a_damaged_character_is_one_line(chromium: Any, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "page"
    shutil.copytree(folder, copy)
    (copy / "character.bin").write_bytes(pack(made_up())[:-16])
    with served(copy) as url:
        page = chromium.new_page()
        page.goto(url)
        page.wait_for_selector("#problem:not([hidden])", timeout=5000)
        assert "character.bin does not fit" in page.inner_text("#problem")
        page.close()


def test_without_simd_the_page_says_so(chromium: Any, folder: Path) -> None:
    with served(folder) as url:
        page = chromium.new_page()
        page.add_init_script("WebAssembly.validate = () => false")
        page.goto(url)
        page.wait_for_selector("#problem:not([hidden])", timeout=5000)
        assert "lacks SIMD" in page.inner_text("#problem")
        page.close()


def test_from_a_file_the_page_says_how_to_serve_it(chromium: Any, folder: Path) -> None:
    page = chromium.new_page()
    page.goto((folder / "index.html").as_uri())
    assert "http.server" in page.inner_text("#problem")
    page.close()


@pytest.mark.parametrize(
    ("video", "moving"),
    [
        ("v03_expressions_turns_30fps.mp4", {"head_y": 0.3, "eye_wink_left": 0.3, "mouth_lowered_corner_left": 0.2}),
        (
            "v04_expressive_long_hair_30fps.mp4",
            {"mouth_uuu": 0.3, "mouth_raised_corner_left": 0.3, "eyebrow_raised_left": 0.5},
        ),
    ],
    ids=["turns", "speech"],
)
def test_a_webcam_moves_head_and_face(
    launch: Launch, samples: Path, tmp_path: Path, video: str, moving: dict[str, float]
) -> None:
    package = Path(os.environ.get("VIVANT_TASKS_VISION_DIR", ""))
    model = samples / "models" / "face_landmarker.task"
    if not ((package / "vision_bundle.mjs").is_file() and model.is_file()):
        pytest.skip("name the unpacked npm package @mediapipe/tasks-vision in VIVANT_TASKS_VISION_DIR")
    clip = tmp_path / "camera.mjpeg"
    write_camera(clip, samples / "videos" / video)
    export_web(tmp_path / "page", made_up(), Tracker(package, model))
    camera = f"--use-file-for-fake-video-capture={clip}"
    chromium = launch("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", camera)
    with served(tmp_path / "page") as url:
        page = chromium.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.wait_for_selector("html[data-frames]")
        page.uncheck("#idle")
        page.check("#webcam")
        page.wait_for_selector("#straight:not([hidden])", timeout=30_000)
        poses = []
        for _ in range(40):
            page.wait_for_timeout(200)
            poses.append(page.evaluate("vivant.wanted(0.1)"))
        moved = np.ptp(poses, axis=0)
        assert all(moved[INDEX[name]] > least for name, least in moving.items())
        assert page.locator("#problem").is_hidden()
        assert all(url_asked.startswith((url, "data:", f"blob:{url}")) for url_asked in asked)
        page.uncheck("#webcam")
        assert page.locator("#camera").is_hidden()
        page.close()


def write_camera(path: Path, clip: Path) -> None:
    """Eight seconds of `clip` as the stream of JPEGs that Chromium takes for a camera."""
    with path.open("wb") as out, open_video(clip, DEFAULT_LIMITS, 0, 8) as video:
        for frame in video:
            small = cv2.resize(frame.pixels, (480, round(480 * frame.pixels.shape[0] / frame.pixels.shape[1])))
            out.write(cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes())
