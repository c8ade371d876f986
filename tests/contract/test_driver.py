"""What every driver keeps to: the simulator, and QEMU with real guests."""

import asyncio
from functools import partial
from itertools import permutations

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.accelerators import Device
from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.messages import GuestFacts, Power, VolumeSpec
from tests.contract.drivers import Bench, new_id

pytestmark = pytest.mark.anyio


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


async def test_stopping_twice_and_pulling_the_plug_are_fine(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    for _ in range(2):
        facts = await bench.driver.ensure_stopped(guest.id, force=True)
        assert facts.power is Power.STOPPED
        assert not facts.crashed
    assert bench.changes.seen == [], "an end that was asked for is not news"


async def test_a_guest_that_is_asked_while_it_boots_answers_at_once_and_stops_later(
    bench: Bench,
) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    assert (await bench.driver.ensure_stopped(guest.id, force=False)).power is Power.RUNNING
    assert not (await bench.stop_by_asking(guest)).crashed


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
    assert await bench.driver.ensure_stopped(unknown, force=False) == GuestFacts(
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


async def test_a_guest_starts_with_its_volumes_and_keeps_them_through_a_new_driver_object(
    bench: Bench,
) -> None:
    volumes = [await bench.new_volume() for _ in range(2)]
    guest = await bench.new_guest(volumes=tuple(volume.id for volume in volumes))
    assert (await bench.driver.ensure_running(guest)).volumes == guest.volumes
    await bench.reopen()
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert facts.volumes == guest.volumes
    stopped = await bench.driver.ensure_stopped(guest.id, force=True)
    assert stopped.volumes == ()
    for volume in volumes:
        await bench.driver.remove_volume(volume.id)


async def test_a_snapshot_that_is_ensured_twice_is_taken_once(bench: Bench) -> None:
    volume = await bench.new_volume()
    first = await bench.take_snapshot(volume.id)
    before = await bench.left_over()
    assert await bench.driver.ensure_snapshot(first.id, volume.id) == first
    assert await bench.left_over() == before
    await bench.driver.remove_volume(volume.id)
    assert await bench.driver.ensure_snapshot(first.id, volume.id) == first


async def test_a_snapshot_of_no_volume_and_a_volume_of_no_snapshot_are_refused(
    bench: Bench,
) -> None:
    with pytest.raises(DriverRefused, match="not on this host"):
        await bench.take_snapshot(new_id(ids.VOLUME))
    with pytest.raises(DriverRefused, match="not on this host"):
        await bench.new_volume(snapshot_id=new_id(ids.SNAPSHOT))
    assert await bench.left_over() == []


async def test_a_volume_smaller_than_its_snapshot_is_refused(bench: Bench) -> None:
    volume = await bench.new_volume(size_gib=3)
    snapshot = await bench.take_snapshot(volume.id)
    with pytest.raises(DriverRefused, match="choose at least that size"):
        await bench.new_volume(size_gib=2, snapshot_id=snapshot.id)


async def test_whatever_is_removed_first_nothing_is_left_in_the_end(bench: Bench) -> None:
    for order in permutations(range(4)):
        volume = await bench.new_volume()
        first = await bench.take_snapshot(volume.id)
        second = await bench.take_snapshot(volume.id)
        copy = await bench.new_volume(snapshot_id=first.id)
        removals = [
            partial(bench.driver.remove_volume, volume.id),
            partial(bench.driver.remove_snapshot, first.id),
            partial(bench.driver.remove_snapshot, second.id),
            partial(bench.driver.remove_volume, copy.id),
        ]
        for number in order:
            await removals[number]()
            await removals[number]()
        assert await bench.left_over() == [], order


async def test_a_guest_that_does_not_run_is_configured_when_it_starts(bench: Bench) -> None:
    unknown = await bench.new_guest()
    assert await bench.driver.ensure_configured(unknown) == GuestFacts(
        id=unknown.id, power=Power.STOPPED, boots=0
    )
    await bench.driver.ensure_running(unknown)
    await bench.driver.ensure_stopped(unknown.id, force=True)
    volume = await bench.new_volume()
    wish = replace(unknown, volumes=(volume.id,))
    facts = await bench.driver.ensure_configured(wish)
    assert (facts.power, facts.volumes) == (Power.STOPPED, ())
    assert (await bench.driver.ensure_running(wish)).volumes == (volume.id,)


async def test_a_guest_is_not_given_a_volume_that_is_not_there(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.driver.ensure_running(guest)
    missing = new_id(ids.VOLUME)
    with pytest.raises(DriverRefused, match=missing):
        await bench.driver.ensure_configured(replace(guest, volumes=(missing,)))
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    assert facts.volumes == ()


async def test_a_guest_is_measured_only_while_it_runs(bench: Bench) -> None:
    guest = await bench.new_guest()
    assert await bench.driver.measure(guest.id) is None
    await bench.driver.ensure_running(guest)
    assert await bench.driver.measure(guest.id) is not None
    await bench.driver.ensure_stopped(guest.id, force=True)
    assert await bench.driver.measure(guest.id) is None


async def test_a_device_that_the_host_has_not_is_refused_and_nothing_starts(bench: Bench) -> None:
    assert (await bench.driver.capacity()).devices == ()
    card = Device(kind="nvidia-rtx-3090", address="0000:65:00.0")
    guest = await bench.new_guest(devices=(card,))
    with pytest.raises(DriverRefused, match="0000:65:00"):
        await bench.driver.ensure_running(guest)
    assert await bench.driver.list() == []
