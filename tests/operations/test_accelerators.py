"""Devices of hosts: whoever is given one has it alone, and gives it back."""

import asyncio
from collections import Counter

import msgspec
import pytest

from atoll.domain.commands import DeleteInstance, ResizeInstance, StopInstance, UpdateHost
from atoll.domain.errors import NoCapacity
from atoll.domain.instances import Instance, InstanceState
from atoll.domain.operations import OperationState
from atoll.ports import Filter
from tests.support.consistent import assert_consistent
from tests.support.world import CAPACITY, CARD, DEVICES, World

pytestmark = pytest.mark.anyio
CARDS = [device for device in DEVICES if device.kind == CARD]
EVERY = Filter(limit=100)


async def settled(world: World) -> None:
    await world.run_until_idle(world.engine())
    await world.reported()


async def live(world: World) -> list[Instance]:
    return await world.store.read().instances.page(EVERY)


async def test_a_guest_is_told_which_devices_are_its_own(world: World) -> None:
    made, _ = await world.accept_create(plan="two-cards")
    await settled(world)
    now = await world.store.read().instances.get(made.id)
    assert list(now.devices) == CARDS
    assert list(world.driver.spec_of(made.id).devices) == CARDS
    host = await world.store.read().hosts.get("host-1")
    assert sorted(host.devices_used) == [device.address for device in CARDS]
    await assert_consistent(world)


async def test_of_many_that_ask_at_once_as_many_succeed_as_there_are_devices(
    world: World,
) -> None:
    await world.add_host(2)
    asked = [world.accept_create(name=f"i{n}", plan="one-card") for n in range(7)]
    operations = [operation for _, operation in await asyncio.gather(*asked)]
    engines = [world.engine(name=name) for name in ("a", "b")]
    await asyncio.gather(*[world.run_until_idle(engine) for engine in engines])
    await world.reported()
    read = world.store.read()
    ends = Counter([(await read.operations.get(o.id)).state for o in operations])
    assert ends == {OperationState.DONE: 4, OperationState.FAILED: 3}
    given = [(i.host_id, device.address) for i in await live(world) for device in i.devices]
    assert len(set(given)) == len(given) == 4
    await assert_consistent(world)


async def test_a_device_that_was_given_back_is_given_again(world: World) -> None:
    await world.accept_create(name="first", plan="two-cards")
    await settled(world)
    _, operation = await world.accept_create(name="second", plan="one-card")
    await settled(world)
    failed = await world.store.read().operations.get(operation.id)
    assert failed.error_code == "CAPACITY_EXHAUSTED"
    assert f"h1: 0 {CARD} are free, 1 are wanted" in (failed.error_message or "")
    await world.execute(DeleteInstance(instance="first"))
    await settled(world)
    await world.accept_create(name="third", plan="one-card")
    await settled(world)
    assert [(i.name, list(i.devices)) for i in await live(world)] == [("third", CARDS[:1])]
    await assert_consistent(world)


async def test_a_stopped_instance_keeps_its_devices(world: World) -> None:
    made, _ = await world.accept_create(plan="one-card")
    await settled(world)
    await world.execute(StopInstance(instance="web"))
    await settled(world)
    stopped = await world.store.read().instances.get(made.id)
    assert (stopped.state, list(stopped.devices)) == (InstanceState.STOPPED, CARDS[:1])
    await assert_consistent(world)


async def test_where_no_host_of_the_region_has_such_devices_the_creation_is_refused(
    world: World,
) -> None:
    await world.give_room(msgspec.structs.replace(CAPACITY, devices=DEVICES[1:2]))
    with pytest.raises(NoCapacity, match=f"no host in region local has a {CARD}"):
        await world.accept_create(plan="one-card")
    await world.add_host(2, "far")
    with pytest.raises(NoCapacity):
        await world.accept_create(plan="one-card")
    made, _ = await world.accept_create(plan="one-card", region="far")
    await settled(world)
    assert (await world.store.read().instances.get(made.id)).host_id == "host-2"


async def test_hosts_without_such_devices_say_so(world: World) -> None:
    second = await world.add_host(2)
    second._capacity = msgspec.structs.replace(CAPACITY, devices=())
    await world.agents[-1].report(census=False)
    await world.bus.settled()
    await world.execute(UpdateHost(host="h1", enabled=False))
    _, operation = await world.accept_create(plan="one-card")
    await settled(world)
    message = (await world.store.read().operations.get(operation.id)).error_message or ""
    assert "h1: it is disabled" in message
    assert f"h2: it has no {CARD}" in message


async def test_more_devices_than_the_host_has_free_are_refused_and_the_guest_runs_on(
    world: World,
) -> None:
    await world.accept_create(name="neighbour", plan="one-card")
    await world.accept_create(plan="one-card")
    await settled(world)
    accepted = await world.execute(ResizeInstance(instance="web", plan="two-cards"))
    await settled(world)
    assert accepted.operation is not None
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert ended.error_message == f"host h1 has 0 {CARD} free, but 1 more are needed"
    assert [(i.state, len(i.devices)) for i in await live(world)] == [("running", 1)] * 2
    await assert_consistent(world)


async def test_who_needs_none_any_more_gives_them_back(world: World) -> None:
    made, _ = await world.accept_create(plan="two-cards")
    await settled(world)
    await world.execute(ResizeInstance(instance="web", plan="small"))
    await settled(world)
    now = await world.store.read().instances.get(made.id)
    assert (now.devices, now.boots) == ((), 2)
    assert (await world.store.read().hosts.get("host-1")).devices_used == ()
    await assert_consistent(world)
