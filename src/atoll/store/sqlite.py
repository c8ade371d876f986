"""SQLite: one writer with group commit, one reader beside it, WAL, synchronous=FULL.

Transactions that arrive in the same turn of the event loop run one after the other, each in its own
savepoint, and are committed together: one sync to the disk for many. Statements run on the loop,
where no other thread needs the interpreter; the commit does too while the disk is fast, and in a
thread otherwise. Reads run on the loop: a point read takes less time than a switch to a thread, and
WAL readers never wait.
"""

import asyncio
import contextlib
import sqlite3
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from atoll.domain.errors import AtollError, StoreUnavailable
from atoll.store import revision
from atoll.store.bookmarks import Bookmarks
from atoll.store.decoded import Decoded
from atoll.store.sql import Query, Statements, Write
from atoll.store.transaction import SqlTransaction, committed
from atoll.store.unit import Kept, TopicWatch, Watchers

GROUP_MAX = 256
LOCKED_MS_MAX = 30_000
CACHE_KIB = 16 * 1024
# A commit that takes longer than a switch to a thread and back runs in the thread.
FAST_COMMIT_S = 0.002
COMMITS_REMEMBERED = 9
PROBE_EVERY = 16
PROBES_MAX = 2**31


class Job(NamedTuple):
    writes: Sequence[Write]
    done: asyncio.Future[Any]


class SqliteStore:
    """`ports.Store` on one file."""

    lane: int | None = None

    def __init__(self, path: Path) -> None:
        self.statements = Statements(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._path = path
        self._jobs: deque[Job] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._disk = Disk()
        self.kept = Kept()
        self.decoded: defaultdict[str, Decoded] = defaultdict(Decoded)
        self.bookmarks = Bookmarks()
        self._watchers = Watchers()
        self._probes = 0
        self.suspect = False

    async def open(self, *, migrate: bool = True) -> None:
        """Create the file or migrate its schema. Raises StoreUnavailable if a newer version of
        Atoll has written it."""
        # Its companion files (-wal, -shm) get the same mode.
        self._path.touch(mode=0o600)
        found = revision_of(self._path)
        await revision.ensure(f"sqlite:///{self._path}", found, migrate=migrate)
        self._read = SqlTransaction(self)
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._writer = connect(self._path)
        # The loop waits for no lock: see `_wait_for_lock`.
        self._writer.execute("PRAGMA busy_timeout = 0")
        self._reader = connect(self._path)
        self._reader.execute("PRAGMA query_only = ON")

    async def close(self) -> None:
        """Waiting jobs are committed before it closes."""
        await self._idle.wait()
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def transaction(self, *, fresh: bool = False) -> AbstractAsyncContextManager[SqlTransaction]:
        return committed(self, fresh=fresh)

    def read(self) -> SqlTransaction:
        return self._read

    def watch(self, topic: str) -> TopicWatch:
        return self._watchers.add(topic)

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        try:
            return self._reader.execute(query.text, query.place(values)).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"the database cannot be read: {error}") from error

    async def probe(self) -> None:
        """Count in the file's header, which nothing else uses."""
        self._probes = (self._probes + 1) % PROBES_MAX
        await self.commit([Write(Query(f"PRAGMA user_version = {self._probes}", (), {}), ())])

    async def commit(self, writes: Sequence[Write]) -> None:
        await self.commit_returning(writes)

    async def commit_returning(self, writes: Sequence[Write]) -> Sequence[Any]:
        done = self._loop.create_future()
        self._jobs.append(Job(writes, done))
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._take_group)
        rows: Sequence[Any] = await done
        return rows

    def _take_group(self) -> None:
        """Run all waiting jobs, and commit them here or in the thread."""
        if not self._jobs:
            self._idle.set()
            return
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._wait_for_lock(error)
            return
        group = [self._jobs.popleft() for _ in range(min(GROUP_MAX, len(self._jobs)))]
        try:
            results = run_group(self._writer, group)
        except Exception as error:
            # SQLite itself rolled the transaction back, or a value is not valid.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._deliver(group, [None] * len(group), unavailable(error))
            return
        if self._disk.is_fast():
            start = perf_counter()
            failed = finish(self._writer)
            self._disk.took(perf_counter() - start)
            self._deliver(group, results, failed)
            return
        finishing = self._loop.run_in_executor(self._thread, finish, self._writer)
        finishing.add_done_callback(lambda f: self._deliver(group, results, f.result()))

    def _wait_for_lock(self, error: sqlite3.Error) -> None:
        """Another process is writing: the thread waits until it has ended, or the timeout."""

        def waited(waiting: asyncio.Future[bool]) -> None:
            if waiting.result():
                self._take_group()
                return
            group, self._jobs = list(self._jobs), deque()
            refused = StoreUnavailable(f"the database cannot write: {error}")
            self._deliver(group, [None] * len(group), refused)

        waiting = self._loop.run_in_executor(self._thread, wait_for_lock, self._writer)
        waiting.add_done_callback(waited)

    def _deliver(
        self, group: Sequence[Job], results: Sequence[Any], error: Exception | None
    ) -> None:
        """An error of the commit itself is delivered to all callers, except to cancelled ones."""
        self.suspect = any(isinstance(one, StoreUnavailable) for one in (error, *results))
        for job, own in zip(group, results, strict=True):
            result = error or own
            failed = isinstance(result, BaseException)
            if not failed:
                self.kept.forget(job.writes)
                self._watchers.notify(job.writes)
            if job.done.done():
                continue
            if failed:
                job.done.set_exception(result)
            else:
                job.done.set_result(result)
        self._loop.call_soon(self._take_group)


