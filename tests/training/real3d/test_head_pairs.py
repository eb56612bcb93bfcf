"""Pairs of rendered heads: what comes of a shard, and of a folder of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_heads import SIDE, write_heads

from vivant.errors import SettingsError
from vivant.training.real3d.head_pairs import HELD_OUT, HeadPairs, keypoints
from vivant.training.real3d.samples import Pair, Reader, join, moved
from vivant.training.real3d.shards import open_heads, save_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_heads(tmp_path_factory.mktemp("heads"), heads=HELD_OUT + 2)


def pair_of(folder: Path, seed: int = 0, *, size: int = SIDE, still: bool = False, test: bool = False) -> Pair:
    return HeadPairs(open_heads(folder), size, still=still, torso=True).pair(np.random.default_rng(seed), test=test)


def test_a_pair_shows_one_head_from_two_sides(folder: Path) -> None:
    pair = pair_of(folder)
    for view in (pair.reference, pair.target):
        assert view.picture.shape == view.head.shape == (1, 3, SIDE, SIDE)
        inside = view.mask > 0.5
        assert torch.equal(view.head.where(inside, -1), view.head)  # black where no head is
        assert torch.equal(view.head.where(inside, 0), view.picture.where(inside, 0))
        assert view.camera.shape == (1, 25)
        assert view.lips is not None
        assert view.lips.shape == (1, 12, 2)
    assert not torch.equal(pair.reference.camera, pair.target.camera)
    assert pair.around is not None
    assert pair.around.classes.sum(1).unique().tolist() == [1.0]
    assert float(pair.around.body.sum()) > 50
    assert float(pair.around.source[..., 2].abs().max()) == 0


def test_code_images_are_those_of_the_views(folder: Path) -> None:
    pair = pair_of(folder)
    arrays = load_file(folder / "heads-0000.safetensors")
    codes = torch.from_numpy(arrays["code"]).permute(0, 3, 1, 2) / 127.5 - 1
    assert pair.rest is not None
    assert any(torch.equal(pair.rest[0], code) for code in codes)
    assert pair.target.near is not None
    assert not torch.equal(pair.target.near, pair.target.code)  # type: ignore[arg-type]
    assert pair.bend is not None
    covered = [(code > -1).all(0).sum() for code in pair.bend[0]]
    assert covered[0] <= covered[1] <= covered[2]  # lids close over the holes


def test_code_images_have_the_size_of_the_pictures(folder: Path) -> None:
    for size in (SIDE // 2, 2 * SIDE):
        pair = pair_of(folder, size=size)
        codes = (pair.rest, pair.target.code, pair.target.near, pair.bend)
        assert [code.shape[-2:] for code in codes if code is not None] == 4 * [(size, size)]


def test_expressions_are_the_same_where_that_is_asked_for(folder: Path) -> None:
    for seed in range(6):
        pair = pair_of(folder, seed, still=True)
        assert torch.equal(pair.reference.code, pair.target.code)  # type: ignore[arg-type]
    assert any(not torch.equal(p.reference.code, p.target.code) for p in map(lambda s: pair_of(folder, s), range(6)))  # type: ignore[arg-type]  # noqa: C417


def test_pictures_come_in_the_size_that_is_asked_for(folder: Path) -> None:
    small, full = pair_of(folder, size=SIDE // 2), pair_of(folder)
    assert small.reference.picture.shape == (1, 3, SIDE // 2, SIDE // 2)
    torch.testing.assert_close(small.reference.lips, full.reference.lips / 2)  # type: ignore[operator]
    assert torch.equal(small.reference.camera, full.reference.camera)


def test_held_out_heads_are_never_learnt(folder: Path) -> None:
    colours = {True: set(), False: set()}  # type: ignore[var-annotated]
    for seed in range(60):
        for test in (True, False):
            view = pair_of(folder, seed, test=test).reference
            shade = (view.head + 1) * view.mask
            colours[test].add(round(float(shade.sum((2, 3))[0, 0] / shade.sum((2, 3))[0, 1]), 1))
    assert len(colours[True]) < len(colours[False])
    assert len(open_heads(folder)) == HELD_OUT + 2


def test_batches_are_the_same_however_they_are_read(folder: Path) -> None:
    source = HeadPairs(open_heads(folder), SIDE)
    alone, ahead = (list(Reader(source, 2, 7, threads=threads).batches(3, 8)) for threads in (0, 2))
    assert len(alone) == len(ahead) == 5
    for one, other in zip(alone, ahead, strict=True):
        assert one.reference.picture.shape[0] == 2
        assert torch.equal(one.target.picture, other.target.picture)
    second = Reader(source, 2, 7, rank=1, threads=0).batch_of(3)
    assert not torch.equal(second.target.picture, alone[0].target.picture)


def test_what_one_lacks_all_lack(folder: Path) -> None:
    with_torso, without = pair_of(folder), HeadPairs(open_heads(folder), SIDE).pair(np.random.default_rng(0))
    joined = moved(join([with_torso, without]), "cpu")
    assert joined.around is None
    assert joined.reference.picture.shape[0] == 2


def test_key_points_stay_in_the_picture() -> None:
    found = keypoints(np.array([[0, 0], [16, 32], [99, -5]], np.float32), 32)
    assert found[0].tolist() == [[-1, -1, 0], [0, 1, 0], [1, -1, 0]]


def test_what_is_no_shard_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no shards"):
        open_heads(tmp_path)
    arrays = load_file(folder / "heads-0000.safetensors")
    with pytest.raises(SettingsError, match="camera has a wrong shape"):
        save_shard(tmp_path / "a.safetensors", {**arrays, "camera": arrays["camera"][:, :9]})
    arrays.pop("code")
    with pytest.raises(SettingsError, match="it has no code"):
        save_shard(tmp_path / "a.safetensors", arrays)
    assert list(tmp_path.iterdir()) == []
