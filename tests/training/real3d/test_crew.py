"""Two processes that train one network end with the same weights, which have learnt from both."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_heads import write_heads

from vivant.training.real3d.crew import Crew, join_crew

PROCESS = """
import sys
from pathlib import Path
import torch
from small_heads import SIDE, small_sizes
from vivant.training.real3d.crew import join_crew
from vivant.training.real3d.head_pairs import HeadPairs
from vivant.training.real3d.recipes import Course, PretrainingRecipe
from vivant.training.real3d.samples import Reader
from vivant.training.real3d.shards import open_heads
from vivant.training.real3d.train import begin, take_step
from vivant.weights.store import content_hash

torch.set_num_threads(1)
crew = join_crew("cpu")
recipe = PretrainingRecipe(course=Course(steps=2, rate=10.0, seed=crew.rank), sizes=small_sizes())
training = begin(recipe, crew)
reader = Reader(HeadPairs(open_heads(Path(sys.argv[1])), SIDE), 1, 0, crew.rank, 0)
first = content_hash(dict(training.shop.parts.state_dict()))
for step in range(2):
    take_step(training, reader.batch_of(step), step)
learnt = {name: value.detach() for name, value in training.shop.parts.named_parameters()}
print(crew.rank, crew.size, first, content_hash(learnt))
"""


@pytest.mark.slow
def test_two_processes_share_what_they_learn(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    heads = write_heads(tmp_path / "heads")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tests = str(Path(__file__).resolve().parents[2])
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": tests, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(heads)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    one, other = (out.split() for out, _ in said)
    assert (one[:2], other[:2]) == (["0", "2"], ["1", "2"])
    assert one[2:] == other[2:]  # the seeds differ; the first process's weights count
    assert one[2] != one[3]


def test_gradients_and_figures_are_the_means_of_a_crew() -> None:
    class Two:
        def reduce(self, tensor: torch.Tensor, reduction: str) -> torch.Tensor:
            assert reduction == "mean"
            return (tensor + 1) / 2  # the other process found ones

    crew = Crew(torch.device("cpu"), 0, 2, Two())
    first, second = (torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(2))
    first.grad = torch.full((2, 2), 3.0)
    crew.share_gradients([first, second, torch.zeros(3)])
    assert first.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert second.grad is not None
    assert second.grad.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert crew.share_numbers({"a": 3.0}) == {"a": 2.0}


def test_one_process_is_a_crew_without_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    crew = join_crew("cpu")
    assert (crew.size, crew.leads, crew.helper) == (1, True, None)
    assert crew.share_numbers({"a": 1.5}) == {"a": 1.5}
