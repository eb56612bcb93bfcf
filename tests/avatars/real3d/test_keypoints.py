"""The torso's key points against the original's projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from basel import synthetic_mesh
from originals import original

from vivant.avatars.real3d.keypoints import keypoints_of_fit
from vivant.face.fit_3dmm import FaceFit


def test_parity_real3d_keypoints(parity: Path) -> None:
    tensors = original(parity, "real3d", "face_model_secc").tensors
    for person in range(2):
        one = slice(person, person + 1)
        fit = FaceFit(*(tensors[f"in.{name}"][one] for name in ("id", "exp", "euler", "trans")))
        points = keypoints_of_fit(fit, synthetic_mesh(parity))
        wanted = np.clip((tensors["out.lm2d_68"][one] - 0.5) / 0.5, -1, 1)
        np.testing.assert_allclose(points[..., :2], wanted, atol=1e-4)
        assert not points[..., 2].any()


def test_frames_share_the_identity_and_points_stay_in_the_picture(parity: Path) -> None:
    mesh, random = synthetic_mesh(parity), np.random.default_rng(0)
    parts = [random.normal(0, 0.5, shape).astype(np.float32) for shape in ((1, 80), (3, 64), (3, 3), (3, 3))]
    parts[3][2, 0] = 4.0
    whole = keypoints_of_fit(FaceFit(*parts), mesh)
    assert whole.shape == (3, 68, 3)
    assert np.abs(whole).max() == 1.0
    for frame in range(3):
        alone = keypoints_of_fit(FaceFit(parts[0], *(part[frame : frame + 1] for part in parts[1:])), mesh)
        np.testing.assert_allclose(alone[0], whole[frame], atol=1e-6)
