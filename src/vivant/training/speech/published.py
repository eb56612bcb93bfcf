"""Training of the published speech networks, from the beginning: `vivant train geneface/audio_to_landmarks` and others.

One function per network gives the players of its training; losses, weights and schedules are the publications'
(geneface 4.3, 4.4, 5, 6; real3d 14.7). The results are stored like imported weights, so that they drive a face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.face.arkit import INDEX
from vivant.face.model import load_face_model
from vivant.motion.speech.networks.audio_to_expression import AudioToExpression, Voice
from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks, AudioToLandmarksConfig
from vivant.motion.speech.networks.head_pose import HeadPose
from vivant.motion.speech.networks.landmark_critic import LandmarkCritic
from vivant.motion.speech.networks.post_net import PostNet
from vivant.motion.speech.networks.sync_expert import SyncExpert, SyncExpertConfig, sync_loss
from vivant.nn.flow_vae import divergence
from vivant.progress import Progress, no_progress
from vivant.training.loop import LoopSettings, Player, run
from vivant.training.schedules import half_cosine, halved, in_turns, warm_then_decay
from vivant.training.speech import motion_losses as losses
from vivant.training.speech.clips import PADDED, Batch, ClipFolder, batches, join, open_clips, read_clip
from vivant.training.speech.sync_windows import draw_windows
from vivant.training.speech.targets import NAMES
from vivant.weights import store

MOUTH = slice(48 * 3, 68 * 3)
"""The mouth's 60 of 204 landmark numbers."""
SOUND_OF_POSE = 58
"""Numbers of sound that the head-pose network takes: the first of the features stand for DeepSpeech's."""


@dataclass(frozen=True)
class TrainSettings:
    """How long, and on how much at once."""

    loop: LoopSettings = field(default_factory=LoopSettings)
    padded: int = PADDED
    """Rows of sound in one batch."""
    windows: int = 1024
    """Pairs in one step of a sync expert."""
    sync_from: float = 0.75
    """Validation loss of the sync expert at which it joins the losses of the landmarks, for good."""
    rate: float = 5e-4


@dataclass
class Stage:
    """What a trainer needs: batches, chance, and networks that were trained before."""

    clips: ClipFolder
    settings: TrainSettings
    draw: np.random.Generator
    queue: Iterator[Batch]
    teachers: Mapping[str, nn.Module]

    def batch(self) -> Batch:
        """The next batch on the device."""
        return _on(next(self.queue), self.settings.loop.device)


def train_published(
    name: str, data: Path, settings: TrainSettings = TrainSettings(), progress: Progress = no_progress
) -> dict[str, float]:
    """Train the network `name` of `targets.NAMES` on the folder of clips `data` and store it under that name.

    Networks that need others (landmarks: the sync expert, post_net: both) take them from the folder of weights, where
    they must have been trained or imported. Returns the last figures. Raises SettingsError, WeightsError.
    """
    if name not in NAMES:
        raise SettingsError(f"there is no training of {name!r}; give one of {', '.join(NAMES)}")
    clips = open_clips(data)
    torch.manual_seed(settings.loop.seed)
    draw = np.random.default_rng(settings.loop.seed)
    stage = Stage(clips, settings, draw, batches(clips, draw, settings.padded), _teachers(name, settings))
    players = _TRAINERS[name](stage)
    told: dict[str, float] = {}
    for told in run(players, settings.loop):
        progress(int(told["step"]), settings.loop.steps)
    for player, stored_as in zip(players, (name, "geneface/landmark_critic"), strict=False):
        _store(stored_as, player.network, data)
    return told


def _sync(stage: Stage, mouth: Callable[[Batch], Tensor], config: SyncExpertConfig) -> list[Player]:
    network = SyncExpert(config).to(stage.settings.loop.device)

    def loss(step: int) -> Mapping[str, Tensor]:
        """The loss () of pairs of sound (W, 10, 1024) and mouth (W, 5, M)."""
        batch = stage.batch()
        pairs = draw_windows(batch.sound, mouth(batch), batch.mask.sum(1), stage.draw, count=stage.settings.windows)
        return {"sync": sync_loss(network(pairs.sound, pairs.mouth), pairs.in_time)}

    return [_player(network, partial(half_cosine, base=stage.settings.rate, total=stage.settings.loop.steps), loss)]


