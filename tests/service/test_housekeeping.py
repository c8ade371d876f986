"""What is old is thrown away, with all that hangs on it; what is live or wanted stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.domain.commands import DeleteInstance, RecoverInstance, SetBackups
from atoll.domain.errors import NotFound
from atoll.domain.instances import Instance
from atoll.domain.timers import Backups
from atoll.ports import Filter
from atoll.service import housekeeping, queries
from atoll.service.housekeeping import Keep
from atoll.service.nouns import INSTANCES
from tests.support.stores import KINDS, fresh_store
from tests.support.things import NOW
from tests.support.world import World

pytestmark = pytest.mark.anyio
DAY_S = 24 * 3600
ALL = Filter(limit=1000)
FOR_A_MONTH = Keep()


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store = await fresh_store(request.param, request, tmp_path)
    built = World(store)
    await built.open()
    yield built
    await built.close()
    await store.close()


async def deleted(world: World, *, recoverable_s: int = 0) -> Instance:
    instance = await world.created()
    await world.execute(SetBackups(instance=instance.id, backups=Backups(cron="0 * * * *", keep=2)))
    await world.retire(instance.id, recoverable_s)
    await world.run_until_idle(world.engine())
    await world.reported()
    return await world.store.read().instances.get(instance.id)


async def days_later(world: World, days: int, keep: Keep = FOR_A_MONTH) -> None:
    world.clock.advance(days * DAY_S)
    await housekeeping.tidy(world.store, world.clock, keep)


async def kinds_left(world: World) -> list[str]:
    return [operation.kind for operation in await world.store.read().operations.page(ALL)]


async def test_a_deleted_instance_is_shown_for_thirty_days_and_then_unknown(world: World) -> None:
    instance = await deleted(world)
    await days_later(world, 29)
    assert (await queries.get(world.view(), INSTANCES, instance.id)).state == "deleted"
    assert await kinds_left(world) == ["instance.create", "instance.delete"]
    await days_later(world, 2)
    with pytest.raises(NotFound):
        await queries.get(world.view(), INSTANCES, instance.id)
    assert await world.store.read().timers.page(ALL) == []
    assert await kinds_left(world) == []
    assert await world.store.read().events.after(None, "0.0", 100) == []


async def test_an_instance_that_lives_stays_however_old_and_its_old_operations_go(
    world: World,
) -> None:
    instance = await world.created()
    await days_later(world, 400)
    assert await kinds_left(world) == []
    await world.assert_whole(instance)
    await world.execute(DeleteInstance(instance="web"))
    await world.run_until_idle(world.engine())
    await world.assert_nothing_is_left()


async def test_what_can_be_recovered_is_kept_until_it_is_purged(world: World) -> None:
    instance = await deleted(world, recoverable_s=90 * DAY_S)
    await days_later(world, 60)
    await world.execute(RecoverInstance(instance=instance.id))
    await world.run_until_idle(world.engine())
    assert (await world.store.read().instances.get(instance.id)).state == "running"


async def test_what_still_goes_on_about_a_deleted_instance_keeps_it(world: World) -> None:
    instance = await deleted(world)
    async with world.store.transaction() as tx:
        (operation, *_) = await tx.operations.page(ALL)
        tx.operations.retry(operation, NOW)
    await days_later(world, 60)
    assert await world.store.read().instances.find(instance.id) is not None
    assert await kinds_left(world) == ["instance.create"]


async def test_audit_records_stay_unless_they_are_not_to(world: World) -> None:
    await deleted(world)
    before = await world.store.read().audit.page(ALL)
    await days_later(world, 400)
    assert await world.store.read().audit.page(ALL) == before != []
    await days_later(world, 1, Keep(audit_days=402))
    assert await world.store.read().audit.page(ALL) == before
    await days_later(world, 1, Keep(audit_days=402))
    assert await world.store.read().audit.page(ALL) == []


async def test_zero_days_are_for_ever(world: World) -> None:
    instance = await deleted(world)
    await days_later(world, 4000, Keep(days=0))
    assert (await queries.get(world.view(), INSTANCES, instance.id)).state == "deleted"
    assert len(await kinds_left(world)) == 2


async def test_many_are_forgotten_however_small_the_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    for _ in range(5):
        await deleted(world)
    stays = await world.created()
    await days_later(world, 31)
    ended = Filter(any_of=((("state", ("deleted", "running")),),), limit=100)
    assert [i.id for i in await world.store.read().instances.page(ended)] == [stays.id]
