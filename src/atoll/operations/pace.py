"""Accepting goes before carrying out: while requests pour in, the engine holds its breath.

The desk tells of every mutation, the engine asks before every step. A flood slows the engine to
one step in `PAUSE_S`; it never stops, so nothing is stuck however long the flood lasts.
"""

import asyncio
from collections import deque

from atoll.ports import Clock

FLOOD_REQUESTS = 5
FLOOD_WITHIN_MS = 25
PAUSE_S = 0.025


class Pace:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted_ms: deque[int] = deque([0] * FLOOD_REQUESTS, maxlen=FLOOD_REQUESTS)
        self._turn = asyncio.Lock()

    def accepted(self) -> None:
        """A mutation was accepted now."""
        self._accepted_ms.append(self._clock.now_ms())

    def flooded(self) -> bool:
        return self._clock.now_ms() - self._accepted_ms[0] < FLOOD_WITHIN_MS

    async def step(self) -> None:
        """Returns when a step may be done."""
        if not self.flooded():
            return
        async with self._turn:
            if self.flooded():
                await asyncio.sleep(PAUSE_S)
