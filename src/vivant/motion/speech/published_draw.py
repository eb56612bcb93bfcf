"""Published networks with their weights, as something that hears and draws; see `published`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.face.bfm import BaselFace, read_basel_face
from vivant.face.bfm_mesh import mesh_from_arrays
from vivant.face.ibug import COUNT
from vivant.face.model import load_face_model
from vivant.motion.speech.networks.audio_to_expression import AudioToExpression, AudioToExpressionConfig, Voice
from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks
from vivant.motion.speech.networks.hubert import hubert_piece, open_hubert
from vivant.motion.speech.networks.post_net import PostNet
from vivant.motion.speech.networks.released import releases
from vivant.motion.speech.published_files import Imported, PublishedFiles
from vivant.motion.speech.published_hearing import Listener
from vivant.nn.pitch import pitch_bins
from vivant.weights.keys import load
from vivant.weights.store import read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]

Draw = Callable[[Floats, Floats], Floats]
"""Heard (2 T, C + 1) and noise (T / 4, 16) to offsets (T, 68, 3)."""

FEATURES = AudioToExpressionConfig().sound
"""Numbers of a row of HuBERT that all released networks want."""


@dataclass(frozen=True)
class Speaker:
    """A system with its weights."""

    listen: Listener
    features: int
    """C: numbers of one row of features."""
    draw: Draw


def open_speaker(files: PublishedFiles) -> Speaker:
    """Load everything; HuBERT goes to the GPU if there is one. Raises MissingExtraError, WeightsError."""
    motion = open_network(files.motion)
    hubert = open_hubert(files.hubert).to("cuda" if torch.cuda.is_available() else "cpu")
    if hubert.config.hidden_size != FEATURES:
        found = hubert.config.hidden_size
        raise WeightsError(f"{files.hubert}: its rows have {found} numbers, not {FEATURES}; get hubert-large-ls960-ft")
    if files.face_model is None:
        draw = landmark_draw(motion, open_network(files.post_net) if files.post_net else None)
    else:
        draw = expression_draw(motion, files.face_model, files.system.amplitude)
    return Speaker(lambda sound: hubert_piece(hubert, sound), FEATURES, draw)


def open_network(imported: Imported) -> Any:
    """The network of an imported file in its released sizes, ready; raises WeightsError where the file does not fit."""
    names = (imported.system, imported.network)
    (build,) = [release.build for release in releases() if (release.system, release.network) == names]
    network = build()
    load(network, read_safetensors(imported.path)[0], str(imported.path))
    return network.eval()


def landmark_draw(network: AudioToLandmarks, post_net: PostNet | None) -> Draw:
    """How GeneFace draws; its landmarks are ten times their size in decimetres, which is centimetres."""

    @torch.inference_mode()
    def draw(heard: Floats, noise: Floats) -> Floats:
        sound, hertz = split(heard)
        drawn = network(sound, torch.from_numpy(noise)[None], pitch=hertz if network.config.pitch else None)
        if post_net is not None:
            embedded = network.pitch_table(pitch_bins(hertz[:, ::2])) if post_net.config.pitch else None
            drawn = post_net(drawn, embedded)
        landmarks: Floats = drawn[0].reshape(-1, COUNT, 3).numpy()
        return landmarks

    return draw


def expression_draw(network: AudioToExpression, face_model: Path, amplitude: float) -> Draw:
    """How GeneFace++ and Real3D-Portrait draw: coefficients, which the Basel face model turns into offsets.

    The offsets are scaled so that the distance of the eyes is that of the built-in face.
    """
    face = _basel_face(face_model)
    scale = load_face_model().inter_ocular / face.inter_ocular
    basis = scale * face.expression[face.keypoints]  # (68, 3, 64)

    @torch.inference_mode()
    def draw(heard: Floats, noise: Floats) -> Floats:
        sound, hertz = split(heard)
        opening = torch.full((1, 1), amplitude)
        voice = Voice(sound, hertz, torch.zeros_like(hertz, dtype=torch.int64), opening)
        expression: Floats = network(voice, torch.from_numpy(noise)[None])[0].numpy()
        return np.asarray(np.einsum("kce,te->tkc", basis, expression), np.float32)

    return draw


def _basel_face(path: Path) -> BaselFace:
    """The published file, or the imported one; raises WeightsError."""
    if path.suffix != ".safetensors":
        return read_basel_face(path)
    return mesh_from_arrays({name: tensor.numpy() for name, tensor in read_safetensors(path)[0].items()}).face


def split(heard: Floats) -> tuple[Tensor, Tensor]:
    """Sound (1, S, C) and pitch (1, S) of `heard` (S, C + 1), S = 2 T."""
    rows = torch.from_numpy(heard)[None]
    return rows[..., :-1], rows[..., -1]
