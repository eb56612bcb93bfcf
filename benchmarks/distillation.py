"""How soon a student is near its teacher: python benchmarks/distillation.py CHARACTER

CHARACTER, a published folder or a .vivant file, is the teacher, because its networks are at hand; a new student of it
is trained from scratch by our method and by the published one, from the same pictures. An example is one picture that
the teacher draws at one pose. Ours looks at each picture many times. The published method sees each once, with its own
losses, weights and learning rates; here each step compares --squares random squares of its eight pictures, because
whole ones take a CPU four seconds each. dB is the mean PSNR of bodies (faces: of faces) on held-out poses, of which
every seventh is one that no face takes; under our rows whole pictures follow, also of fresh poses of each kind.

On a GPU: --device cuda --examples 8192 --steps 1 measures our usual training; see docs/gpu.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.tha.character import load_character
from vivant.avatars.tha.networks.body_student import BodyStudent, Moved
from vivant.avatars.tha.networks.face_student import FACE_POSE, FaceStudent
from vivant.avatars.tha.student import StudentPoser
from vivant.training.tha import fast, published
from vivant.training.tha.courses import Standing
from vivant.training.tha.distill import DistillSettings, distil, face_mask, mark_of
from vivant.training.tha.judge import body_decibels, face_decibels, shown
from vivant.training.tha.pool import SIDE, Pool, decoded, fill_pool
from vivant.training.tha.poses import anywhere, captured, one_by_one
from vivant.training.tha.teachers import CharacterTeacher, Shown
from vivant.training.tha.tiles import body_at, taken

SQUARE = 16
FRESH = 60
"""Poses of each kind, see `training.tha.poses`."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("character", type=Path)
    parser.add_argument("--examples", type=int, nargs="+", default=[64, 256], help="one training of ours for each")
    parser.add_argument("--steps", type=float, default=0.05, help="length of our training beside the usual one")
    parser.add_argument("--face-steps", type=float, help="the same for the face alone")
    parser.add_argument("--squares", type=int, default=32, help="of each picture, for the published method")
    parser.add_argument("--held-out", type=int, default=24)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("distillation.work"), help="goes on where it stands")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")
    teacher = CharacterTeacher(load_character(options.character), options.device)
    print(f"{'method':10} {'examples':>8} {'steps':>7} {'face dB':>8} {'body dB':>8} {'seconds':>8}")
    for count in options.examples:
        print_ours(teacher, count, options)
    if options.squares:
        print_published(teacher, options)


def print_ours(teacher: CharacterTeacher, count: int, options: argparse.Namespace) -> None:
    """A training by our method; pictures that are there already cost no seconds."""
    usual = DistillSettings()
    lengths = (options.face_steps or options.steps, options.steps, options.steps)
    face, flow, body = (
        replace(recipe, steps=max(1, round(recipe.steps * length)))
        for recipe, length in zip((usual.face, usual.flow, usual.body), lengths, strict=True)
    )
    settings = replace(usual, examples=count, held_out=options.held_out, face=face, flow=flow, body=body)
    start = time.monotonic()

    def tell(now: Standing) -> None:
        print(f"  {now.course} {now.step:6} {now.decibels:6.2f} dB {time.monotonic() - start:7.0f} s", flush=True)
        found[now.course] = now.decibels

    found = {"face": float("nan"), "body": float("nan")}
    result = distil(teacher, options.character.name, options.work / f"ours_{count}", settings, tell)
    row("ours", count, face.steps + flow.steps + body.steps, (found["face"], found["body"]), start)
    print(f"  whole pictures, face and body: {result.decibels:.2f} dB, the worst {result.least:.2f}", flush=True)
    print_kinds(StudentPoser(result.character), StudentPoser(load_character(options.character)))


