"""What a reinstallation leaves on the host goes, whatever happens meanwhile."""

import pytest

from atoll.domain.commands import ReinstallInstance
from atoll.domain.errors import DriverUnavailable
from tests.operations.faults import Fuse, changed, fused_do
from tests.support.consistent import assert_consistent
from tests.support.world import Crash, World

pytestmark = pytest.mark.anyio
FAULTS = {
    "before a crash": ("before", Crash(), 1),
    "after a crash": ("after", Crash(), 1),
    "while the host is away": ("before", DriverUnavailable("away"), 3),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_former_root_volume_goes_in_the_end(sqlite_world: World, fault: str) -> None:
    world = sqlite_world
    instance = await world.created()
    when, error, times = FAULTS[fault]
    fuse = Fuse(error, times)
    await world.execute(ReinstallInstance(instance="web"))
    workflows = changed("volume.discard", 0, fused_do(when, fuse))
    await world.run_until_idle(world.engine(workflows))
    await world.run_until_idle(world.engine(workflows))
    assert fuse.left == 0
    now = await world.store.read().instances.get(instance.id)
    assert now.resolved.root_volume_id != instance.resolved.root_volume_id
    assert list(await world.driver.volumes()) == [now.resolved.root_volume_id]
    await world.reported()
    await assert_consistent(world)
