"""A host that has promised little, and whose disk is full nevertheless."""

import pytest
from msgspec.structs import replace

from atoll.domain.commands import AttachVolume, CreateVolume
from atoll.domain.errors import NoCapacity
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from tests.support.world import CAPACITY, World

pytestmark = pytest.mark.anyio


async def test_no_instance_is_placed_on_it_until_there_is_space(world: World) -> None:
    await world.give_room(replace(CAPACITY, spare_disk_mib=0))
    instance, operation = await world.accept_create()
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(operation.id)
    assert ended.error_code == NoCapacity.code
    assert "its disk is full" in ended.error_message
    now = await world.store.read().instances.get(instance.id)
    assert now.state is InstanceState.DELETED

    await world.give_room(replace(CAPACITY, spare_disk_mib=1))
    again = await world.created()
    assert again.state is InstanceState.RUNNING


async def test_no_volume_is_made_on_it_for_an_instance_that_runs_there(world: World) -> None:
    instance = await world.created()
    await world.give_room(replace(CAPACITY, spare_disk_mib=-5))
    volume = (await world.execute(CreateVolume(name="data", size_gib=1))).thing
    outcome = await world.execute(AttachVolume(volume=volume.id, instance=instance.id))
    await world.run_until_idle(world.engine())
    assert outcome.operation is not None
    ended = await world.store.read().operations.get(outcome.operation.id)
    assert ended.state is OperationState.FAILED
    assert ended.error_message == (
        "the disk of host h1 is full but for the reserve of its running guests"
    )
