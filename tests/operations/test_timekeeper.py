"""What is due by the clock happens once: backups, expiries, purges."""

import asyncio

import pytest

from atoll.domain.commands import (
    CreateSnapshot,
    DeleteInstance,
    RecoverInstance,
    SetBackups,
    SetQuota,
    UpdateInstance,
)
from atoll.domain.errors import Conflict
from atoll.domain.instances import Instance, InstanceState
from atoll.domain.snapshots import Snapshot, SnapshotKind
from atoll.domain.timers import Backups
from atoll.operations.timekeeper import Timekeeper
from atoll.ports import Filter
from tests.support.consistent import assert_consistent
from tests.support.things import NOW
from tests.support.world import World

pytestmark = pytest.mark.anyio
HOUR_S = 3600
HOURLY = Backups(cron="0 * * * *", keep=2)


def keeper(world: World) -> Timekeeper:
    return Timekeeper(world.store, world.clock, world.ids, lambda: None)


async def later(world: World, seconds: float, keepers: int = 1) -> None:
    """Time passes, timekeepers look, and what they began is carried out."""
    world.clock.advance(seconds)
    await asyncio.gather(*[keeper(world).look() for _ in range(keepers)])
    await world.run_until_idle(world.engine())
    await world.reported()


async def backups(world: World) -> list[Snapshot]:
    found = await world.store.read().snapshots.page(Filter(limit=100))
    return [snapshot for snapshot in found if snapshot.kind is SnapshotKind.BACKUP]


async def now(world: World, instance: Instance) -> Instance:
    return await world.store.read().instances.get(instance.id)


async def test_backups_follow_their_schedule_and_the_oldest_go(world: World) -> None:
    instance = await world.created()
    await world.execute(CreateSnapshot(name="mine", instance="web"))
    await world.execute(SetBackups(instance="web", backups=HOURLY))
    await later(world, 60)
    assert await backups(world) == []
    kept: list[str] = []
    for _ in range(3):
        await later(world, HOUR_S)
        kept.append((await backups(world))[-1].id)
    assert [b.id for b in await backups(world)] == kept[-2:]
    assert all(b.state == "complete" for b in await backups(world))
    assert len(await world.store.read().snapshots.page(Filter(limit=9))) == 3
    assert (await now(world, instance)).state is InstanceState.RUNNING
    await assert_consistent(world)


async def test_two_timekeepers_make_one_backup(world: World) -> None:
    await world.created()
    await world.execute(SetBackups(instance="web", backups=HOURLY))
    await later(world, HOUR_S, keepers=3)
    assert len(await backups(world)) == 1


async def test_what_was_missed_is_not_made_up_for(world: World) -> None:
    await world.created()
    await world.execute(SetBackups(instance="web", backups=HOURLY))
    await later(world, 10 * HOUR_S)
    await later(world, 60)
    assert len(await backups(world)) == 1


async def test_without_quota_a_backup_is_skipped_and_tried_again_next_time(world: World) -> None:
    await world.created()
    await world.execute(SetBackups(instance="web", backups=HOURLY))
    await world.execute(SetQuota(project=world.caller.project_id, limits={"snapshots": 0}))
    await later(world, HOUR_S)
    assert await backups(world) == []
    events = await world.store.read().events.after(None, "0.0", 1000)
    assert [e.kind for e in events].count("backup.skipped") == 1
    await world.execute(SetQuota(project=world.caller.project_id, limits={}))
    await later(world, HOUR_S)
    assert len(await backups(world)) == 1


async def test_a_schedule_ends_with_its_instance(world: World) -> None:
    await world.created()
    await world.execute(SetBackups(instance="web", backups=HOURLY))
    await world.execute(DeleteInstance(instance="web"))
    await world.run_until_idle(world.engine())
    await later(world, HOUR_S)
    assert await backups(world) == []
    assert await world.store.read().timers.page(Filter(limit=9)) == []


async def test_an_instance_expires_when_its_time_has_come(world: World) -> None:
    instance, _ = await world.accept_create(expires_at_ms=NOW + 2 * HOUR_S * 1000)
    await world.run_until_idle(world.engine())
    await later(world, HOUR_S)
    assert (await now(world, instance)).state is InstanceState.RUNNING
    await later(world, HOUR_S)
    assert (await now(world, instance)).state is InstanceState.DELETED
    await world.assert_nothing_is_left()


async def test_an_expiry_can_be_put_off_or_dropped(world: World) -> None:
    instance, _ = await world.accept_create(expires_at_ms=NOW + HOUR_S * 1000)
    await world.run_until_idle(world.engine())
    await world.execute(UpdateInstance(instance="web", expires_at_ms=0))
    await later(world, 5 * HOUR_S)
    found = await now(world, instance)
    assert (found.state, found.expires_at_ms) == (InstanceState.RUNNING, None)


async def test_a_protected_instance_does_not_expire(world: World) -> None:
    instance, _ = await world.accept_create(expires_at_ms=NOW + HOUR_S * 1000, protected=True)
    await world.run_until_idle(world.engine())
    await later(world, HOUR_S)
    assert (await now(world, instance)).state is InstanceState.RUNNING


async def retired(world: World) -> Instance:
    """Deleted, for an hour in which it can be recovered."""
    instance = await world.created()
    await world.retire("web", HOUR_S)
    await world.run_until_idle(world.engine())
    await world.reported()
    return await now(world, instance)


async def test_a_retired_instance_is_gone_but_keeps_what_it_has(world: World) -> None:
    instance = await retired(world)
    assert instance.state is InstanceState.DELETED
    assert await world.store.read().instances.page(Filter(limit=9)) == []
    assert list(await world.driver.volumes()) == [instance.resolved.root_volume_id]
    assert instance.private_ip is not None
    quota = await world.store.read().quotas.find(world.caller.project_id)
    assert quota is not None and quota.used.instances == 1


async def test_a_retired_instance_is_recovered_with_its_disk_and_addresses(world: World) -> None:
    before = await retired(world)
    await world.execute(RecoverInstance(instance=before.id))
    await world.run_until_idle(world.engine())
    await world.reported()
    after = await now(world, before)
    assert (after.state, after.purge_at_ms) == (InstanceState.RUNNING, None)
    assert after.private_ip == before.private_ip
    assert after.resolved == before.resolved
    await assert_consistent(world)
    await later(world, 2 * HOUR_S)
    assert (await now(world, before)).state is InstanceState.RUNNING


async def test_a_retired_instance_is_purged_when_its_time_is_over(world: World) -> None:
    instance = await retired(world)
    await later(world, HOUR_S)
    assert (await now(world, instance)).purge_at_ms is None
    await world.assert_nothing_is_left()
    with pytest.raises(Conflict, match="cannot be recovered"):
        await world.execute(RecoverInstance(instance=instance.id))


async def test_a_retired_instance_can_be_purged_at_once(world: World) -> None:
    instance = await retired(world)
    await world.execute(DeleteInstance(instance=instance.id, purge=True))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()
