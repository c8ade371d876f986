"""The parts of a process, and the supervisor that starts, watches and stops them."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Part:
    """`start` ends before the next part starts. `run` runs until cancelled. `stop` releases
    resources after all `run` have ended."""

    name: str
    start: Work | None = None
    run: Work | None = None
    stop: Work | None = None


class Supervisor:
    """Starts parts one after the other, and stops them in reverse order. A part that ends by itself
    is an error: the process would be incomplete, so it ends."""

    def __init__(self) -> None:
        self.ready = False
        self.broken = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        self._started: list[Part] = []

    async def start(self, part: Part) -> None:
        if part.start is not None:
            await part.start()
        self._started.append(part)
        if part.run is not None:
            task = asyncio.create_task(part.run(), name=part.name)
            task.add_done_callback(self._ended)
            self.tasks.append(task)

    async def stop(self) -> None:
        self.ready = False
        for task in reversed(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for part in reversed(self._started):
            if part.stop is not None:
                await part.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        log.error("a part of the cloud ended", part=task.get_name(), exc_info=task.exception())
        self.ready = False
        self.broken.set()
