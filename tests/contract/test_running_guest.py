"""What every driver does to a guest that runs: all tests here share one. Those that leave it
stopped come last, as the next one waits for its boot."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.instances import Halt
from atoll.messages import Console, GuestFacts, GuestSpec, Power
from atoll.ports import Stream
from tests.contract.conftest import BENCH_NAMES, BENCHES
from tests.contract.drivers import Bench, new_id
from tests.contract.lending import Lender

pytestmark = pytest.mark.anyio

ANSWER_S_MAX = 20


@pytest.fixture(scope="module", params=BENCHES, ids=BENCH_NAMES)
async def lender(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lender]:
    bench: Bench = await request.param(tmp_path_factory.mktemp("running"))
    yield Lender(bench)
    await bench.end()


@pytest.fixture
def bench(lender: Lender) -> Bench:
    return lender.bench


@pytest.fixture
async def guest(lender: Lender) -> AsyncIterator[GuestSpec]:
    yield await lender.lend()
    await lender.take_back()


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


async def test_a_lower_count_of_boots_never_resets(bench: Bench, guest: GuestSpec) -> None:
    facts = await bench.driver.ensure_running(replace(guest, boots=guest.boots - 1))
    assert facts.ready
    assert facts.boots == guest.boots


async def test_the_log_has_the_guests_words(bench: Bench, guest: GuestSpec) -> None:
    if not bench.driver.capabilities.guest_log:
        pytest.skip("this driver's guests have no console")
    log = await bench.driver.read_log(guest.id, 64 * 1024)
    assert b"web-1" in log
    assert await bench.driver.read_log(guest.id, 10) == log[-10:]


async def test_what_a_guest_uses_is_counted_and_never_falls(bench: Bench, guest: GuestSpec) -> None:
    volume = await bench.new_volume()
    guest = await bench.configure(guest, volumes=(volume.id,))
    first = await bench.driver.measure(guest.id)
    await bench.write_inside(guest, "more")
    second = await bench.driver.measure(guest.id)
    assert first is not None
    assert second is not None
    assert [disk.volume_id for disk in second.disks] == [guest.root_volume_id, volume.id]
    assert second.memory_bytes > 0
    assert second.cpu_s >= first.cpu_s
    assert all(
        (before.read_bytes, before.reads) <= (after.read_bytes, after.reads)
        for before, after in zip(first.disks, second.disks, strict=True)
    )


async def test_a_volume_comes_grows_and_leaves_while_its_guest_runs(
    bench: Bench, guest: GuestSpec
) -> None:
    volume = await bench.new_volume()
    guest = await bench.configure(guest, volumes=(volume.id,))
    await bench.write_on(guest, volume.id, "data")
    await bench.driver.ensure_volume(replace(volume, size_gib=3))
    assert await bench.sizes_inside(guest) == {volume.id: 3}
    snapshot = await bench.take_snapshot(volume.id)
    assert snapshot.virtual_size_bytes == 3 * 2**30
    guest = await bench.configure(guest, volumes=())
    assert await bench.sizes_inside(guest) == {}
    assert (await bench.driver.ensure_configured(guest)).volumes == ()
    guest = await bench.configure(guest, volumes=(volume.id,))
    assert await bench.read_on(guest, volume.id) == "data"
    with pytest.raises(DriverRefused, match="in use"):
        await bench.driver.remove_volume(volume.id)


async def test_after_a_new_driver_object_has_opened_everything_is_managed_again(
    bench: Bench, guest: GuestSpec
) -> None:
    stopped, volume = await bench.new_guest(), await bench.new_volume()
    await bench.driver.ensure_running(stopped)
    await bench.driver.ensure_stopped(stopped.id, force=True)
    before = await bench.driver.inspect(guest.id)

    await bench.reopen()

    powers = {facts.id: facts.power for facts in await bench.driver.list()}
    assert powers == {guest.id: Power.RUNNING, stopped.id: Power.STOPPED}
    assert await bench.driver.inspect(guest.id) == before
    assert await bench.driver.ensure_running(guest) == before
    await bench.configure(guest, volumes=(volume.id,))
    await bench.driver.remove(stopped.id)


async def test_a_driver_that_lets_go_ends_its_consoles_and_the_next_one_opens_them(
    bench: Bench, guest: GuestSpec
) -> None:
    before = await bench.driver.open_console(guest.id, Console.SERIAL)
    await bench.reopen()
    await until_its_end(before)
    await before.close()
    after = await bench.driver.open_console(guest.id, Console.SERIAL)
    await after.send(b"\rnobody")
    await read_until(after, b"nobody")
    await after.close()


async def test_an_unknown_guest_has_no_console_and_no_screen(bench: Bench) -> None:
    await refuses_all(bench, new_id(ids.INSTANCE))


async def refuses_all(bench: Bench, guest_id: str) -> None:
    for console in Console:
        with pytest.raises(DriverRefused, match=f"{guest_id} is not running"):
            await bench.driver.open_console(guest_id, console)
    with pytest.raises(DriverRefused, match=f"{guest_id} is not running"):
        await bench.driver.read_screen(guest_id)


async def test_a_higher_count_of_boots_resets_once(bench: Bench, guest: GuestSpec) -> None:
    again = replace(guest, boots=guest.boots + 1)
    facts = await bench.driver.ensure_running(again)
    assert not facts.ready, "a guest that was reset has yet to come up"
    assert facts.boots == again.boots
    await bench.changes.until(lambda facts: facts.ready)
    facts = await bench.driver.ensure_running(again)
    assert facts.ready, "the second time there is nothing left to do"


def is_paused(facts: GuestFacts) -> bool:
    return facts.halt is Halt.PAUSED


def executes(facts: GuestFacts) -> bool:
    return facts.ready and facts.halt is None


async def test_a_paused_guest_is_reported_and_goes_on_at_a_start_or_a_reset(
    bench: Bench, guest: GuestSpec
) -> None:
    await bench.pause_inside(guest)
    paused = await bench.changes.until(is_paused)
    assert (paused.power, paused.ready, paused.crashed) == (Power.RUNNING, False, False)

    await bench.reopen()
    known = await bench.driver.inspect(guest.id)
    assert known is not None
    assert is_paused(known), "a driver that takes over knows it before it reports"

    started = await bench.driver.ensure_running(guest)
    assert (started.halt, started.boots) == (None, guest.boots)
    await bench.changes.until(executes)

    await bench.pause_inside(guest)
    await bench.changes.until(is_paused)
    again = await bench.driver.ensure_running(replace(guest, boots=guest.boots + 1))
    assert again.boots == guest.boots + 1
    if again.halt is not None:  # a reset takes a moment
        await bench.changes.until(lambda facts: facts.halt is None)


async def test_a_snapshot_holds_what_was_written_before_it_and_nothing_later(
    bench: Bench, guest: GuestSpec
) -> None:
    await bench.write_inside(guest, "before")
    snapshot = await bench.take_snapshot(guest.root_volume_id)
    await bench.write_inside(guest, "after")
    copy = await bench.new_volume(size_gib=2, snapshot_id=snapshot.id)
    guest = await bench.configure(guest, volumes=(copy.id,))
    assert await bench.read_on(guest, copy.id) == "before"
    assert await bench.read_inside(guest) == "after"
    assert (await bench.driver.ensure_stopped(guest.id, force=True)).power is Power.STOPPED
    await bench.start_until_ready(guest)
    assert await bench.read_inside(guest) == "after", "the guest's disk has more files by now"
    assert await bench.read_on(guest, copy.id) == "before"


async def test_a_stopped_guest_can_be_started_again_and_keeps_its_disk(
    bench: Bench, guest: GuestSpec
) -> None:
    await bench.write_inside(guest, "kept")
    stopped = await bench.stop_by_asking(guest)
    assert (stopped.ready, stopped.crashed, stopped.reason) == (False, False, "")
    assert stopped == await bench.driver.ensure_stopped(guest.id, force=False)
    await bench.start_until_ready(guest)
    assert await bench.read_inside(guest) == "kept"


async def test_a_snapshot_survives_its_volume_and_a_guest_starts_from_it(
    bench: Bench, guest: GuestSpec
) -> None:
    await bench.write_inside(guest, "kept")
    snapshot = await bench.take_snapshot(guest.root_volume_id)
    await bench.driver.remove(guest.id)
    await bench.driver.remove_volume(guest.root_volume_id)
    copy = await bench.new_volume(snapshot_id=snapshot.id)
    second = replace(guest, id=new_id(ids.INSTANCE), root_volume_id=copy.id)
    await bench.driver.remove_snapshot(snapshot.id)
    await bench.start_until_ready(second)
    assert await bench.read_inside(second) == "kept"


async def test_consoles_and_screens_of_a_guest(bench: Bench, guest: GuestSpec) -> None:
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


async def test_a_guest_that_shuts_down_by_itself_is_reported(
    bench: Bench, guest: GuestSpec
) -> None:
    await bench.shut_down_inside(guest)
    facts = await bench.changes.until(lambda facts: facts.power is Power.STOPPED)
    assert facts.id == guest.id
    assert facts.reason
    assert not facts.crashed
