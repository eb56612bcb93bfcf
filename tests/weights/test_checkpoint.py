"""Published checkpoint files: both formats of PyTorch are read, hostile ones are refused without being run."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vivant.errors import WeightsError
from vivant.weights import unpickle
from vivant.weights.checkpoint import find_checkpoints, networks_in, read_checkpoint


def training(extra: Any = None) -> dict[str, Any]:
    """What a published training leaves: counters, a NumPy number, an optimiser, and the networks."""
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.rand(4, 3)).sum().backward()
    optimiser.step()
    return {
        "epoch": 3,
        "global_step": 400000,
        "checkpoint_callback_best": np.float64(0.25) if extra is None else extra,
        "optimizer_states": [optimiser.state_dict()],
        "state_dict": {"model": network.state_dict(), "criterion": {"scale": torch.rand(2, dtype=torch.float16)}},
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
def test_both_formats_are_read(tmp_path: Path, zipped: bool) -> None:
    path, wanted = tmp_path / "it's a model ✓.ckpt", training()
    torch.save(wanted, path, _use_new_zipfile_serialization=zipped)
    with read_checkpoint(path) as tensors:
        assert sorted(tensors) == ["criterion.scale", "model.bias", "model.weight"]
        assert torch.equal(tensors["model.weight"], wanted["state_dict"]["model"]["weight"])
        assert tensors["criterion.scale"].dtype == torch.float16


class Evil:
    """Unpickles by calling `function`."""

    def __init__(self, function: Callable[..., Any], *words: Any) -> None:
        self.call = (function, words)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("zipped", "evil"),
    [
        (True, lambda mark: Evil(os.system, f"touch '{mark}'")),
        (False, lambda mark: Evil(os.system, f"touch '{mark}'")),
        (True, lambda mark: Evil(exec, f"open({str(mark)!r}, 'w').close()")),
        (False, lambda mark: Evil(open, str(mark), "w")),
        (True, lambda mark: Evil(subprocess.check_output, ["touch", str(mark)])),
        (True, lambda mark: Evil(getattr, "x", "upper")),
        (True, lambda mark: Evil(torch.load, str(mark))),
        (True, lambda mark: Evil(np.save, str(mark), 1)),
    ],
    ids=["system", "system-old", "exec", "open-old", "subprocess", "getattr", "load", "numpy"],
)
def test_a_hostile_pickle_is_refused_in_one_line(tmp_path: Path, evil: Callable[[Path], Evil], zipped: bool) -> None:
    path, mark = tmp_path / "model.ckpt", tmp_path / "mark"
    torch.save(training(evil(mark)), path, _use_new_zipfile_serialization=zipped)
    refusal = pytest.raises(WeightsError, match=r"refused: it asks for \S+, which is no tensor")
    with refusal as caught, read_checkpoint(path):
        pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["model.ckpt"]


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "model.ckpt", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Evil(os.system, f"touch '{mark}'")))
    with pytest.raises(WeightsError, match="refused"), read_checkpoint(path):
        pass
    assert not mark.exists()


def damaged(path: Path, kind: str) -> None:
    torch.save(training(), path)
    whole = path.read_bytes()
    if kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "text":
        path.write_text("<html>404: the file has moved</html>")
    elif kind == "list":
        torch.save([1, 2, 3], path)
    elif kind == "sparse":
        torch.save({"model.weight": torch.eye(4).to_sparse()}, path)
    elif kind == "huge view":
        torch.save({"model.weight": torch.zeros(1).expand(2**34)}, path)
    elif kind == "deflated":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, b"\0" * 2**30 if name.endswith("data/0") else old.read(name))
        path.with_suffix(".zip").rename(path)
    elif kind == "deep":
        tree: Any = torch.zeros(1)
        for _ in range(40):
            tree = {"model": tree}
        torch.save(tree, path)


@pytest.mark.parametrize("kind", ["cut", "noise", "text", "list", "sparse", "huge view", "deflated", "deep"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.ckpt"
    damaged(path, kind)
    with pytest.raises(WeightsError, match="refused") as caught, read_checkpoint(path):
        pass
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", struct.pack("<Q", 2**40) + b"{}", b"{}"])
def test_a_damaged_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors"), read_checkpoint(path):
        pass


@pytest.mark.parametrize("place", ["absent.ckpt", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(WeightsError), read_checkpoint(tmp_path / place):
        pass


def confined(tmp_path: Path, *tries: str) -> list[str]:
    """What each of `tries` prints or raises once a process has done what it does before it opens a checkpoint."""
    folder = Path(unpickle.__file__).parent
    bounds = f"limit_resources(1000); unpickle.confine({str(tmp_path / 'result')!r})"
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import unpickle, torch, os, socket, subprocess\n"
    code += f"unpickle.leave_network(); unpickle.{bounds}\n"
    code += "".join(f"try:\n    {one}\nexcept Exception as e:\n    print(type(e).__name__)\n" for one in tries)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()


def test_the_process_may_neither_talk_nor_start_nor_write(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = confined(
            tmp_path,
            f"socket.create_connection(('127.0.0.1', {port}))",
            "os.system('true')",
            "subprocess.run(['true'])",
            f"open({str(tmp_path / 'other')!r}, 'w')",
            f"os.remove({str(tmp_path)!r})",
            f"open({str(tmp_path / 'result')!r}, 'w'); print('written')",
        )
    assert found == ["PermissionError"] * 5 + ["written"]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded on Linux only")
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    assert confined(tmp_path, "torch.zeros(2**31)", "print(len(torch.zeros(2**20)))") == ["RuntimeError", str(2**20)]


def test_the_newest_step_of_each_folder_is_found(tmp_path: Path) -> None:
    steps = ("a/model_ckpt_steps_900.ckpt", "a/model_ckpt_steps_10000.ckpt")
    for name in (*steps, "a/model_ckpt_best.pt", "b/x.pth", "n.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    found = [path.relative_to(tmp_path).as_posix() for path in find_checkpoints(tmp_path, "geneface")]
    assert found == ["a/model_ckpt_steps_10000.ckpt", "b/x.pth"]
    assert find_checkpoints(tmp_path / "a/model_ckpt_best.pt", "tha4") == [tmp_path / "a/model_ckpt_best.pt"]


def test_a_folder_without_checkpoints_says_so(tmp_path: Path) -> None:
    for system, file in (("tha4", "body_morpher.pt"), ("tha3", "editor.pt"), ("real3d", "model_ckpt_steps_4")):
        with pytest.raises(WeightsError, match=f"no checkpoint in it; .*{file}"):
            find_checkpoints(tmp_path, system)
    with pytest.raises(WeightsError, match="no such folder"):
        find_checkpoints(tmp_path / "absent", "tha4")


def test_networks_are_told_apart() -> None:
    keys = (
        "model.a.weight",
        "disc_model.b",
        "audio2motion_task.model.c",
        "audio2motion_task.syncnet_task.model.d",
        "loss.e",
    )
    groups = networks_in({key: torch.zeros(1) for key in keys})
    assert {root: list(tensors) for root, tensors in groups.items()} == {
        "model": ["a.weight"],
        "disc_model": ["b"],
        "audio2motion_task.model": ["c"],
        "audio2motion_task.syncnet_task.model": ["d"],
        "loss": ["e"],
    }
    assert list(networks_in({"netcnnlip.0.weight": torch.zeros(1)})) == [""]
