"""Each guest's QEMU is a user of its own, who finds nothing of another guest."""

import errno
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu import layers as layers_module
from atoll.drivers.qemu import users
from atoll.drivers.qemu.command_line import CONSOLE_LOG, QMP_SOCKET, SEED_FILE
from atoll.drivers.qemu.layers import Layers
from atoll.drivers.qemu.record import Record, give_away
from atoll.drivers.qemu.users import Users
from atoll.messages import GuestSpec, VolumeSpec
from tests.contract.drivers import GUEST_UID, TOOLS, QemuBench, new_id, qemu_bench
from tests.drivers.qemu.shelf import Shelf
from tests.drivers.qemu.test_driver import status_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.qemu,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[QemuBench]:
    built = await qemu_bench(tmp_path, starts_at_once=3)
    yield built
    await built.end()


def folder_of(bench: QemuBench, guest: GuestSpec) -> Path:
    return bench.state_dir / "guests" / guest.id


def record_file(bench: QemuBench, guest: GuestSpec) -> Path:
    return folder_of(bench, guest) / "guest.json"


def record_of(bench: QemuBench, guest: GuestSpec) -> Record:
    return msgspec.json.decode(record_file(bench, guest).read_bytes(), type=Record)


def user_of(bench: QemuBench, guest: GuestSpec) -> int:
    """The user that its process really has."""
    pid = record_of(bench, guest).pid
    assert pid is not None
    return int(status_of(pid)["Uid"].split()[0])


def disks_of(bench: QemuBench, volume_id: str) -> list[Path]:
    """From the top down."""
    layers = Layers(bench.state_dir, TOOLS)
    chain = layers.chain_of(layers.get_volume(volume_id).layer)
    return [layers.disk_of(layer.id) for layer in chain]


