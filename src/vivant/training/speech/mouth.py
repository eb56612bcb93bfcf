"""Training of the built-in mouth network: `vivant train speech`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.motion.speech.gestures import GESTURES, JAW, LIPS, ROUND, SHUT, TEETH, TUCK
from vivant.motion.speech.networks.gesture_net import FRAMES_PER_SECOND, GestureNet, GestureNetConfig
from vivant.nn.flow_vae import divergence
from vivant.progress import Progress, no_progress
from vivant.training.speech.corpus import read_corpus
from vivant.training.speech.hearings import KINDS, Hearing, HearingSettings, hearings
from vivant.training.speech.lessons import Lesson, lesson

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MouthRecipe:
    """How the network is trained; the packaged weights were made with the defaults."""

    steps: int = 4500
    batch: int = 16
    frames: int = 256
    """Of one piece: 5.12 s."""
    rate: float = 1.5e-3
    """Highest learning rate; it rises over the first 200 steps and falls as a cosine."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    likely: float = 1.0
    """Weight of the error of the most likely gestures, drawn without noise."""
    encoded: float = 0.5
    """Weight of the error of gestures that went through the encoder."""
    divergence: float = 0.02
    speed: float = 2.0
    """Weight of the error in the change from frame to frame."""
    gap: float = 0.5
    """Weight of the error in the distance of the lips."""
    kinds: float = 0.3
    """Weight of telling phonemes apart."""
    finish: int = 800
    """Steps after these, without encoder and phonemes, in which it learns to be bold."""
    finish_rate: float = 3e-4
    """Learning rate at the first of them; it falls to zero in a line."""
    bold: float = 3.0
    """How much more a missed closure or bite costs in them: where it may be an m and may be an n, the lips close."""
    tested: float = 0.02
    """Share of the hearings that is kept for the figures."""
    seed: int = 0


WEIGHTS = {JAW: 1.0, LIPS: 1.0, SHUT: 2.5, ROUND: 1.5, TUCK: 1.5, TEETH: 0.7}
"""Of the errors of gestures; 1 unless named."""
MISSED = {SHUT: 3.0, TUCK: 3.0, ROUND: 1.0}
"""What is added to the weight where the gesture is wanted in full."""


class Student(nn.Module):
    """The network and, for the training only, a judge of phonemes."""

    def __init__(self, config: GestureNetConfig = GestureNetConfig()) -> None:
        super().__init__()
        self.net = GestureNet(config)
        self.judge = nn.Linear(config.condition, len(KINDS))


