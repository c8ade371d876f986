"""A unit of work: reads go straight to the database, writes are held back for one commit."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from atoll.store.sql import Query, Statements, Write


class Database(Protocol):
    """What `sqlite.py` and `postgres.py` provide."""

    statements: Statements

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]: ...

    async def commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        """All or none, durable when it returns. Answers the rows of the last statement."""
        ...


class Unit:
    """The reads and the held-back writes of one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.statements = database.statements
        self.writes: list[Write] = []

    async def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        return await self.database.fetch(query, values)

    def write(self, write: Write) -> None:
        self.writes.append(write)

    async def commit(self) -> None:
        writes, self.writes = self.writes, []
        if writes:
            await self.database.commit(writes)


class Watchers:
    """Who waits for which topic. A hint is an event that is set; hints merge."""

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
