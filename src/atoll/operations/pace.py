"""Accepting requests takes precedence over running operations.

The desk reports every change, and the engine asks before every step. Under a flood of requests, the
engine runs a few steps each `PAUSE_S`; it never stops, so nothing gets stuck however long the flood
lasts. Otherwise it runs a few with each turn of the event loop. Waiting steps are taken from each
lane in turn, so that one project cannot delay the others.
"""

import asyncio
from collections import deque

from atoll.ports import Clock

FLOOD_REQUESTS = 5
FLOOD_WITHIN_MS = 25
PAUSE_S = 0.025
STEPS_A_PAUSE = 4
STEPS_A_TURN = 16
# A project, and a kind of operation.
Lane = tuple[str, str]


class Pace:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted_ms: deque[int] = deque([0] * FLOOD_REQUESTS, maxlen=FLOOD_REQUESTS)
        self._lanes: dict[Lane, deque[asyncio.Future[None]]] = {}
        self._serving: asyncio.Task[None] | None = None
        self._left = 0

    def accepted(self) -> None:
        """Note that a change was accepted now."""
        self._accepted_ms.append(self._clock.span_ms())

    def flooded(self) -> bool:
        return self._clock.span_ms() - self._accepted_ms[0] < FLOOD_WITHIN_MS

    async def step(self, lane: Lane = ("", "")) -> None:
        """Return when a step of this project and kind may run."""
        if self._serving is None:
            self._left = STEPS_A_PAUSE if self.flooded() else STEPS_A_TURN
            self._serving = asyncio.create_task(self._serve())
        if self._left > 0 and not self._lanes:
            self._left -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        await turn

    async def _serve(self) -> None:
        try:
            await self._rest()
            while self._lanes:
                while self._left > 0 and self._lanes:
                    self._left -= 1
                    self._let_one_go()
                await self._rest()
        finally:
            self._serving = None

    async def _rest(self) -> None:
        flooded = self.flooded()
        await asyncio.sleep(PAUSE_S if flooded else 0)
        self._left = STEPS_A_PAUSE if flooded else STEPS_A_TURN

    def _let_one_go(self) -> None:
        """Release the first step of the lane that has waited longest; the lane then queues behind
        all others."""
        while self._lanes:
            lane, waiting = next(iter(self._lanes.items()))
            del self._lanes[lane]
            turn = waiting.popleft()
            if waiting:
                self._lanes[lane] = waiting
            if not turn.done():
                turn.set_result(None)
                return
