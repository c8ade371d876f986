"""Whose turn it is: no project, and no kind of operation, waits for the many of another."""

import asyncio

import pytest

from atoll.domain.operations import Operation, OperationState
from atoll.ports import Store
from tests.support import things
from tests.support.things import NOW

pytestmark = pytest.mark.anyio


async def enqueue(store: Store, *operations: Operation, now_ms: int = NOW) -> None:
    async with store.transaction() as tx:
        for operation in operations:
            tx.operations.enqueue(operation, now_ms)


async def claimed(store: Store, limit: int) -> set[str]:
    taken = await store.read().operations.claim("e", NOW + 9, NOW + 1000, limit)
    return {one.id for one in taken}


def flood(project_id: str = "proj-1") -> list[Operation]:
    return [things.operation(project_id=project_id) for _ in range(50)]


async def test_one_of_another_project_does_not_wait_for_a_flood(store: Store) -> None:
    await enqueue(store, *flood())
    other = things.operation(project_id="proj-2")
    await enqueue(store, other, now_ms=NOW + 5)
    assert other.id in await claimed(store, 2)


async def test_a_stop_does_not_wait_for_the_creates_of_its_own_project(store: Store) -> None:
    await enqueue(store, *flood())
    stop = things.operation(kind="instance.stop")
    await enqueue(store, stop, now_ms=NOW + 5)
    assert stop.id in await claimed(store, 2)


async def test_two_floods_take_turns(store: Store) -> None:
    first = flood()
    await enqueue(store, *first)
    for _ in range(10):
        await claimed(store, 1)
    await enqueue(store, *flood("proj-2"), now_ms=NOW + 5)
    share = len(await claimed(store, 20) & {one.id for one in first})
    assert 8 <= share <= 12


async def test_within_a_lane_the_first_is_the_first(store: Store) -> None:
    waiting = flood()
    await enqueue(store, *waiting)
    assert [await claimed(store, 1) for _ in range(3)] == [{one.id} for one in waiting[:3]]


async def test_what_comes_back_does_not_wait_for_a_flood(store: Store) -> None:
    again = things.operation()
    await enqueue(store, again)
    (taken,) = await store.read().operations.claim("e", NOW, NOW + 1000, 1)
    async with store.transaction() as tx:
        tx.operations.advance(taken, engine=None, claimable_at_ms=NOW + 5)
    await enqueue(store, *flood(), now_ms=NOW + 1)
    assert again.id in await claimed(store, 2)


async def test_the_next_on_a_resource_has_its_turn_when_the_one_before_has_ended(
    store: Store,
) -> None:
    first, second = things.operation(resource_id="r"), things.operation(resource_id="r")
    await enqueue(store, first)
    await enqueue(store, second)
    await enqueue(store, *flood("proj-2"))
    (taken,) = await store.read().operations.claim("e", NOW, NOW + 1000, 1)
    assert taken.id == first.id
    async with store.transaction() as tx:
        tx.operations.finish(taken, NOW, state=OperationState.DONE)
    assert second.id in await claimed(store, 2)


async def test_a_claim_takes_no_more_than_it_wants_and_a_few_that_come_back(store: Store) -> None:
    await enqueue(store, *flood(), *flood("proj-2"))
    await asyncio.gather(*[claimed(store, 3) for _ in range(4)])
    assert len(await claimed(store, 100)) == 100 - 12
