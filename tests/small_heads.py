"""A data set and networks so small that a stage of Real3D-Portrait trains within seconds: balls with a mouth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vivant.avatars.real3d.camera import rays
from vivant.avatars.real3d.head_window import SIDE as WINDOW
from vivant.avatars.real3d.head_window import HeadWindow
from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolutionConfig
from vivant.avatars.real3d.networks.image_to_plane import ImageToPlaneConfig
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapterConfig
from vivant.avatars.real3d.networks.super_resolution import SuperResolutionConfig
from vivant.avatars.real3d.networks.torso_appearance import TorsoAppearanceConfig
from vivant.avatars.real3d.networks.torso_generator import TorsoGeneratorConfig
from vivant.avatars.real3d.networks.torso_motion import TorsoMotionConfig
from vivant.avatars.real3d.volume import VolumeSettings
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.training.real3d.cameras import SEEN, random_cameras
from vivant.training.real3d.compact_shards import STEPS, save_examples
from vivant.training.real3d.dual_discriminator import DualDiscriminatorConfig
from vivant.training.real3d.recipes import DecoderSizes, Sizes
from vivant.training.real3d.shards import save_shard

SIDE, RADIUS = 32, 0.3
PLACES = 2048
"""Of an example of the packaged network."""
EYES, MOUTH = ((-0.1, 0.08), (0.1, 0.08)), (0.0, -0.1)
Array = np.ndarray[Any, Any]


def small_sizes() -> Sizes:
    """Networks for pictures of 32 pixels."""
    return Sizes(
        picture=SIDE,
        image_to_plane=ImageToPlaneConfig(
            widths=(8, 16, 16, 16), depths=(1, 1, 1, 1), reaches=(2,), context=8, tokens=16, heads=2, blocks=1,
            detail=8, wide=16, narrow=8, plane=8,
        ),
        motion_adapter=MotionAdapterConfig(
            widths=(8, 8), depths=(1, 1), heads=(1, 2), reductions=(2, 1), joined=8, convs=1, plane=8
        ),
        decoder=DecoderSizes(8, 16, 8),
        volume=VolumeSettings(size=8, coarse=8, fine=8),
        head=HeadSuperResolutionConfig(inputs=8, width=16, last=8, side=8, latent=8),
        whole=SuperResolutionConfig(
            inputs=8, width=16, last=8, hidden=8, latent=8,
            appearance=TorsoAppearanceConfig(start=8, channels=4, depth=2, blocks=1),
            motion=TorsoMotionConfig(inputs=6, depth=2, widths=(8, 8), outputs=8, blocks=1),
            generator=TorsoGeneratorConfig(channels=4, depth=2, width=16, blocks=1),
        ),
        discriminator=DualDiscriminatorConfig(picture=SIDE, base=512, most=16, mapping=2),
    )  # fmt: skip


def write_heads(folder: Path, heads: int = 2, views: int = 4) -> Path:
    """A shard of balls, each with its own colour, that open and close their mouths."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows: list[dict[str, Array]] = []
    codes: list[Array] = []
    for head in range(heads):
        tint = random.uniform(0.3, 1.0, 3)
        codes += [code_image(0.02 + 0.05 * expression) for expression in range(2)]
        for view in range(views):
            camera = random_cameras(1, SEEN, random).numpy()
            row = frame(camera, tint, 0.02 + 0.05 * (view % 2))
            row |= {"camera": camera[0], "head": np.int32(head), "face": np.int32(2 * head + view % 2)}
            rows.append(row | {"rest": np.int32(2 * head), "near": np.int32(2 * head + (view + 1) % 2)})
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    save_shard(folder / "heads-0000.safetensors", {**arrays, "code": np.stack(codes)})
    return folder


