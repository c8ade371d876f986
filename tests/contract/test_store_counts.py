"""What every store does with what it counts: addresses, quotas and timers."""

import asyncio

import pytest

from atoll.domain.errors import Lost, NoCapacity
from atoll.domain.quotas import Amounts
from atoll.domain.security_groups import Protocol, Rule, SecurityGroup
from atoll.domain.timers import Timer, TimerKind
from atoll.ports import Store
from tests.support.things import NOW

pytestmark = pytest.mark.anyio
PROJECT = "proj-1"


async def test_a_picked_number_is_known_before_the_commit(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.addresses.pick("net", "a", 4, 6) == 4
    async with store.transaction() as tx:
        tx.addresses.take("net", "b", 4, 6)
    async with store.transaction() as tx:
        assert await tx.addresses.pick("net", "c", 4, 6) == 6
    with pytest.raises(NoCapacity):
        await store.read().addresses.pick("net", "d", 4, 6)


async def test_of_two_that_pick_the_same_number_one_is_lost(store: Store) -> None:
    async def pick(holder: str) -> int:
        async with store.transaction() as tx:
            number = await tx.addresses.pick("net", holder, 4, 60)
            await asyncio.sleep(0)
        return number

    results = await asyncio.gather(*map(pick, "abcdefgh"), return_exceptions=True)
    taken = [one for one in results if isinstance(one, int)]
    assert len(set(taken)) == len(taken) == await store.read().addresses.count()
    assert all(isinstance(one, int | Lost) for one in results)


async def test_an_address_of_one_scope_is_given_back_alone(store: Store) -> None:
    async with store.transaction() as tx:
        tx.addresses.take("net", "a", 4, 6)
        tx.addresses.take("mac", "a", 1, 9)
    async with store.transaction() as tx:
        tx.addresses.release("a", "net")
    read = store.read().addresses
    assert (await read.find("net", "a"), await read.find("mac", "a")) == (None, 1)


async def counting(store: Store, **limits: int) -> None:
    async with store.transaction() as tx:
        tx.quotas.add(PROJECT)
    async with store.transaction() as tx:
        tx.quotas.limit(PROJECT, limits)


async def test_what_is_taken_is_counted_and_given_back(store: Store) -> None:
    await counting(store, instances=3)
    async with store.transaction() as tx:
        tx.quotas.take(PROJECT, Amounts(instances=2, vcpus=5))
        tx.quotas.give_back(PROJECT, Amounts(instances=1))
    quota = await store.read().quotas.find(PROJECT)
    assert quota is not None
    assert quota.used == Amounts(instances=1, vcpus=5)
    assert quota.limits == {"instances": 3}


async def test_of_many_that_want_the_last_of_it_one_gets_it(store: Store) -> None:
    await counting(store, volumes=1)

    async def take() -> None:
        async with store.transaction() as tx:
            tx.quotas.take(PROJECT, Amounts(volumes=1, disk_gib=10))

    results = await asyncio.gather(*[take() for _ in range(12)], return_exceptions=True)
    assert results.count(None) == 1
    assert all(one is None or isinstance(one, Lost) for one in results)
    quota = await store.read().quotas.find(PROJECT)
    assert quota is not None
    assert quota.used == Amounts(volumes=1, disk_gib=10)


async def test_below_a_lowered_limit_less_is_still_allowed(store: Store) -> None:
    await counting(store)
    async with store.transaction() as tx:
        tx.quotas.take(PROJECT, Amounts(instances=5))
    async with store.transaction() as tx:
        tx.quotas.limit(PROJECT, {"instances": 2})
    async with store.transaction() as tx:
        tx.quotas.give_back(PROJECT, Amounts(instances=1))
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.quotas.take(PROJECT, Amounts(instances=1))


async def test_what_is_in_use_keeps_its_count_from_being_removed(store: Store) -> None:
    await counting(store, instances=3)
    async with store.transaction() as tx:
        tx.quotas.take(PROJECT, Amounts(instances=1))
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.quotas.remove(PROJECT)
    async with store.transaction() as tx:
        tx.quotas.give_back(PROJECT, Amounts(instances=1))
    async with store.transaction() as tx:
        tx.quotas.remove(PROJECT)
    assert await store.read().quotas.find(PROJECT) is None
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.quotas.take(PROJECT, Amounts(instances=1))


async def test_a_fresh_transaction_sees_what_another_process_just_changed(store: Store) -> None:
    group = SecurityGroup(id="sg-1", project_id=PROJECT, name="web", created_at_ms=NOW)
    async with store.transaction() as tx:
        tx.security_groups.add(group)
    kept = await store.read().security_groups.get("sg-1")
    rules = (Rule(protocol=Protocol.TCP, port=80, port_max=80),)
    async with store.transaction() as tx:
        changed = tx.security_groups.change(kept, rules=rules)
        unit = tx.unit  # type: ignore[attr-defined]
        unit.writes = [write._replace(kept=None) for write in unit.writes]  # another process's
    async with store.transaction(fresh=True) as tx:
        assert await tx.security_groups.get("sg-1") == changed


async def test_timers_are_due_in_their_order_and_no_earlier(store: Store) -> None:
    async with store.transaction() as tx:
        for number, due_at_ms in enumerate((NOW + 2, NOW + 1, NOW + 9)):
            tx.timers.add(
                Timer(
                    id=f"expire:inst-{number}",
                    project_id=PROJECT,
                    kind=TimerKind.EXPIRE,
                    instance_id=f"inst-{number}",
                    due_at_ms=due_at_ms,
                )
            )
    due = store.read().timers.due
    assert [t.instance_id for t in await due(NOW + 2, 10)] == ["inst-1", "inst-0"]
    assert [t.instance_id for t in await due(NOW + 9, 1)] == ["inst-1"]
    assert await due(NOW, 10) == []
