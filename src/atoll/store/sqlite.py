"""SQLite: one writer thread with group commit, one reader beside it, WAL, synchronous=FULL.

Transactions wait in a queue; the writer takes all that wait, runs each in a savepoint of its own
and commits them together: one sync to the disk for many. Reads run on the event loop: a point read
takes less time than a hop to a thread, and WAL readers wait for nobody.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from atoll.domain.errors import AtollError, StoreUnavailable
from atoll.store import revision
from atoll.store.sql import Query, Statements, Write
from atoll.store.transaction import SqlTransaction, committed
from atoll.store.unit import Kept, TopicWatch, Watchers

GROUP_MAX = 256
BUSY_TIMEOUT_S = 30
CACHE_KIB = 16 * 1024


class Job(NamedTuple):
    writes: Sequence[Write]
    done: asyncio.Future[Any]


class SqliteStore:
    """`ports.Store` on one file."""

    def __init__(self, path: Path) -> None:
        self.statements = Statements(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._path = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.kept = Kept()
        self._watchers = Watchers()
        self._read = SqlTransaction(self)

    async def open(self) -> None:
        """Creates the file or brings its schema up to date. Raises ValueError where a newer
        Atoll has written it."""
        await revision.ensure(f"sqlite:///{self._path}", revision_of(self._path))
        self._loop = asyncio.get_running_loop()
        self._reader = connect(self._path)
        self._reader.execute("PRAGMA query_only = ON")
        self._writer = threading.Thread(target=self._write_on, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._reader.close()

    def transaction(self) -> AbstractAsyncContextManager[SqlTransaction]:
        return committed(self)

    def read(self) -> SqlTransaction:
        return self._read

    def watch(self, topic: str) -> TopicWatch:
        return self._watchers.add(topic)

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        try:
            return self._reader.execute(query.text, query.place(values)).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"the database cannot be read: {error}") from error

    async def commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        done = self._loop.create_future()
        self._jobs.put(Job(writes, done))
        # A caller that is cancelled while it waits must not leave the outcome unobserved.
        rows: Sequence[Any] = await asyncio.shield(done)
        self._watchers.notify(writes)
        return rows

    def _write_on(self) -> None:
        connection = connect(self._path)
        with contextlib.closing(connection):
            while (job := self._jobs.get()) is not None:
                group = [job]
                last = False
                while len(group) < GROUP_MAX and not last:
                    try:
                        more = self._jobs.get_nowait()
                    except queue.Empty:
                        break
                    if more is None:
                        last = True
                    else:
                        group.append(more)
                results = commit_group(connection, group)
                self._loop.call_soon_threadsafe(deliver, group, results)
                if last:
                    return


def revision_of(path: Path) -> str | None:
    """None where there is no schema yet."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute(revision.FOUND).fetchone()
        except sqlite3.OperationalError:
            return None
    return row[0] if row else None


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S,
        cached_statements=512,
    )  # fmt: skip
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def commit_group(connection: sqlite3.Connection, group: Sequence[Job]) -> list[Any]:
    """A result or an error for each job. An error of the commit itself is everybody's."""
    results: list[Any] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in group:
            connection.execute("SAVEPOINT job")
            try:
                results.append(run(connection, job.writes))
            except (AtollError, sqlite3.Error) as error:
                connection.execute("ROLLBACK TO job")
                results.append(unavailable(error))
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [unavailable(error)] * len(group)
    return results


def unavailable(error: Exception) -> Exception:
    """What a full or broken disk says. Anything else is a mistake of ours and stays as it is."""
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(f"the database cannot write: {error}")
    return error


def run(connection: sqlite3.Connection, writes: Sequence[Write]) -> Sequence[Any]:
    rows: Sequence[Any] = ()
    for write in writes:
        try:
            cursor = connection.execute(write.query.text, write.values)
            rows = cursor.fetchall() if cursor.description else ()
        except sqlite3.IntegrityError as error:
            if write.duplicate is None:
                raise
            raise write.duplicate() from error
        if write.missing is not None and cursor.rowcount == 0:
            raise write.missing()
    return rows


def deliver(group: Sequence[Job], results: Sequence[Any]) -> None:
    for job, result in zip(group, results, strict=True):
        if job.done.done():
            continue
        if isinstance(result, BaseException):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)