def frame(camera: Array, tint: Array, mouth: float) -> dict[str, Array]:
    """A ball on a rectangle of a body, before a background."""
    origin, way = (part[0].numpy() for part in rays(torch.from_numpy(camera), SIDE))
    along = -(origin * way).sum(1)
    inside = along**2 - (origin**2).sum(1) + RADIUS**2
    hit = (inside > 0).reshape(SIDE, SIDE)
    point = origin + way * (along - np.sqrt(np.maximum(inside, 0)))[:, None]
    colour = (tint * (0.6 + point)).reshape(SIDE, SIDE, 3)
    dark = (np.hypot(point[:, 0] - MOUTH[0], point[:, 1] - MOUTH[1]) < mouth) & (point[:, 2] > 0)
    colour[dark.reshape(SIDE, SIDE)] = 0
    body = np.zeros((SIDE, SIDE), bool)
    body[22:, 7:25] = True
    background, torso = np.full((SIDE, SIDE, 3), 90, np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)
    torso[body] = (200, 60, 60)
    picture = np.where(hit[..., None], (colour.clip(0, 1) * 255).astype(np.uint8), np.where(body[..., None], torso, 90))
    classes = np.where(hit, 3, np.where(body, 4, 0)).astype(np.uint8)
    landmarks = np.tile(np.array([SIDE / 2, SIDE * 0.6], np.float32), (68, 1))
    landmarks += np.linspace(-3, 3, 68, dtype=np.float32)[:, None]
    return {
        "picture": picture.astype(np.uint8),
        "classes": classes,
        "share": hit.astype(np.uint8) * np.uint8(255),
        "landmarks": landmarks,
        "torso": torso,
        "background": background,
    }


def code_image(mouth: float) -> Array:
    """Coordinates of the ball from the front, with holes for eyes and a hole for the mouth."""
    axis = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    x, y = np.meshgrid(axis, -axis)
    face = np.hypot(x, y) < RADIUS
    for place, size in (*((eye, 0.05) for eye in EYES), (MOUTH, mouth)):
        face &= np.hypot(x - place[0], y - place[1]) > size
    depth = np.sqrt(np.maximum(RADIUS**2 - x**2 - y**2, 0))
    coded = np.stack([x, y, depth], 2) / (2 * RADIUS) + 0.5
    return np.where(face[..., None], coded * 255, 0).astype(np.uint8)


def write_view_heads(folder: Path, heads: int = 13) -> Path:
    """Shards for the packaged network: balls with the landmarks of a face."""
    for head in range(heads):
        save_examples(folder / f"head_{head:03}.safetensors", [ball_example(head)], head)
    return folder


def ball_example(seed: int) -> dict[str, Array]:
    """A brown ball of 9 cm as a head, seen from the front; its colour depends on the height."""
    random = np.random.default_rng(seed)
    pose = HeadPose(128 / 18, rotation_from_angles(*random.normal(0, 0.1, 3)), np.array([128, -135, 0], np.float32))
    landmarks = pose.picture_from_head(load_face_model().neutral)
    window = HeadWindow.of_landmarks(landmarks)
    way = random.normal(size=(4 * PLACES, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    radius = np.concatenate([np.full(PLACES, 9.0), random.uniform(3, 16, 3 * PLACES)])
    points = (way * radius[:, None]).astype(np.float32)
    depth = points * np.array([1, -1, -1], np.float32) * (128 / 18) + np.array([128, 135, 0], np.float32)
    view = window.view_of(depth)
    rows = np.indices((WINDOW, WINDOW))[0]
    mask = ((np.indices((WINDOW, WINDOW)) - 130) ** 2).sum(0) < 64**2
    colour = np.clip(120 + 4 * points[:PLACES, 1:2] + np.array([40, 0, -30]), 0, 255)
    shown = np.clip(120 - 0.5 * (rows - 130)[..., None] + np.array([40, 0, -30]), 0, 255)
    return {
        "picture": (shown * mask[..., None]).astype(np.uint8),
        "mask": (mask * 255).astype(np.uint8),
        "inside": np.full((WINDOW, WINDOW), 255, np.uint8),
        "landmarks": landmarks,
        "places": np.clip(np.round(view[PLACES : 2 * PLACES] * STEPS), -STEPS, STEPS).astype(np.int16),
        "taken": (radius[PLACES : 2 * PLACES] < 9).astype(np.uint8),
        "surface": np.clip(np.round(view[:PLACES] * STEPS), -STEPS, STEPS).astype(np.int16),
        "colour": colour.astype(np.uint8),
    }
