"""The real clock and the real randomness: only this module uses them."""

import asyncio
import random
import time

from atoll.domain import ids


class SystemClock:
    """`ports.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def span_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RandomIds:
    """`ports.Ids`: ids of one process increase strictly, also within a millisecond. An id is not a
    secret, so an ordinary generator, seeded by the machine, is sufficient."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._last = 0
        self._bits = random.Random().getrandbits  # noqa: S311

    def new(self, prefix: str) -> str:
        bits = ids.compose(self._clock.now_ms(), self._bits(80))
        if bits <= self._last:
            # The 62 random bits at the end count up; an overflow is practically impossible.
            bits = self._last + 1 + self._bits(16)
        self._last = bits
        return ids.native(prefix, bits)
