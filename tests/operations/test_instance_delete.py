"""A deletion: in the end nothing is left, or it can be asked again."""

import pytest

from atoll.domain.commands import CreateSnapshot, DeleteInstance, StopInstance, UpdateInstance
from atoll.domain.errors import DriverUnavailable, NotFound, Protected
from atoll.domain.instances import InstanceState
from atoll.domain.snapshots import SnapshotState
from tests.operations.faults import Fuse, all_steps, changed, fused_do, refused
from tests.support.world import World

pytestmark = pytest.mark.anyio
KIND = "instance.delete"


async def test_it_leaves_nothing(world: World) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    gone = await world.store.read().instances.get(instance.id)
    assert (gone.state, gone.public_ip) == (InstanceState.DELETED, None)
    await world.assert_nothing_is_left()


async def test_what_failed_says_why_and_is_removed_when_it_is_asked_again(world: World) -> None:
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    workflows = changed(KIND, 0, fused_do("after", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    failed = await world.store.read().instances.get(instance.id)
    assert (failed.state, failed.reason) == (InstanceState.ERROR, "the test says no")
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()


@pytest.mark.parametrize("index", [i for i, _ in all_steps(KIND)])
async def test_a_host_that_is_away_for_a_while_is_waited_for(
    sqlite_world: World, index: int
) -> None:
    world = sqlite_world
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    away = Fuse(DriverUnavailable("away"), times=3)
    await world.run_until_idle(world.engine(changed(KIND, index, fused_do("before", away))))
    assert away.left == 0
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


async def test_a_snapshot_that_was_accepted_before_a_deletion_is_taken(world: World) -> None:
    instance = await world.created()
    snapshot = await world.execute(CreateSnapshot(name="s", instance=instance.id))
    await world.execute(DeleteInstance(instance=instance.id, purge=True))
    await world.run_until_idle(world.engine())
    read = world.store.read()
    assert (await read.snapshots.get(snapshot.thing.id)).state is SnapshotState.COMPLETE
    assert (await read.instances.get(instance.id)).state is InstanceState.DELETED


async def test_what_goes_with_the_instance_is_cancelled_and_says_why(world: World) -> None:
    instance = await world.created()
    stopping = await world.execute(StopInstance(instance=instance.id))
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    assert stopping.operation is not None
    stopped = await world.store.read().operations.get(stopping.operation.id)
    assert (stopped.error_code, stopped.error_message) == (
        "CANCELLED",
        "cancelled: its instance is deleted",
    )
