"""Group commit for PostgreSQL: waiting jobs are committed together, in one round trip.

A dedicated connection sends a group of jobs to the function `commit_group_1` (migration 0005),
which runs each job in a savepoint. Statements are prepared once per connection; a job's writes are
calls of them, with their values as literals. All locks of a group are taken first and in one order,
so that two servers wait for each other without a deadlock.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg

from atoll.domain.errors import Lost, StoreUnavailable
from atoll.store.addresses import LANES
from atoll.store.sql import Write

# With more than 64 savepoints, a transaction slows down all sessions.
GROUP_MAX = 60
# The first number that no other session has. It is released when the connection ends.
LANE_CLASS = 4_702_112
LANE = """SELECT lane FROM generate_series(0, $1 - 1) AS lane
WHERE pg_try_advisory_lock($2, lane) LIMIT 1"""
COMMIT = "SELECT job, write, code, said FROM commit_group_1($1, $2, $3, $4)"
UNTOUCHED, DUPLICATE = "AT001", "23505"
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    OSError,
)
# A deadlock of two transactions: one of them must be repeated.
OVERTAKEN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
OVERTAKEN_CODES = tuple(error.sqlstate for error in OVERTAKEN)
# Out of memory, disk full, shutting down: classes of SQLSTATE.
GONE_CLASSES = ("08", "53", "57", "58")


class Job(NamedTuple):
    writes: Sequence[Write]
    calls: list[tuple[tuple[str, bool], str]]
    done: asyncio.Future[None]


class Prepared:
    """A connection and its prepared statements."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.names: dict[tuple[str, bool], str] = {}

    async def prepare(self, group: Sequence[Job]) -> None:
        new = {key for job in group for key, _ in job.calls} - self.names.keys()
        if not new:
            return
        fresh = {key: f"w{len(self.names) + i}" for i, key in enumerate(sorted(new))}
        texts = [f"PREPARE {name} AS {answering(*key)}" for key, name in fresh.items()]
        await self.connection.execute(";".join(texts))
        self.names |= fresh

    def arguments(self, group: Sequence[Job]) -> tuple[list[Any], ...]:
        locks = {w.lock for job in group for w in job.writes if w.lock is not None}
        ends, calls, needed = [], [], []
        for job in group:
            for key, values in job.calls:
                calls.append(f"EXECUTE {self.names[key]}{values}")
                needed.append(key[1])
            ends.append(len(calls))
        return sorted(locks), ends, calls, needed


class GroupWriter:
    """Commits waiting jobs together. `connect` opens a connection."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._jobs: deque[Job] = deque()
        self._prepared: Prepared | None = None
        self._working: asyncio.Task[None] | None = None
        self.lane: int | None = None

    async def open(self) -> None:
        try:
            connection = await self._connect()
            self.lane = await connection.fetchval(LANE, LANES, LANE_CLASS)
        except GONE as error:
            raise unanswered(error) from error
        self._prepared = Prepared(connection)

    async def close(self) -> None:
        """Waiting jobs are committed before it closes."""
        if self._working is not None:
            await self._working
        if self._prepared is not None:
            await self._prepared.connection.close()

    async def commit(self, writes: Sequence[Write]) -> None:
        calls = [((w.query.text, w.missing is not None), called_with(w.values)) for w in writes]
        done = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(writes, calls, done))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        try:
            while self._jobs:
                group = [self._jobs.popleft() for _ in range(min(GROUP_MAX, len(self._jobs)))]
                await self._commit_group(group)
        finally:
            self._working = None

    async def _commit_group(self, group: Sequence[Job]) -> None:
        """Commit a group. If the group as a whole is rejected, nothing of it was written: then each
        job is committed separately, so that only the faulty one fails."""
        try:
            failures = await self._send(group)
        except (StoreUnavailable, *GONE) as error:
            if isinstance(error, TimeoutError) and self._prepared is not None:
                self._prepared.connection.terminate()
            deliver(group, dict.fromkeys(range(len(group)), unanswered(error)))
        except Exception as error:
            if len(group) == 1:
                deliver(group, {0: overtaken(error) if isinstance(error, OVERTAKEN) else error})
                return
            for job in group:
                await self._commit_group([job])
        else:
            deliver(group, failures)

    async def _send(self, group: Sequence[Job]) -> dict[int, Exception]:
        """Send a group and return the error of each failed job."""
        if self._prepared is None or self._prepared.connection.is_closed():
            self.lane = None
            await self.open()
        assert self._prepared is not None, "it was opened"
        await self._prepared.prepare(group)
        locks, ends, calls, needed = self._prepared.arguments(group)
        connection = self._prepared.connection
        rows = await connection.fetch(COMMIT, locks, ends, calls, needed)
        return {row[0]: problem_of(group[row[0]].writes[row[1]], row[2], row[3]) for row in rows}


def deliver(group: Sequence[Job], failures: dict[int, Exception]) -> None:
    """Deliver results, except to cancelled callers."""
    for number, job in enumerate(group):
        if job.done.done():
            continue
        if number in failures:
            job.done.set_exception(failures[number])
        else:
            job.done.set_result(None)


def problem_of(write: Write, code: str, said: str) -> Exception:
    if code == UNTOUCHED and write.missing is not None:
        return write.missing()
    if code == DUPLICATE and write.duplicate is not None:
        return write.duplicate()
    if code in OVERTAKEN_CODES:
        return overtaken(said)
    if code.startswith(GONE_CLASSES):
        return StoreUnavailable(f"the database cannot write: {said}")
    unexpected: Exception = asyncpg.PostgresError(f"{said} ({code})")
    return unexpected


def overtaken(said: object) -> Lost:
    return Lost(f"another transaction was faster: {said}")


def unanswered(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the database does not answer: {str(error) or 'it took too long'}")


def answering(text: str, needed: bool) -> str:
    """A statement that must affect a row returns one."""
    if not needed or text.startswith("SELECT") or " RETURNING " in text:
        return text
    return f"{text} RETURNING 1"


def called_with(values: Sequence[Any]) -> str:
    return f"({','.join([literal(value) for value in values])})" if values else ""


def literal(value: Any) -> str:
    """Format a literal that is correct whatever the server's setting for backslashes is."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL cannot store a NUL character in a text")
        if "\\" in value:
            return " E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f" E'\\\\x{value.hex()}'"
    if isinstance(value, float):
        return f"'{value!r}'"
    raise TypeError(f"no column holds a {type(value).__name__}")
