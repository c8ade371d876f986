"""Bytes between hosts: broken off anywhere, overtaken, and when there is nobody to ask."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from atoll.domain import ids
from atoll.domain.commands import (
    AttachVolume,
    CloneSnapshot,
    CreateSnapshot,
    DeleteInstance,
    DeleteSnapshot,
    DetachVolume,
    GrowVolume,
    UpdateHost,
)
from atoll.domain.faults import Fault, FaultError
from atoll.domain.operations import OperationState
from atoll.domain.volumes import Volume
from atoll.messages import Parcel, ParcelKind, WriteImport
from atoll.operations import transfer
from tests.operations.scenarios import SCENARIOS
from tests.operations.situations import (
    ALL,
    a_snapshot_and_another_region,
    a_snapshot_far_away,
    a_volume_on_another_host,
    settled,
)
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio

MOVES = [
    "clone a snapshot",
    "create from a snapshot of another host",
    "restore from a snapshot of another host",
    "attach a volume of another host",
]
WAIT_S, LOOK_S = 20, 0.002
VERBS = ["ensure_export", "read_export", "write_import", "inspect_import"]
# How often a verb is asked in one move: at least twice, but for these.
ONCE = {("ensure_export", name) for name in MOVES} | {
    ("inspect_import", "attach a volume of another host")
}
CALLS = [
    (name, verb, skip)
    for name in MOVES
    for verb in VERBS
    for skip in (0, 1)
    if skip == 0 or (verb, name) not in ONCE
]


def fault(world: World, **given: Any) -> None:
    world.faults.add(Fault(id=world.ids.new("fault"), message="the test says no", **given))


@pytest.mark.parametrize(("name", "verb", "skip"), CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_host_that_fails_in_the_middle_leaves_nothing_behind(
    sqlite_world: World, name: str, verb: str, when: str, skip: int
) -> None:
    world, scenario = sqlite_world, SCENARIOS[name]
    await scenario.prepare(world)
    await world.reported()
    fault(world, verb=verb, error=FaultError.REFUSED, when=when, skip=skip)
    operation = await scenario.accept(world)
    await settled(world)
    await world.reported()
    ended = await world.store.read().operations.get(operation.id)
    assert world.faults.list() == []
    assert (ended.state, ended.error_message) == (OperationState.FAILED, "the test says no")
    assert not await scenario.came_true(world)
    await assert_consistent(world)


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("verb", [*VERBS, "remove_export"])
async def test_a_host_that_is_away_for_a_moment_is_waited_for(
    sqlite_world: World, name: str, verb: str
) -> None:
    world, scenario = sqlite_world, SCENARIOS[name]
    await scenario.prepare(world)
    await world.reported()
    fault(world, verb=verb, error=FaultError.UNAVAILABLE, when="before")
    operation = await scenario.accept(world)
    await settled(world)
    await world.reported()
    ended = await world.store.read().operations.get(operation.id)
    assert world.faults.list() == []
    assert (ended.state, ended.error_message) == (OperationState.DONE, None)
    assert await scenario.came_true(world)
    await assert_consistent(world)


async def test_a_copy_in_many_runs_tells_how_far_it_is(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run has no time for more than nothing, so each is followed by another."""
    world = sqlite_world
    monkeypatch.setattr(transfer, "RUN_S", 0.0)
    said: list[str] = []
    copy_some = transfer.copy_some

    async def one_piece(context: Any, way: Any, export: Any, facts: Any) -> Any:
        said.append(context.operation.message)
        monkeypatch.setattr(transfer, "RUN_S", 0.0 if len(said) % 2 else 10.0)
        return await copy_some(context, way, export, facts)

    monkeypatch.setattr(transfer, "copy_some", one_piece)
    await a_snapshot_and_another_region(world)
    await world.execute(CloneSnapshot(snapshot="before", region="far"))
    await settled(world)
    assert said == ["", "0 % copied"]
    await assert_consistent(world)


async def test_a_second_instance_finds_the_copy_that_is_there(sqlite_world: World) -> None:
    world = sqlite_world
    await a_snapshot_far_away(world)
    for name in ("one", "two"):
        await world.accept_create(name=name, image="before", region="far")
        await settled(world)
        fault(world, verb="ensure_export", error=FaultError.REFUSED)
    (snapshot,) = await world.store.read().snapshots.page(ALL)
    assert (snapshot.host_id, snapshot.copies) == ("host-1", ("host-2",))
    assert len(await world.store.read().instances.page(ALL)) == 2
    world.faults.remove()
    await world.execute(DeleteSnapshot(snapshot="before"))
    await settled(world)
    await world.reported()
    for driver in world.drivers.values():
        assert await driver.snapshots() == []
    await assert_consistent(world)


async def test_two_at_once_share_one_copy(sqlite_world: World) -> None:
    world = sqlite_world
    await a_snapshot_far_away(world)
    for name in ("one", "two", "three"):
        await world.accept_create(name=name, image="before", region="far")
    await settled(world)
    await world.reported()
    assert len(await world.store.read().instances.page(ALL)) == 3
    await assert_consistent(world)


