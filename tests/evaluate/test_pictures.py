"""Picture measures against recorded numbers and simple truths."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open

from vivant.evaluate.pictures import BEST_PSNR, face_crop, psnr, ssim


def test_parity_metrics_psnr_and_ssim(parity):
    files = [path for path in sorted((parity / "metrics").glob("*.safetensors")) if _has(path, "out.psnr")]
    assert files, "no fixture with PSNR"
    for path in files:
        with safe_open(str(path), "np") as fixture:
            tolerance = float(fixture.metadata()["tolerance"].split()[0])
            assert json.loads(fixture.metadata()["config"]) is not None
            pairs = list(zip(fixture.get_tensor("in.a"), fixture.get_tensor("in.b"), strict=True))
            np.testing.assert_allclose([psnr(*pair) for pair in pairs], fixture.get_tensor("out.psnr"), atol=tolerance)
            np.testing.assert_allclose([ssim(*pair) for pair in pairs], fixture.get_tensor("out.ssim"), atol=tolerance)


def _has(path, key):
    with safe_open(str(path), "np") as fixture:
        return key in fixture.keys()  # noqa: SIM118


def test_identical_pictures_are_capped():
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    assert psnr(picture, picture) == BEST_PSNR
    assert ssim(picture, picture) == pytest.approx(1.0)


def test_the_crop_is_the_square_around_the_face_and_stays_inside():
    points = np.zeros((478, 3), np.float32)
    points[:468, 0], points[:468, 1] = np.linspace(40, 60, 468), np.linspace(10, 60, 468)
    rows, columns = face_crop(points, (80, 200, 3))
    assert (rows.start, rows.stop) == (5, 65)
    assert (columns.start, columns.stop) == (20, 80)
    rows, columns = face_crop(points, (50, 50, 3))
    assert rows.stop <= 50
    assert columns.stop <= 50
