"""What a creation leads to, and what it says where it leads to nothing. What a fault at any step
leaves is in test_matrix.py."""

import pytest

from atoll.domain.commands import RetryOperation
from atoll.domain.errors import DriverBusy
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.regions import Region
from tests.operations.faults import Fuse, all_steps, changed, fused_do, never_do, refused
from tests.support.world import World

pytestmark = pytest.mark.anyio
KIND = "instance.create"


async def test_it_succeeds(world: World) -> None:
    instance = await world.created()
    assert instance.state is InstanceState.RUNNING
    assert (instance.public_ip, instance.private_ip) == ("127.16.0.4", "10.128.0.4")
    await world.assert_whole(instance)


async def test_every_step_is_recorded_once_and_in_order(world: World) -> None:
    _, operation = await world.accept_create()
    await world.run_until_idle(world.engine())
    records = await world.store.read().operations.steps_of(operation.id)
    assert [(r.index, r.name) for r in records] == all_steps(KIND)


async def test_a_deadline_ends_what_would_never_end(world: World) -> None:
    busy = never_do(world, KIND, DriverBusy("not yet", after_s=60))
    workflows = changed(KIND, 3, busy)
    _, operation = await world.accept_create()
    await world.run_until_idle(world.engine(workflows))
    ended = await world.store.read().operations.get(operation.id)
    assert (ended.state, ended.error_code) == (OperationState.FAILED, "DEADLINE_EXCEEDED")
    assert "not yet" in (ended.error_message or "")
    await world.assert_nothing_is_left()


async def test_a_failed_creation_can_be_retried(world: World) -> None:
    workflows = changed(KIND, 3, fused_do("after", Fuse(refused())))
    instance, operation = await world.accept_create()
    await world.run_until_idle(world.engine(workflows))
    failed = await world.store.read().instances.get(instance.id)
    assert (failed.state, failed.reason) == (InstanceState.DELETED, "the test says no")
    await world.assert_nothing_is_left()
    await world.execute(RetryOperation(operation=operation.id))
    await world.run_until_idle(world.engine())
    again = await world.store.read().instances.get(instance.id)
    assert (again.state, again.reason) == (InstanceState.RUNNING, "")
    await world.assert_whole(again)


async def test_without_capacity_it_fails_and_says_why_of_each_host(world: World) -> None:
    _, operation = await world.accept_create(vcpus=9)
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(operation.id)
    assert ended.error_code == "CAPACITY_EXHAUSTED"
    assert "h1: 8 vcpus are free, 9 are wanted" in (ended.error_message or "")
    await world.assert_nothing_is_left()


async def test_of_many_creations_for_the_last_places_as_many_succeed_as_fit(
    world: World,
) -> None:
    for _ in range(12):
        await world.accept_create()
    await world.run_until_idle(world.engine())
    host = await world.store.read().hosts.get("host-1")
    assert (host.vcpus_used, len(await world.driver.list())) == (8, 8)


async def test_what_is_in_a_region_without_hosts_is_carried_by_those_that_serve_it(
    world: World,
) -> None:
    async with world.store.transaction() as tx:
        tx.regions.add(Region(id="ewr", served_by="local"))
    wished, _ = await world.accept_create(region="ewr")
    await world.run_until_idle(world.engine())
    now = await world.store.read().instances.get(wished.id)
    assert (now.state, now.spec.region, now.host_id) == (InstanceState.RUNNING, "ewr", "host-1")
