"""What hosts report, against what instances want."""

import pytest
from msgspec.structs import replace

from atoll.domain.commands import ResetInstance
from atoll.domain.hosts import HostState
from atoll.domain.instances import Goal, InstanceState
from atoll.messages import GuestFacts, GuestReport, HostReport
from atoll.messages import Power as GuestPower
from atoll.operations import reconcile
from atoll.ports import Filter
from tests.support.world import CAPACITY, World

pytestmark = pytest.mark.anyio


def host_report(world: World, *guests: GuestFacts) -> HostReport:
    return HostReport(
        host_id="host-1",
        name="h1",
        region="local",
        capabilities=world.driver.capabilities,
        capacity=CAPACITY,
        guests=guests,
    )


async def test_a_guest_that_crashed_is_started_again(world: World) -> None:
    instance = await world.created()
    world.driver.power_off_inside(instance.id, crashed=True)
    await world.reported()
    await world.run_until_idle(world.engine())
    facts = await world.driver.inspect(instance.id)
    assert facts is not None
    assert facts.power is GuestPower.RUNNING
    found = await world.store.read().instances.get(instance.id)
    assert found.state is InstanceState.RUNNING


async def test_a_guest_that_shut_itself_down_stays_down(world: World) -> None:
    instance = await world.created()
    world.driver.power_off_inside(instance.id, crashed=False)
    await world.reported()
    await world.run_until_idle(world.engine())
    found = await world.store.read().instances.get(instance.id)
    assert (found.state, found.goal) == (InstanceState.STOPPED, Goal.STOPPED)
    assert found.reason == "the guest shut itself down"


async def test_a_guest_that_is_gone_when_its_host_comes_back_is_started(world: World) -> None:
    instance = await world.created()
    await world.driver.remove(instance.id)
    await world.reconciler.take(host_report(world))
    await world.run_until_idle(world.engine())
    await world.assert_whole(instance)


async def test_of_many_that_are_gone_each_is_started_also_where_one_was_changed_meanwhile(
    world: World,
) -> None:
    made = [await world.created() for _ in range(3)]
    seen = await world.store.read().instances.page(Filter())
    async with world.store.transaction() as tx:
        tx.instances.change(seen[1], name="changed")
    pairs = [(instance, reconcile.absent(instance)) for instance in seen]
    await world.reconciler._take_guests("host-1", pairs, world.clock.now_ms())
    kinds = [
        [one.kind for one in await world.store.read().operations.live_on(instance.id)]
        for instance in made
    ]
    assert kinds == [["instance.start"]] * 3


async def test_a_report_that_comes_twice_changes_nothing(world: World) -> None:
    instance = await world.created()
    facts = await world.driver.inspect(instance.id)
    assert facts is not None
    report = GuestReport(host_id="host-1", guest=facts)
    await world.reconciler.take(report)
    before = await world.store.read().instances.get(instance.id)
    await world.reconciler.take(report)
    assert await world.store.read().instances.get(instance.id) == before


async def test_a_late_report_of_an_earlier_boot_is_not_believed(world: World) -> None:
    instance = await world.created()
    await world.execute(ResetInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.reported()
    late = GuestFacts(id=instance.id, power=GuestPower.RUNNING, boots=1, ready=False)
    before = await world.store.read().instances.get(instance.id)
    await world.reconciler.take(GuestReport(host_id="host-1", guest=late))
    assert (await world.store.read().instances.get(instance.id)) == before


async def test_a_report_from_another_host_is_not_believed(world: World) -> None:
    instance = await world.created()
    stopped = GuestFacts(id=instance.id, power=GuestPower.STOPPED, boots=1, crashed=True)
    await world.reconciler.take(GuestReport(host_id="host-2", guest=stopped))
    found = await world.store.read().instances.get(instance.id)
    assert found.state is InstanceState.RUNNING


async def test_a_host_that_fell_silent_is_lost_and_comes_back(world: World) -> None:
    world.clock.advance(31)
    await world.reconciler.mark_silent()
    read = world.store.read()
    assert (await read.hosts.get("host-1")).state is HostState.LOST
    await world.reconciler.take(host_report(world))
    assert (await read.hosts.get("host-1")).state is HostState.READY


async def test_a_part_of_a_census_speaks_of_its_ids_and_no_others(world: World) -> None:
    first, second = await world.created(), (await world.accept_create(name="two"))[0]
    await world.run_until_idle(world.engine())
    for one in (first, second):
        await world.driver.remove(one.id)
    await world.reconciler.take(replace(host_report(world), until=first.id))
    await world.run_until_idle(world.engine())
    assert [guest.id for guest in await world.driver.list()] == [first.id]
    await world.reconciler.take(replace(host_report(world), after=first.id))
    await world.run_until_idle(world.engine())
    assert {guest.id for guest in await world.driver.list()} == {first.id, second.id}
