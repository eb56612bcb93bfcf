"""ICT-FaceKit in the folder of weights: imported once from the user's file, read by whatever renders heads."""

from __future__ import annotations

from pathlib import Path

from vivant.errors import WeightsError
from vivant.face.ict import IctHead, head_from_arrays, read_ict_arrays
from vivant.weights import store
from vivant.weights.store import Origin, Stored

SYSTEM, NETWORK = "ict-facekit", "head"
NAME = f"{SYSTEM}/{NETWORK}"
LICENCE = "MIT (USC Institute for Creative Technologies)"
FILE = "ict_facekit.npz"


def import_head(place: Path, licence: str = LICENCE) -> Stored:
    """Check the `.npz` file at `place`, or the one of the usual name in that folder, and store it as safetensors.

    Raises WeightsError for a file that is missing, damaged or of another form.
    """
    import torch

    path = place / FILE if place.is_dir() else place
    arrays = read_ict_arrays(path)
    head_from_arrays(arrays, str(path))
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    origin = Origin(SYSTEM, NETWORK, licence, path.name, store.file_hash(path), store.content_hash(tensors))
    return store.save(NAME, tensors, origin)


def stored_head() -> IctHead:
    """The head that was imported; raises WeightsError that says how to import one."""
    path = store.weights_folder() / f"{NAME}.safetensors"
    if not path.is_file():
        raise WeightsError(f"no {NAME} among the weights; import it: vivant weights import {SYSTEM} {FILE}")
    tensors, _ = store.read_safetensors(path)
    return head_from_arrays({name: tensor.numpy() for name, tensor in tensors.items()}, str(path))