class Disk:
    """Measures how long commits take, only on the loop: a commit in the thread also waits for the
    interpreter, longer if the loop is busy. So while commits run in the thread, one is made on the
    loop now and then. A single slow commit changes nothing."""

    def __init__(self) -> None:
        self._took_s = deque([0.0] * COMMITS_REMEMBERED, maxlen=COMMITS_REMEMBERED)
        self._asked = 0

    def took(self, seconds: float) -> None:
        self._took_s.append(seconds)

    def is_fast(self) -> bool:
        self._asked += 1
        usual_s = sorted(self._took_s)[COMMITS_REMEMBERED // 2]
        return usual_s < FAST_COMMIT_S or self._asked % PROBE_EVERY == 0


def revision_of(path: Path) -> str | None:
    """Return None if there is no schema yet."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute(revision.FOUND).fetchone()
        except sqlite3.OperationalError:
            return None
    return row[0] if row else None


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        timeout=LOCKED_MS_MAX / 1000,
        cached_statements=512,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def run_group(connection: sqlite3.Connection, group: Sequence[Job]) -> list[Any]:
    """Return the rows or the error of each job, in the open transaction."""
    results: list[Any] = []
    for job in group:
        connection.execute("SAVEPOINT job")
        try:
            results.append(run(connection, job.writes))
        except (AtollError, sqlite3.Error) as error:
            connection.execute("ROLLBACK TO job")
            results.append(unavailable(error))
        connection.execute("RELEASE job")
    return results


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
        touched = len(rows) if cursor.description else cursor.rowcount
        if write.missing is not None and touched == 0:
            raise write.missing()
    return rows


def finish(connection: sqlite3.Connection) -> Exception | None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return unavailable(error)
    return None


def wait_for_lock(connection: sqlite3.Connection) -> bool:
    connection.execute(f"PRAGMA busy_timeout = {LOCKED_MS_MAX}")
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    finally:
        connection.execute("PRAGMA busy_timeout = 0")
    return True


def unavailable(error: Exception) -> Exception:
    """Convert errors of a full or broken disk. Other errors are mistakes of ours and stay
    unchanged."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
        return StoreUnavailable(f"the database cannot write: {error}")
    return error
