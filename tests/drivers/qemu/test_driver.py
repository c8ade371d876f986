"""QEMU itself: what it may do on the host, what the guest gets, and what survives which death."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.qemu.driver import QemuDriver
from atoll.drivers.qemu.layers import Layers
from atoll.drivers.qemu.record import Record
from atoll.messages import GuestSpec, NicSpec, Power
from atoll.networks.user import UserNetwork
from atoll.ports import PortWiring
from tests.contract.drivers import GUEST_UID, TOOLS, QemuBench, new_id, qemu_bench

pytestmark = [pytest.mark.anyio, pytest.mark.qemu]

SCRIPT = "#!/bin/sh\necho 'from the script' > /root/made\n"


@pytest.fixture
def closed_path(tmp_path: Path) -> Path:
    """QEMU's own user gets no way to the state directory, as below /root."""
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
async def bench(closed_path: Path) -> AsyncIterator[QemuBench]:
    built = await qemu_bench(closed_path)
    yield built
    await built.end()


def folder_of(bench: QemuBench, guest: GuestSpec) -> Path:
    return bench.state_dir / "guests" / guest.id


def record_of(bench: QemuBench, guest: GuestSpec) -> Record:
    return msgspec.json.decode((folder_of(bench, guest) / "guest.json").read_bytes(), type=Record)


def pid_of(bench: QemuBench, guest: GuestSpec) -> int:
    pid = record_of(bench, guest).pid
    assert pid is not None
    return pid


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def run_doomed_manager(bench: QemuBench, guest: GuestSpec) -> None:
    """Another process starts the guest and is killed at once."""
    spec = bench.directory / "spec.json"
    spec.write_bytes(msgspec.json.encode(guest))
    script = "tests.drivers.qemu.doomed_manager"
    manager = [sys.executable, "-m", script, str(bench.state_dir), str(spec)]
    died = subprocess.run(manager, cwd=Path(__file__).parents[3], check=False)
    assert died.returncode == -signal.SIGKILL


def kill_and_reap(pid: int) -> None:
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PIDFD, end, os.WEXITED)
    os.close(end)


async def test_the_guest_has_what_was_asked_for(bench: QemuBench) -> None:
    guest = await bench.new_guest(vcpus=2, memory_mib=192, disk_gib=80, script=SCRIPT)
    await bench.start_until_ready(guest)
    assert await bench.run_inside(guest, "hostname") == "web-1"
    assert await bench.run_inside(guest, "cat /root/made") == "from the script"
    assert await bench.run_inside(guest, "nproc") == "2"
    memory_kib = int(await bench.run_inside(guest, "awk '/MemTotal/ {print $2}' /proc/meminfo"))
    assert 140 * 1024 < memory_kib <= 192 * 1024, "the kernel keeps some for itself"
    root_kib = int(await bench.run_inside(guest, "df -k / | awk 'NR == 2 {print $2}'"))
    assert 78 * 1024**2 < root_kib <= 80 * 1024**2
    assert guest.nic.private_ip in await bench.run_inside(guest, "ip -4 address")
    assert guest.nic.mac in await bench.run_inside(guest, "cat /sys/class/net/eth0/address")


