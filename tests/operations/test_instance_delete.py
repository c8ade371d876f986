"""The fault matrix of `instance.delete`: in the end nothing is left, or it can be asked again."""

import pytest

from atoll.domain.commands import DeleteInstance, UpdateInstance
from atoll.domain.errors import DriverUnavailable, NotFound, Protected
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from tests.operations.faults import (
    Fuse,
    all_steps,
    changed,
    fused_do,
    parameters,
    refused,
    twice,
)
from tests.support.world import Crash, World

pytestmark = pytest.mark.anyio
KIND = "instance.delete"


async def test_it_leaves_nothing(world: World) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    gone = await world.store.read().instances.get(instance.id)
    assert (gone.state, gone.public_ip) == (InstanceState.DELETED, None)
    await world.assert_nothing_is_left()


@pytest.mark.parametrize(("index", "name"), all_steps(KIND))
async def test_each_step_may_run_twice(world: World, index: int, name: str) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    workflows = changed(KIND, index, lambda s: type(s)(twice(s.do)))
    await world.run_until_idle(world.engine(workflows))
    await world.assert_nothing_is_left()


@pytest.mark.parametrize(("index", "when"), parameters(KIND))
async def test_a_crash_is_taken_up_where_it_happened(world: World, index: int, when: str) -> None:
    instance = await world.created()
    accepted = await world.execute(DeleteInstance(instance=instance.id))
    assert accepted.operation is not None
    workflows = changed(KIND, index, fused_do(when, Fuse(Crash())))
    await world.run_until_idle(world.engine(workflows))
    await world.run_until_idle(world.engine(workflows))
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert ended.state is OperationState.DONE
    await world.assert_nothing_is_left()


@pytest.mark.parametrize(("index", "when"), parameters(KIND))
async def test_what_failed_is_removed_when_it_is_asked_again(
    world: World, index: int, when: str
) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    workflows = changed(KIND, index, fused_do(when, Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    failed = await world.store.read().instances.get(instance.id)
    assert (failed.state, failed.reason) == (InstanceState.ERROR, "the test says no")
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()


@pytest.mark.parametrize("index", [i for i, _ in all_steps(KIND)])
async def test_a_host_that_is_away_for_a_while_is_waited_for(world: World, index: int) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    away = Fuse(DriverUnavailable("away"), times=3)
    await world.run_until_idle(world.engine(changed(KIND, index, fused_do("before", away))))
    await world.assert_nothing_is_left()


async def test_deleting_what_is_being_created_cancels_the_creation(world: World) -> None:
    instance, _ = await world.accept_create()
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    gone = await world.store.read().instances.get(instance.id)
    assert gone.state is InstanceState.DELETED
    await world.assert_nothing_is_left()


async def test_asking_twice_is_answered_by_the_same_operation(world: World) -> None:
    instance = await world.created()
    first = await world.execute(DeleteInstance(instance=instance.id))
    second = await world.execute(DeleteInstance(instance=instance.id))
    assert first.operation is not None
    assert second.operation is not None
    assert first.operation.id == second.operation.id


async def test_what_is_deleted_is_not_found(world: World) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    with pytest.raises(NotFound):
        await world.execute(DeleteInstance(instance=instance.id))


async def test_a_protected_instance_stays(world: World) -> None:
    instance = await world.created()
    await world.execute(UpdateInstance(instance=instance.id, protected=True))
    with pytest.raises(Protected):
        await world.execute(DeleteInstance(instance=instance.id))
    await world.assert_whole(instance)
