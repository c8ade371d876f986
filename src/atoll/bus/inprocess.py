"""The bus of one process: requests are calls, reports are a bounded queue, a stream is passed on
directly. Not a shortcut: bytes, timeouts and errors are the same as between machines."""

from collections.abc import Callable, Coroutine
from typing import Any

from atoll.bus.codec import decode_answer, decode_report, encode
from atoll.bus.endpoint import Connector, Endpoint, Handler
from atoll.bus.reports import ReportHandler, Reports
from atoll.bus.waiting import elsewhere, wait_for
from atoll.messages import Ask, Opening, Reply, Report, ask_for
from atoll.ports import Stream


class InProcessBus:
    """A `ports.Bus`."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        self._reports = Reports()

    async def open(self) -> None:
        """Do nothing: there is nothing to open."""

    async def close(self) -> None:
        self._endpoints.clear()

    async def request(self, host_id: str, ask: Ask) -> Reply:
        data = encode(ask)
        answering = self._endpoint(host_id).answer(data)
        what = type(ask.body).__name__
        return decode_answer(await wait_for(host_id, what, answering, ask.within_ms / 1000))

    async def connect(self, host_id: str, request: Opening, *, timeout_s: float) -> Stream:
        data = encode(ask_for(request, timeout_s=timeout_s))
        opening = self._endpoint(host_id).open(data)
        what = type(request).__name__
        answer, stream = await wait_for(host_id, what, opening, timeout_s)
        decode_answer(answer)
        assert stream is not None, "what is not refused is connected"
        return stream

    async def serve(
        self, host_id: str, handler: Handler, connector: Connector
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        endpoint = self._endpoints[host_id] = Endpoint(handler, connector)

        async def stop() -> None:
            if self._endpoints.get(host_id) is endpoint:
                del self._endpoints[host_id]

        return stop

    def _endpoint(self, host_id: str) -> Endpoint:
        endpoint = self._endpoints.get(host_id)
        if endpoint is None:
            raise elsewhere(host_id)
        return endpoint

    async def report(self, report: Report) -> None:
        await self._reports.put(decode_report(encode(report)))

    def on_report(self, handler: ReportHandler) -> None:
        self._reports.add_handler(handler)

    async def run(self) -> None:
        await self._reports.run()

    async def settled(self) -> None:
        await self._reports.settled()