def print_kinds(student: StudentPoser, teacher: StudentPoser) -> None:
    """Whole pictures of fresh poses, each kind by itself."""
    random = np.random.default_rng(99)
    for kind in (one_by_one, captured, anywhere):
        poses = [kind(random) for _ in range(FRESH)]
        found = [likeness(student.outputs(pose).blended, teacher.outputs(pose).blended) for pose in poses]
        print(
            f"  {FRESH} fresh poses, {kind.__name__}: {np.mean(found):.2f} dB, the worst {min(found):.2f}", flush=True
        )


def likeness(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """PSNR of what is seen of two pictures (4, 512, 512), see `judge.decibels`."""
    a, b = (shown(torch.from_numpy(one).permute(1, 2, 0)) for one in (found, wanted))
    return float(-10 * torch.log10((a - b).square().mean()))


def print_published(teacher: CharacterTeacher, options: argparse.Namespace) -> None:
    """The published method along its schedule, from the pictures of the largest of our trainings, each used once."""
    count, device = max(options.examples), teacher.drawing.device
    folder = options.work / f"ours_{count}"
    mark = mark_of(teacher, options.character.name)
    pool = fill_pool(folder / "pool", teacher, count, seed=0, mark=mark).to(device)
    tests = fill_pool(folder / "held_out", teacher, options.held_out, seed=1, mark=mark).to(device)
    torch.manual_seed(0)
    face, body = FaceStudent().to(device), BodyStudent().to(device)
    optimisers = [torch.optim.Adam(student.parameters()) for student in (face, body)]
    mask, drawing = face_mask(None, tests), teacher.drawing[0].permute(1, 2, 0).contiguous()
    start, next_shown = time.monotonic(), 8
    for seen in range(0, count - 7, 8):
        part = pool.part(slice(seen, seen + 8))
        random = np.random.default_rng(seen)
        losses = (face_losses(face, part, mask), body_losses(body, part, drawing, options.squares, seen, random))
        rates = (published.face_rate(seen), published.body_phase(seen)[0])
        for optimiser, loss, rate in zip(optimisers, losses, rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        if seen + 8 >= next_shown:
            decibels = face_decibels(face, tests), body_decibels(body, tests, drawing)
            row("published", seen + 8, seen // 8 + 1, decibels, start)
            next_shown *= 2


def row(method: str, examples: int, steps: int, decibels: tuple[float, float], start: float) -> None:
    """One line of the table."""
    seconds = time.monotonic() - start
    print(f"{method:10} {examples:8} {steps:7} {decibels[0]:8.2f} {decibels[1]:8.2f} {seconds:8.0f}", flush=True)


def face_losses(student: FaceStudent, part: Pool, mask: Tensor) -> Tensor:
    """The published error of whole faces."""
    wanted = decoded(part.faces).permute(0, 3, 1, 2)
    return sum_of(published.face_losses(student(part.poses[:, FACE_POSE]), wanted, mask))


def body_losses(
    student: BodyStudent, part: Pool, drawing: Tensor, squares: int, seen: int, random: np.random.Generator
) -> Tensor:
    """The published error of random squares of each body."""
    which = torch.arange(len(part), device=drawing.device).repeat_interleave(squares)
    corners = torch.from_numpy(random.integers(SIDE // SQUARE, size=(len(which), 2)) * SQUARE).to(drawing.device)
    motion = body_at(student, corners, SQUARE, part.poses[which])
    flow = fast.squares_of(part.flow, which, corners // 2, SQUARE // 2).float()
    flow = flow.repeat_interleave(2, 1).repeat_interleave(2, 2)
    taken_by = partial(taken, drawing, part.faces, which, corners)
    warped, posed = taken_by(motion[..., :2]), decoded(fast.squares_of(part.posed, which, corners, SQUARE))
    found = Moved(fast.blended(motion, warped), motion[..., 2:3], motion[..., 3:], warped, motion[..., :2])
    truth = Shown(posed, posed, flow)
    return sum_of(published.body_losses(found, truth, taken_by(flow), published.body_phase(seen)[1]))


def sum_of(losses: Mapping[str, Tensor]) -> Tensor:
    """What is descended."""
    return torch.stack(list(losses.values())).sum()


if __name__ == "__main__":
    main()