def _landmarks(stage: Stage, pitch: int) -> list[Player]:
    network = AudioToLandmarks(AudioToLandmarksConfig(pitch=pitch)).to(stage.settings.loop.device)
    joined = False

    def loss(step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of landmarks (B, T, 204) for sound (B, 2T, 1024)."""
        nonlocal joined
        batch = stage.batch()
        heard = batch.pitch if pitch else None
        noise = _noise(batch)
        made = network.reconstruct(batch.landmarks, batch.sound, noise, pitch=heard, mask=batch.mask)
        found: dict[str, Tensor] = {
            "square": losses.masked_square(made.motion, batch.landmarks, batch.mask),
            "continuity": 3.0 * losses.continuity(made.motion, batch.landmarks, batch.mask),
            "divergence": 0.4 * divergence(made),
        }
        sync = _in_time(stage, batch, made.motion[..., MOUTH])
        joined = joined or float(sync.detach()) <= stage.settings.sync_from
        return {**found, "sync": 0.01 * sync if joined else 0.01 * sync.detach()}

    return [_player(network, partial(warm_then_decay, base=stage.settings.rate), loss)]


def _expression(stage: Stage) -> list[Player]:
    network = AudioToExpression().to(stage.settings.loop.device)

    def loss(step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of expressions (B, T, 64) and the points (B, T, 1404) that they move."""
        batch = stage.batch()
        drawn = network.reconstruct(batch.expression, _voice(batch), _noise(batch), mask=batch.mask)
        made = drawn.motion
        mesh, wanted = _mesh(made), _mesh(batch.expression)
        return {
            "divergence": in_turns(step) * divergence(drawn),
            "expression": 0.5 * losses.masked_square(made, batch.expression, batch.mask),
            "mesh": 0.5 * losses.mesh_square(mesh, wanted, batch.mask),
            "roughness": losses.roughness(made, batch.mask),
            "size": 0.1 * losses.size(made, batch.mask),
            "sync": 0.2 * _in_time(stage, batch, mesh),
        }

    return [_player(network, partial(warm_then_decay, base=stage.settings.rate), loss)]


def _post_net(stage: Stage) -> list[Player]:
    device = stage.settings.loop.device
    post, critic = PostNet().to(device), LandmarkCritic().to(device)
    person = [_on(join([read_clip(path)]), device) for path in stage.clips.training]
    generic: AudioToLandmarks = stage.teachers["geneface/audio_to_landmarks"]  # type: ignore[assignment]

    def speak(batch: Batch) -> Tensor:
        """The person's landmarks (B, T, 204) for the sound (B, 2T, 1024) of `batch`."""
        with torch.no_grad():
            drawn = generic(batch.sound, _noise(batch))
        adapted: Tensor = post(drawn * batch.mask[..., None])
        return adapted

    def adapt(step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of the post-net by the landmarks (B, T, 204) that it makes."""
        batch, own = stage.batch(), person[int(stage.draw.integers(len(person)))]
        made = speak(batch)
        return {
            "deceives": 0.85 * ((1 - critic(made)) ** 2).mean(),
            "sync": 0.1 * _in_time(stage, batch, made[..., MOUTH]),
            "person": 0.05 * losses.masked_square(speak(own), own.landmarks, own.mask),
        }

    def judge(step: int) -> Mapping[str, Tensor]:
        """Losses, each (), of the critic of landmarks (B, T, 204), made ones and the person's, and what it says."""
        own = person[int(stage.draw.integers(len(person)))]
        with torch.no_grad():
            made = speak(stage.batch())
        false, true = critic(made), critic(own.landmarks)
        return {
            "false": (false**2).mean(),
            "true": ((true - 1) ** 2).mean(),
            "critic of false": false.mean().detach(),
            "critic of true": true.mean().detach(),
        }

    slow = torch.optim.RMSprop
    return [
        Player(post, slow(post.parameters(), 1e-4), partial(warm_then_decay, base=stage.settings.rate), adapt),
        Player(critic, slow(critic.parameters(), 1e-4), partial(halved, base=1e-4), judge),
    ]


def _head_pose(stage: Stage) -> list[Player]:
    network = HeadPose().to(stage.settings.loop.device)

    def loss(step: int) -> Mapping[str, Tensor]:
        """The loss () of the guesses (B, T - 1, 12) of all poses (B, T, 12) but the first."""
        batch = stage.batch()
        guess = network(batch.pose[:, :-1], batch.sound[:, 2::2, :SOUND_OF_POSE])
        return {"square": losses.masked_square(guess.mean, batch.pose[:, 1:], batch.mask[:, 1:])}

    return [_player(network, partial(warm_then_decay, base=stage.settings.rate), loss)]


def _in_time(stage: Stage, batch: Batch, mouth: Tensor) -> Tensor:
    """The sync expert's loss of `mouth` (B, T, M), every pair said to be in time."""
    expert: SyncExpert = next(net for name, net in stage.teachers.items() if name.endswith("sync_expert"))  # type: ignore[assignment]
    count = max(stage.settings.windows, len(mouth))
    pairs = draw_windows(batch.sound, mouth, batch.mask.sum(1), stage.draw, count=count, positive=1.0)
    return sync_loss(expert(pairs.sound, pairs.mouth), pairs.in_time)


def _voice(batch: Batch) -> Voice:
    """What is heard, with the mouth's own opening as the wished one; blinks are made elsewhere."""
    opening = (batch.expression[..., INDEX["jawOpen"]].amax(1, keepdim=True)).clamp(0, 1)
    return Voice(batch.sound, batch.pitch, torch.zeros_like(batch.pitch, dtype=torch.int64), opening)


def _mesh(expression: Tensor) -> Tensor:
    """468 points (B, T, 1404) of `expression` (B, T, 64), whose first 52 numbers are curves."""
    basis = torch.tensor(load_face_model().basis[:, :468].reshape(52, -1)).to(expression)
    return expression[..., :52] @ basis


def _noise(batch: Batch) -> Tensor:
    return torch.randn(len(batch.mask), batch.mask.shape[1] // 4, 16, device=batch.mask.device)


def _player(network: nn.Module, rate: Callable[[int], float], loss: Callable[[int], Mapping[str, Tensor]]) -> Player:
    return Player(network, torch.optim.Adam(network.parameters(), betas=(0.9, 0.999)), rate, loss)


def _on(batch: Batch, device: str) -> Batch:
    return Batch(**{name: tensor.to(device) for name, tensor in vars(batch).items()})


def _teachers(name: str, settings: TrainSettings) -> dict[str, nn.Module]:
    """The frozen networks that the training of `name` listens to."""
    mesh = SyncExpertConfig(mouth=1404, widen=1024)
    wanted: dict[str, nn.Module] = {}
    if name.startswith("geneface/audio_to_landmarks") or name == "geneface/post_net":
        wanted["geneface/sync_expert"] = SyncExpert()
    if name == "geneface/post_net":
        wanted["geneface/audio_to_landmarks"] = AudioToLandmarks()
    if name == "real3d/audio_to_expression":
        wanted["real3d/sync_expert"] = SyncExpert(mesh)
    for stored, network in wanted.items():
        store.load_stored(network, stored)
        network.to(settings.loop.device).eval().requires_grad_(False)
    return wanted


def _store(name: str, network: nn.Module, data: Path) -> None:
    system, _, short = name.partition("/")
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    content = store.content_hash(tensors)
    store.save(name, tensors, store.Origin(system, short, "yours", f"trained on {data.name}", "none", content))


_TRAINERS: dict[str, Callable[[Stage], list[Player]]] = {
    "geneface/sync_expert": lambda stage: _sync(stage, lambda batch: batch.landmarks[..., MOUTH], SyncExpertConfig()),
    "geneface/audio_to_landmarks": lambda stage: _landmarks(stage, 0),
    "geneface/audio_to_landmarks_pitch": lambda stage: _landmarks(stage, 32),
    "geneface/post_net": _post_net,
    "geneface/head_pose": _head_pose,
    "real3d/sync_expert": lambda stage: _sync(
        stage, lambda batch: _mesh(batch.expression), SyncExpertConfig(mouth=1404, widen=1024)
    ),
    "real3d/audio_to_expression": _expression,
}
