"""What is changed of a real guest while it runs, also where it breaks off or it does not help. All
tests here share one; what each writes to it stays."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.domain.security_groups import DEFAULT_RULES, Protocol, Rule
from atoll.drivers.qemu import driver, volumes
from atoll.drivers.qemu.layers import Layers
from atoll.drivers.qemu.merge import CHAIN_MERGED
from atoll.drivers.qemu.record import CONSOLE_BYTES_MAX
from atoll.messages import GuestSpec, Power, VolumeSpec
from tests.contract.drivers import (
    POLL_S,
    READY_S,
    TOOLS,
    QemuBench,
    make_key,
    new_nic,
    ssh,
)
from tests.contract.drivers import qemu_bench as new_bench
from tests.contract.lending import Lender
from tests.drivers.qemu import by_hand
from tests.drivers.qemu.crashes import Crash, CrashAt
from tests.drivers.qemu.test_driver import folder_of, pid_of

pytestmark = [pytest.mark.anyio, pytest.mark.qemu]


@pytest.fixture(scope="module")
async def lender(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lender]:
    bench = await new_bench(tmp_path_factory.mktemp("live"))
    yield Lender(bench)
    await bench.end()


@pytest.fixture
def bench(lender: Lender) -> QemuBench:
    assert isinstance(lender.bench, QemuBench)
    return lender.bench


@pytest.fixture
async def guest(lender: Lender) -> AsyncIterator[GuestSpec]:
    yield await lender.lend()
    await lender.take_back()


def layers_of(bench: QemuBench) -> Layers:
    return Layers(bench.state_dir, TOOLS)


def rescue(bench: QemuBench, guest: GuestSpec, command: str, **arguments: Any) -> Any:
    return by_hand.rescue(bench.state_dir / "guests" / guest.id, command, **arguments)


def top_layer_of(bench: QemuBench, guest: GuestSpec) -> str:
    """What QEMU writes to, in its own words."""
    disks = rescue(bench, guest, "query-block")
    root = next(disk for disk in disks if "/root/" in disk["qdev"])
    return str(root["inserted"]["node-name"]).removeprefix("root-")


async def test_the_layers_of_deleted_snapshots_are_merged_below_a_running_guest(
    bench: QemuBench, guest: GuestSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = []
    for number in range(CHAIN_MERGED + 3):
        await bench.run_inside(guest, f"echo {number} > /root/mark-{number}; sync")
        snapshots.append(await bench.take_snapshot(guest.root_volume_id))
    kept = snapshots.pop(4)
    copy = await bench.new_volume(snapshot_id=kept.id)
    for snapshot in snapshots:
        await bench.driver.remove_snapshot(snapshot.id)
    monkeypatch.setattr(driver, "CHORES_S", 0.05)
    await bench.reopen()
    layers = layers_of(bench)

    def short() -> bool:
        return len(layers.chain_of(layers.get_volume(guest.root_volume_id).layer)) <= CHAIN_MERGED

    async with asyncio.timeout(READY_S):
        while not short():
            await bench.configure(guest)  # which looks at all disks of QEMU meanwhile
    marks = "cat /root/mark-*"
    before = await bench.run_inside(guest, marks)
    assert sorted(map(int, before.split())) == list(range(CHAIN_MERGED + 3))
    await bench.driver.ensure_stopped(guest.id, force=True)
    guest = replace(guest, volumes=(copy.id,))
    await bench.start_until_ready(guest)
    assert await bench.run_inside(guest, marks) == before
    disk = await bench.disk_inside(guest, copy.id)
    count = f"mount -o ro {disk} /mnt; ls /mnt/root | grep -c mark-; umount /mnt"
    assert await bench.run_inside(guest, count) == "5"


async def break_off_snapshot(bench: QemuBench, guest: GuestSpec, number: int, after: bool) -> bool:
    """Whether there was such a point."""
    with pytest.MonkeyPatch.context() as patch:
        crash = CrashAt(patch, number, after=after)
        crash.around(volumes, "put_on_top")
        try:
            await bench.take_snapshot(guest.root_volume_id)
        except Crash:
            assert crash.reached
    return crash.reached


async def test_a_live_snapshot_that_breaks_off_anywhere_loses_nothing_of_the_guest(
    bench: QemuBench, guest: GuestSpec
) -> None:
    points = 0
    for after in (False, True):
        number = 1
        while await break_off_snapshot(bench, guest, number, after):
            await bench.write_inside(guest, f"written after {number} {after}")
            await bench.reopen()
            volume = layers_of(bench).get_volume(guest.root_volume_id)
            assert (volume.layer, volume.next_layer) == (top_layer_of(bench, guest), None)
            number, points = number + 1, points + 1
        assert await bench.read_inside(guest) == f"written after {number - 1} {after}"
    assert points > 10
    snapshot = await bench.take_snapshot(guest.root_volume_id)
    copy = await bench.new_volume(snapshot_id=snapshot.id)
    guest = await bench.configure(guest, volumes=(copy.id,))
    assert await bench.read_on(guest, copy.id) == await bench.read_inside(guest)


async def test_a_guest_that_dies_within_a_snapshot_starts_with_all_it_wrote(
    bench: QemuBench, guest: GuestSpec
) -> None:
    """QEMU wrote to the next layer already, we did not record it, and then both are gone."""

    def crash(*_: Any) -> Any:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layers, "finish_switch", crash)
        with pytest.raises(Crash):
            await bench.take_snapshot(guest.root_volume_id)
    await bench.write_inside(guest, "the last words")
    os.kill(pid_of(bench, guest), signal.SIGKILL)
    await bench.changes.until(lambda facts: facts.crashed)
    await bench.start_until_ready(guest)
    assert await bench.read_inside(guest) == "the last words"


async def test_a_guest_that_does_not_let_go_of_a_volume_is_asked_again_and_again(
    bench: QemuBench, guest: GuestSpec
) -> None:
    volume = await bench.new_volume()
    guest = await bench.configure(guest, volumes=(volume.id,))
    rescue(bench, guest, "stop")
    for _ in range(2):
        with pytest.raises(DriverBusy, match=volume.id) as busy:
            await bench.driver.ensure_configured(replace(guest, volumes=()))
        assert busy.value.after_s == 0.5
        facts = await bench.driver.inspect(guest.id)
        assert facts is not None
        assert facts.volumes == (volume.id,), "it is still there"
    rescue(bench, guest, "cont")
    guest = await bench.configure(guest, volumes=())
    assert await bench.sizes_inside(guest) == {}
    await bench.driver.remove_volume(volume.id)


async def test_twelve_further_volumes_are_as_many_as_a_guest_can_have(
    bench: QemuBench, guest: GuestSpec
) -> None:
    volumes = tuple([(await bench.new_volume()).id for _ in range(13)])
    guest = await bench.configure(guest, volumes=volumes[:12])
    await see_inside(bench, guest, "test $(ls -d /sys/block/vd* | wc -l) = 14")
    assert len(await bench.sizes_inside(guest)) == 12
    with pytest.raises(DriverRefused, match="can have at most 12 additional"):
        await bench.driver.ensure_configured(replace(guest, volumes=volumes))
    guest = await bench.configure(guest, volumes=volumes[1:])
    assert await bench.disk_inside(guest, volumes[12])


async def test_a_root_volume_grows_below_its_guest(bench: QemuBench, guest: GuestSpec) -> None:
    wish = VolumeSpec(id=guest.root_volume_id, size_gib=3, image=bench.image)
    await bench.driver.ensure_volume(wish)
    sectors = await bench.run_inside(guest, "sleep 0.2; cat /sys/block/vda/size")
    assert int(sectors) * 512 == 3 * 2**30
    snapshot = await bench.take_snapshot(guest.root_volume_id)
    assert snapshot.virtual_size_bytes == 3 * 2**30


async def test_ports_open_and_close_while_the_guest_runs_and_connections_stay(
    bench: QemuBench, guest: GuestSpec
) -> None:
    await bench.run_inside(guest, "dropbear -r /etc/dropbear/host_key -p 8080")
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    held = await asyncio.to_thread(open_connection, facts.ports["tcp/22"])
    with closing(held):
        await open_and_close(bench, guest)
        held.sendall(b"SSH-2.0-test\r\n")
        assert held.recv(1), "what was let in before stays"


async def open_and_close(bench: QemuBench, guest: GuestSpec) -> None:
    opened = replace(
        guest.nic,
        rules=(*DEFAULT_RULES, Rule(protocol=Protocol.TCP, port=8080)),
        floating_ips=(other_address(guest),),
    )
    for _ in range(2):
        facts = await bench.driver.ensure_configured(replace(guest, nic=opened))
        await until_answered(facts.ports["tcp/8080"])
    await asyncio.to_thread(ssh, bench.key, f"{other_address(guest)}:22", "true")
    address = facts.ports["tcp/8080"]
    await bench.reopen()
    facts = await bench.driver.ensure_configured(guest)
    assert "tcp/8080" not in facts.ports
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(answer_at, address)


async def until_answered(address: str) -> None:
    """The door may be open before somebody within stands behind it."""
    async with asyncio.timeout(READY_S):
        while not await asyncio.to_thread(answer_at, address):
            await asyncio.sleep(POLL_S)


def other_address(guest: GuestSpec) -> str:
    assert guest.nic.public_ip is not None
    return f"127.90.{guest.nic.public_ip.split('.', 2)[2]}"


def open_connection(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    assert connection.recv(3) == b"SSH"
    return connection


def answer_at(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        return connection.recv(100)


async def test_a_nic_comes_and_goes_while_the_guest_runs(
    bench: QemuBench, guest: GuestSpec
) -> None:
    second = replace(new_nic(), private_ip="10.77.0.5", subnet_cidr="10.77.0.0/16")
    guest = await bench.configure(guest, nics=(second,))
    await see_inside(bench, guest, f"grep -l {second.mac} /sys/class/net/*/address")
    address = await bench.run_inside(
        guest,
        "ip address add 10.77.0.5/16 dev eth1; ip link set eth1 up; ip -4 address show dev eth1",
    )
    assert "10.77.0.5" in address
    assert await bench.configure(guest) == guest, "a second time there is nothing to do"
    guest = await bench.configure(guest, nics=())
    await see_inside(bench, guest, f"! grep -l {second.mac} /sys/class/net/*/address")
    again = await bench.configure(guest, nics=(second,))
    await bench.driver.ensure_stopped(again.id, force=True)
    await bench.start_until_ready(again)
    assert "10.77.0.5" in await bench.run_inside(again, "ip -4 address"), "as its seed says"


async def see_inside(bench: QemuBench, guest: GuestSpec, command: str) -> None:
    wait = f"for i in $(seq 50); do {command} >/dev/null && exit 0; sleep 0.1; done; exit 1"
    await bench.run_inside(guest, wait)


async def test_other_keys_let_others_in_at_once(
    bench: QemuBench, guest: GuestSpec, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = make_key(tmp_path / "other")
    text = other.with_suffix(".pub").read_text().strip()
    seed = replace(guest.seed, ssh_keys=(bench.key_text, text))
    await bench.configure(guest, seed=seed)
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert await asyncio.to_thread(ssh, other, facts.ports["tcp/22"], "hostname") == "web-1"


async def test_a_reboot_from_inside_loses_readiness_until_the_guest_is_up(
    bench: QemuBench, guest: GuestSpec
) -> None:
    pid = pid_of(bench, guest)
    await bench.run_inside(guest, "reboot")
    assert (await bench.changes.until(lambda facts: not facts.ready)).power is Power.RUNNING
    await bench.changes.until(lambda facts: facts.ready)
    assert pid_of(bench, guest) == pid, "the same process went through it"


async def test_the_consoles_log_is_bounded_and_keeps_its_end(
    bench: QemuBench, guest: GuestSpec
) -> None:
    said = 1_500_000
    assert said > CONSOLE_BYTES_MAX
    await bench.run_inside(guest, f"head -c {said} /dev/zero | tr '\\0' x > /dev/ttyS0")
    await bench.run_inside(guest, "echo the end > /dev/ttyS0")
    log = folder_of(bench, guest) / "console.log"
    await bench.reopen()
    # Cut now, or by the driver before: then it may have grown again.
    assert log.stat().st_size <= CONSOLE_BYTES_MAX
    assert b"the end" in await bench.driver.read_log(guest.id, 100)
    await bench.run_inside(guest, "echo and on > /dev/ttyS0")
    assert b"and on" in await bench.driver.read_log(guest.id, 100)
