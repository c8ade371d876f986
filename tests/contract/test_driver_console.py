"""What every driver's consoles and screens keep to: the simulator's, and QEMU's of real guests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.domain import ids
from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.messages import Console
from atoll.ports import Stream
from tests.contract.drivers import Bench, new_id, qemu_bench, simulator_bench

pytestmark = pytest.mark.anyio

BENCHES = [simulator_bench, pytest.param(qemu_bench, marks=pytest.mark.qemu)]
ANSWER_S_MAX = 20


@pytest.fixture(params=BENCHES, ids=["simulator", "qemu"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    built: Bench = await request.param(tmp_path)
    yield built
    await built.end()


async def read_until(stream: Stream, words: bytes) -> None:
    heard = b""
    async with asyncio.timeout(ANSWER_S_MAX):
        while words not in heard:
            piece = await stream.receive()
            assert piece, f"it ended after {heard!r}"
            heard += piece


async def until_its_end(stream: Stream) -> None:
    async with asyncio.timeout(ANSWER_S_MAX):
        while await stream.receive():
            pass


async def test_consoles_and_screens_of_a_guest(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    driver = bench.driver
    assert (await driver.read_screen(guest.id)).startswith(b"\x89PNG\r\n\x1a\n")

    screen = await driver.open_console(guest.id, Console.VNC)
    await read_until(screen, b"RFB 003.008\n")
    await screen.close()
    with pytest.raises(DriverUnavailable):
        await screen.send(b"RFB 003.008\n")

    serial = await driver.open_console(guest.id, Console.SERIAL)
    await serial.send(b"\rnobody")
    await read_until(serial, b"nobody")

    left_open = await driver.open_console(guest.id, Console.VNC)
    await driver.ensure_stopped(guest.id, force=True)
    for stream in (serial, left_open):
        await until_its_end(stream)
        with pytest.raises(DriverUnavailable):
            await stream.send(b"\r")
        await stream.close()
    await refuses_all(bench, guest.id)


async def test_an_unknown_guest_has_no_console_and_no_screen(bench: Bench) -> None:
    await refuses_all(bench, new_id(ids.INSTANCE))


async def refuses_all(bench: Bench, guest_id: str) -> None:
    for console in Console:
        with pytest.raises(DriverRefused, match=f"{guest_id} is not running"):
            await bench.driver.open_console(guest_id, console)
    with pytest.raises(DriverRefused, match=f"{guest_id} is not running"):
        await bench.driver.read_screen(guest_id)


async def test_a_driver_that_lets_go_ends_its_consoles_and_the_next_one_opens_them(
    bench: Bench,
) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    before = await bench.driver.open_console(guest.id, Console.SERIAL)
    await bench.reopen()
    await until_its_end(before)
    await before.close()
    after = await bench.driver.open_console(guest.id, Console.SERIAL)
    await after.send(b"\rnobody")
    await read_until(after, b"nobody")
    await after.close()
