"""A clock that does not wait, and ids that count up."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from atoll.domain import ids
from tests.support.things import NOW

JUMP_S = 0.03


class JumpingClock:
    """`ports.Clock` that does not wait: when somebody sleeps, and a moment of real time has
    passed in which others could work, it jumps to the end of the sleep that ends first. Not while
    `is_busy`: what takes long on a loaded machine must not look as if it took hours."""

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._is_busy = is_busy
        self._now_ms = NOW
        self._stepped_ms = 0
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []
        self._numbers = count()

    def now_ms(self) -> int:
        return self._now_ms + self._stepped_ms

    def span_ms(self) -> int:
        return self._now_ms

    def step(self, seconds: float) -> None:
        """Set the time of day forwards or backwards, as NTP or an administrator does."""
        self._stepped_ms += int(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        sleeper = (self._now_ms + int(seconds * 1000), next(self._numbers), asyncio.Event())
        heapq.heappush(self._sleepers, sleeper)
        asyncio.get_running_loop().call_later(JUMP_S, self._jump)
        try:
            await sleeper[2].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)

    def advance(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1000)

    def _jump(self) -> None:
        if self._is_busy():
            asyncio.get_running_loop().call_later(JUMP_S, self._jump)
        elif self._sleepers:
            until_ms, _, woken = heapq.heappop(self._sleepers)
            self._now_ms = max(self._now_ms, until_ms)
            woken.set()


class StillClock:
    """`ports.Clock` in which time passes only when the test says so."""

    def __init__(self) -> None:
        self._now_ms = NOW
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def span_ms(self) -> int:
        return self._now_ms

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self._now_ms + int(seconds * 1000), woken))
        await woken.wait()

    def sleeping(self) -> int:
        """How many wait for a time that has not come."""
        return sum(not woken.is_set() for _, woken in self._sleepers)

    def advance(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1000)
        for until_ms, woken in self._sleepers:
            if until_ms <= self._now_ms:
                woken.set()


class CountedIds:
    """`ports.Ids`: well-formed, unique, in order."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, prefix: str) -> str:
        return ids.native(prefix, ids.compose(NOW, next(self._numbers) << 8))
