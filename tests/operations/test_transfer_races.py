"""Bytes between hosts while somebody else deletes, disables, or has no other host to offer."""

import asyncio
from typing import Any

import pytest

from atoll.domain.commands import AttachVolume, CloneSnapshot, DeleteSnapshot
from atoll.domain.operations import Operation, OperationState
from atoll.domain.regions import Region
from atoll.operations import snapshot_copies, volume_attach
from tests.operations.situations import (
    ALL,
    a_snapshot,
    a_snapshot_far_away,
    a_volume_on_another_host,
    settled,
)
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio
WAIT_S = 20


async def ended(world: World, operation: Operation | None) -> tuple[str, str | None]:
    assert operation is not None
    now = await world.store.read().operations.get(operation.id)
    return now.state, now.error_message


async def test_a_snapshot_is_cloned_into_a_region_of_the_same_host(sqlite_world: World) -> None:
    world = sqlite_world
    await a_snapshot(world)
    async with world.store.transaction() as tx:
        tx.regions.add(Region(id="near", served_by="local"))
    accepted = await world.execute(CloneSnapshot(snapshot="before", region="near"))
    await settled(world)
    assert await ended(world, accepted.operation) == (OperationState.DONE, None)
    assert len(await world.driver.snapshots()) == 2
    await assert_consistent(world)


async def test_a_volume_moves_in_where_it_has_its_room_though_the_host_is_disabled_by_then(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    await a_volume_on_another_host(world)
    bring = volume_attach.bring

    async def and_disable(*given: Any) -> Any:
        answer = await bring(*given)
        async with world.store.transaction() as tx:
            tx.hosts.change(await tx.hosts.get("host-2"), enabled=False)
        return answer

    monkeypatch.setattr(volume_attach, "bring", and_disable)
    accepted = await world.execute(AttachVolume(volume="data", instance="web"))
    await settled(world)
    assert await ended(world, accepted.operation) == (OperationState.DONE, None)
    (volume,) = await world.store.read().volumes.page(ALL)
    assert (volume.host_id, volume.state) == ("host-2", "attached")
    await world.reported()
    await assert_consistent(world)


async def test_a_deletion_of_a_snapshot_waits_until_its_copy_has_been_made(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    await a_snapshot_far_away(world)
    near, far = world.drivers["host-1"], world.drivers["host-2"]
    bring = snapshot_copies.bring
    begun, accepted = asyncio.Event(), asyncio.Event()

    async def bring_late(*given: Any) -> Any:
        begun.set()
        await accepted.wait()
        return await bring(*given)

    monkeypatch.setattr(snapshot_copies, "bring", bring_late)
    _, creation = await world.accept_create(name="late", image="before", region="far")
    running = asyncio.create_task(settled(world))
    async with asyncio.timeout(WAIT_S):
        await begun.wait()
    deletion = await world.execute(DeleteSnapshot(snapshot="before"))
    accepted.set()
    await running
    await settled(world)
    assert await ended(world, creation) == (OperationState.DONE, None)
    assert await ended(world, deletion.operation) == (OperationState.DONE, None)
    assert [*await near.snapshots(), *await far.snapshots()] == []
    await world.reported()
    await assert_consistent(world)
