"""The engine itself: several at once, leases, order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from atoll.domain.faults import Fault, FaultError
from atoll.domain.operations import OperationState
from atoll.messages import GuestFacts, GuestSpec, VolumeSpec
from atoll.operations.engine import Engine, Limits
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Filter, Operations
from tests.support.clock import StillClock
from tests.support.things import NOW
from tests.support.world import RANGES, World

pytestmark = pytest.mark.anyio


async def test_several_engines_share_the_work_and_record_each_step_once(world: World) -> None:
    accepted = [await world.accept_create() for _ in range(8)]
    engines = [world.engine(name=f"engine-{n}") for n in range(3)]
    await asyncio.gather(*[world.run_until_idle(engine) for engine in engines])
    for _, operation in accepted:
        records = await world.store.read().operations.steps_of(operation.id)
        assert [r.index for r in records] == [0, 1, 2, 3, 4]
    assert len(await world.driver.list()) == 8


async def test_what_an_engine_held_when_it_died_is_taken_over_after_its_lease(
    world: World,
) -> None:
    _, operation = await world.accept_create()
    read = world.store.read().operations
    now_ms = world.clock.now_ms()
    await read.claim("dead", now_ms, now_ms + 15_000, 10)
    await world.run_until_idle(world.engine(name="living"))
    taken_over = await read.get(operation.id)
    assert taken_over.state is OperationState.DONE
    assert taken_over.epoch >= 2
    assert world.clock.now_ms() >= now_ms + 15_000


async def test_a_long_step_keeps_its_lease(world: World) -> None:
    _, operation = await world.accept_create()
    working, released = asyncio.Event(), asyncio.Event()
    ensure_running = world.driver.ensure_running

    async def slow(guest: GuestSpec) -> GuestFacts:
        working.set()
        await released.wait()
        return await ensure_running(guest)

    world.driver.ensure_running = slow  # type: ignore[method-assign]
    clock = StillClock()
    engine = Engine("e", world.store, world.bus, clock, WORKFLOWS, RANGES, world.ids)
    running = asyncio.create_task(engine.run())
    await working.wait()
    read = world.store.read().operations
    for _ in range(6):
        due_ms, asleep = await read.next_due_ms() or 0, clock.sleeping()
        clock.advance(6)

        async def extended(before_ms: int = due_ms, asleep: int = asleep) -> bool:
            """And back to sleep, so that the next advance wakes it."""
            now_ms = await read.next_due_ms() or 0
            return now_ms > before_ms and clock.sleeping() >= asleep

        await until(extended)
    assert clock.now_ms() > NOW + 30_000
    released.set()
    await until(lambda: ended(read, operation.id))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (await read.get(operation.id)).epoch == 1


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.002)


async def ended(read: Operations, operation_id: str) -> bool:
    return (await read.get(operation_id)).ended


async def test_an_engine_that_restarts_resumes_its_own_work_at_once(world: World) -> None:
    _, operation = await world.accept_create()
    now_ms = world.clock.now_ms()
    read = world.store.read().operations
    await read.claim("engine", now_ms, now_ms + 10**9, 10)
    await world.run_until_idle(world.engine(name="engine"))
    assert (await read.get(operation.id)).state is OperationState.DONE
    assert world.clock.now_ms() < now_ms + 10**8


async def test_it_carries_out_no_more_at_once_than_its_limit(world: World) -> None:
    most = 0
    ensure_volume = world.driver.ensure_volume

    async def counted(volume: VolumeSpec) -> None:
        nonlocal most
        running = await world.store.read().operations.page(
            Filter(any_of=((("state", ("running",)),),))
        )
        most = max(most, len(running))
        await ensure_volume(volume)

    world.driver.ensure_volume = counted  # type: ignore[method-assign]
    for _ in range(6):
        await world.accept_create()
    await world.run_until_idle(world.engine(limits=Limits(at_once=2, lease_s=60)))
    assert 1 <= most <= 2
    assert len(await world.driver.list()) == 6


@pytest.mark.parametrize("hours", [-26, -1, -0.2, 1, 26])
async def test_a_clock_that_is_set_delays_and_ends_nothing(world: World, hours: float) -> None:
    world.faults.add(Fault(id="f", verb="ensure_volume", error=FaultError.BUSY, times=5))
    _, operation = await world.accept_create()
    running = asyncio.create_task(world.run_until_idle(world.engine()))
    while (await world.store.read().operations.get(operation.id)).message == "":
        await asyncio.sleep(0)
    world.clock.step(hours * 3600)
    began_ms = world.clock.span_ms()
    await running
    ended = await world.store.read().operations.get(operation.id)
    assert (ended.state, ended.error_code) == (OperationState.DONE, None)
    assert world.clock.span_ms() - began_ms < 120_000


async def test_an_operation_that_waited_by_a_wrong_clock_goes_on_after_a_restart(
    world: World,
) -> None:
    world.clock.step(7200)
    world.faults.add(Fault(id="f", verb="ensure_volume", error=FaultError.BUSY))
    _, operation = await world.accept_create()
    running = asyncio.create_task(world.run_until_idle(world.engine()))
    while (await world.store.read().operations.get(operation.id)).message == "":
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    world.clock.step(-7200)
    began_ms = world.clock.span_ms()
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state is OperationState.DONE
    assert world.clock.span_ms() - began_ms < 120_000
