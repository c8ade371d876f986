"""The agent: answers requests for its host with its driver, and sends reports."""

import asyncio

import structlog

from atoll.agent.answers import Answers
from atoll.agent.census import Part, parts_of
from atoll.agent.fencing import Fence
from atoll.agent.handlers import Handlers
from atoll.domain.errors import AtollError
from atoll.messages import GuestFacts, GuestReport, HostReport
from atoll.ports import Bus, Clock, Driver

log = structlog.get_logger()
HEARTBEAT_S = 5.0
# A missed or premature report is corrected by the next complete list of guests.
BEATS_A_CENSUS = 12


class Agent:
    """One host's agent. `host_id` is stable across restarts. A `fence` with a file rejects outdated
    requests also after a restart."""

    def __init__(
        self,
        host_id: str,
        name: str,
        region: str,
        driver: Driver,
        bus: Bus,
        clock: Clock,
        fence: Fence | None = None,
    ) -> None:
        self.host_id = host_id
        self.name = name
        self._region = region
        self._driver = driver
        self._bus = bus
        self._clock = clock
        self._fence = fence or Fence()
        self._changed: asyncio.Queue[GuestFacts] = asyncio.Queue()

    async def start(self) -> None:
        """Adopt the driver's guests, report to the control plane, then answer requests."""
        self._fence.open()
        await self._driver.open(self._changed.put_nowait)
        await self.report(census=True)
        handlers = Handlers(self._driver, self._fence, Answers())
        self._stop_serving = await self._bus.serve(self.host_id, handlers.answer, handlers.connect)

    async def run(self) -> None:
        """Report changes and heartbeats until cancelled. Guests keep running."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self.pass_on()
        finally:
            beating.cancel()
            await self._stop_serving()
            await self._driver.close()

    async def pass_on(self) -> None:
        """Report the next change of a guest. A change that cannot be reported is in the next
        census."""
        facts = await self._changed.get()
        try:
            await self._bus.report(GuestReport(host_id=self.host_id, guest=facts))
        except AtollError as error:
            log.warning("a change was not reported", guest=facts.id, why=error.message)
        self._changed.task_done()

    async def settled(self) -> None:
        """Return when every change so far was reported."""
        await self._changed.join()

    async def _beat(self) -> None:
        beats = 0
        while True:
            await self._clock.sleep(HEARTBEAT_S)
            beats += 1
            try:
                await self.report(census=beats % BEATS_A_CENSUS == 0)
            except AtollError as error:
                log.warning("no heartbeat", host=self.name, why=error.message)

    async def report(self, *, census: bool) -> None:
        """Report the host, and for a census all its guests."""
        seen_at_ms = self._clock.now_ms()
        parts = parts_of(await self._driver.list()) if census else [Part()]
        capacity = await self._driver.capacity()
        for part in parts:
            report = HostReport(
                host_id=self.host_id,
                name=self.name,
                region=self._region,
                capabilities=self._driver.capabilities,
                capacity=capacity,
                guests=part.guests,
                after=part.after,
                until=part.until,
                seen_at_ms=seen_at_ms,
            )
            await self._bus.report(report)
