"""Locks of guests, volumes and snapshots by their ids, and what goes wrong as a DriverError.

Called by `driver` around each verb.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from weakref import WeakValueDictionary

from atoll.domain.errors import DriverUnavailable


class Locks:
    """A lock exists while a verb holds or awaits it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def alone_with(self, *thing_ids: str) -> AsyncIterator[None]:
        """Lock resources: a guest before its volumes, and these in a fixed order, to avoid
        deadlocks."""
        async with contextlib.AsyncExitStack() as stack:
            for thing_id in sorted(set(thing_ids)):
                lock = self._locks.get(thing_id)
                if lock is None:
                    lock = self._locks[thing_id] = asyncio.Lock()
                await stack.enter_async_context(lock)
            with only_driver_errors(" and ".join(thing_ids)):
                yield


@contextlib.contextmanager
def only_driver_errors(what: str) -> Iterator[None]:
    """Convert other errors, such as a full disk, to DriverErrors."""
    try:
        yield
    except OSError as error:
        raise DriverUnavailable(f"{what} failed on this host: {error}") from error
