"""Stand-ins for the files of published speech systems: their sizes and names, random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivant.face.bfm import FILE
from vivant.face.ibug import CHIN, INNER_LIPS, OUTER_LIPS
from vivant.face.model import load_face_model
from vivant.motion.speech.networks.released import releases
from vivant.weights.release import Release, import_weights

DM = 0.1
"""Decimetres in a centimetre."""


def of_system(name: str) -> dict[str, Release]:
    """Every release of a system by our name of the network."""
    return {release.network: release for release in releases() if release.system == name}


def save_checkpoint(path: Path, release: Release, seed: int = 0) -> None:
    """A checkpoint as the published trainings leave it, with random weights."""
    torch.manual_seed(seed)
    state = release.build().state_dict()
    for name, tensor in state.items():
        if name.endswith("leave.weight") and tensor.abs().max() == 0:  # couplings start at zero
            tensor.normal_(0, 0.05)
    children = {"model": {key: state[name] for key, name in release.table.items() if name}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"global_step": 7, "state_dict": children}, path, _use_new_zipfile_serialization=False)


def import_random(folder: Path, system: str, **networks: str) -> None:
    """Import random `networks` (our name to person or "") of `system` by way of a published folder `folder`."""
    known = of_system(system)
    for network, person in networks.items():
        save_checkpoint(folder / (person or "any") / network / "model_ckpt_steps_10.ckpt", known[network])
    import_weights(folder, list(known.values()), "none")


def save_hubert(folder: Path, width: int = 1024) -> None:
    """A HuBERT of one layer, with rows of `width` random numbers; the test is skipped without transformers."""
    transformers = pytest.importorskip("transformers", reason="the extra hubert is not installed")
    torch.manual_seed(1)
    settings = transformers.HubertConfig(
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=16,
        conv_dim=[8] * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=16,
    )
    transformers.HubertModel(settings).save_pretrained(folder)


def basel_arrays(seed: int = 0) -> dict[str, Any]:
    """A face in the form of `BFM_model_front.mat` whose key points of mouth, chin and eyes are those of ours.

    Its first expressions are our curves, so that it can say what it should.
    """
    random, model = np.random.default_rng(seed), load_face_model()
    vertices, keypoints = 200, random.permutation(200)[:68]
    mean = random.normal(0, 0.3, (vertices, 3))
    expression = random.normal(0, 0.002, (vertices, 3, 64))
    for group in ({36: 33, 45: 263}, CHIN, OUTER_LIPS, INNER_LIPS):
        for ours, theirs in zip(group.values(), keypoints[list(group)], strict=True):
            mean[theirs] = DM * model.neutral[ours]
            expression[theirs] = 0
            expression[theirs, :, :52] = DM * model.basis[:, ours].T
    return {
        "meanshape": mean.reshape(1, -1),
        "idBase": random.normal(0, 0.03, (3 * vertices, 80)),
        "exBase": expression.reshape(-1, 64),
        "keypoints": keypoints[None] + 1,
        "tri": np.ones((5, 3), np.int32),
    }


def save_basel(folder: Path, arrays: dict[str, Any] | None = None) -> Path:
    """`arrays`, or `basel_arrays()`, as MATLAB would write them."""
    from scipy.io import savemat

    path = folder / FILE
    savemat(path, arrays or basel_arrays(), do_compression=True)
    return path
