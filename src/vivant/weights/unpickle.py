"""Run in a process of its own by `vivant.weights.checkpoint`: an untrusted PyTorch checkpoint to safetensors.

    python -I unpickle.py CHECKPOINT RESULT

Only tensors are read, by PyTorch's restricted unpickler. Before the file is opened the process gives up the network,
other programs, and writing anywhere but to RESULT, as far as the system lets it. Exit status 3: the reason is on
stderr, one line. This file imports nothing of vivant.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

SLACK = 2**30
"""Bytes of memory beside those that come from the file."""
SECONDS = 900
DEEPEST, MOST = 8, 100_000
"""Levels of dicts in dicts, and tensors in all."""
REFUSED = 3
FORBIDDEN = (
    *("socket.", "subprocess.", "ctypes.", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.system"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "shutil."),
)
"""Beginnings of the events of Python's audit that end the process once the file is open."""


def main(checkpoint: str, result: str) -> int:
    """Write the tensors of `checkpoint` to `result`; returns the exit status."""
    leave_network()
    import torch
    from safetensors.torch import save_file

    size = os.path.getsize(checkpoint)
    limit_resources(size)
    confine(result)
    try:
        with torch.serialization.safe_globals(numpy_scalars()):
            tree = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = tree.get("state_dict", tree) if isinstance(tree, dict) else {}
        tensors = {name: tensor.detach() for name, tensor in tensors_in(state)}
        if not tensors:
            return refuse("there are no tensors in it")
        if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > 2 * size + SLACK // 16:
            return refuse("its tensors claim more numbers than the file holds")
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, result)
    except MemoryError:
        return refuse("it wants more memory than its size allows for")
    except Exception as error:
        return refuse(reason(error))
    return 0


def refuse(why: str) -> int:
    """Say why on stderr."""
    print(" ".join(why.split())[:300], file=sys.stderr)
    return REFUSED


def reason(error: Exception) -> str:
    """The part of `error` that says something to the file's owner."""
    text = str(error)
    if wish := re.search(r"GLOBAL (\S+)", text):
        return f"it asks for {wish[1]}, which is no tensor"
    if "DefaultCPUAllocator" in text or "can't allocate memory" in text:
        return "it wants more memory than its size allows for"
    plain = re.split(r"(?<=[.!])\s|\n", text.split("WeightsUnpickler error:")[-1].strip())[0]
    return f"it is no whole PyTorch checkpoint ({type(error).__name__}: {plain[:160]})"


def tensors_in(tree: dict[Any, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every tensor in dicts of dicts, with its keys joined by dots."""
    import torch

    if len(path) > DEEPEST:
        raise ValueError("dicts within dicts within dicts")
    for key, value in tree.items():
        if isinstance(value, torch.Tensor):
            if value.is_sparse or value.is_quantized:
                raise ValueError(f"{key} is no dense tensor")
            yield ".".join((*path, str(key))), value
        elif isinstance(value, dict):
            yield from tensors_in(value, (*path, str(key)))


def numpy_scalars() -> list[Any]:
    """What a number of NumPy needs to be read; training loops leave some beside the tensors."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *kinds]


def leave_network() -> None:
    """Move into a network of its own without any device, where the system lets an ordinary user do so (Linux)."""
    if sys.platform == "linux":
        new_user, new_network = 0x10000000, 0x40000000
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(new_user | new_network)


def limit_resources(size: int) -> None:
    """Bound memory, time and written bytes by the `size` of the file, where the system knows such bounds."""
    try:
        import resource
    except ImportError:  # Windows; the caller's own time limit stands
        return
    limits = {
        resource.RLIMIT_AS: used_memory() + 5 * size + SLACK,
        resource.RLIMIT_FSIZE: 2 * size + SLACK // 8,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def used_memory() -> int:
    """Bytes of address space in use; on a system that does not tell, what loading PyTorch takes at most."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 16 * 2**30


def confine(result: str) -> None:
    """From here on other programs, the network and writing anywhere but to `result` end in PermissionError."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"{event} is forbidden here")
        if event == "open" and (details[2] or 0) & writing and str(details[0]) != result:
            raise PermissionError(f"writing to {details[0]} is forbidden here")

    sys.addaudithook(watch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
