"""A QEMU that nobody holds does not stay: neither after a start that failed, nor later."""

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from atoll.domain import ids
from atoll.domain.errors import DriverUnavailable
from atoll.drivers.qemu import driver, process
from atoll.drivers.qemu.command_line import PROGRAM, marker
from atoll.drivers.qemu.strays import find_strays
from atoll.messages import Power
from tests.contract.drivers import QemuBench, new_id, qemu_bench

pytestmark = [pytest.mark.anyio, pytest.mark.qemu]
PATIENCE_S = 20


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[QemuBench]:
    built = await qemu_bench(tmp_path)
    yield built
    await built.end()


class Impostors:
    """Processes that look like QEMU, for as long as a test lasts."""

    def __init__(self) -> None:
        self._made: list[subprocess.Popen[bytes]] = []

    def start(self, folder: Path, guest_id: str, program: str = PROGRAM) -> subprocess.Popen[bytes]:
        folder.mkdir(parents=True, exist_ok=True)
        words = [program, "-f", "/dev/null", marker(guest_id)]
        made = subprocess.Popen(
            words, executable="/usr/bin/tail", cwd=folder, stderr=subprocess.DEVNULL
        )
        self._made.append(made)
        return made

    def end(self) -> None:
        for made in self._made:
            made.kill()
            made.wait()


@pytest.fixture
def impostors() -> Iterator[Impostors]:
    made = Impostors()
    yield made
    made.end()


def guests_dir(bench: QemuBench) -> Path:
    return bench.state_dir / "guests"


def qemus_of(bench: QemuBench) -> list[str]:
    """The guests of all processes below the state directory, held or not."""
    found = find_strays(guests_dir(bench), ())
    for stray in found:
        os.close(stray.pidfd)
    return [stray.guest_id for stray in found]


async def has_ended(impostor: subprocess.Popen[bytes]) -> bool:
    try:
        await asyncio.to_thread(impostor.wait, PATIENCE_S)
    except subprocess.TimeoutExpired:
        return False
    return True


async def test_a_start_that_cannot_hold_its_process_leaves_none(
    bench: QemuBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await bench.new_guest()

    def no_descriptor_left(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(process.os, "pidfd_open", no_descriptor_left)
        with pytest.raises(DriverUnavailable, match="Too many open files"):
            await bench.driver.ensure_running(guest)
    assert qemus_of(bench) == []

    started = asyncio.Event()
    start_child = process.start_child

    def start_and_tell(*given: Any) -> subprocess.Popen[bytes]:
        child = start_child(*given)
        loop.call_soon_threadsafe(started.set)
        return child

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(process, "start_child", start_and_tell)
        starting = asyncio.create_task(bench.driver.ensure_running(guest))
        await started.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert qemus_of(bench) == []

    assert (await bench.driver.ensure_running(guest)).power is Power.RUNNING
    assert qemus_of(bench) == [guest.id]


async def test_what_no_record_names_is_ended_at_the_start_and_now_and_then(
    bench: QemuBench, impostors: Impostors, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    unknown, later = new_id(ids.INSTANCE), new_id(ids.INSTANCE)
    stray = impostors.start(guests_dir(bench) / unknown, unknown)
    second = impostors.start(guests_dir(bench) / guest.id, guest.id)
    others = [
        impostors.start(bench.directory / "elsewhere" / unknown, unknown),
        impostors.start(guests_dir(bench) / unknown, later),
        impostors.start(guests_dir(bench) / unknown, unknown, "qemu-img"),
        impostors.start(guests_dir(bench) / unknown / "deeper", "deeper"),
    ]
    monkeypatch.setattr(driver, "CHORES_S", 0.05)
    monkeypatch.setattr(driver, "CHORES_A_SWEEP", 1)

    await bench.reopen()
    assert await has_ended(stray)
    assert await has_ended(second)
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert facts.power is Power.RUNNING, "the guest itself is held"
    assert [other.poll() for other in others] == [None] * len(others)

    assert await has_ended(impostors.start(guests_dir(bench) / later, later))
    assert qemus_of(bench) == [guest.id]
    assert [other.poll() for other in others] == [None] * len(others)


def test_a_guest_is_not_taken_for_an_ended_one_because_a_descriptor_is_missing(
    tmp_path: Path, impostors: Impostors, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = impostors.start(tmp_path / "guest", "guest")

    def no_descriptor_left(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(process.os, "pidfd_open", no_descriptor_left)
    with pytest.raises(OSError, match="Too many open files"):
        process.search(tmp_path / "guest", "guest", running.pid, None)
