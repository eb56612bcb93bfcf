"""The folder of imported weights: one .safetensors file for each network, with its origin in the metadata."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vivant.errors import WeightsError
from vivant.weights.keys import load

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "vivant-weights-1"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True)
class Origin:
    """Where weights come from; everything but `content` is told, not proven."""

    system: str
    """The published system: geneface, real3d, metrics."""
    network: str
    """Our name of the network."""
    licence: str
    """What the user said about the licence."""
    source: str
    """Name of the published file, and the path to the network within."""
    source_sha256: str
    """Hash of the published file."""
    content: str
    """SHA-256 of the tensors with their names, types and shapes."""


@dataclass(frozen=True)
class Stored:
    """One file of the folder."""

    name: str
    """System, network and perhaps person, such as `geneface/post_net-May`."""
    path: Path
    origin: Origin
    tensors: int
    numbers: int
    """Numbers in all tensors."""


def weights_folder() -> Path:
    """The folder of imported weights, VIVANT_WEIGHTS_DIR if that is set; it need not exist."""
    if own := os.environ.get("VIVANT_WEIGHTS_DIR"):
        return Path(own)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~")
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "vivant" / "weights"


def save(name: str, tensors: Mapping[str, Tensor], origin: Origin) -> Stored:
    """Write `tensors` as `name` into the folder, whole or not at all; raises WeightsError where that fails."""
    from safetensors.torch import save_file

    path = _path(name)
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(tensors), temporary, {"format": FORMAT, **asdict(origin)})
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror}); choose a VIVANT_WEIGHTS_DIR") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return _describe(name, path)


def list_stored() -> list[Stored]:
    """Everything in the folder, by name; raises WeightsError that names a file that cannot be read."""
    folder = weights_folder()
    # A user may keep the downloaded HuBERT there too: a network with its config.json, which was not imported.
    foreign = {path.parent for path in folder.rglob("config.json")}
    paths = (path for path in sorted(folder.rglob("[!.]*.safetensors")) if path.parent not in foreign)
    return [_describe(path.relative_to(folder).with_suffix("").as_posix(), path) for path in paths]


def show(name: str) -> Stored:
    """What is stored as `name`; raises WeightsError with the names that there are."""
    path = _path(name)
    if not path.is_file():
        there = ", ".join(stored.name for stored in list_stored()) or "none; see vivant weights import --help"
        raise WeightsError(f"no weights {name!r} in {weights_folder()}; there are: {there}")
    return _describe(name, path)


def verify(stored: Stored) -> list[str]:
    """What is wrong with the file now: tensors that changed since the import, numbers that are none."""
    tensors, _ = read_safetensors(stored.path)
    problems = [f"{name} has numbers that are not finite" for name, tensor in tensors.items() if not _finite(tensor)]
    if content_hash(tensors) != stored.origin.content:
        problems.append("its tensors changed since it was imported; import it again")
    return problems


def load_stored(network: nn.Module, name: str) -> None:
    """Load the weights stored as `name` into `network`, strictly; raises WeightsError."""
    stored = show(name)
    load(network, read_safetensors(stored.path)[0], str(stored.path))


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a .safetensors file; raises WeightsError for a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a whole .safetensors file ({error}); get it again") from error


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes, the same in any order."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(name: str) -> Path:
    if not NAME.fullmatch(name):
        raise WeightsError(f"{name!r} is no name of weights; such names look like geneface/sync_expert")
    return weights_folder() / f"{name}.safetensors"


def _describe(name: str, path: Path) -> Stored:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118
        origin = Origin(**{field: told[field] for field in Origin.__dataclass_fields__})
    except (SafetensorError, OSError, KeyError) as error:
        raise WeightsError(f"{path}: not weights that vivant imported ({error}); remove it, import again") from error
    return Stored(name, path, origin, len(shapes), sum(_product(shape) for shape in shapes))


def _product(shape: list[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())
