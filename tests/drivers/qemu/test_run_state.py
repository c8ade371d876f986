"""What QEMU stops by itself: a guest whose host has no disk space left, a guest that panicked."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.domain.instances import Halt
from atoll.drivers.qemu import ballast, run_state
from atoll.drivers.qemu.run_state import RETRY_FIRST_S, RETRY_MAX_S, Retries
from atoll.messages import GuestFacts, GuestSpec, Power
from tests.contract.drivers import QemuBench, qemu_bench
from tests.drivers.qemu.by_hand import rescue

pytestmark = [pytest.mark.anyio, pytest.mark.qemu]

DISK_MIB = 128  # of memory: enough for the image, and for what the guest writes
ROOM_BYTES = 24 * 2**20
LEFT_BYTES = 4 * 2**20
WRITE = "dd if=/dev/zero of=/root/more bs=1M count=16; sync; touch /run/written"
WRITE_MORE = f"({WRITE}) >/dev/null 2>&1 &"
# In the background and a little later, so that the connection ends before.
PANIC = "echo 1 > /proc/sys/kernel/sysrq; (sleep 0.5; echo c > /proc/sysrq-trigger) >&- 2>&- &"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the host, which can be filled without harm."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "atoll-test", disk], check=True
    )
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
async def bench(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QemuBench]:
    monkeypatch.setattr(run_state, "ROOM_BYTES", ROOM_BYTES)
    built = await qemu_bench(small_disk)
    yield built
    await built.end()


def fill(disk: Path) -> Path:
    """Takes all space but a little, which the next writes of a guest exceed."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free_bytes(disk) - LEFT_BYTES)
    return filler


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def is_full(facts: GuestFacts) -> bool:
    return facts.halt is Halt.DISK_FULL


def executes(facts: GuestFacts) -> bool:
    return facts.ready and facts.halt is None


def status_of(bench: QemuBench, guest: GuestSpec) -> str:
    status: str = rescue(bench.state_dir / "guests" / guest.id, "query-status")["status"]
    return status


async def test_a_guest_that_a_full_disk_stops_says_so_and_goes_on_when_there_is_space(
    bench: QemuBench, small_disk: Path
) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    filler = fill(small_disk)
    await bench.run_inside(guest, WRITE_MORE)

    stopped = await bench.changes.until(is_full)
    assert (stopped.power, stopped.ready) == (Power.RUNNING, False)
    assert free_bytes(small_disk) > ballast.SIZE_BYTES // 2, "there is space to record it"
    assert is_full(await bench.driver.ensure_running(guest)), "there is still no space"
    await bench.reopen()
    assert [facts.halt for facts in await bench.driver.list()] == [Halt.DISK_FULL]

    filler.unlink()
    await bench.changes.until(executes)
    assert status_of(bench, guest) == "running"
    wait = "for i in $(seq 200); do [ -e /run/written ] && break; sleep 0.1; done"
    assert await bench.run_inside(guest, f"{wait}; wc -c < /root/more") == str(16 * 2**20)

    filler = fill(small_disk)
    await bench.run_inside(guest, WRITE_MORE.replace("more", "yet-more"))
    await bench.changes.until(is_full)
    reset = replace(guest, boots=2)
    assert (await bench.driver.ensure_running(reset)).boots == 2
    filler.unlink()
    await bench.changes.until(executes)
    assert status_of(bench, guest) == "running"

    rescue(bench.state_dir / "guests" / guest.id, "set-action", panic="pause")
    await bench.run_inside(guest, PANIC)
    await bench.changes.until(lambda facts: facts.halt is Halt.PANICKED)
    await bench.driver.ensure_running(reset)
    await bench.changes.until(executes)

    rescue(bench.state_dir / "guests" / guest.id, "set-action", panic="shutdown")
    await bench.run_inside(guest, PANIC)
    ended = await bench.changes.until(lambda facts: facts.power is Power.STOPPED)
    assert (ended.crashed, ended.reason) == (True, "the guest's kernel panicked")


def test_a_guest_that_stops_again_soon_is_tried_less_and_less_often() -> None:
    retries = Retries()
    pauses = [retries.pause_s]
    for attempt in range(8):
        retries.note(now_s=float(attempt))
        pauses.append(retries.pause_s)
    assert pauses == sorted(pauses)
    assert pauses[0] == RETRY_FIRST_S
    assert pauses[-1] == RETRY_MAX_S
    retries.note(now_s=10_000.0)
    assert retries.pause_s == RETRY_FIRST_S, "long ago does not count"
