"""A guest that crashes again and again is started after longer and longer pauses."""

import pytest

from atoll.domain.commands import DeleteInstance, StartInstance, StopInstance
from atoll.domain.instances import Instance
from atoll.operations.timekeeper import Timekeeper
from tests.operations.situations import (
    ALL,
    settled,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def now(world: World, instance: Instance) -> Instance:
    return await world.store.read().instances.get(instance.id)


async def crash(world: World, instance: Instance) -> Instance:
    world.driver.power_off_inside(instance.id, crashed=True)
    await world.reported()
    return await now(world, instance)


async def later(world: World, seconds: float) -> None:
    world.clock.advance(seconds)
    await Timekeeper(world.store, world.clock, world.ids, lambda: None).look()
    await settled(world)
    await world.reported()


async def pause_after_crash_s(world: World, instance: Instance) -> int:
    """Lets it crash, and time pass until it runs again."""
    found = await crash(world, instance)
    if found.doing is not None:
        await settled(world)
        return 0
    (timer,) = await world.store.read().timers.page(ALL)
    pause_s = (timer.due_at_ms - found.updated_at_ms) // 1000
    await later(world, pause_s - 1)
    assert (await now(world, instance)).state == "stopped"
    await later(world, 1)
    assert (await now(world, instance)).state == "running"
    return pause_s


async def test_the_pauses_double_up_to_five_minutes(world: World) -> None:
    instance = await world.created()
    pauses = [await pause_after_crash_s(world, instance) for _ in range(8)]
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300]
    assert await world.store.read().timers.page(ALL) == []


async def test_the_reason_says_how_often_and_when_it_starts_again(world: World) -> None:
    instance = await world.created()
    await pause_after_crash_s(world, instance)
    waiting = await crash(world, instance)
    assert (waiting.state, waiting.goal, waiting.doing) == ("stopped", "running", None)
    assert waiting.reason.startswith("the guest crashed 2 times; the next start is at 2025-10-")
    await later(world, 10)
    started = await now(world, instance)
    assert (started.state, started.reason) == ("running", "")


async def test_who_ran_for_ten_minutes_begins_anew(world: World) -> None:
    instance = await world.created()
    for _ in range(3):
        await pause_after_crash_s(world, instance)
    world.clock.advance(601)
    assert await pause_after_crash_s(world, instance) == 0
    assert await pause_after_crash_s(world, instance) == 10


async def crashed_twice(world: World) -> Instance:
    instance = await world.created()
    await pause_after_crash_s(world, instance)
    return await crash(world, instance)


async def test_a_user_need_not_wait_for_the_pause_to_end(world: World) -> None:
    instance = await crashed_twice(world)
    await world.execute(StartInstance(instance=instance.id))
    await settled(world)
    started = await now(world, instance)
    assert (started.state, started.reason) == ("running", "")
    operations = len(await world.store.read().operations.page(ALL))
    await later(world, 10)
    assert len(await world.store.read().operations.page(ALL)) == operations
    assert await world.store.read().timers.page(ALL) == []


async def test_a_crash_after_the_users_start_makes_the_next_pause_longer(world: World) -> None:
    instance = await crashed_twice(world)
    await world.execute(StartInstance(instance=instance.id))
    await settled(world)
    assert await pause_after_crash_s(world, instance) == 20


async def test_who_is_stopped_meanwhile_stays_stopped(world: World) -> None:
    instance = await crashed_twice(world)
    await world.execute(StopInstance(instance=instance.id))
    await settled(world)
    await later(world, 60)
    assert (await now(world, instance)).state == "stopped"


async def test_who_is_deleted_meanwhile_stays_deleted(world: World) -> None:
    instance = await crashed_twice(world)
    await world.execute(DeleteInstance(instance=instance.id))
    await settled(world)
    await later(world, 60)
    assert (await now(world, instance)).state == "deleted"
    assert await world.store.read().timers.page(ALL) == []


async def test_a_restart_that_nobody_was_there_for_happens_late_and_once(world: World) -> None:
    instance = await crashed_twice(world)
    await later(world, 3600)
    assert (await now(world, instance)).state == "running"
    starts = [
        o for o in await world.store.read().operations.page(ALL) if o.kind == "instance.start"
    ]
    assert len(starts) == 2
