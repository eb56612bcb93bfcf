"""Students at squares and pixels against the same networks over the whole picture."""

from __future__ import annotations

import pytest
import torch
from characters import made_up, random_poses

from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.nn.warp import warp
from vivant.training.tha.pool import coded, decoded
from vivant.training.tha.tiles import body_at, face_at, taken

POSE = torch.from_numpy(random_poses(0, 1))


@pytest.mark.parametrize("side", [4, 16, 32])
def test_squares_are_parts_of_the_whole(side: int) -> None:
    torch.manual_seed(0)
    body = BodyStudent()  # untrained, it is rough: edges and halos tell
    corners = torch.tensor([[0, 0], [512 - side, 512 - side], [0, 512 - side], [128, 256], [204, 36]])
    with torch.no_grad():
        whole = body.motion(POSE)[0].permute(1, 2, 0)
        found = body_at(body, corners, side, POSE.expand(len(corners), -1))
    wanted = torch.stack([whole[row : row + side, column : column + side] for row, column in corners.tolist()])
    assert (found - wanted).abs().max() < 2e-3


def test_the_gradient_of_a_square_is_that_of_the_whole() -> None:
    _, body = made_up(1).networks()
    body.requires_grad_(True)
    gradients = []
    for found in (body.motion(POSE)[:, :, 64:80, 400:416], body_at(body, torch.tensor([[64, 400]]), 16, POSE)):
        body.zero_grad()
        torch.autograd.backward(found.square().mean())
        gradients.append(torch.cat([part.grad.flatten() for part in body.parameters() if part.grad is not None]))
    assert (gradients[0] - gradients[1]).abs().max() < 1e-3 * gradients[0].abs().max()


def test_pixels_of_a_face_are_those_of_the_whole() -> None:
    face, _ = made_up().networks()
    pixels = torch.randint(0, 128, (1, 40, 2), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = face(POSE[:, :39])[0].permute(1, 2, 0)
        found = face_at(face, pixels, POSE[:, :39])[0]
    assert (found - whole[pixels[0, :, 0], pixels[0, :, 1]]).abs().max() < 1e-4


def test_what_is_taken_is_what_a_warp_shows() -> None:
    random = torch.Generator().manual_seed(1)
    drawing = torch.rand(512, 512, 4, generator=random) * 2 - 1
    faces = torch.randint(0, 256, (3, 128, 128, 4), generator=random, dtype=torch.uint8)
    flow = (torch.rand(1, 2, 512, 512, generator=random) - 0.5) * 0.4
    image = drawing.clone()
    image[80:208, 192:320] = decoded(faces[2])
    wanted = warp(image.permute(2, 0, 1)[None], flow)[0].permute(1, 2, 0)
    corners = torch.tensor([[0, 0], [72, 184], [480, 496], [200, 312]])
    parts = [(slice(row, row + 16), slice(column, column + 16)) for row, column in corners.tolist()]
    given = torch.stack([flow[0, :, rows, columns].permute(1, 2, 0) for rows, columns in parts])
    found = taken(drawing, faces, torch.full((4,), 2), corners, given)
    assert (found - torch.stack([wanted[part] for part in parts])).abs().max() < 2e-3


def test_bytes_of_a_pool_keep_colours() -> None:
    colours = torch.rand(64, 64, 4, generator=torch.Generator().manual_seed(2)) * 2 - 1
    data = coded(colours)
    assert (decoded(data) - colours).abs().max() < 0.02
    assert torch.equal(coded(decoded(data)), data)
