"""A guest that was started again is ready when it says so, and not because it once was."""

import pytest

from atoll.domain.commands import RebootInstance, ResizeInstance
from atoll.domain.instances import Instance, InstanceState
from atoll.drivers.simulator.driver import Times
from tests.support.world import World

pytestmark = pytest.mark.anyio
RESTARTS = {
    "resize": ResizeInstance(instance="web", vcpus=2),
    "reboot": RebootInstance(instance="web"),
}


async def ready(world: World) -> Instance:
    instance = await world.created()
    await world.reported()
    found = await world.store.read().instances.get(instance.id)
    assert found.ready_at_ms is not None
    return found


@pytest.mark.parametrize("change", RESTARTS)
async def test_until_the_guest_says_so_it_is_not_ready_again(world: World, change: str) -> None:
    before = await ready(world)
    world.clock.advance(600)
    world.driver._times = Times(boot_s=3600)
    await world.execute(RESTARTS[change])
    await world.run_until_idle(world.engine())
    await world.reported()
    found = await world.store.read().instances.get(before.id)
    assert found.state is InstanceState.RUNNING
    assert (found.booted_at_ms, found.ready_at_ms) == (None, None)
    assert found.boots == before.boots + 1
    assert found.running_since_ms is not None
    assert before.running_since_ms is not None
    assert found.running_since_ms > before.running_since_ms


async def test_a_larger_disk_alone_leaves_it_ready(world: World) -> None:
    before = await ready(world)
    await world.execute(ResizeInstance(instance="web", disk_gib=9))
    await world.run_until_idle(world.engine())
    await world.reported()
    found = await world.store.read().instances.get(before.id)
    assert (found.boots, found.ready_at_ms) == (before.boots, before.ready_at_ms)
