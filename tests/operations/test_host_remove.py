"""A host that is gone for good goes, and what was on it ends, whatever was going on about it."""

import pytest

from atoll.domain.commands import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteInstance,
    DeleteSnapshot,
    DeleteVolume,
    RemoveHost,
    StopInstance,
)
from atoll.domain.errors import Conflict
from atoll.domain.hosts import HostState
from atoll.domain.instances import Instance
from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.operations import host_remove, snapshot_copies
from tests.operations.situations import (
    ALL,
    a_lost_host,
    everything,
    lose_host,
    settled,
)
from tests.operations.test_reconcile import host_report
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio
REASON = "its host was removed"


async def remove(world: World) -> OperationState:
    accepted = await world.execute(RemoveHost(host="h1"))
    await settled(world)
    assert accepted.operation is not None
    return (await world.store.read().operations.get(accepted.operation.id)).state


async def now(world: World, instance: Instance) -> Instance:
    return await world.store.read().instances.get(instance.id)


async def test_nothing_of_what_was_on_it_is_held_any_more(world: World) -> None:
    await a_lost_host(world)
    (instance,) = await world.store.read().instances.page(ALL)
    assert await remove(world) is OperationState.DONE
    gone = await now(world, instance)
    assert (gone.state, gone.reason, gone.private_ip) == ("deleted", REASON, None)
    await assert_consistent(world)
    await world.execute(DeleteVolume(volume="data"))
    await world.execute(DeleteSnapshot(snapshot="before"))
    await settled(world)
    quota = await world.store.read().quotas.find(world.caller.project_id)
    assert quota is not None
    assert quota.used == Amounts(floating_ips=1, vpcs=1, subnets=1)


async def test_its_users_are_told(world: World) -> None:
    await a_lost_host(world)
    await remove(world)
    told = await world.store.read().events.after(world.caller.project_id, "0.0", 1000)
    assert {"instance.deleted", "volume.error", "snapshot.error", "host.removed"} <= {
        event.kind for event in told
    }


async def test_a_host_that_is_ready_is_not_removed(world: World) -> None:
    await world.created()
    with pytest.raises(Conflict, match="only a lost host can be removed"):
        await world.execute(RemoveHost(host="h1"))


async def test_what_was_going_on_ends_first(world: World) -> None:
    instance = await world.created()
    await lose_host(world)
    stop = await world.execute(StopInstance(instance=instance.id))
    assert await remove(world) is OperationState.DONE
    assert stop.operation is not None
    ended = await world.store.read().operations.get(stop.operation.id)
    assert ended.state in {OperationState.FAILED, OperationState.CANCELLED}
    assert (await now(world, instance)).reason == REASON


async def test_a_deletion_that_waits_for_the_host_need_not_wait_any_more(world: World) -> None:
    await everything(world)
    await lose_host(world)
    deletion = await world.execute(DeleteInstance(instance="web"))
    assert await remove(world) is OperationState.DONE
    assert deletion.operation is not None
    ended = await world.store.read().operations.get(deletion.operation.id)
    assert ended.state is OperationState.DONE


async def test_one_that_could_be_recovered_is_lost_as_well(world: World) -> None:
    instance = await world.created()
    await world.retire("web")
    await settled(world)
    await lose_host(world)
    await remove(world)
    assert (await now(world, instance)).purge_at_ms is None
    assert await world.store.read().addresses.count() == 0


async def test_it_removes_however_much_there_is_little_by_little(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_remove, "AT_ONCE", 2)
    monkeypatch.setattr(host_remove, "PAGE", 2)
    for number in range(5):
        instance, _ = await world.accept_create(name=f"web{number}")
        await world.execute(CreateVolume(name=f"data{number}", size_gib=1))
        await world.execute(AttachVolume(volume=f"data{number}", instance=instance.id))
    await settled(world)
    await lose_host(world)
    assert await remove(world) is OperationState.DONE
    read = world.store.read()
    assert (await read.instances.page(ALL), await read.hosts.page(ALL)) == ([], [])
    assert [v.state for v in await read.volumes.page(ALL)] == ["error"] * 5


async def a_snapshot_with_a_copy(world: World) -> None:
    await world.created()
    await world.execute(CreateSnapshot(name="before", instance="web"))
    await settled(world)
    await world.add_host(2, "far")
    await world.accept_create(name="copy", image="before", region="far")
    await settled(world)


async def test_a_snapshot_lives_on_where_another_host_has_a_copy(world: World) -> None:
    await a_snapshot_with_a_copy(world)
    await lose_host(world)
    await remove(world)
    (snapshot,) = await world.store.read().snapshots.page(ALL)
    assert (snapshot.state, snapshot.host_id, snapshot.copies) == ("complete", "host-2", ())
    await world.accept_create(name="third", image="before", region="far")
    await settled(world)
    await assert_consistent(world)


async def test_a_copy_that_was_never_finished_saves_no_snapshot(world: World) -> None:
    await a_snapshot_with_a_copy(world)
    await world.execute(DeleteInstance(instance="copy"))
    await settled(world)
    (snapshot,) = await world.store.read().snapshots.page(ALL)
    await world.drivers["host-2"].remove_snapshot(snapshot.id)
    await lose_host(world)
    await remove(world)
    (lost,) = await world.store.read().snapshots.page(ALL)
    assert (lost.state, lost.reason) == ("error", REASON)
    assert snapshot_copies.parcel_of(lost).id == snapshot.id


async def test_a_report_does_not_save_a_host_that_is_being_removed(world: World) -> None:
    await a_lost_host(world)
    await world.execute(RemoveHost(host="h1"))
    await world.reconciler.take(host_report(world))
    assert (await world.store.read().hosts.get("host-1")).state is HostState.REMOVING
    again = await world.execute(RemoveHost(host="h1"))
    assert again.operation is not None
    await settled(world)
    assert await world.store.read().hosts.find("host-1") is None


async def test_a_host_that_comes_back_after_all_is_a_new_and_empty_one(world: World) -> None:
    await a_lost_host(world)
    await remove(world)
    await world.reconciler.take(host_report(world))
    host = await world.store.read().hosts.get("host-1")
    await world.execute(DeleteVolume(volume="data"))
    await settled(world)
    again = await world.store.read().hosts.get("host-1")
    assert again.state is HostState.READY
    assert (
        (again.vcpus_used, again.disk_gib_used) == (host.vcpus_used, host.disk_gib_used) == (0, 0)
    )
