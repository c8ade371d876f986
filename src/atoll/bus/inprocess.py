"""The bus of one process: requests are calls, reports are a bounded queue, a console's stream is
handed through. No shortcut: the same messages, timeouts and errors as between machines."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import structlog

from atoll.domain.errors import AtollError, DriverElsewhere, DriverUnavailable
from atoll.messages import OpenConsole, Reply, Report, Request
from atoll.ports import Stream

log = structlog.get_logger()
REPORTS_MAX = 10_000
ELSEWHERE_S = 0.5
Handler = Callable[[Request], Coroutine[Any, Any, Reply]]
Connector = Callable[[OpenConsole], Coroutine[Any, Any, Stream]]
T = TypeVar("T")


class Host(NamedTuple):
    """What serves a host."""

    handler: Handler
    connector: Connector


class InProcessBus:
    """`ports.Bus`."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}
        self._reports: asyncio.Queue[Report] = asyncio.Queue(REPORTS_MAX)
        self._handlers: list[Callable[[Report], Coroutine[Any, Any, None]]] = []

    async def request(self, host_id: str, request: Request, *, timeout_s: float) -> Reply:
        host = self._host(host_id)
        return await in_time(host_id, request, host.handler(request), timeout_s)

    async def connect(self, host_id: str, request: OpenConsole, *, timeout_s: float) -> Stream:
        host = self._host(host_id)
        return await in_time(host_id, request, host.connector(request), timeout_s)

    def serve(self, host_id: str, handler: Handler, connector: Connector) -> Callable[[], None]:
        serving = self._hosts[host_id] = Host(handler, connector)

        def stop() -> None:
            if self._hosts.get(host_id) is serving:
                del self._hosts[host_id]

        return stop

    def _host(self, host_id: str) -> Host:
        host = self._hosts.get(host_id)
        if host is None:
            # Where several control planes share a database, the host's agent may be with another
            # one: whoever is with it takes the operation next.
            raise DriverElsewhere(f"no agent of host {host_id} is here", after_s=ELSEWHERE_S)
        return host

    async def report(self, report: Report) -> None:
        await self._reports.put(report)

    def on_report(self, handler: Callable[[Report], Coroutine[Any, Any, None]]) -> None:
        self._handlers.append(handler)

    async def run(self) -> None:
        """Hands reports to their handlers, one after the other, until it is cancelled."""
        while True:
            report = await self._reports.get()
            for handler in self._handlers:
                try:
                    await handler(report)
                except AtollError as error:
                    log.warning("a report was not taken", why=error.message)
                except Exception as error:
                    log.error("a report was not taken", exc_info=error)
            self._reports.task_done()

    async def settled(self) -> None:
        """Returns when every report so far was handled."""
        await self._reports.join()


async def in_time(
    host_id: str, request: Request | OpenConsole, answer: Coroutine[Any, Any, T], timeout_s: float
) -> T:
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError as error:
        what = type(request).__name__
        raise DriverUnavailable(
            f"host {host_id} did not answer {what} within {timeout_s:g} s"
        ) from error
