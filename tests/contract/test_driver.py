"""What every driver keeps to: the simulator, and QEMU with real guests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.messages import GuestFacts, Power, VolumeSpec
from tests.contract.drivers import Bench, new_id, qemu_bench, simulator_bench

pytestmark = pytest.mark.anyio

BENCHES = [simulator_bench, pytest.param(qemu_bench, marks=pytest.mark.qemu)]


@pytest.fixture(params=BENCHES, ids=["simulator", "qemu"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    built: Bench = await request.param(tmp_path)
    yield built
    await built.end()


async def test_a_guest_that_is_ensured_twice_runs_once(bench: Bench) -> None:
    guest = await bench.new_guest()
    first = await bench.driver.ensure_running(guest)
    second = await bench.driver.ensure_running(guest)
    assert first.power is second.power is Power.RUNNING
    assert first.boots == second.boots == 1
    assert len(await bench.driver.list()) == 1


async def test_fifty_callers_who_ensure_one_guest_at_once_get_one(bench: Bench) -> None:
    guest = await bench.new_guest()
    answers = await asyncio.gather(*(bench.driver.ensure_running(guest) for _ in range(50)))
    assert {answer.power for answer in answers} == {Power.RUNNING}
    assert len(await bench.driver.list()) == 1


async def test_ready_is_reported_once_the_guest_says_so(bench: Bench) -> None:
    guest = await bench.new_guest()
    started = await bench.driver.ensure_running(guest)
    assert not started.ready
    assert (await bench.changes.until(lambda facts: facts.ready)).id == guest.id
    now = await bench.driver.inspect(guest.id)
    assert now is not None
    assert now.ready


async def test_a_stopped_guest_can_be_started_again_and_keeps_its_disk(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    await bench.write_inside(guest, "kept")
    stopped = await bench.driver.ensure_stopped(guest.id, graceful_s=20)
    assert stopped.power is Power.STOPPED
    assert not stopped.ready
    await bench.start_until_ready(guest)
    assert await bench.read_inside(guest) == "kept"


async def test_stopping_twice_and_pulling_the_plug_are_fine(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    for _ in range(2):
        facts = await bench.driver.ensure_stopped(guest.id, graceful_s=0)
        assert facts.power is Power.STOPPED
        assert not facts.crashed
    assert bench.changes.seen == [], "an end that was asked for is not news"


async def test_a_guest_that_is_stopped_while_it_boots_stops(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    facts = await bench.driver.ensure_stopped(guest.id, graceful_s=1)
    assert facts.power is Power.STOPPED


async def test_a_lower_count_of_boots_never_resets(bench: Bench) -> None:
    guest = await bench.new_guest(boots=5)
    await bench.start_until_ready(guest)
    facts = await bench.driver.ensure_running(replace(guest, boots=4))
    assert facts.ready
    assert facts.boots == 5


async def test_a_higher_count_of_boots_resets_once(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    again = replace(guest, boots=2)
    facts = await bench.driver.ensure_running(again)
    assert not facts.ready, "a guest that was reset has yet to come up"
    assert facts.boots == 2
    await bench.changes.until(lambda facts: facts.ready)
    facts = await bench.driver.ensure_running(again)
    assert facts.ready, "the second time there is nothing left to do"


async def test_a_graceful_reboot_comes_up_again(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    facts = await bench.driver.ensure_running(replace(guest, boots=2, graceful_reboot=True))
    assert (facts.power, facts.boots, facts.ready) == (Power.RUNNING, 2, False)
    await bench.changes.until(lambda facts: facts.ready)


async def test_a_guest_that_shuts_down_by_itself_is_reported(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    await bench.shut_down_inside(guest)
    facts = await bench.changes.until(lambda facts: facts.power is Power.STOPPED)
    assert facts.id == guest.id
    assert facts.reason
    assert not facts.crashed


async def test_after_a_new_driver_object_has_opened_everything_is_managed_again(
    bench: Bench,
) -> None:
    running, stopped = await bench.new_guest(), await bench.new_guest()
    await bench.driver.ensure_running(stopped)
    await bench.driver.ensure_stopped(stopped.id, graceful_s=0)
    await bench.start_until_ready(running)
    before = await bench.driver.inspect(running.id)

    await bench.reopen()

    powers = {facts.id: facts.power for facts in await bench.driver.list()}
    assert powers == {running.id: Power.RUNNING, stopped.id: Power.STOPPED}
    assert await bench.driver.inspect(running.id) == before
    assert await bench.driver.ensure_running(running) == before
    facts = await bench.driver.ensure_stopped(running.id, graceful_s=20)
    assert facts.power is Power.STOPPED


async def test_a_guest_that_becomes_ready_under_a_new_driver_object_is_reported(
    bench: Bench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    await bench.reopen()
    assert (await bench.changes.until(lambda facts: facts.ready)).id == guest.id


async def test_the_list_equals_what_was_ensured(bench: Bench) -> None:
    guests = [await bench.new_guest() for _ in range(2)]
    for guest in guests:
        await bench.driver.ensure_running(guest)
    listed = await bench.driver.list()
    assert {facts.id for facts in listed} == {guest.id for guest in guests}
    await bench.driver.remove(guests[0].id)
    assert [facts.id for facts in await bench.driver.list()] == [guests[1].id]


async def test_removing_twice_is_fine(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    for _ in range(2):
        await bench.driver.remove(guest.id)
        await bench.driver.remove_volume(guest.root_volume_id)
    assert await bench.driver.inspect(guest.id) is None


async def test_the_log_has_the_guests_words(bench: Bench) -> None:
    if not bench.driver.capabilities.guest_log:
        pytest.skip("this driver's guests have no console")
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)
    log = await bench.driver.read_log(guest.id, 64 * 1024)
    assert b"web-1" in log
    assert await bench.driver.read_log(guest.id, 10) == log[-10:]


async def test_a_full_start_queue_answers_busy_until_a_guest_is_ready(bench: Bench) -> None:
    at_once = bench.driver.capabilities.starts_at_once
    if at_once > 10:
        pytest.skip("this driver starts as many guests at once as anybody asks for")
    guests = [await bench.new_guest() for _ in range(at_once + 1)]
    for guest in guests[:-1]:
        await bench.driver.ensure_running(guest)
    with pytest.raises(DriverBusy) as busy:
        await bench.driver.ensure_running(guests[-1])
    assert busy.value.after_s > 0
    assert await bench.driver.inspect(guests[-1].id) is None
    await bench.changes.until(lambda facts: facts.ready)
    facts = await bench.driver.ensure_running(guests[-1])
    assert facts.power is Power.RUNNING


async def test_an_unknown_guest_is_stopped_and_nothing_more(bench: Bench) -> None:
    unknown = new_id(ids.INSTANCE)
    assert await bench.driver.inspect(unknown) is None
    assert await bench.driver.ensure_stopped(unknown, graceful_s=1) == GuestFacts(
        id=unknown, power=Power.STOPPED, boots=0
    )
    assert await bench.driver.read_log(unknown, 100) == b""
    await bench.driver.remove(unknown)


async def test_a_guest_without_its_volume_is_refused_with_a_sentence(bench: Bench) -> None:
    guest = await bench.new_guest(root_volume_id=new_id(ids.VOLUME))
    with pytest.raises(DriverRefused, match=guest.root_volume_id):
        await bench.driver.ensure_running(guest)
    assert await bench.driver.list() == []


async def test_a_volume_is_ensured_twice_and_grows_but_never_shrinks(bench: Bench) -> None:
    volume = VolumeSpec(id=new_id(ids.VOLUME), size_gib=2, image=bench.image)
    for size_gib in (2, 2, 3, 2):
        await bench.driver.ensure_volume(replace(volume, size_gib=size_gib))
    await bench.driver.remove_volume(volume.id)


async def test_the_capacity_is_more_than_nothing(bench: Bench) -> None:
    capacity = await bench.driver.capacity()
    assert min(capacity.vcpus, capacity.memory_mib, capacity.disk_gib) > 0
