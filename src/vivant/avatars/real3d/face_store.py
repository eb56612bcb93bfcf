"""The Basel face model among the imported weights: read from the user's folder once, kept as one safetensors file."""

from __future__ import annotations

from pathlib import Path

from vivant.errors import WeightsError
from vivant.face.bfm import FILE
from vivant.face.bfm_files import ORIGINAL, find_basel_files, read_basel_mesh
from vivant.face.bfm_mesh import BaselMesh, mesh_from_arrays
from vivant.weights.store import Origin, Stored, content_hash, file_hash, read_safetensors, save, show

NETWORK = "basel_face"
NAME = f"real3d/{NETWORK}"


def store_face(folder: Path, licence: str) -> Stored:
    """Convert the face model of the user's `folder`, see `face.bfm_files`; raises WeightsError.

    `licence` is what the user says about it, kept in the metadata.
    """
    import torch

    arrays = read_basel_mesh(folder).arrays()
    tensors = {name: torch.from_numpy(array).contiguous() for name, array in arrays.items()}
    paths = find_basel_files(folder).paths
    source = paths.get(FILE) or paths[ORIGINAL]
    origin = Origin("real3d", NETWORK, licence, source.name, file_hash(source), content_hash(tensors))
    return save(NAME, tensors, origin)


def open_face() -> BaselMesh:
    """The stored face model, 65 MB; raises WeightsError that says how to import it."""
    try:
        stored = show(NAME)
    except WeightsError as error:
        raise WeightsError(
            "the Basel face model was not imported; its owner gives it to those who register at "
            "https://faces.dmi.unibas.ch/bfm, then: vivant weights import real3d DIR --bfm DIR"
        ) from error
    tensors, _ = read_safetensors(stored.path)
    try:
        return mesh_from_arrays({name: tensor.numpy() for name, tensor in tensors.items()})
    except WeightsError as error:
        raise WeightsError(f"{stored.path}: {error}") from None
