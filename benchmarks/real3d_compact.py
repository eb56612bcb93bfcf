"""The packaged 3-D heads beside relief, on rendered heads that neither has seen, or on pictures.

    python benchmarks/real3d_compact.py ict_facekit.npz [--heads 8] [--sheet heads.png]
    python benchmarks/real3d_compact.py --portraits A.jpg B.jpg --sheet views.webp

Each head is rendered as a portrait, and again as it would look after a turn; both avatars are given the portrait, cut
out, and turn it. Only the head counts, over plain grey: trunks do not turn with heads here. Relief may turn as far as
it is asked to, beyond what it allows itself otherwise. With pictures there is nothing to compare with but the eye: a
row of relief's views of each, and one of ours.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.compact import CompactHead, open_compact
from vivant.avatars.real3d.crop import CropSettings
from vivant.avatars.real3d.head_turning import LIMITS
from vivant.avatars.real3d.prepare import Layers, LayerSettings, prepare_layers
from vivant.avatars.relief.relief import Relief, ReliefSettings
from vivant.evaluate.lpips import Lpips, open_lpips
from vivant.face.ict import read_ict
from vivant.face.pose import FLIP, rotation_from_angles
from vivant.face.window import Window
from vivant.media.image import write_image
from vivant.motion.state import FaceState
from vivant.portrait.matte import cut_out
from vivant.portrait.open import open_portrait
from vivant.portrait.parts import map_parts
from vivant.portrait.portrait import Portrait
from vivant.training.real3d.compact_examples import Scene, Seen, measured, rendered_head
from vivant.training.real3d.heads.body import open_body
from vivant.training.real3d.heads.person import draw_person

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE, GREY = 512, 128
SEED = 10**6
"""Beyond all seeds of training."""
TURNS = (-45, -30, -15, 15, 30, 45)
VIEWS, CELL = (-45, -30, -15, 0, 15, 30, 45), 192
"""Turns of pictures, and pixels of each on the sheet."""


def main() -> None:
    """Print the table, and write a sheet: portrait, then turn by turn truth, relief and ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="ict_facekit.npz")
    parser.add_argument("--portraits", type=Path, nargs="+", default=[])
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument(
        "--lpips", type=Path, nargs=2, metavar=("BACKBONE", "HEADS"), help="your weights, see vivant.evaluate.lpips"
    )
    options = parser.parse_args()
    ours, relief = open_compact(Relief(), options.weights), Relief(ReliefSettings(limits=LIMITS))
    if options.portraits:
        print("| picture | prepare s | real3d ms | relief ms | ratio |\n| --- | --- | --- | --- | --- |")
        sheet = np.concatenate([views(path, ours, relief) for path in options.portraits])
        if options.sheet:
            write_image(options.sheet, sheet)
        return
    if options.model is None:
        parser.error("give ict_facekit.npz or --portraits")
    model = read_ict(options.model)
    body = open_body(model)
    lpips = open_lpips(*options.lpips) if options.lpips else None
    figures: dict[tuple[int, str], list[Floats]] = {}
    rows = []
    for number in range(options.heads):
        random = np.random.default_rng([SEED, number])
        scene = rendered_head(draw_person(model, body, random), model, body, random)
        rows.append(compare(scene, ours, relief, figures, lpips))
    print_table(figures)
    if options.sheet:
        write_image(options.sheet, np.concatenate(rows))