def losses(student: Student, batch: Lesson, recipe: MouthRecipe) -> Mapping[str, Tensor]:
    """Weighted losses, each (), of the gestures (B, T, 7) of one batch, and the sum as "total"."""
    features, wanted, kinds = _on_device(student, batch)
    net, device = student.net, features.device
    heard = net.listen(features)
    part = max(len(wanted) // 4, 1)  # the encoder's way is learnt quickly
    noise = torch.randn(len(wanted), wanted.shape[1] // 2, net.config.latent, device=device)
    encoded = net.reconstruct(wanted[:part], heard[:part], noise[:part])
    likely = net.generate(heard, torch.zeros_like(noise)).float()
    found = {
        "likely": recipe.likely * gesture_error(likely, wanted, recipe),
        "encoded": recipe.encoded * gesture_error(encoded.motion.float(), wanted[:part], recipe),
        "divergence": recipe.divergence * divergence(encoded),
        "gap": recipe.gap * F.l1_loss(lip_gap(likely), lip_gap(wanted)),
        "kinds": recipe.kinds * F.cross_entropy(student.judge(heard).flatten(0, 1), kinds.flatten()),
    }
    return {**found, "total": torch.stack(list(found.values())).sum()}


def finishing_losses(student: Student, batch: Lesson, recipe: MouthRecipe) -> Mapping[str, Tensor]:
    """The same for the last steps: only the most likely gestures (B, T, 7) count, and missed closures count more."""
    features, wanted, _ = _on_device(student, batch)
    heard = student.net.listen(features)
    noise = torch.zeros(len(wanted), wanted.shape[1] // 2, student.net.config.latent, device=features.device)
    likely = student.net.generate(heard, noise).float()
    found = {
        "likely": recipe.likely * gesture_error(likely, wanted, recipe, recipe.bold),
        "gap": recipe.gap * F.l1_loss(lip_gap(likely), lip_gap(wanted)),
    }
    return {**found, "total": torch.stack(list(found.values())).sum()}


def _on_device(student: Student, batch: Lesson) -> tuple[Tensor, Tensor, Tensor]:
    device = student.judge.weight.device
    features, gestures, kinds = (
        torch.from_numpy(array).to(device) for array in (batch.features, batch.gestures, batch.kinds)
    )
    return features, gestures, kinds


def gesture_error(found: Tensor, wanted: Tensor, recipe: MouthRecipe, bold: float = 1.0) -> Tensor:
    """Mean absolute error of gestures (B, T, 7) and of their change, weighted by gesture.

    A closed, bitten or rounded mouth is rare: to miss one costs more than to make one too many, `bold` times more for
    closed and bitten ones.
    """
    weights = torch.ones(len(GESTURES), device=found.device)
    for gesture, weight in WEIGHTS.items():
        weights[gesture] = weight
    missed = torch.zeros(len(GESTURES), device=found.device)
    for gesture, cost in MISSED.items():
        missed[gesture] = cost * (bold if gesture in (SHUT, TUCK) else 1.0)
    costs = weights * (1 + missed * wanted.clamp(0, 1))
    place = ((found - wanted).abs() * costs).mean()
    change = ((found.diff(dim=1) - wanted.diff(dim=1)).abs() * costs[:, 1:]).mean()
    return place + recipe.speed * change


def lip_gap(gestures: Tensor) -> Tensor:
    """About the distance of the inner lips (B, T) in cm for gestures (B, T, 7): what `curves_of_gestures` makes."""
    shown = gestures.clamp(0, 1)
    apart = 1 - (1.15 * shown[..., SHUT]).clamp(max=1)
    tucked = (1.1 * shown[..., TUCK]).clamp(max=1) * apart
    jaw = shown[..., JAW] * (1 - 0.5 * (1 - apart) - 0.8 * tucked)
    lips = 0.42 * shown[..., LIPS] + 0.16 * shown[..., TEETH]
    return apart * (1.45 * jaw + lips * (1 - 0.6 * tucked) + 0.2 * shown[..., ROUND]) - 0.07 * (1 - apart)


def learning_rate(step: int, recipe: MouthRecipe) -> float:
    """Learning rate of `step`, 0 <= step < recipe.steps + recipe.finish."""
    if step >= recipe.steps:
        return recipe.finish_rate * (1 - (step - recipe.steps) / recipe.finish)
    rise = min((step + 1) / 200, 1.0)
    return recipe.rate * rise * float(0.5 + 0.5 * np.cos(np.pi * step / recipe.steps) + 0.01)


def next_lesson(heard: Sequence[Hearing], recipe: MouthRecipe, step: int) -> Lesson:
    """The batch of `step`: the same for the same seed."""
    return lesson(heard, recipe.batch, recipe.frames, np.random.default_rng([recipe.seed, step]))


@dataclass(frozen=True)
class Figures:
    """How well the network does on hearings that it was not trained on; means over frames."""

    gesture_error: float
    """Mean absolute error of a gesture, 0..1."""
    gap_error: float
    """Mean absolute error of the distance of the lips in cm."""
    gap_likeness: float
    """Correlation of that distance with the wanted one."""


def train_mouth(
    heard: Sequence[Hearing],
    output: Path,
    recipe: MouthRecipe = MouthRecipe(),
    notes: Mapping[str, str] | None = None,
    device: str = "cpu",
) -> Iterator[Mapping[str, float]]:
    """Train on `heard` and write the network (float16, without the encoder) to the .safetensors file `output`.

    Yields the losses of every step. The file appears at the end; its metadata hold recipe, figures and `notes`. The
    same seed and number of threads give the same weights. Raises SettingsError where there is too little to hear.
    """
    kept = max(round(recipe.tested * len(heard)), 1)
    if len(heard) < 2 * kept:
        raise SettingsError(f"{len(heard)} hearings are too few to train on; make a larger corpus")
    lessons, tests = heard[:-kept], heard[-kept:]
    torch.manual_seed(recipe.seed)
    student = Student().to(device)
    yield from train_student(student, lessons, recipe, range(recipe.steps))
    yield from train_student(student, lessons, recipe, range(recipe.steps, recipe.steps + recipe.finish))
    figures = measure(student.net, tests, recipe)
    metadata = {"recipe": json.dumps(asdict(recipe)), "figures": json.dumps(asdict(figures)), **(notes or {})}
    _save(student.net, output, metadata)


def train_student(
    student: Student, lessons: Sequence[Hearing], recipe: MouthRecipe, steps: range
) -> Iterator[Mapping[str, float]]:
    """Train for `steps`, all of them before or all of them after recipe.steps; yields the losses of every one."""
    errors = losses if steps.start < recipe.steps else finishing_losses
    device = student.judge.weight.device.type
    optimiser = torch.optim.AdamW(student.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(next_lesson, lessons, recipe, steps.start)
        for step in steps:
            batch, coming = coming.result(), beside.submit(next_lesson, lessons, recipe, step + 1)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, recipe)
            with torch.autocast(device, torch.bfloat16):
                found = errors(student, batch, recipe)
            optimiser.zero_grad()
            torch.autograd.backward(found["total"])
            torch.nn.utils.clip_grad_norm_(student.parameters(), recipe.clip)
            optimiser.step()
            yield {name: float(value.detach()) for name, value in found.items()}


def train_speech(
    corpus: Path,
    output: Path,
    recipe: MouthRecipe = MouthRecipe(),
    progress: Progress = no_progress,
    device: str = "cpu",
    threads: int = 2,
) -> Figures:
    """Hear the corpus in the folder `corpus` and train on it: `vivant train speech`.

    Writes `output` (.safetensors) and returns its figures. Raises SettingsError without a corpus.
    """
    utterances = read_corpus(corpus)
    settings = HearingSettings(seed=recipe.seed, workers=threads)
    heard = list(hearings(utterances, settings))
    np.random.default_rng([recipe.seed, 1]).shuffle(heard)  # type: ignore[arg-type]
    hours = sum(len(one.gestures) for one in heard) / FRAMES_PER_SECOND / 3600
    voices = sorted({one.voice for one in heard})
    torch.set_num_threads(threads)
    notes = {"hours": f"{hours:.2f}", "voices": " ".join(voices), "threads": str(threads), "device": device}
    for done, _ in enumerate(train_mouth(heard, output, recipe, notes, device), 1):
        progress(done, recipe.steps + recipe.finish)
    with safe_open(output, "pt") as file:
        return Figures(**json.loads(file.metadata()["figures"]))


def measure(net: GestureNet, heard: Sequence[Hearing], recipe: MouthRecipe) -> Figures:
    """The most likely gestures for pieces of `heard` against the wanted ones."""
    batch = next_lesson(heard, recipe, recipe.steps + recipe.finish)
    device = next(net.parameters()).device
    with torch.inference_mode():
        condition = net.listen(torch.from_numpy(batch.features).to(device))
        silent = torch.zeros(len(condition), condition.shape[1] // 2, net.config.latent, device=device)
        found, wanted = net.generate(condition, silent).cpu(), torch.from_numpy(batch.gestures)
    gaps = torch.stack([lip_gap(found).flatten(), lip_gap(wanted).flatten()])
    return Figures(
        round(float((found - wanted).abs().mean()), 4),
        round(float((gaps[0] - gaps[1]).abs().mean()), 4),
        round(float(torch.corrcoef(gaps)[0, 1]), 4),
    )


def _save(net: GestureNet, output: Path, metadata: Mapping[str, str]) -> None:
    from safetensors.torch import save_file

    tensors = {
        name: tensor.half().cpu().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.startswith("vae.encoder.")
    }
    partial = output.with_name(f".{output.name}.part")
    save_file(tensors, partial, dict(metadata))
    os.replace(partial, output)
