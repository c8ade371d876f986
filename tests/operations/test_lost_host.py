"""A host that is away for a while, or for good, in the middle of an operation."""

import pytest

from atoll.domain.commands import DeleteInstance, StopInstance
from atoll.domain.errors import DriverUnavailable
from atoll.domain.faults import Fault
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from tests.operations.faults import Fuse, changed, fused_do, fused_undo, refused
from tests.support.world import POWER, World

pytestmark = pytest.mark.anyio
AWAY_S = 90.0


def lose(world: World, seconds: float) -> None:
    world.faults.add(Fault(id="fault-1", host="h1", lost_s=seconds))


async def test_a_creation_waits_for_a_host_that_comes_back(world: World) -> None:
    instance, operation = await world.accept_create()
    lose(world, AWAY_S)
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state is OperationState.DONE
    await world.assert_whole(instance)


@pytest.mark.parametrize("verb", ["stop", "reboot", "reset"])
async def test_a_power_action_waits_for_a_host_that_comes_back(world: World, verb: str) -> None:
    instance = await world.created()
    lose(world, AWAY_S)
    accepted = await world.execute(POWER[verb](instance=instance.id))
    assert accepted.operation is not None
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert ended.state is OperationState.DONE


async def test_a_deletion_waits_for_a_host_that_comes_back(world: World) -> None:
    instance = await world.created()
    lose(world, AWAY_S)
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()


async def test_what_could_not_be_undone_stays_with_its_instance_until_it_is_deleted(
    world: World,
) -> None:
    kind = "instance.create"
    failing = changed(kind, 4, fused_do("before", Fuse(refused())))
    gone = Fuse(DriverUnavailable("gone"), times=10**6)
    workflow = failing[kind]
    undo = changed(kind, 3, fused_undo("before", gone))[kind].steps[3]
    steps = (*workflow.steps[:3], undo, workflow.steps[4])
    failing[kind] = type(workflow)(kind, steps, workflow.settle, workflow.deadline_s)
    instance, operation = await world.accept_create()
    await world.run_until_idle(world.engine(failing))
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state is OperationState.FAILED
    assert "could not undo start_guest: gone" in (ended.error_message or "")
    left = await world.store.read().instances.get(instance.id)
    assert (left.state, left.host_id) == (InstanceState.ERROR, "host-1")
    await world.assert_whole(left)
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()


async def test_an_action_behind_a_creation_that_failed_says_that_there_is_nothing(
    world: World,
) -> None:
    instance, _ = await world.accept_create(vcpus=9)
    accepted = await world.execute(StopInstance(instance=instance.id))
    assert accepted.operation is not None
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert ended.state is OperationState.FAILED
    assert "its creation failed" in (ended.error_message or "")
    await world.assert_nothing_is_left()
