"""Lets one call work with and without `await`. docs/adr explains the decision.

Without a running event loop, the work is done immediately, and its value can still be awaited.
Within a loop, the work starts on a thread: `await` returns the value without blocking the loop, and
accessing the value without `await` blocks until it is there.
"""

import logging
import sys
from collections.abc import Callable, Generator
from contextvars import copy_context
from threading import Event
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ocp_agent.lazily import Lazily

if TYPE_CHECKING:
    import asyncio
    from concurrent import futures
else:
    asyncio = Lazily("asyncio")
    futures = Lazily("concurrent.futures")

T = TypeVar("T")
Work = Callable[[Event], T]  # the event means that the caller stopped waiting

NEVER = Event()  # a caller without await cannot stop waiting

log = logging.getLogger("ocp_agent")


class Awaitable:
    """A value that awaits to itself: `await value` is `value`."""

    __slots__ = ()

    def __await__(self: T) -> Generator[Any, None, T]:
        yield from ()
        return self


class Pending(Generic[T]):
    """A proxy for a value in progress; accessing it waits for the value."""

    def __init__(self, kind: type[T], future: "futures.Future[T]", stop: Event) -> None:
        self._kind, self._future, self._stop, self._was_seen = kind, future, stop, False

    def __await__(self) -> Generator[Any, None, T]:
        self._was_seen = True
        try:
            return (yield from asyncio.wrap_future(self._future).__await__())
        finally:
            if not self._future.done():
                self._stop.set()

    def _value(self) -> T:
        self._was_seen = True
        return self._future.result()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Make isinstance() return the same result before and after completion."""
        return self._kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value(), name)

    def __bool__(self) -> bool:
        return bool(self._value())

    def __repr__(self) -> str:
        return repr(self._value())

    def __del__(self) -> None:
        future = self._future
        if not self._was_seen and future.done() and not future.cancelled() and future.exception():
            log.warning("A call failed that nobody awaited: %s", type(future.exception()).__name__)


def is_in_event_loop() -> bool:
    """Check without importing asyncio: if it is not imported, no loop can run."""
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


class Worker:
    """Runs work immediately, or on a thread if an event loop must not be blocked."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: futures.ThreadPoolExecutor | None = None
        self._begun: list[futures.Future[Any]] = []

    def do(self, kind: type[T], work: Work[T], *, comes_first: bool = False) -> T:
        """All work that starts later waits for work that `comes_first`."""
        if not is_in_event_loop():
            return work(NEVER)
        stop = Event()
        if self._pool is None:
            self._pool = futures.ThreadPoolExecutor(self._threads, "ocp-agent")
        self._begun = [one for one in self._begun if not one.done()]
        earlier = [] if comes_first else self._begun
        future = self._pool.submit(copy_context().run, after, earlier, work, stop)
        if comes_first:
            self._begun = [*self._begun, future]
        return cast("T", Pending(kind, future, stop))

    def settle(self) -> None:
        """Wait until all work that comes first has ended, successfully or not."""
        if self._begun:
            futures.wait(self._begun)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def after(earlier: "list[futures.Future[Any]]", work: Work[T], stop: Event) -> T:
    if earlier:
        futures.wait(earlier)
    return work(stop)