async def test_qemu_runs_with_few_rights(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    status = status_of(pid_of(bench, guest))
    assert status["Seccomp"] == "2", "the sandbox is on"
    if GUEST_UID is not None:
        assert set(status["Uid"].split()) == {str(record_of(bench, guest).uid)}
        assert status["NoNewPrivs"] == "1"
        bind_low_ports = 1 << 10
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == bind_low_ports
        assert status["Groups"].split() == [str(GUEST_UID)], "that of the images"


async def test_a_killed_guest_is_noticed_and_starts_again(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    os.kill(pid_of(bench, guest), signal.SIGKILL)
    facts = await bench.changes.until(lambda facts: facts.power is Power.STOPPED, timeout_s=5)
    assert facts.crashed
    assert facts.reason == "QEMU was ended by SIGKILL"
    await bench.start_until_ready(guest)


async def test_a_killed_manager_leaves_its_guests_to_the_next_one(
    bench: QemuBench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.close()
    await asyncio.to_thread(run_doomed_manager, bench, guest)

    await bench.reopen()

    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert facts.power is Power.RUNNING
    await bench.changes.until(lambda facts: facts.ready)
    assert await bench.run_inside(guest, "hostname") == "web-1"
    assert (await bench.driver.ensure_stopped(guest.id, force=True)).power is Power.STOPPED


async def test_a_process_that_was_never_recorded_is_found_and_set_going(
    bench: QemuBench,
) -> None:
    """As after a crash between the start of the process and the record of its number."""
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    pid = pid_of(bench, guest)
    await bench.driver.close()
    half = replace(record_of(bench, guest), pid=None, start_ticks=None)
    (folder_of(bench, guest) / "guest.json").write_bytes(msgspec.json.encode(half))

    await bench.reopen()

    assert pid_of(bench, guest) == pid
    await bench.changes.until(lambda facts: facts.ready)


async def test_a_guest_that_died_while_nobody_watched_is_known_to_have_crashed(
    bench: QemuBench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    pid = pid_of(bench, guest)
    await bench.driver.close()
    await asyncio.to_thread(kill_and_reap, pid)

    await bench.reopen()

    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert (facts.power, facts.crashed) == (Power.STOPPED, True)
    assert list(folder_of(bench, guest).glob("*.sock")) == [], "stale sockets are gone"


async def test_a_guest_that_ran_when_its_host_was_restarted_is_known_to_have_crashed(
    bench: QemuBench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    pid = pid_of(bench, guest)
    await bench.driver.close()
    await asyncio.to_thread(kill_and_reap, pid)
    before = replace(record_of(bench, guest), boot_id="another", pid=os.getpid())
    (folder_of(bench, guest) / "guest.json").write_bytes(msgspec.json.encode(before))

    await bench.reopen()

    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert (facts.power, facts.crashed) == (Power.STOPPED, True)
    assert facts.reason == "the host was restarted"


async def test_a_pid_that_now_means_another_process_is_left_alone(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    await bench.driver.ensure_stopped(guest.id, force=True)
    await bench.driver.close()
    stranger = replace(record_of(bench, guest), pid=os.getpid(), power=Power.RUNNING)
    (folder_of(bench, guest) / "guest.json").write_bytes(msgspec.json.encode(stranger))

    await bench.reopen()

    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert facts.power is Power.STOPPED
    await bench.driver.remove(guest.id)


class BrokenNetwork(UserNetwork):
    """Hands out what QEMU does not know."""

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        return PortWiring(netdev="no-such-network")


async def test_a_start_that_fails_says_why_in_qemus_words_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    bench = await qemu_bench(tmp_path, network=BrokenNetwork())
    guest = await bench.new_guest()
    with pytest.raises(DriverUnavailable, match="no-such-network"):
        await bench.driver.ensure_running(guest)
    assert await bench.driver.list() == []
    assert not folder_of(bench, guest).exists()
    await bench.end()


async def test_the_volume_of_a_running_guest_is_not_removed(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    with pytest.raises(DriverRefused, match="in use"):
        await bench.driver.remove_volume(guest.root_volume_id)


async def test_an_image_under_a_volume_is_not_removed(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    with pytest.raises(DriverRefused, match="delete those first"):
        await bench.driver.remove_image(guest.image_id)
    await bench.driver.remove_volume(guest.root_volume_id)
    await bench.driver.remove_image(guest.image_id)


async def test_removal_leaves_nothing_of_guest_and_volume(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    await bench.driver.remove(guest.id)
    await bench.driver.remove_volume(guest.root_volume_id)
    for name in ("guests", "volumes", "layers"):
        assert list((bench.state_dir / name).iterdir()) == []


async def test_a_volume_of_another_running_guest_is_refused(bench: QemuBench) -> None:
    volume = await bench.new_volume()
    first = await bench.new_guest(volumes=(volume.id,))
    second = await bench.new_guest()
    await bench.driver.ensure_running(first)
    await bench.driver.ensure_running(second)
    with pytest.raises(DriverRefused, match=f"in use by {first.id}"):
        await bench.driver.ensure_configured(replace(second, volumes=(volume.id,)))
    await bench.driver.ensure_stopped(second.id, force=True)
    with pytest.raises(DriverRefused, match=f"in use by {first.id}"):
        await bench.driver.ensure_running(replace(second, volumes=(volume.id,)))


async def test_a_guest_that_was_asked_to_stop_is_not_pressed_every_time(
    bench: QemuBench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    assert isinstance(bench.driver, QemuDriver)
    asked = count_questions(bench.driver, guest.id)
    for _ in range(5):
        await bench.driver.ensure_stopped(guest.id, force=False)
    assert asked == ["system_powerdown"]
    os.kill(pid_of(bench, guest), signal.SIGKILL)
    facts = await bench.stop_by_asking(guest)
    assert (facts.power, facts.crashed, facts.reason) == (Power.STOPPED, False, "")
    assert bench.changes.seen == [], "an end that was asked for is not news"


def count_questions(qemu: QemuDriver, guest_id: str) -> list[str]:
    guest = qemu._guests[guest_id]
    asked: list[str] = []
    ask: Callable[..., Awaitable[Any]] = guest.ask

    async def count(command: str, **arguments: Any) -> Any:
        asked.append(command)
        return await ask(command, **arguments)

    guest.ask = count  # type: ignore[method-assign]
    return asked


async def test_a_guest_that_was_asked_in_vain_may_be_wanted_again(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    await bench.driver.ensure_stopped(guest.id, force=False)
    await bench.driver.ensure_running(guest)
    os.kill(pid_of(bench, guest), signal.SIGKILL)
    assert (await bench.changes.until(lambda facts: facts.power is Power.STOPPED)).crashed


async def test_a_guest_on_a_hostile_disk_is_not_started(bench: QemuBench) -> None:
    guest = await bench.new_guest()
    layers = Layers(bench.state_dir, TOOLS)
    disk = layers.disk_of(layers.get_volume(guest.root_volume_id).layer)
    disk.write_bytes(b"\0" * 65536)
    with pytest.raises(DriverRefused, match="is refused: it is no longer qcow2"):
        await bench.driver.ensure_running(guest)
    assert await bench.driver.list() == []


async def test_a_snapshot_of_a_volume_that_nobody_has_any_more_is_refused(
    bench: QemuBench,
) -> None:
    with pytest.raises(DriverRefused, match="is not an id"):
        await bench.driver.ensure_snapshot("../../etc/passwd", new_id(ids.VOLUME))
