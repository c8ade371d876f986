"""What every store throws away when it is old: a few at a time, and never what is still live."""

import asyncio
from collections.abc import Callable

import pytest

from atoll.domain import ids
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.operations import Operation, OperationState, StepRecord
from atoll.ports import Filter, Forgets, Store, Transaction
from tests.support import things
from tests.support.things import NOW

pytestmark = pytest.mark.anyio
ALL = Filter(limit=100)


def id_at(prefix: str, at_ms: int) -> str:
    return ids.native(prefix, ids.compose(at_ms, 1))


def operation(at_ms: int, ended_at_ms: int | None) -> Operation:
    state = OperationState.ACCEPTED if ended_at_ms is None else OperationState.DONE
    return things.operation(
        id=id_at("op", at_ms), state=state, created_at_ms=at_ms, ended_at_ms=ended_at_ms
    )


def step(of: Operation, index: int) -> StepRecord:
    return StepRecord(operation_id=of.id, run=1, index=index, direction="do", name="s", epoch=1,
                      attempts=1, ended_at_ms=NOW)  # fmt: skip


def event(at_ms: int) -> Event:
    return Event(project_id="proj-1", kind="vpc.created", resource_id=f"at-{at_ms}", at_ms=at_ms)


def record(at_ms: int) -> AuditRecord:
    return AuditRecord(id=id_at("audit", at_ms), project_id="proj-1", key_id="ak-1",
                       dialect="native", request_id="", action="vpc.create", resource_id="vpc-1",
                       at_ms=at_ms)  # fmt: skip


def answer(at_ms: int) -> IdempotencyRecord:
    return IdempotencyRecord(key_id="ak-1", key=str(at_ms), fingerprint=b"f", status=201,
                             body=b"{}", at_ms=at_ms)  # fmt: skip


def operations_of(tx: Transaction) -> Forgets:
    return tx.operations


def events_of(tx: Transaction) -> Forgets:
    return tx.events


def audit_of(tx: Transaction) -> Forgets:
    return tx.audit


def answers_of(tx: Transaction) -> Forgets:
    return tx.idempotency


async def fill(store: Store, times: list[int]) -> None:
    async with store.transaction() as tx:
        for at_ms in times:
            ended = operation(at_ms, at_ms)
            tx.operations.enqueue(ended, NOW)
            tx.operations.record(step(ended, 0))
            tx.events.add(event(at_ms))
            tx.audit.add(record(at_ms))
            tx.idempotency.add(answer(at_ms))


EVERY = pytest.mark.parametrize("rows_of", [operations_of, events_of, audit_of, answers_of])


@EVERY
async def test_what_is_old_goes_a_few_at_a_time(
    store: Store, rows_of: Callable[[Transaction], Forgets]
) -> None:
    await fill(store, [NOW + n for n in range(5)])
    rows = rows_of(store.read())
    assert [await rows.forget(NOW + 3, 2) for _ in range(3)] == [2, 1, 0]


@EVERY
async def test_many_servers_throw_each_thing_away_once(
    store: Store, rows_of: Callable[[Transaction], Forgets]
) -> None:
    await fill(store, [NOW + n for n in range(20)])
    counts = await asyncio.gather(*[rows_of(store.read()).forget(NOW + 15, 4) for _ in range(8)])
    assert sum(counts) == 15


async def test_the_youngest_are_left_with_all_that_is_theirs(store: Store) -> None:
    times = [NOW, NOW + 1, NOW + 2]
    await fill(store, times)
    read = store.read()
    for rows in (read.operations, read.events, read.audit, read.idempotency):
        await rows.forget(NOW + 2, 10)
    left = operation(NOW + 2, NOW + 2).id
    assert [o.id for o in await read.operations.page(ALL)] == [left]
    assert [len(await read.operations.steps_of(id_at("op", t))) for t in times] == [0, 0, 1]
    assert [e.at_ms for e in await read.events.after(None, "0.0", 10)] == [NOW + 2]
    assert [r.at_ms for r in await read.audit.page(ALL)] == [NOW + 2]
    assert [await read.idempotency.find("ak-1", str(t)) for t in times][:2] == [None, None]
    assert await read.idempotency.find("ak-1", str(NOW + 2)) == answer(NOW + 2)


async def test_a_live_operation_is_never_forgotten_however_old(store: Store) -> None:
    live, late = operation(NOW, None), operation(NOW + 1, NOW + 90)
    async with store.transaction() as tx:
        for one in (live, late):
            tx.operations.enqueue(one, NOW)
            tx.operations.record(step(one, 0))
    read = store.read().operations
    assert await read.forget(NOW + 50, 10) == 0
    assert [o.id for o in await read.page(ALL)] == [live.id, late.id]
    assert len(await read.steps_of(live.id)) == 1


async def test_a_reader_of_forgotten_events_goes_on_with_the_oldest_left(store: Store) -> None:
    await fill(store, [NOW + n for n in range(6)])
    read = store.read().events
    cursor = (await read.after(None, "0.0", 2))[-1].seq
    await read.forget(NOW + 4, 10)
    assert [e.at_ms for e in await read.after(None, cursor, 10)] == [NOW + 4, NOW + 5]


async def test_a_reader_who_waits_at_the_end_misses_nothing_when_all_is_forgotten(
    store: Store,
) -> None:
    await fill(store, [NOW])
    read = store.read().events
    cursor = await read.last()
    await read.forget(NOW + 9, 10)
    async with store.transaction() as tx:
        tx.events.add(event(NOW + 10))
    assert [e.at_ms for e in await read.after(None, cursor, 10)] == [NOW + 10]
