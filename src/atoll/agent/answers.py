"""Executes each request once: a repeated request joins the running one, or gets its answer.

Used by the agent for requests that change something; reads are executed again. Only in memory: a
restarted agent forgets, and every verb of a driver is repeatable.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from atoll.domain.errors import DriverBusy, DriverError, DriverUnavailable
from atoll.messages import Ask, Reply

ANSWERS_MAX = 10_000
BYTES_MAX = 16 * 2**20
KEPT_S = 600.0
replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
Work = Callable[[], Coroutine[Any, Any, Reply]]


class Kept(msgspec.Struct, frozen=True):
    """An answer: a reply as bytes, or an error."""

    at_s: float
    reply: bytes = b""
    error: DriverError | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.reply) + (len(self.error.message) if self.error is not None else 0)

    def give(self) -> Reply:
        if self.error is not None:
            raise self.error.with_traceback(None)
        return replies.decode(self.reply)


class Running:
    """A request in progress. It may run as long as the most patient of its senders waits."""

    def __init__(self, ask: Ask) -> None:
        self.limit = asyncio.timeout(ask.within_ms / 1000)
        self.joined: asyncio.Future[Reply] | None = None

    async def join(self, ask: Ask) -> Reply:
        loop = asyncio.get_running_loop()
        until = loop.time() + ask.within_ms / 1000
        self.limit.reschedule(max(until, self.limit.when() or 0.0))
        if self.joined is None:
            self.joined = loop.create_future()
        return await asyncio.shield(self.joined)

    def end(self, reply: Reply | None, error: BaseException | None) -> None:
        if self.joined is None:
            return
        if isinstance(error, Exception):
            self.joined.set_exception(error)
        elif error is not None or reply is None:
            self.joined.set_exception(DriverUnavailable("it was broken off: ask again"))
        else:
            self.joined.set_result(reply)


class Answers:
    """`now` is a monotonic clock, in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._running: dict[str, Running] = {}
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size_bytes = 0

    async def once(self, ask: Ask, work: Work) -> Reply:
        """Return the answer of `work`, which runs once per id. Raises its error."""
        self._forget_old()
        if (kept := self._kept.get(ask.id)) is not None:
            return kept.give()
        if (running := self._running.get(ask.id)) is not None:
            return await running.join(ask)
        return await self._carry_out(ask, work)

    async def _carry_out(self, ask: Ask, work: Work) -> Reply:
        running = self._running[ask.id] = Running(ask)
        reply: Reply | None = None
        failure: BaseException | None = None
        try:
            async with running.limit:
                reply = await work()
        except TimeoutError as error:
            failure = too_late(ask)
            raise failure from error
        except BaseException as error:
            failure = error
            raise
        else:
            self._keep(ask.id, Kept(self._now(), reply=msgspec.msgpack.encode(reply)))
            return reply
        finally:
            del self._running[ask.id]
            if isinstance(failure, DriverError) and not isinstance(failure, DriverBusy):
                self._keep(ask.id, Kept(self._now(), error=failure))
            running.end(reply, failure)

    def _keep(self, ask_id: str, kept: Kept) -> None:
        self._kept[ask_id] = kept
        self._size_bytes += kept.size_bytes
        while len(self._kept) > ANSWERS_MAX or self._size_bytes > BYTES_MAX:
            self._forget_first()

    def _forget_old(self) -> None:
        before_s = self._now() - KEPT_S
        while self._kept and next(iter(self._kept.values())).at_s < before_s:
            self._forget_first()

    def _forget_first(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._size_bytes -= kept.size_bytes


def too_late(ask: Ask) -> DriverUnavailable:
    what = type(ask.body).__name__
    return DriverUnavailable(f"{what} was not done within {ask.within_ms / 1000:g} s")
