"""Deletes old records in small batches, so that no table grows forever."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import structlog

from atoll.domain import ids
from atoll.domain.errors import Lost
from atoll.domain.instances import Instance, InstanceState
from atoll.domain.timers import TimerKind, timer_id
from atoll.ports import Clock, Filter, Forgets, Store, Transaction

log = structlog.get_logger()
EVERY_S = 3600.0
DAY_MS = 24 * 3600 * 1000
ANSWERS_KEPT_DAYS = 1
# Batches are so small, with a pause after each, that requests are not delayed.
BATCH = 100
PAUSE_S = 0.05
PROJECTS_A_PAGE = 1000


@dataclass(frozen=True)
class Keep:
    """Days to keep ended operations, events and deleted instances; and audit records. 0 means
    forever."""

    days: int = 30
    audit_days: int = 0


async def run(store: Store, clock: Clock, keep: Keep) -> None:
    """Run until cancelled. A failed batch is repeated the next time."""
    while True:
        try:
            await tidy(store, clock, keep)
        except Exception as error:
            log.warning("could not tidy", error=str(error))
        await clock.sleep(EVERY_S)


async def tidy(store: Store, clock: Clock, keep: Keep) -> None:
    read = store.read()
    kept_days: list[tuple[Forgets, int]] = [
        (read.idempotency, ANSWERS_KEPT_DAYS),
        (read.operations, keep.days),
        (read.events, keep.days),
        (read.audit, keep.audit_days),
    ]
    for rows, days in kept_days:
        if days:
            before_ms = clock.now_ms() - days * DAY_MS
            while await rows.forget(before_ms, BATCH):
                await clock.sleep(PAUSE_S)
    if keep.days:
        await forget_instances(store, clock, clock.now_ms() - keep.days * DAY_MS)


async def forget_instances(store: Store, clock: Clock, before_ms: int) -> None:
    async for project_id in project_ids(store):
        async for batch in deleted_ones(store, project_id, before_ms):
            with suppress(Lost):  # another server does it
                await forget_batch(store, batch)
            await clock.sleep(PAUSE_S)
        await clock.sleep(0)


async def forget_batch(store: Store, batch: list[Instance]) -> None:
    async with store.transaction(fresh=True) as tx:
        for instance in batch:
            await forget_instance(tx, instance)


async def forget_instance(tx: Transaction, instance: Instance) -> None:
    """Its addresses and names were released when it was deleted."""
    if await tx.operations.live_on(instance.id):
        return
    for kind in TimerKind:
        timer = await tx.timers.find(timer_id(kind, instance.id))
        if timer is not None:
            tx.timers.remove(timer)
    tx.instances.remove(instance)


async def project_ids(store: Store) -> AsyncIterator[str]:
    after: str | None = None
    while page := await store.read().projects.page(Filter(after=after, limit=PROJECTS_A_PAGE)):
        for project in page:
            yield project.id
        after = page[-1].id


async def deleted_ones(
    store: Store, project_id: str, before_ms: int
) -> AsyncIterator[list[Instance]]:
    """Return the instances permanently deleted before a time. Ids increase with time, so an
    instance created later was deleted later as well."""
    ended = ((("state", (InstanceState.DELETED,)),),)
    too_young = ids.first_of(ids.INSTANCE, before_ms)
    after: str | None = None
    while after is None or after < too_young:
        wanted = Filter(project_id=project_id, any_of=ended, after=after, limit=BATCH)
        page = await store.read().instances.page(wanted)
        if not page:
            return
        after = page[-1].id
        old = [instance for instance in page if was_deleted_before(instance, before_ms)]
        if old:
            yield old


def was_deleted_before(instance: Instance, before_ms: int) -> bool:
    """An instance that can still be recovered is not permanently deleted."""
    deleted_at_ms = instance.deleted_at_ms
    return instance.purge_at_ms is None and deleted_at_ms is not None and deleted_at_ms < before_ms
