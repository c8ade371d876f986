"""What is asked for at the moment at which something goes that it needs."""

import asyncio

import pytest

from atoll.domain.commands import (
    CreateSecurityGroup,
    DeleteImage,
    DeleteSecurityGroup,
    RetryOperation,
)
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.images import ImageState
from atoll.domain.operations import OperationState
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Filter
from tests.operations.faults import Fuse, changed, first, fused_do, refused
from tests.operations.situations import (
    ALL,
    an_image,
    settled,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio
AT_ONCE = 6


async def test_of_a_create_and_a_deletion_at_once_one_is_refused_with_a_reason(
    world: World,
) -> None:
    for number in range(AT_ONCE):
        name = f"g{number}"
        await world.execute(CreateSecurityGroup(name=name))
        create = world.accept_create(name=name, security_groups=(name,))
        drop = world.execute(DeleteSecurityGroup(security_group=name))
        created, dropped = await asyncio.gather(create, drop, return_exceptions=True)
        assert isinstance(created, Invalid) != isinstance(dropped, InUse)
    for instance in await world.store.read().instances.page(ALL):
        for group in instance.resolved.security_group_ids:
            assert await world.store.read().security_groups.find(group) is not None


async def test_an_image_that_came_into_use_while_it_was_deleted_stays(world: World) -> None:
    await an_image(world)
    deletion = await world.execute(DeleteImage(image="mine"))
    mine = Filter(project_id=world.caller.project_id)

    async def use_it() -> None:
        """As a server does that has not heard of the deletion yet."""
        (image,) = await world.store.read().images.page(mine)
        async with world.store.transaction() as tx:
            heard = tx.images.change(image, doing=None)
        await world.accept_create(name="late", image="mine")
        async with world.store.transaction() as tx:
            tx.images.change(heard, doing="image.delete")

    step = WORKFLOWS["image.delete"].steps[0]
    late = changed("image.delete", 0, lambda s: type(step)(first(use_it, s.do)))
    await world.run_until_idle(world.engine(late))
    assert deletion.operation is not None
    (image,) = await world.store.read().images.page(mine)
    assert (image.doing, image.state) == (None, ImageState.AVAILABLE)
    assert "was not deleted" in image.reason
    (instance,) = await world.store.read().instances.page(Filter(name="late"))
    assert instance.state == "running"


async def test_a_creation_is_not_retried_with_what_is_gone(world: World) -> None:
    await world.execute(CreateSecurityGroup(name="g"))
    _, operation = await world.accept_create(security_groups=("g",))
    await world.run_until_idle(
        world.engine(changed(operation.kind, 3, fused_do("before", Fuse(refused()))))
    )
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state is OperationState.FAILED
    await world.execute(DeleteSecurityGroup(security_group="g"))
    with pytest.raises(Conflict, match="create a new instance"):
        await world.execute(RetryOperation(operation=operation.id))
    await settled(world)
    await world.assert_nothing_is_left()
