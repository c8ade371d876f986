"""The control plane's end of reports: a bounded queue, and the handlers of reports."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from atoll.domain.errors import AtollError
from atoll.messages import Report

log = structlog.get_logger()
REPORTS_MAX = 10_000
ReportHandler = Callable[[Report], Coroutine[Any, Any, None]]


class Reports:
    """A full queue delays the hosts instead of using more memory."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Report] = asyncio.Queue(REPORTS_MAX)
        self._handlers: list[ReportHandler] = []

    async def put(self, report: Report) -> None:
        await self._queue.put(report)

    def add_handler(self, handler: ReportHandler) -> None:
        self._handlers.append(handler)

    async def run(self) -> None:
        while True:
            report = await self._queue.get()
            for handler in self._handlers:
                try:
                    await handler(report)
                except AtollError as error:
                    log.warning("a report was not taken", why=error.message)
                except Exception as error:
                    log.error("a report was not taken", exc_info=error)
            self._queue.task_done()

    async def settled(self) -> None:
        await self._queue.join()