def may(user: int, *command: str | Path, folder: Path) -> bool:
    """As a broken QEMU: with its user and its groups, in a folder that it has got to."""
    identity = f"--reuid={user}", f"--regid={user}", f"--groups={GUEST_UID}"
    done = subprocess.run(
        ["setpriv", *identity, "--no-new-privs", "--", *command],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def may_read(user: int, path: Path) -> bool:
    return may(user, "head", "-c", "1", path.name, folder=path.parent)


def may_write(user: int, path: Path) -> bool:
    return may(user, "dd", "if=/dev/null", f"of={path.name}", "conv=notrunc", folder=path.parent)


def may_ask(user: int, folder: Path) -> bool:
    return may(user, "/usr/bin/python3", "-c", CONNECT, QMP_SOCKET, folder=folder)


async def test_a_guest_has_its_own_and_what_it_shares_and_nothing_of_another(
    bench: QemuBench,
) -> None:
    first = await bench.new_guest()
    await bench.driver.ensure_running(first)
    snapshot = await bench.take_snapshot(first.root_volume_id)
    copy = await bench.new_volume(snapshot_id=snapshot.id)
    second = await bench.new_guest(root_volume_id=copy.id)
    third = await bench.new_guest()
    for guest in (second, third):
        await bench.driver.ensure_running(guest)

    a, b, c = (user_of(bench, guest) for guest in (first, second, third))
    assert len({a, b, c, GUEST_UID, TOOLS.uid}) == 5

    top, shared = disks_of(bench, first.root_volume_id)
    other_top, *below = disks_of(bench, second.root_volume_id)
    assert below == [shared]
    assert [may_write(user, top) for user in (a, b, c)] == [True, False, False]
    assert [may_write(user, other_top) for user in (a, b, c)] == [False, True, False]
    assert [may_read(user, shared) for user in (a, b, c)] == [True, True, False]
    assert [may_write(user, shared) for user in (a, b, c)] == [False, False, False]
    for path in (folder_of(bench, first) / SEED_FILE, folder_of(bench, first) / CONSOLE_LOG, top):
        assert [may_read(user, path) for user in (a, b, c)] == [True, False, False], path
    assert [may_ask(user, folder_of(bench, first)) for user in (a, b, c)] == [True, False, False]

    await bench.driver.ensure_stopped(first.id, force=True)
    await bench.reopen()
    await bench.start_until_ready(first)
    assert user_of(bench, first) == a, "a guest keeps its user"
    assert await bench.driver.read_log(first.id, 100)


async def test_a_user_that_is_used_again_finds_nothing_of_its_former_guest(
    bench: QemuBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "GUESTS_MAX", 1)
    first = await bench.new_guest()
    data = VolumeSpec(id=new_id(ids.VOLUME), size_gib=1)
    await bench.driver.ensure_volume(data)
    first = replace(first, volumes=(data.id,))
    await bench.driver.ensure_running(first)
    snapshot = await bench.take_snapshot(data.id)
    user = user_of(bench, first)
    mine, frozen = disks_of(bench, data.id)
    assert may_read(user, mine)
    assert may_read(user, frozen)

    second = await bench.new_guest()
    with pytest.raises(DriverRefused, match="all 1 users"):
        await bench.driver.ensure_running(second)
    await bench.driver.remove(first.id)
    await bench.driver.ensure_running(second)
    assert user_of(bench, second) == user
    assert not may_read(user, mine)
    assert not may_read(user, frozen)
    await bench.driver.remove_snapshot(snapshot.id)


def the_one_of_all(users_: Users, guest_id: str) -> int:
    """As earlier versions did."""
    assert GUEST_UID is not None
    users_.adopt(guest_id, GUEST_UID)
    return GUEST_UID


async def test_a_guest_of_an_earlier_version_goes_on_and_moves_at_its_next_start(
    bench: QemuBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await bench.new_guest()
    with monkeypatch.context() as patch:
        patch.setattr(Users, "_choose", the_one_of_all)
        await bench.driver.ensure_running(guest)
    await bench.driver.close()
    record_file(bench, guest).write_bytes(
        msgspec.json.encode(replace(record_of(bench, guest), uid=None))
    )
    bench.driver = bench.new_driver()
    await bench.open()

    data = await bench.new_volume()
    guest = await bench.configure(guest, volumes=(data.id,))
    await bench.take_snapshot(guest.root_volume_id)
    assert user_of(bench, guest) == GUEST_UID

    await bench.driver.ensure_stopped(guest.id, force=True)
    await bench.start_until_ready(guest)
    assert user_of(bench, guest) not in {GUEST_UID, TOOLS.uid}
    assert set(await bench.sizes_inside(guest)) == {data.id}
    log = folder_of(bench, guest) / CONSOLE_LOG
    assert log.stat().st_uid == user_of(bench, guest)


def test_a_snapshot_of_an_earlier_version_is_closed_to_other_guests(tmp_path: Path) -> None:
    assert GUEST_UID is not None
    shelf = Shelf(tmp_path)
    volume = shelf.new_volume()
    snapshot = shelf.snapshot(volume)
    shelf.layers.remove_volume(volume)
    found = shelf.layers.find_snapshot(snapshot)
    assert found is not None
    disk = shelf.layers.disk_of(found.layer)
    os.chown(disk, 0, GUEST_UID)
    assert may_read(70_000, disk)
    shelf.layers.tidy()
    assert not may_read(70_000, disk)


def test_a_log_is_given_away_only_if_it_is_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    for place in ("link", "twin", "log"):
        path = tmp_path / place
        {"link": path.symlink_to, "twin": path.hardlink_to}.get(place, path.touch)(
            *([] if place == "log" else [secret])
        )
        give_away(path, 1234)
    assert secret.stat().st_uid == os.geteuid()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "secret"]
    assert (tmp_path / "log").stat().st_uid == 1234


def test_without_access_lists_all_guests_may_read_what_is_shared_and_none_may_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_supported(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(layers_module, "set_readers", not_supported)
    found = Layers(tmp_path, TOOLS)
    found.prepare()
    found.folder_of("one").mkdir()
    disk = found.disk_of("one")
    disk.write_bytes(b"x")
    found.protect("one")
    user = 70_000
    assert not may_read(user, disk)
    found.grant("one", user)
    assert may_read(user, disk)
    assert not may_write(user, disk)
