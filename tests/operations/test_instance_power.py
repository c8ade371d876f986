"""Start, stop, reboot and reset: state tells what the guest really does, also after a failure."""

from typing import Any

import pytest

from atoll.domain.commands import StopInstance
from atoll.domain.errors import Conflict
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.operations import OperationState
from atoll.messages import Power as GuestPower
from atoll.ports import Filter
from tests.operations.faults import Fuse, changed, fused_do, parameters, refused, twice
from tests.support.world import POWER, World

pytestmark = pytest.mark.anyio
VERBS = ("start", "stop", "reboot", "reset")
PLACES: list[Any] = [
    (verb, index, when) for verb in VERBS for index, when in parameters(f"instance.{verb}")
]
STATES = {GuestPower.RUNNING: InstanceState.RUNNING, GuestPower.STOPPED: InstanceState.STOPPED}


async def prepared(world: World, verb: str) -> Instance:
    """Running, or stopped where the verb is start."""
    instance = await world.created()
    if verb == "start":
        await world.execute(StopInstance(instance=instance.id))
        await world.run_until_idle(world.engine())
    return await world.store.read().instances.get(instance.id)


async def assert_true_to_its_host(world: World, instance_id: str) -> None:
    read = world.store.read()
    found = await read.instances.get(instance_id)
    facts = await world.driver.inspect(instance_id)
    assert facts is not None
    assert found.state is STATES[facts.power]
    assert found.goal == ("running" if found.state is InstanceState.RUNNING else "stopped")
    assert found.doing is None
    assert await read.operations.live_on(instance_id) == []


@pytest.mark.parametrize(("verb", "index", "when"), PLACES)
async def test_a_failure_ends_in_what_is_true(
    sqlite_world: World, verb: str, index: int, when: str
) -> None:
    world = sqlite_world
    instance = await prepared(world, verb)
    accepted = await world.execute(POWER[verb](instance=instance.id))
    assert accepted.operation is not None
    workflows = changed(f"instance.{verb}", index, fused_do(when, Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert (ended.state, ended.error_message) == (OperationState.FAILED, "the test says no")
    await assert_true_to_its_host(world, instance.id)


@pytest.mark.parametrize("verb", ["reboot", "reset"])
async def test_the_guest_boots_once_more_even_if_every_step_runs_twice(
    world: World, verb: str
) -> None:
    instance = await prepared(world, verb)
    await world.execute(POWER[verb](instance=instance.id))
    workflows = changed(f"instance.{verb}", 1, lambda s: type(s)(twice(s.do)))
    await world.run_until_idle(world.engine(workflows))
    facts = await world.driver.inspect(instance.id)
    assert facts is not None
    assert facts.boots == instance.boots + 1


async def test_actions_on_one_instance_happen_in_their_order(world: World) -> None:
    instance = await world.created()
    for verb in ("stop", "start", "stop"):
        await world.execute(POWER[verb](instance=instance.id))
    await world.run_until_idle(world.engine())
    found = await world.store.read().instances.get(instance.id)
    assert (found.state, found.goal) == (InstanceState.STOPPED, Goal.STOPPED)
    ended = [o.kind for o in await all_operations(world)]
    assert ended == ["instance.create", "instance.stop", "instance.start", "instance.stop"]


async def all_operations(world: World) -> list[Any]:
    page = await world.store.read().operations.page(Filter(limit=100))
    return sorted(page, key=lambda operation: operation.ended_at_ms or 0)


@pytest.mark.parametrize("verb", ["reboot", "reset"])
async def test_a_stopped_instance_is_not_rebooted(world: World, verb: str) -> None:
    instance = await prepared(world, "start")
    with pytest.raises(Conflict, match="is stopped"):
        await world.execute(POWER[verb](instance=instance.id))
