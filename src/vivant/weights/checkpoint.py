"""Published checkpoints: find the files in a folder, read their tensors safely, tell the networks in one apart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vivant.errors import WeightsError
from vivant.weights import unpickle
from vivant.weights.store import read_safetensors

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]

SUFFIXES = {".ckpt", ".pt", ".pth", ".bin", ".model", ".safetensors"}
STEP = re.compile(r"model_ckpt_steps_(\d+)\.ckpt")
"""Names of a training's checkpoints; the newest of a folder counts."""
ROOTS = {"model", "disc_model", "disc", "head_model"}
"""Children of a training task that are networks; what comes behind in a key is the network's own."""
EXAMPLES = {
    "tha3": "eyebrow_decomposer.pt and editor.pt",
    "tha4": "eyebrow_decomposer.pt and body_morpher.pt",
    "metrics": "syncnet_v2.model",
}
"""Files of the systems that are not published as checkpoints of a training."""
MOST_FILES = 200
MOST_BYTES = 16 * 2**30


def find_checkpoints(place: Path, system: str) -> list[Path]:
    """Checkpoint files of `system` at `place`, a file or a folder with folders; of a training only the newest step.

    Raises WeightsError where there are none, or more than 200.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise WeightsError(f"{place}: no such folder; give the folder that holds the published checkpoints")
    found = []
    for folder, _, names in os.walk(place):
        steps = {int(match[1]): name for name in names if (match := STEP.fullmatch(name))}
        others = [] if steps else [name for name in names if Path(name).suffix.lower() in SUFFIXES]
        found += [Path(folder, name) for name in (*others, *([steps[max(steps)]] if steps else []))]
    if not found:
        expected = EXAMPLES.get(system, "model_ckpt_steps_400000.ckpt")
        raise WeightsError(f"{place}: no checkpoint in it; expected files such as {expected}")
    if len(found) > MOST_FILES:
        raise WeightsError(f"{place}: {len(found)} files that could be checkpoints; give a folder with fewer")
    return sorted(found)


@contextmanager
def read_checkpoint(path: Path) -> Iterator[Tensors]:
    """The tensors of a PyTorch checkpoint, zip or old format, or of a .safetensors file, by their published names.

    A PyTorch file is unpickled in a process of its own that knows nothing but tensors, see `weights.unpickle`. The
    tensors are valid within the `with`. Raises WeightsError for a file that is missing, damaged, or asks for more.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
    if not path.is_file() or not 0 < size <= MOST_BYTES:
        raise WeightsError(f"{path}: not a checkpoint; it has {size} bytes")
    if path.suffix.lower() == ".safetensors":
        yield read_safetensors(path)[0]
        return
    with tempfile.TemporaryDirectory(prefix="vivant-") as folder:
        result = Path(folder).resolve() / "tensors.safetensors"
        _unpickle(path.resolve(), result)
        tensors = read_safetensors(result)[0]
        yield tensors
        tensors.clear()  # lets go of the file, so that the folder can be removed


def _unpickle(path: Path, result: Path) -> None:
    command = [sys.executable, "-I", unpickle.__file__, str(path), str(result)]
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    quiet = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            command,
            env=kept | quiet,
            cwd=result.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=unpickle.SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(f"{path}: refused: reading it took more than {unpickle.SECONDS // 60} minutes") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        why = last if done.returncode == unpickle.REFUSED else f"reading it failed ({last[:160] or done.returncode})"
        raise WeightsError(f"{path}: refused: {why}; only files with nothing but tensors are read")


def networks_in(tensors: Tensors) -> dict[str, Tensors]:
    """The networks of one checkpoint: the path to each, such as `audio2motion_task.model`, and its own tensors.

    Tensors outside of any network go under their first name; a file that is one network goes under the empty path.
    """
    groups: dict[str, Tensors] = {}
    rooted = any(part in ROOTS for key in tensors for part in key.split(".")[:-1])
    for key, tensor in tensors.items():
        parts = key.split(".")
        end = next((at for at, part in enumerate(parts[:-1]) if part in ROOTS), 0) + 1 if rooted else 0
        groups.setdefault(".".join(parts[:end]), {})[".".join(parts[end:])] = tensor
    return groups
