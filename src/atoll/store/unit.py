"""A unit of work: reads go directly to the database, writes are held back for one commit."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from atoll.store.bookmarks import Bookmarks
from atoll.store.decoded import Decoded
from atoll.store.sql import Query, Statements, Write

KEPT_S = 1.0
KEPT_MAX = 10_000
Owner = TypeVar("Owner")
Value = TypeVar("Value")


class lazily(Generic[Owner, Value]):  # noqa: N801  (reads as a decorator)
    """A property that is computed once. `functools.cached_property` of Python 3.11 takes a lock
    each time, which costs more than the values here."""

    def __init__(self, compute: Callable[[Owner], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__

    def __get__(self, owner: Owner, kind: type[Owner] | None = None) -> Value:
        value = owner.__dict__[self._name] = self._compute(owner)
        return value


class Kept:
    """A cache of rarely changed rows that every request reads: plans, images, groups and the like.
    A commit of this process clears what it touched; that of another one is noticed after a
    second."""

    def __init__(self) -> None:
        self._things: dict[str, dict[Any, tuple[float, Any]]] = {}
        self._forgotten: dict[str, int] = {}

    def find(self, table: str, key: Any) -> Any:
        until, things = self._things.get(table, {}).get(key, (0.0, None))
        return things if until > monotonic() else None

    def forgotten(self, table: str) -> int:
        """Return how often the table's cache was cleared: call this before reading."""
        return self._forgotten.get(table, 0)

    def keep(self, table: str, key: Any, things: Any, forgotten: int) -> None:
        """Cache a row, unless a commit came between the read and this call."""
        if self.forgotten(table) != forgotten:
            return
        of_table = self._things.setdefault(table, {})
        if len(of_table) >= KEPT_MAX:
            of_table.clear()
        of_table[key] = (monotonic() + KEPT_S, things)

    def forget(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if write.kept is not None:
                self._forgotten[write.kept] = self.forgotten(write.kept) + 1
                self._things.pop(write.kept, None)


class Database(Protocol):
    """The part that `sqlite.py` and `postgres.py` provide."""

    statements: Statements
    kept: Kept
    decoded: defaultdict[str, Decoded]
    bookmarks: Bookmarks

    @property
    def lane(self) -> int | None:
        """The part of large scopes of addresses that belongs to this process: see `addresses`."""
        ...

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]: ...

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit all or none; durable when it returns. The cache is cleared and watchers are
        notified, even if the caller was cancelled meanwhile."""
        ...

    async def commit_returning(self, writes: Sequence[Write]) -> Sequence[Any]:
        """Commit writes that check nothing. Returns the rows of the last one."""
        ...


class Unwritten:
    """A marker for a resource that the transaction has not written; a removed one is None."""


UNWRITTEN = Unwritten()


class Unit:
    """The reads and the held-back writes of one transaction, which sees its own writes. A `fresh`
    one does not use the cache: another process may have changed it a moment ago."""

    def __init__(self, database: Database, *, fresh: bool = False) -> None:
        self.database = database
        self.fresh = fresh
        self.statements = database.statements
        self.writes: list[Write] = []
        self._written: dict[tuple[str, str], Any] = {}

    def written(self, table: str, thing_id: str) -> Any:
        return self._written.get((table, thing_id), UNWRITTEN)

    def note_written(self, table: str, thing_id: str, thing: Any) -> None:
        self._written[table, thing_id] = thing

    def all_written(self, table: str) -> list[Any]:
        """Return the written resources in the order of their first write, without removed ones."""
        written = [thing for (of, _), thing in self._written.items() if of == table]
        return [thing for thing in written if thing is not None]

    def discard(self) -> None:
        self.writes.clear()
        self._written.clear()

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        return await self.database.fetch(query, values)

    def write(self, write: Write) -> None:
        self.writes.append(write)

    async def commit(self) -> None:
        writes, self.writes = self.writes, []
        if writes:
            await self.database.commit(writes)


class Watchers:
    """The waiting watchers of each topic. A hint is an event that is set; hints merge."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    def notify(self, writes: Sequence[Write]) -> None:
        if not self._events:
            return
        for write in writes:
            for event in self._events.get(write.topic or "", ()):
                event.set()

    def add(self, topic: str) -> "TopicWatch":
        return TopicWatch(self._events, topic)


class TopicWatch:
    """`ports.Watch`, as a context manager."""

    def __init__(self, events: dict[str, set[asyncio.Event]], topic: str) -> None:
        self._events = events
        self._topic = topic
        self._event = asyncio.Event()

    def __enter__(self) -> "TopicWatch":
        self._events.setdefault(self._topic, set()).add(self._event)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        watching = self._events[self._topic]
        watching.discard(self._event)
        if not watching:
            del self._events[self._topic]

    async def wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
