"""A few connections, each lent for one statement or one transaction at a time.

asyncpg's own pool wraps each loan in a proxy and asks the server to reset the connection
afterwards, which costs more than the query. Few connections answer faster than many: the server has
one process for each.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

CONNECTIONS_MAX = 4
LOAN_S = 15.0


class Lent:
    """A slot for a connection, which is opened at its first use, and after it broke."""

    def __init__(self) -> None:
        self.connection: Any = None


class Pool:
    """Callers are served in order; of the free slots, the one used last is lent."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._places = [Lent() for _ in range(CONNECTIONS_MAX)]
        self._free = list(reversed(self._places))
        self._waiting: deque[asyncio.Future[Lent]] = deque()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Any]:
        place = await self._take()
        try:
            if place.connection is None or place.connection.is_closed():
                place.connection = await self._connect()
            yield place.connection
        except TimeoutError:
            # Nobody knows when the answer would come: the next loan opens a new connection.
            if place.connection is not None:
                place.connection.terminate()
                place.connection = None
            raise
        finally:
            self._give_back(place)

    async def close(self) -> None:
        for place in self._places:
            if place.connection is not None:
                await place.connection.close()

    async def _take(self) -> Lent:
        if self._free:
            return self._free.pop()
        waiting: asyncio.Future[Lent] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(LOAN_S):
                return await waiting
        except (TimeoutError, asyncio.CancelledError):
            # Both happen without interruption.
            if waiting.done() and not waiting.cancelled():
                self._give_back(waiting.result())
            raise

    def _give_back(self, place: Lent) -> None:
        if place.connection is not None and place.connection.is_in_transaction():
            place.connection.terminate()  # its rollback was interrupted
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(place)
                return
        self._free.append(place)
