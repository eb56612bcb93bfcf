"""Memory that is lent and comes back by itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vivant.nn.rooms import Rooms, room


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    rooms = Rooms()
    with rooms.used():
        yield rooms


def features(channels: int = 16) -> Tensor:
    return room(channels, (20, 24), torch.float32)


def test_a_room_is_used_again_when_nothing_refers_to_it(rooms: Rooms) -> None:
    first = features()
    place = first.data_ptr()
    assert features(17).data_ptr() != place
    del first
    gc.collect()
    assert features(15).data_ptr() == place
    assert features(7).data_ptr() != place  # far too large a room


@pytest.mark.parametrize("look", [lambda x: x[0, :, 3:], lambda x: x.numpy()[0, 1], lambda x: x.view(torch.int32)])
def test_whoever_looks_at_a_part_keeps_it(rooms: Rooms, look: object) -> None:
    assert callable(look)
    part = look(features().fill_(7))
    before = part.copy() if not isinstance(part, Tensor) else part.clone()
    for _ in range(3):
        features().fill_(0)
    assert (part == before).all()


def test_rooms_lie_as_pictures_do(rooms: Rooms) -> None:
    picture, volume = features(), room(8, (3, 4, 5), torch.uint8)
    assert picture.shape == (1, 16, 20, 24)
    assert picture.is_contiguous(memory_format=torch.channels_last)
    assert volume.shape == (1, 8, 3, 4, 5)
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)
    assert picture.data_ptr() % 64 == 0


def test_without_rooms_memory_is_new() -> None:
    rooms = Rooms()
    with rooms.used():
        place = features().data_ptr()
    with rooms.used():
        assert features().data_ptr() == place
    kept = features()
    with rooms.used():
        assert features().data_ptr() == place
    assert kept.data_ptr() != place
