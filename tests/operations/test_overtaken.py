"""What comes late from an engine that was overtaken does nothing; what is ours goes on."""

from pathlib import Path

import pytest

from atoll.bus.stream import StreamBus
from atoll.domain.commands import DeleteInstance, StopInstance
from atoll.domain.errors import Stale
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.messages import Ask, EnsureRunning, Reply
from tests.support.consistent import assert_consistent
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

pytestmark = pytest.mark.anyio


class Tap:
    """Notes what is asked of hosts. `before` may do something first, once."""

    def __init__(self, world: World) -> None:
        self._request = world.bus.request
        self.asks: list[Ask] = []
        world.bus.request = self.request  # type: ignore[method-assign]

    async def request(self, host_id: str, ask: Ask) -> Reply:
        self.asks.append(ask)
        return await self._request(host_id, ask)

    def find(self, kind: type) -> Ask:
        return next(ask for ask in self.asks if isinstance(ask.body, kind))


async def test_a_start_that_arrives_after_the_deletion_makes_no_guest(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    tap = Tap(world)
    instance = await world.created()
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    with pytest.raises(Stale):
        await world.bus.request("host-1", tap.find(EnsureRunning))
    await world.reported()
    await world.assert_nothing_is_left()


async def test_each_ask_names_its_step_and_no_two_have_one_name(sqlite_world: World) -> None:
    tap = Tap(sqlite_world)
    instance, operation = await sqlite_world.accept_create()
    await sqlite_world.run_until_idle(sqlite_world.engine())
    assert len({ask.id for ask in tap.asks}) == len(tap.asks) > 2
    assert all(ask.id.startswith(f"{operation.id}:1:") for ask in tap.asks)
    assert {ask.resource_id for ask in tap.asks} == {instance.id}
    tokens = [ask.token for ask in tap.asks if ask.token is not None]
    assert tokens == sorted(tokens)
    assert len(tokens) == len(tap.asks)


async def test_an_engine_that_was_overtaken_leaves_the_operation_to_the_other(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    tap = Tap(world)
    operations = world.store.read().operations
    request, taken = tap.request, []

    async def taken_over(host_id: str, ask: Ask) -> Reply:
        """Another engine has the operation now, and the host has heard of it."""
        if isinstance(ask.body, EnsureRunning) and not taken:
            now_ms = world.clock.now_ms()
            await operations.abandon("engine", now_ms)
            taken.extend(await operations.claim("other", now_ms, now_ms + 60_000, 1))
            raise Stale("the other was here", queued_at_ms=taken[0].queued_at_ms)
        return await request(host_id, ask)

    world.bus.request = taken_over  # type: ignore[method-assign]
    instance, operation = await world.accept_create()
    await world.run_until_idle(world.engine())
    (others,) = taken
    found = await operations.get(operation.id)
    assert found.state is OperationState.DONE
    assert found.epoch > others.epoch, "it went on when the other's lease had run out"
    assert found.queued_at_ms == operation.queued_at_ms
    await world.assert_whole(instance)


async def test_an_operation_of_a_process_whose_clock_is_behind_is_carried_out(
    world: World,
) -> None:
    instance = await world.created()
    world.clock.advance(-3600)
    accepted = await world.execute(StopInstance(instance=instance.id, graceful_s=0))
    assert accepted.operation is not None
    await world.run_until_idle(world.engine())
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert (ended.state, ended.error_message) == (OperationState.DONE, None)
    found = await world.store.read().instances.get(instance.id)
    assert found.state is InstanceState.STOPPED
    await world.reported()
    await assert_consistent(world)


async def test_a_cloud_whose_hosts_are_reached_by_connections_works_alike(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = await fresh_store(KINDS[0], request, tmp_path)
    world = World(store, bus=StreamBus())
    await world.open()
    instance = await world.created()
    await world.assert_whole(instance)
    world.driver.power_off_inside(instance.id, crashed=True)
    await world.reported()
    await world.run_until_idle(world.engine())
    await world.assert_whole(instance)
    await world.execute(DeleteInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    await world.reported()
    await world.assert_nothing_is_left()
    await world.close()
    await store.close()
