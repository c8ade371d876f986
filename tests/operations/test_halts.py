"""A guest that is powered on and does not execute: what its instance says, what a start does."""

import asyncio
from typing import Any

import pytest

from atoll.domain.faults import Fault
from atoll.domain.instances import HALTS, Halt, Instance, InstanceState
from atoll.domain.operations import OperationState
from tests.support.world import POWER, SETTLE_S_MAX, World

pytestmark = pytest.mark.anyio


async def halted(world: World, halt: Halt) -> Instance:
    """An instance that was ready until its guest stopped to execute."""
    instance = await world.created()
    await until_ready(world, instance)
    world.faults.add(Fault(id="halt", halt=halt, instance=instance.id))
    await world.reported()
    return await found(world, instance)


async def found(world: World, instance: Instance) -> Instance:
    return await world.store.read().instances.get(instance.id)


async def until_ready(world: World, instance: Instance) -> Instance:
    async with asyncio.timeout(SETTLE_S_MAX):
        while (now := await found(world, instance)).ready_at_ms is None:
            await asyncio.sleep(0)
            await world.reported()
    return now


async def events_of(world: World, instance: Instance) -> list[tuple[str, dict[str, Any]]]:
    """Those of its guest, without the operations."""
    told = await world.store.read().events.after(instance.project_id, "0.0", 1000)
    mine = [event for event in told if event.resource_id == instance.id]
    return [(event.kind, event.data) for event in mine if event.kind.startswith("instance.")]


@pytest.mark.parametrize("halt", Halt)
async def test_the_instance_says_why_it_does_not_execute_and_an_event_tells(
    sqlite_world: World, halt: Halt
) -> None:
    instance = await halted(sqlite_world, halt)
    assert instance.state is InstanceState.RUNNING
    assert instance.ready_at_ms is None
    assert instance.why == HALTS[halt]
    told = {"halt": halt, "reason": HALTS[halt]}
    assert (await events_of(sqlite_world, instance))[-1] == ("instance.halted", told)


async def test_with_space_on_the_disk_again_the_instance_is_ready_again(world: World) -> None:
    instance = await halted(world, Halt.DISK_FULL)
    world.faults.remove("halt")
    again = await until_ready(world, instance)
    assert (again.halt, again.why) == (None, "")
    kinds = [kind for kind, _ in await events_of(world, instance)]
    assert "instance.resumed" in kinds
    assert "instance.crashed" not in kinds


@pytest.mark.parametrize("verb", ["start", "reset", "reboot"])
async def test_a_start_a_reset_and_a_reboot_make_it_go_on(sqlite_world: World, verb: str) -> None:
    instance = await halted(sqlite_world, Halt.PANICKED)
    outcome = await sqlite_world.execute(POWER[verb](instance=instance.id))
    await sqlite_world.run_until_idle(sqlite_world.engine())
    assert outcome.operation is not None
    ended = await sqlite_world.store.read().operations.get(outcome.operation.id)
    assert ended.state is OperationState.DONE
    facts = await sqlite_world.driver.inspect(instance.id)
    assert facts is not None
    assert facts.halt is None
    assert (await found(sqlite_world, instance)).why == ""


async def test_a_start_is_not_done_while_the_guest_does_not_execute(sqlite_world: World) -> None:
    world = sqlite_world
    instance = await halted(world, Halt.DISK_FULL)
    outcome = await world.execute(POWER["start"](instance=instance.id))
    await world.run_until_idle(world.engine())
    assert outcome.operation is not None
    ended = await world.store.read().operations.get(outcome.operation.id)
    assert ended.state is OperationState.FAILED
    assert HALTS[Halt.DISK_FULL] in ended.error_message
    now = await found(world, instance)
    assert (now.state, now.halt) == (InstanceState.RUNNING, Halt.DISK_FULL)


async def test_an_instance_that_is_stopped_halts_no_longer(sqlite_world: World) -> None:
    instance = await halted(sqlite_world, Halt.PAUSED)
    await sqlite_world.execute(POWER["stop"](instance=instance.id))
    await sqlite_world.run_until_idle(sqlite_world.engine())
    now = await found(sqlite_world, instance)
    assert (now.state, now.halt, now.why) == (InstanceState.STOPPED, None, "")


async def test_what_a_guest_has_still_to_be_told_waits_until_it_executes(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    instance = await world.created()
    await until_ready(world, instance)
    async with world.store.transaction() as tx:
        tx.instances.change(await found(world, instance), outdated=True)
    world.faults.add(Fault(id="halt", halt=Halt.PAUSED, instance=instance.id))
    await world.reported()
    now = await found(world, instance)
    assert (now.halt, now.outdated, now.doing) == (Halt.PAUSED, True, None)
