"""PostgreSQL through an asyncpg pool. Several control planes may share one database.

Each commit is one transaction at READ COMMITTED; what must not interleave (the queue of a resource,
the next address of a scope) is held by an advisory lock that ends with the transaction.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from atoll.domain.errors import Lost, StoreUnavailable
from atoll.store import revision
from atoll.store.sql import Query, Statements, Write
from atoll.store.transaction import SqlTransaction, committed
from atoll.store.unit import Kept, TopicWatch, Watchers

POOL_MAX = 16
RESTART_WAITS_S = (0.1, 0.5, 1.0, 2.0)
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    OSError,
)
# Two transactions that wait for one another: one of them is asked to begin again.
OVERTAKEN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


class PostgresStore:
    """`ports.Store` on a database named by a URL, `postgresql://user@host:port/name`."""

    def __init__(self, url: str) -> None:
        self.statements = Statements(PGDialect_asyncpg())  # type: ignore[no-untyped-call]
        self._url = url
        self.kept = Kept()
        self._watchers = Watchers()
        self._read = SqlTransaction(self)

    async def open(self) -> None:
        try:
            self._pool = await asyncpg.create_pool(self._url, min_size=2, max_size=POOL_MAX)
        except GONE as error:
            raise StoreUnavailable(f"the database does not answer: {error}") from error
        await revision.ensure(self._url, await self._revision())

    async def _revision(self) -> str | None:
        """None where there is no schema yet."""
        try:
            found: str | None = await self._pool.fetchval(revision.FOUND)
        except asyncpg.UndefinedTableError:
            return None
        return found

    async def close(self) -> None:
        await self._pool.close()

    def transaction(self, *, fresh: bool = False) -> AbstractAsyncContextManager[SqlTransaction]:
        return committed(self, fresh=fresh)

    def read(self) -> SqlTransaction:
        return self._read

    def watch(self, topic: str) -> TopicWatch:
        return self._watchers.add(topic)

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        placed = query.place(values)
        for wait_s in (*RESTART_WAITS_S, None):
            try:
                rows: Sequence[Any] = await self._pool.fetch(query.text, *placed)
            except GONE as error:
                if wait_s is None:
                    raise StoreUnavailable(f"the database does not answer: {error}") from error
                await asyncio.sleep(wait_s)
            else:
                return rows
        raise AssertionError("the last round answers or raises")

    async def commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        """A commit that is cut off is not repeated here: whether it happened is not known, and
        whoever asked reads again."""
        rows: Sequence[Any] = ()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                for lock in sorted({w.lock for w in writes if w.lock is not None}):
                    await connection.execute(LOCK, lock)
                for write in writes:
                    rows = await run(connection, write)
        except OVERTAKEN as error:
            raise Lost(f"another transaction was faster: {error}") from error
        except GONE as error:
            raise StoreUnavailable(f"the database does not answer: {error}") from error
        finally:
            self.kept.forget(writes)
            self._watchers.notify(writes)
        return rows


async def run(connection: Any, write: Write) -> Sequence[Any]:
    try:
        statement = await connection.prepare(write.query.text)
        rows: Sequence[Any] = await statement.fetch(*write.values)
    except asyncpg.UniqueViolationError as error:
        if write.duplicate is None:
            raise
        raise write.duplicate() from error
    if write.missing is not None and statement.get_statusmsg().endswith(" 0"):
        raise write.missing()
    return rows
