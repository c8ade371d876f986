"""Accepting goes before carrying out: while requests pour in, the engine holds its breath.

The desk tells of every mutation, the engine asks before every step. A flood slows the engine to
a few steps each `PAUSE_S`; it never stops, so nothing is stuck however long the flood lasts.
"""

import asyncio
from collections import deque

from atoll.ports import Clock

FLOOD_REQUESTS = 5
FLOOD_WITHIN_MS = 25
PAUSE_S = 0.025
STEPS_A_PAUSE = 4


class Pace:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted_ms: deque[int] = deque([0] * FLOOD_REQUESTS, maxlen=FLOOD_REQUESTS)
        self._turn = asyncio.Lock()
        self._left = STEPS_A_PAUSE

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
            if self._left == 0 and self.flooded():
                await asyncio.sleep(PAUSE_S)
                self._left = STEPS_A_PAUSE
            self._left = max(0, self._left - 1)
