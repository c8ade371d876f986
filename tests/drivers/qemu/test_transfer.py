"""Volumes that go from one host to another, and the death of either side between any two steps."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from atoll.domain import ids
from atoll.domain.errors import DriverRefused
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.qemu import transfer
from atoll.drivers.qemu.transfer import Transfers
from atoll.messages import Parcel, ParcelKind
from tests.contract.drivers import new_id
from tests.contract.test_driver_transfer import patient, piece_of
from tests.drivers.qemu.crashes import Crash, CrashAt
from tests.drivers.qemu.disk_files import info, write_pattern
from tests.drivers.qemu.shelf import Shelf

PIECE_BYTES = 200_000
POINTS_MAX = 100


def transfers_of(shelf: Shelf, room: DiskRoom | None = None) -> Transfers:
    return Transfers(shelf.layers, shelf.disks, room or DiskRoom(Path("/"), 0))


async def send(here: Shelf, there: Shelf, parcel: Parcel, export_id: str) -> None:
    """Whatever goes on at the end is broken off, as with a process."""
    sender, receiver = transfers_of(here), transfers_of(there)
    try:
        export = await patient(lambda: sender.ensure_export(export_id, parcel))
        facts = await receiver.inspect_import(parcel)
        while not facts.complete:
            data = await sender.read_export(export_id, facts.size_bytes, PIECE_BYTES)
            piece = piece_of(parcel, export, facts.size_bytes, data)
            facts = await patient(partial(receiver.write_import, piece))
        await sender.remove_export(export_id)
    finally:
        await sender.close()
        await receiver.close()


def volume_on(shelf: Shelf) -> Parcel:
    volume = shelf.new_volume()
    write_pattern(shelf.disk_of(volume), 2)
    shelf.snapshot(volume)
    write_pattern(shelf.disk_of(volume), 3, at_kib=128)
    return Parcel(kind=ParcelKind.VOLUME, id=volume, size_gib=2)


def test_what_arrives_stands_on_nothing_and_its_image_came_along(tmp_path: Path) -> None:
    here, there = Shelf(tmp_path / "here"), Shelf(tmp_path / "there")
    parcel = volume_on(here)
    asyncio.run(send(here, there, parcel, new_id(ids.OPERATION)))
    assert "backing-filename" not in info(there.disk_of(parcel.id))
    assert there.content_of(parcel.id) == bytes([2, 0, 3, 0, 0, 0, 0, 0])
    assert here.content_of(parcel.id) == there.content_of(parcel.id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_transfer_that_breaks_off_anywhere_is_taken_up_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Both sides die at once."""
    here = Shelf(tmp_path / "here")
    parcel = volume_on(here)
    before = sorted(here.files())
    crash = CrashAt(monkeypatch, 10**9, after=after)
    crash.around(transfer, "sync")
    for point in range(1, POINTS_MAX):
        there = Shelf(tmp_path / f"there-{point}")
        export_id = new_id(ids.OPERATION)
        crash.reached = False
        crash.aim(point)
        try:
            asyncio.run(send(here, there, parcel, export_id))
        except Crash:
            pass
        else:
            assert point > 10, "there are more places than these"
            break
        finally:
            crash.aim(10**9)
        for shelf in (here, there):
            shelf.reopen()
        asyncio.run(send(here, there, parcel, export_id))
        assert there.content_of(parcel.id) == bytes([2, 0, 3, 0, 0, 0, 0, 0])
        assert sorted(here.files()) == before
        there.layers.remove_volume(parcel.id)
        assert there.files() == []
    else:
        pytest.fail("it never got through")


async def refused_by(full: DiskRoom, here: Shelf, there: Shelf, parcel: Parcel) -> None:
    """By a sender and by a receiver whose disk is full."""
    export_id = new_id(ids.OPERATION)
    with pytest.raises(DriverRefused, match="the host's disk is full"):
        await patient(lambda: transfers_of(here, full).ensure_export(export_id, parcel))
    sender, receiver = transfers_of(here), transfers_of(there, full)
    export = await patient(lambda: sender.ensure_export(export_id, parcel))
    with pytest.raises(DriverRefused, match="the host's disk is full"):
        await receiver.write_import(piece_of(parcel, export, 0, b"x" * 1000))
    await sender.remove_export(export_id)


def test_what_would_take_the_reserve_of_a_host_is_not_sent_or_received(tmp_path: Path) -> None:
    here, there = Shelf(tmp_path / "here"), Shelf(tmp_path / "there")
    parcel = volume_on(here)
    before = sorted(here.files())
    asyncio.run(refused_by(FullDisk(tmp_path, 0), here, there, parcel))
    assert sorted(here.files()) == before
    assert there.files() == []


class FullDisk(DiskRoom):
    def spare_bytes(self) -> int:
        return 0
