"""A resource whose deletion fails has its name again, or a free one if that was taken meanwhile."""

import pytest

from atoll.domain.commands import CreateVolume, DeleteVolume
from atoll.domain.errors import DriverRefused
from tests.operations.faults import Fuse, changed, fused_do
from tests.support.world import World

pytestmark = pytest.mark.anyio
REFUSED = DriverRefused("the host does not let go")


@pytest.mark.parametrize("taken", [True, False])
async def test_an_instance_that_could_not_be_deleted(world: World, taken: bool) -> None:
    instance = await world.created()
    await world.retire("web")
    if taken:
        other, _ = await world.accept_create(name="web")
    await world.run_until_idle(
        world.engine(changed("instance.retire", 0, fused_do("before", Fuse(REFUSED, 1))))
    )
    read = world.store.read()
    left = await read.instances.get(instance.id)
    assert left.name == ("web-2" if taken else "web")
    assert left.given_name == "web"
    assert await read.instances.holder(left.project_id, left.name) == left
    if taken:
        assert (await read.instances.get(other.id)).name == "web"


@pytest.mark.parametrize("taken", [True, False])
async def test_a_volume_that_could_not_be_deleted(world: World, taken: bool) -> None:
    volume = (await world.execute(CreateVolume(name="data", size_gib=1))).thing
    await world.execute(DeleteVolume(volume="data"))
    if taken:
        await world.execute(CreateVolume(name="data", size_gib=1))
    await world.run_until_idle(
        world.engine(changed("volume.delete", 0, fused_do("before", Fuse(REFUSED, 1))))
    )
    read = world.store.read()
    left = await read.volumes.get(volume.id)
    assert left.name == ("data-2" if taken else "data")
    assert await read.volumes.holder(left.project_id, left.name) == left
