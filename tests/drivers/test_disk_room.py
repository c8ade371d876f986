"""What of a host's disk may be promised, and what is kept for running guests."""

import os
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.disk_room import MIB, DiskRoom
from atoll.drivers.qemu.capacity import CapacitySettings, capacity_of
from atoll.drivers.qemu.layers import GIB, Layers
from atoll.drivers.qemu.process import Privileges

pytestmark = pytest.mark.anyio
FREE_MIB = 10 * 1024


@pytest.fixture
def ten_gib_free(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = (4096, 4096, 0, 0, FREE_MIB * MIB // 4096, 0, 0, 0, 0, 255)
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(blocks))


@pytest.mark.usefixtures("ten_gib_free")
async def test_a_host_promises_its_free_space_without_the_reserve_as_often_as_it_is_told(
    tmp_path: Path,
) -> None:
    room, layers = DiskRoom(tmp_path, 2 * GIB), Layers(tmp_path, Privileges())
    layers.prepare()
    once = await capacity_of(CapacitySettings(disk_overcommit=1.0), room, layers)
    assert (once.disk_gib, once.spare_disk_mib) == (8, 8 * 1024)
    default = await capacity_of(CapacitySettings(), room, layers)
    assert default.disk_gib == 16
    nothing = await capacity_of(CapacitySettings(), DiskRoom(tmp_path, 11 * GIB), layers)
    assert (nothing.disk_gib, nothing.spare_disk_mib) == (0, -1024)


@pytest.mark.usefixtures("ten_gib_free")
def test_what_would_take_some_of_the_reserve_is_refused_with_the_figures(tmp_path: Path) -> None:
    room = DiskRoom(tmp_path, 9 * GIB)
    room.require(GIB)
    with pytest.raises(DriverRefused, match="1024 MiB are left besides the 9216 MiB"):
        room.require(GIB + 1)
    with pytest.raises(DriverRefused, match="0 MiB are left"):
        DiskRoom(tmp_path, 10 * GIB).require()
