"""PostgreSQL with asyncpg. Several control planes may share one database.

Each commit is one transaction at READ COMMITTED; parts that must not interleave (the queue of a
resource, the next address of a scope) hold an advisory lock until the end of the transaction.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from atoll.domain.errors import StoreUnavailable
from atoll.store import revision
from atoll.store.bookmarks import Bookmarks
from atoll.store.decoded import Decoded
from atoll.store.postgres_groups import GONE, OVERTAKEN, GroupWriter, overtaken, unanswered
from atoll.store.postgres_pool import Pool
from atoll.store.sql import Query, Statements, Write
from atoll.store.transaction import SqlTransaction, committed
from atoll.store.unit import Kept, TopicWatch, Watchers

STATEMENTS_MAX = 1024
RESTART_WAITS_S = (0.1, 0.5, 1.0, 2.0)
# A server that neither answers nor closes its connections counts as away after so long.
CONNECT_S, ANSWER_S = 5.0, 15.0
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


class PostgresStore:
    """`ports.Store` on a database named by a URL, `postgresql://user@host:port/name`."""

    def __init__(self, url: str) -> None:
        self.statements = Statements(PGDialect_asyncpg())  # type: ignore[no-untyped-call]
        self._url = url
        self.kept = Kept()
        self.decoded: defaultdict[str, Decoded] = defaultdict(Decoded)
        self.bookmarks = Bookmarks()
        self._watchers = Watchers()
        self._writer = GroupWriter(self._connect)
        self._pool = Pool(self._connect)
        self.suspect = False

    async def open(self, *, migrate: bool = True) -> None:
        await revision.ensure(self._url, await self._revision(), migrate=migrate)
        self._read = SqlTransaction(self)
        await self._writer.open()

    @property
    def lane(self) -> int | None:
        return self._writer.lane

    async def _connect(self) -> Any:
        """Prepared statements are kept as long as the connection."""
        return await asyncpg.connect(
            self._url, timeout=CONNECT_S, command_timeout=ANSWER_S,
            statement_cache_size=STATEMENTS_MAX, max_cached_statement_lifetime=0,
        )  # fmt: skip

    async def _revision(self) -> str | None:
        """Return None if there is no schema yet."""
        try:
            async with self._pool.lend() as connection:
                found: str | None = await connection.fetchval(revision.FOUND)
        except asyncpg.UndefinedTableError:
            return None
        except GONE as error:
            raise unanswered(error) from error
        return found

    async def close(self) -> None:
        await self._writer.close()
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
                async with self._pool.lend() as connection:
                    rows: Sequence[Any] = await connection.fetch(query.text, *placed)
            except GONE as error:
                if wait_s is None or isinstance(error, TimeoutError):
                    raise unanswered(error) from error
                await asyncio.sleep(wait_s)
            else:
                return rows
        raise AssertionError("the last round answers or raises")

    async def probe(self) -> None:
        """Write a message to the log of the database, which nobody reads."""
        text = "SELECT pg_logical_emit_message(true, 'atoll', '')"
        await self.commit([Write(Query(text, (), {}), ())])

    async def commit(self, writes: Sequence[Write]) -> None:
        """An interrupted commit is not repeated here: its outcome is not known, and the caller
        reads again."""
        try:
            await self._writer.commit(writes)
            self.suspect = False
        except StoreUnavailable:
            self.suspect = True
            raise
        finally:
            self.kept.forget(writes)
            self._watchers.notify(writes)

    async def commit_returning(self, writes: Sequence[Write]) -> Sequence[Any]:
        rows: Sequence[Any] = ()
        try:
            async with self._pool.lend() as connection, connection.transaction():
                for lock in sorted({w.lock for w in writes if w.lock is not None}):
                    await connection.execute(LOCK, lock)
                for write in writes:
                    rows = await connection.fetch(write.query.text, *write.values)
        except OVERTAKEN as error:
            raise overtaken(error) from error
        except GONE as error:
            raise unanswered(error) from error
        return rows