def views(path: Path, ours: CompactHead, relief: Relief) -> Bytes:
    """Two rows of one picture: relief's views, and ours; prints how long both take for a picture of `SIDE` pixels."""
    portrait = open_portrait(path)
    crop = CropSettings(pixels=SIDE, least_face=ours.face_share)
    layers = prepare_layers(portrait, LayerSettings(crop))
    start = time.perf_counter()
    head = ours.prepare(layers)
    prepared = time.perf_counter() - start
    flat = relief.prepare(layers.portrait, Window(0, 0, SIDE, SIDE, SIDE, SIDE))
    rows: tuple[list[Bytes], list[Bytes]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in VIEWS:
        state = FaceState(rotation=rotation_from_angles(np.deg2rad(turn), 0.0, 0.0))
        times = [time.perf_counter()]
        frame, whole = relief.draw(flat, state), layers.picture.copy()
        times.append(time.perf_counter())
        rows[1].append(ours.draw(head, state)[..., :3])
        times.append(time.perf_counter())
        for taken, passed in zip(seconds, np.diff(times), strict=True):
            taken.append(float(passed))
        window = frame.window
        at = np.s_[round(window.y) : round(window.y + window.height), round(window.x) : round(window.x + window.width)]
        whole[at] = frame.pixels[..., :3]
        rows[0].append(whole)
    flat_ms, ours_ms = (1000 * min(taken) for taken in seconds)
    print(f"| {path.name} | {prepared:.1f} | {ours_ms:.0f} | {flat_ms:.0f} | {ours_ms / flat_ms:.1f} |", flush=True)
    small = [[cv2.resize(one, (CELL, CELL), interpolation=cv2.INTER_AREA) for one in row] for row in rows]
    return np.concatenate([np.concatenate(row, 1) for row in small])


def compare(
    scene: Scene,
    ours: CompactHead,
    relief: Relief,
    figures: dict[tuple[int, str], list[Floats]],
    lpips: Lpips | None,
) -> Bytes:
    """Add the figures of one head, and give its row of the sheet."""
    grey = np.full((SIDE, SIDE, 3), (GREY / 255) ** 2.2, np.float32)
    source = look(scene, camera_ahead(), grey)
    window, _, landmarks = measured(scene, source)
    alpha = np.asarray((source.drawn.classes > 0) * 255, np.uint8)
    portrait = Portrait(
        np.dstack([source.drawn.picture, alpha]), landmarks, window.pose, alpha.astype(np.float32) / 255
    )
    background = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    picture = source.drawn.picture
    classes = map_parts(picture, landmarks, window.pose, portrait.person)
    parts = {"picture": picture, "background": background, "classes": classes, "cut": cut_out(portrait)}
    head = ours.prepare(cast(Layers, SimpleNamespace(portrait=portrait, **parts)))
    flat = relief.prepare(portrait, Window(0, 0, SIDE, SIDE, SIDE, SIDE), cutout=True)
    row = [picture]
    for turn in TURNS:
        state = FaceState(rotation=rotation_from_angles(np.deg2rad(turn), 0.0, 0.0))
        truth = look(scene, turned_camera(source, scene, state.rotation), grey).drawn
        drawn = {"relief": over_grey(relief.draw(flat, state).pixels), "ours": ours.draw(head, state)[..., :3]}
        counted = cv2.dilate(np.asarray(truth.head > 127, np.uint8), np.ones((9, 9), np.uint8)) > 0
        counted &= np.isin(truth.classes, (0, 1, 3, 5))
        for name, picture in drawn.items():
            figures.setdefault((abs(turn), name), []).append(measures(truth.picture, picture, counted, lpips))
        row += [truth.picture, *drawn.values()]
    return np.concatenate([cv2.resize(one, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for one in row], 1)


def look(scene: Scene, camera: Floats, backdrop: Floats) -> Seen:
    """A picture of the scene."""
    return Seen(scene.draw(camera, backdrop), camera)


def camera_ahead() -> Floats:
    """In front of the head, as for a portrait."""
    from vivant.avatars.real3d.camera import camera_of_pose

    return camera_of_pose(np.zeros((1, 3), np.float32), np.array([[0, 0, -2.5]], np.float32))[0]


def turned_camera(source: Seen, scene: Scene, rotation: Floats) -> Floats:
    """The camera that sees the head turned by `rotation` (3, 3) about its origin, as an avatar turns it."""
    window, distance, _ = measured(scene, source)
    focal = source.camera[16] * source.size
    place = (window.pose.translation[:2] * FLIP[:2] - source.size / 2) * distance / focal
    origin = np.array([*place, distance])
    turn = np.diag(FLIP) @ rotation @ np.diag(FLIP)
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = turn, origin - turn @ origin
    camera = source.camera.copy()
    camera[:16] = (source.camera[:16].reshape(4, 4) @ np.linalg.inv(moved)).ravel()
    return camera


def over_grey(picture: Bytes) -> Bytes:
    """Straight RGBA over the grey of the truth."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.asarray(picture[..., :3] * alpha + GREY * (1 - alpha) + 0.5, np.uint8)


def measures(truth: Bytes, picture: Bytes, counted: NDArray[np.bool_], lpips: Lpips | None) -> Floats:
    """PSNR in dB, SSIM and the mean error of gradients, of 255, where `counted`, and LPIPS if there are weights."""
    a, b = truth.astype(np.float32), picture.astype(np.float32)
    psnr = -10 * np.log10(((a - b)[counted] ** 2).mean() / 255**2)
    grey = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (truth, picture)]
    slopes = [np.stack([cv2.Sobel(one, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))]) / 8 for one in grey]
    seen = [np.where(counted[..., None], one, np.uint8(GREY)) for one in (truth, picture)]
    distance = lpips.between(*seen) if lpips else np.nan
    error = np.abs(slopes[0] - slopes[1])[:, counted].mean()
    return np.array([psnr, similarity(*grey)[counted].mean(), error, distance], "f4")


def similarity(a: Floats, b: Floats) -> Floats:
    """SSIM (Wang et al., 2004) at each pixel, with their Gaussian window."""

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * ma * mb + c1) * (2 * both + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))


def print_table(figures: dict[tuple[int, str], list[Floats]]) -> None:
    """Means over heads and sides."""
    print("| turn | | PSNR dB | SSIM | gradient error | LPIPS |\n| --- | --- | --- | --- | --- | --- |")
    for (turn, name), found in sorted(figures.items()):
        psnr, ssim, slope, distance = np.mean(found, 0)
        seen = "weights absent" if np.isnan(distance) else f"{distance:.3f}"
        print(f"| {turn} | {name} | {psnr:.2f} | {ssim:.3f} | {slope:.2f} | {seen} |")


if __name__ == "__main__":
    main()
