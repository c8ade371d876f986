"""The bus over connections: each host opens one to the control plane.

`StreamControl` is the control plane's half, `StreamHosts` that of the hosts of a process.
`StreamBus` is both in one process, joined by socket pairs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from atoll.bus.codec import decode_answer, encode
from atoll.bus.endpoint import Connector, Endpoint, Handler
from atoll.bus.frames import Frames, make_pair
from atoll.bus.link import ControlLink, HostLink
from atoll.bus.reports import Reports
from atoll.bus.waiting import elsewhere, wait_for
from atoll.messages import Ask, Opening, Reply, Report, ask_for
from atoll.ports import Stream

Dial = Callable[[], Coroutine[Any, Any, Frames]]


class StreamControl:
    """Sends requests to the connected hosts."""

    def __init__(self) -> None:
        self.reports = Reports()
        self._links: dict[str, HostLink] = {}
        self._accepted: set[HostLink] = set()

    async def accept(self, frames: Frames) -> None:
        """Serve one connection of a host until it ends. The newest connection of a host is used."""
        link = HostLink(frames, self._links.__setitem__, self._forget, self.reports.put)
        self._accepted.add(link)
        try:
            await link.run()
        finally:
            self._forget(link)
            self._accepted.discard(link)
            await link.close()

    def _forget(self, link: HostLink) -> None:
        for host_id in [host_id for host_id, one in self._links.items() if one is link]:
            del self._links[host_id]

    async def request(self, host_id: str, ask: Ask) -> Reply:
        data = encode(ask)
        answering = self._link(host_id).request(data)
        what = type(ask.body).__name__
        return decode_answer(await wait_for(host_id, what, answering, ask.within_ms / 1000))

    async def connect(self, host_id: str, request: Opening, *, timeout_s: float) -> Stream:
        opening = self._link(host_id).open(encode(ask_for(request, timeout_s=timeout_s)))
        return await wait_for(host_id, type(request).__name__, opening, timeout_s)

    def _link(self, host_id: str) -> HostLink:
        link = self._links.get(host_id)
        if link is None:
            raise elsewhere(host_id)
        return link

    async def close(self) -> None:
        for link in list(self._accepted):
            await link.close()


class StreamHosts:
    """Connects to the control plane for each host that this process serves."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._links: dict[str, ControlLink] = {}
        self._running: dict[ControlLink, asyncio.Task[None]] = {}

    async def serve(
        self, host_id: str, handler: Handler, connector: Connector
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        link = self._links.get(host_id)
        if link is None or link.ended or link.endpoint is not None:
            link = await self._connect(host_id)
        await link.serve(host_id, Endpoint(handler, connector))

        async def stop() -> None:
            if not link.ended:
                await link.leave()
            await self._end(link)

        return stop

    async def report(self, report: Report) -> None:
        link = self._links.get(report.host_id)
        if link is None or link.ended:
            link = await self._connect(report.host_id)
        await link.report(report)

    async def _connect(self, host_id: str) -> ControlLink:
        link = self._links[host_id] = ControlLink(await self._dial())
        self._running[link] = asyncio.create_task(link.run(), name=f"link of {host_id}")
        return link

    async def _end(self, link: ControlLink) -> None:
        """Close the connection and cancel the requests that are being executed for it."""
        await link.close()
        if (running := self._running.pop(link, None)) is not None:
            await running
        for host_id in [host_id for host_id, one in self._links.items() if one is link]:
            del self._links[host_id]

    async def close(self) -> None:
        for link in list(self._running):
            await self._end(link)


class StreamBus:
    """A `ports.Bus`."""

    def __init__(self) -> None:
        self._control = StreamControl()
        self._hosts = StreamHosts(self._dial)
        self._accepting: set[asyncio.Task[None]] = set()
        self.request = self._control.request
        self.connect = self._control.connect
        self.serve = self._hosts.serve
        self.report = self._hosts.report
        self.on_report = self._control.reports.add_handler
        self.run = self._control.reports.run
        self.settled = self._control.reports.settled

    async def _dial(self) -> Frames:
        near, far = await make_pair()
        accepting = asyncio.create_task(self._control.accept(far))
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepting.discard)
        return near

    async def open(self) -> None:
        """Do nothing: a connection is made when a host first sends something."""

    async def close(self) -> None:
        await self._hosts.close()
        await self._control.close()
        await asyncio.gather(*self._accepting, return_exceptions=True)
