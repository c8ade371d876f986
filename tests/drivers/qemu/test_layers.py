"""Layers, volumes and snapshots on a disk, made by the real qemu-img and broken off anywhere."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.drivers.qemu.files import write_atomically
from atoll.drivers.qemu.layers import GIB
from atoll.drivers.qemu.merge import CHAIN_MERGED, Merger, find_merges
from atoll.drivers.qemu.volumes import SNAPSHOTS_MAX
from tests.contract.drivers import TOOLS, SystemClock, new_id
from tests.drivers.qemu.crashes import Crash, CrashAt
from tests.drivers.qemu.disk_files import info, write_pattern
from tests.drivers.qemu.shelf import IMAGE, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state")


def test_a_volume_is_an_overlay_of_the_size_asked_for(shelf: Shelf) -> None:
    found = info(shelf.disk_of(shelf.new_volume()))
    assert found["virtual-size"] == 2 * GIB
    assert found["backing-filename"] == f"../../images/{IMAGE.id}/disk.qcow2"
    assert found["backing-filename-format"] == "qcow2"


def test_a_volume_smaller_than_its_image_is_refused(shelf: Shelf) -> None:
    with pytest.raises(DriverRefused, match="choose at least that size"):
        shelf.new_volume(size_gib=0)


def test_an_empty_volume_has_no_base(shelf: Shelf) -> None:
    assert "backing-filename" not in info(shelf.disk_of(shelf.new_volume(image=None)))


def test_only_qemus_user_may_read_a_disk_and_only_the_top_may_be_written(shelf: Shelf) -> None:
    volume = shelf.new_volume()
    below = shelf.disk_of(volume)
    shelf.snapshot(volume)
    top, frozen = shelf.disk_of(volume).stat(), below.stat()
    assert (top.st_mode & 0o777, frozen.st_mode & 0o777) == (0o600, 0o440)
    assert TOOLS.uid is None or (top.st_uid, frozen.st_uid, frozen.st_gid) == (
        TOOLS.uid,
        0,
        TOOLS.uid,
    )


@pytest.mark.parametrize(
    "name",
    ["../../etc", "vol", "", "../" + new_id(ids.VOLUME)],
    ids=["above", "no-id", "empty", "beside"],
)
def test_no_id_leads_out_of_the_state_directory(shelf: Shelf, name: str) -> None:
    with pytest.raises(DriverRefused):
        shelf.layers.find_volume(name)


def test_a_write_replaces_the_whole_file_and_follows_no_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("untouched")
    (tmp_path / ".record.part").symlink_to(secret)
    write_atomically(tmp_path / "record", b"new")
    assert (tmp_path / "record").read_bytes() == b"new"
    assert secret.read_text() == "untouched"


def test_a_volume_and_its_snapshots_grow_apart(shelf: Shelf) -> None:
    volume = shelf.new_volume()
    write_pattern(shelf.disk_of(volume), 2)
    first = shelf.snapshot(volume)
    write_pattern(shelf.disk_of(volume), 3, at_kib=64)
    second = shelf.snapshot(volume)
    write_pattern(shelf.disk_of(volume), 4)
    copies = [shelf.new_volume(image=None, snapshot_id=one) for one in (first, second)]
    write_pattern(shelf.disk_of(copies[0]), 5, at_kib=128)
    assert shelf.content_of(copies[0]) == bytes([2, 0, 5, 0, 0, 0, 0, 0])
    assert shelf.content_of(copies[1]) == bytes([2, 3, 0, 0, 0, 0, 0, 0])
    assert shelf.content_of(volume) == bytes([4, 3, 0, 0, 0, 0, 0, 0])


def test_an_image_under_a_snapshot_is_in_use(shelf: Shelf) -> None:
    volume = shelf.new_volume()
    snapshot = shelf.snapshot(volume)
    shelf.layers.remove_volume(volume)
    with pytest.raises(DriverRefused, match=snapshot):
        shelf.disks.require_unused(IMAGE.id)
    shelf.layers.remove_snapshot(snapshot)
    shelf.disks.require_unused(IMAGE.id)


def test_where_a_record_cannot_be_read_nothing_is_deleted(shelf: Shelf) -> None:
    volume, other = shelf.new_volume(), shelf.new_volume()
    record = shelf.state / "volumes" / f"{volume}.json"
    sound = record.read_bytes()
    record.write_bytes(b"{")
    with pytest.raises(DriverRefused, match=record.name):
        shelf.layers.remove_volume(other)
    record.write_bytes(sound)
    assert shelf.content_of(volume)


def test_layers_that_nobody_names_are_swept_away_at_the_start(shelf: Shelf) -> None:
    (shelf.state / "layers" / "0123456789ab").mkdir()
    volume = shelf.new_volume()
    shelf.reopen()
    assert len(shelf.files()) == 2, "the volume and its layer"
    assert shelf.content_of(volume)


def crash_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Shelf], Any]
) -> list[Shelf]:
    """A host for each point at which the action can be broken off, as its next process finds it.
    `action` is done on a host on which `prepare` was done."""
    hosts = []
    for after in (False, True):
        for number in range(1, 50):
            shelf = prepared(tmp_path / f"{number}-{after}")
            with monkeypatch.context() as patch:
                crash = CrashAt(patch, number, after=after)
                try:
                    action(shelf)
                except Crash:
                    assert crash.reached
            if not crash.reached:
                break
            shelf.reopen()
            hosts.append(shelf)
    assert len(hosts) > 4, "there were points to break off at"
    return hosts


VOLUME, SNAPSHOT, OLD = new_id(ids.VOLUME), new_id(ids.SNAPSHOT), new_id(ids.SNAPSHOT)
WRITTEN = bytes([2, 3, 0, 0, 0, 0, 0, 0])


def prepared(state: Path) -> Shelf:
    shelf = Shelf(state)
    shelf.new_volume(id=VOLUME)
    write_pattern(shelf.disk_of(VOLUME), 2)
    shelf.snapshot(VOLUME, OLD)
    write_pattern(shelf.disk_of(VOLUME), 3, at_kib=64)
    return shelf


def require_sound(shelf: Shelf) -> None:
    """All that was written is there, a snapshot can be taken and used, and nothing stays."""
    shelf.layers.check(shelf.layers.get_volume(VOLUME))
    assert shelf.content_of(VOLUME) == WRITTEN
    shelf.snapshot(VOLUME, SNAPSHOT)
    write_pattern(shelf.disk_of(VOLUME), 9)
    copy = shelf.new_volume(image=None, snapshot_id=SNAPSHOT)
    assert shelf.content_of(copy) == WRITTEN
    for volume in (copy, VOLUME):
        shelf.layers.remove_volume(volume)
    for snapshot in (SNAPSHOT, OLD):
        shelf.layers.remove_snapshot(snapshot)
    assert shelf.files() == []


def test_a_snapshot_that_breaks_off_anywhere_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = crash_everywhere(tmp_path, monkeypatch, lambda shelf: shelf.snapshot(VOLUME, SNAPSHOT))
    for shelf in hosts:
        require_sound(shelf)


def test_what_a_guest_wrote_above_an_unfinished_snapshot_is_kept_though_both_died(
    tmp_path: Path,
) -> None:
    """QEMU had come to write to the next layer, and we had not recorded it."""
    shelf = prepared(tmp_path)
    switching = shelf.layers.begin_switch(shelf.layers.get_volume(VOLUME), 2 * GIB, None)
    assert switching.next_layer is not None
    write_pattern(shelf.layers.disk_of(switching.next_layer), 4, at_kib=128)
    shelf.reopen()
    assert shelf.content_of(VOLUME) == bytes([2, 3, 4, 0, 0, 0, 0, 0])


def test_a_removal_that_breaks_off_anywhere_is_finished_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def remove(shelf: Shelf) -> None:
        shelf.layers.remove_volume(VOLUME)
        shelf.layers.remove_snapshot(OLD)

    for shelf in crash_everywhere(tmp_path, monkeypatch, remove):
        remove(shelf)
        assert shelf.files() == []


def test_growth_that_broke_off_is_made_good_the_next_time(tmp_path: Path) -> None:
    """The wish was recorded, and the disk had not grown yet."""
    shelf = prepared(tmp_path)
    volume = shelf.layers.get_volume(VOLUME)
    shelf.layers.save_volume(replace(volume, size_gib=5))
    shelf.reopen()
    shelf.new_volume(id=VOLUME, size_gib=5)
    assert info(shelf.disk_of(VOLUME))["virtual-size"] == 5 * GIB
    assert shelf.content_of(VOLUME) == WRITTEN


def grown_chain(shelf: Shelf, length: int) -> tuple[str, list[str]]:
    """A volume and its snapshots, with another byte written before each."""
    volume = shelf.new_volume()
    snapshots = []
    for number in range(length):
        write_pattern(shelf.disk_of(volume), 10 + number, at_kib=64 * (number % 7))
        snapshots.append(shelf.snapshot(volume))
    return volume, snapshots


def merge_all(shelf: Shelf) -> None:
    merger = Merger(shelf.layers, SystemClock())
    while merges := find_merges(shelf.layers):
        assert asyncio.run(merger.merge(merges[0], merges[0].volume_ids[0], None))


def test_a_chain_whose_snapshots_are_deleted_is_merged_and_shows_the_same(shelf: Shelf) -> None:
    volume, snapshots = grown_chain(shelf, CHAIN_MERGED + 6)
    kept = snapshots[5]
    copy = shelf.new_volume(image=None, snapshot_id=kept)
    before = shelf.content_of(volume), shelf.content_of(copy)
    for snapshot in snapshots:
        if snapshot != kept:
            shelf.layers.remove_snapshot(snapshot)
    merge_all(shelf)
    assert len(shelf.layers.chain_of(shelf.layers.get_volume(volume).layer)) == CHAIN_MERGED
    assert (shelf.content_of(volume), shelf.content_of(copy)) == before
    for name in (volume, copy):
        shelf.layers.check(shelf.layers.get_volume(name))
    shelf.layers.remove_snapshot(kept)
    for name in (volume, copy):
        shelf.layers.remove_volume(name)
    assert shelf.files() == []


def test_what_snapshots_name_is_never_merged(shelf: Shelf) -> None:
    grown_chain(shelf, CHAIN_MERGED + 2)
    assert find_merges(shelf.layers) == []


def test_the_33rd_snapshot_in_a_chain_is_refused_until_some_are_deleted(shelf: Shelf) -> None:
    volume, snapshots = grown_chain(shelf, SNAPSHOTS_MAX)
    with pytest.raises(DriverRefused, match="delete some of them first"):
        shelf.snapshot(volume)
    shelf.layers.remove_snapshot(snapshots[7])
    with pytest.raises(DriverBusy, match="merged"):
        shelf.snapshot(volume)
    merge_all(shelf)
    assert shelf.snapshot(volume)


def test_a_merge_that_breaks_off_anywhere_changes_nothing_that_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def merge(shelf: Shelf) -> None:
        for found in find_merges(shelf.layers, longer_than=1):
            asyncio.run(Merger(shelf.layers, SystemClock()).merge(found, VOLUME, None))

    def forget_and_merge(shelf: Shelf) -> None:
        shelf.layers.remove_snapshot(OLD)
        merge(shelf)

    for shelf in crash_everywhere(tmp_path, monkeypatch, forget_and_merge):
        merge(shelf)
        assert shelf.content_of(VOLUME) == WRITTEN
        shelf.layers.check(shelf.layers.get_volume(VOLUME))
        shelf.layers.remove_volume(VOLUME)
        shelf.layers.remove_snapshot(OLD)
        assert shelf.files() == []
