"""An image that is imported, and one that could not be."""

import pytest

from atoll.domain.commands import CreateImage, RetryOperation
from atoll.domain.images import ImageSource, ImageState, SourceKind
from atoll.domain.operations import OperationState
from tests.operations.faults import Fuse, changed, fused_do, refused
from tests.support.world import World

pytestmark = pytest.mark.anyio
KIND = "image.import"
COMMAND = CreateImage(
    name="mine", source=ImageSource(kind=SourceKind.URL, location="https://example.org/i.qcow2")
)


async def test_an_image_becomes_available_with_its_size(world: World) -> None:
    accepted = await world.execute(COMMAND)
    await world.run_until_idle(world.engine())
    found = await world.store.read().images.get(accepted.thing.id)
    assert (found.state, found.size_bytes, found.doing) == (ImageState.AVAILABLE, 2**20, None)


async def test_a_failure_says_why_and_can_be_retried(world: World) -> None:
    accepted = await world.execute(COMMAND)
    assert accepted.operation is not None
    workflows = changed(KIND, 0, fused_do("after", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    read = world.store.read()
    failed = await read.images.get(accepted.thing.id)
    assert (failed.state, failed.reason) == (ImageState.ERROR, "the test says no")
    await world.execute(RetryOperation(operation=accepted.operation.id))
    await world.run_until_idle(world.engine())
    ended = await read.operations.get(accepted.operation.id)
    assert (ended.state, ended.run) == (OperationState.DONE, 2)
    assert (await read.images.get(accepted.thing.id)).state is ImageState.AVAILABLE