async def test_the_next_host_takes_what_the_snapshot_s_own_has_no_room_for(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    await world.created()
    await world.execute(CreateSnapshot(name="before", instance="web"))
    await settled(world)
    await world.add_host(2)
    made = {}
    for name in ("near", "elsewhere"):
        instance, _ = await world.accept_create(name=name, image="before", vcpus=7)
        await settled(world)
        made[name] = (await world.store.read().instances.get(instance.id)).host_id
    assert made == {"near": "host-1", "elsewhere": "host-2"}
    await world.reported()
    await assert_consistent(world)


async def test_a_snapshot_that_is_deleted_while_it_is_copied_leaves_nothing(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    await a_snapshot_far_away(world)
    fault(world, verb="write_import", error=FaultError.UNAVAILABLE, when="after", times=10**6)
    _, operation = await world.accept_create(name="late", image="before", region="far")
    running = asyncio.create_task(settled(world))
    async with asyncio.timeout(WAIT_S):
        while not await world.drivers["host-2"].under_way():
            await asyncio.sleep(LOOK_S)
    await world.execute(DeleteSnapshot(snapshot="before"))
    world.faults.remove()
    await running
    await settled(world)
    await world.reported()
    assert (await world.store.read().operations.get(operation.id)).ended
    for driver in world.drivers.values():
        assert await driver.snapshots() == await driver.under_way() == []
    await assert_consistent(world)


async def test_a_snapshot_whose_only_host_is_lost_cannot_be_copied(sqlite_world: World) -> None:
    world = sqlite_world
    await a_snapshot_far_away(world)
    fault(world, verb="*", host="h1", lost_s=10**6)
    _, operation = await world.accept_create(name="late", image="before", region="far")
    await settled(world)
    ended = await world.store.read().operations.get(operation.id)
    assert (ended.state, ended.error_code) == (OperationState.FAILED, "DRIVER_UNAVAILABLE")


async def until(world: World, wanted: Callable[[Volume], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not wanted(await volume_in(world)):
            await asyncio.sleep(LOOK_S)


async def volume_in(world: World) -> Volume:
    (volume,) = await world.store.read().volumes.page(ALL)
    return volume


async def test_a_volume_that_comes_back_brings_what_it_holds_now(sqlite_world: World) -> None:
    """What it left there the first time is no longer what it holds."""
    world = sqlite_world
    await a_volume_on_another_host(world)
    fault(world, verb="remove_volume", host="h1", error=FaultError.UNAVAILABLE, times=3)
    await world.execute(AttachVolume(volume="data", instance="web"))
    await settled(world)
    assert world.faults.list() == []
    await world.execute(GrowVolume(volume="data", size_gib=9))
    await settled(world)
    await world.execute(UpdateHost(host="h1", enabled=True))
    await world.execute(UpdateHost(host="h2", enabled=False))
    await world.execute(DeleteInstance(instance="web"))
    await settled(world)
    await world.accept_create(name="back")
    await settled(world)
    await world.execute(AttachVolume(volume="data", instance="back"))
    await settled(world)
    volume = await volume_in(world)
    assert (volume.host_id, volume.state, volume.size_gib) == ("host-1", "attached", 9)
    assert world.drivers["host-1"].size_gib_of(volume.id) == 9
    await world.reported()
    await assert_consistent(world)


async def test_a_volume_waits_until_its_former_host_has_removed_the_rest(
    sqlite_world: World,
) -> None:
    """A removal that comes late must not hit what has come back."""
    world = sqlite_world
    await a_volume_on_another_host(world)
    fault(world, verb="remove_volume", host="h1", error=FaultError.BUSY, times=10**9)
    await world.execute(AttachVolume(volume="data", instance="web"))
    running = asyncio.create_task(settled(world))
    await until(world, lambda volume: volume.state == "attached" and volume.doing is None)
    await world.execute(DetachVolume(volume="data"))
    await until(world, lambda volume: volume.state == "available" and volume.doing is None)
    await world.execute(UpdateHost(host="h1", enabled=True))
    await world.execute(UpdateHost(host="h2", enabled=False))
    await world.accept_create(name="back")
    accepted = await world.execute(AttachVolume(volume="data", instance="back"))
    assert accepted.operation is not None
    read = world.store.read().operations
    async with asyncio.timeout(WAIT_S):
        while "still being removed" not in (await read.get(accepted.operation.id)).message:
            await asyncio.sleep(LOOK_S)
    world.faults.remove()
    await running
    await settled(world)
    volume = await volume_in(world)
    assert (volume.host_id, volume.state) == ("host-1", "attached")
    await world.reported()
    await assert_consistent(world)


async def test_bytes_of_an_earlier_stay_are_never_taken_for_the_volume(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    await a_volume_on_another_host(world)
    volume = await volume_in(world)
    far = world.drivers["host-2"]
    stale = Parcel(kind=ParcelKind.VOLUME, id=volume.id, size_gib=volume.size_gib)
    export = await world.driver.ensure_export(world.ids.new(ids.OPERATION), stale)
    data = await world.driver.read_export(export.id, 0, export.size_bytes)
    await far.write_import(
        WriteImport(
            parcel=stale,
            size_bytes=export.size_bytes,
            checksum=export.checksum,
            offset=0,
            data=data,
        )
    )
    await world.driver.remove_export(export.id)
    fault(world, verb="ensure_export", error=FaultError.REFUSED)
    await world.execute(AttachVolume(volume="data", instance="web"))
    await settled(world)
    assert world.faults.list() == [], "it was brought anew"
    assert (await volume_in(world)).host_id == "host-1"
