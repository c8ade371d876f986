"""The agent: answers requests for its host by its driver, and reports what happens there."""

import asyncio

import structlog

from atoll.agent.handlers import Handlers
from atoll.domain.errors import AtollError
from atoll.messages import GuestFacts, GuestReport, HostReport
from atoll.ports import Bus, Clock, Driver

log = structlog.get_logger()
HEARTBEAT_S = 5.0
# What was missed or came too early is found by the next full list of guests.
BEATS_A_CENSUS = 12


class Agent:
    """One host's agent. `host_id` is stable: the same host keeps it across restarts."""

    def __init__(
        self, host_id: str, name: str, region: str, driver: Driver, bus: Bus, clock: Clock
    ) -> None:
        self.host_id = host_id
        self.name = name
        self._region = region
        self._driver = driver
        self._bus = bus
        self._clock = clock
        self._changed: asyncio.Queue[GuestFacts] = asyncio.Queue()

    async def start(self) -> None:
        """Takes up what the driver has, tells the control plane, then answers requests."""
        await self._driver.open(self._changed.put_nowait)
        await self._bus.report(await self._report(census=True))
        handlers = Handlers(self._driver)
        self._stop_serving = self._bus.serve(self.host_id, handlers.answer, handlers.connect)

    async def run(self) -> None:
        """Reports changes and heartbeats until it is cancelled. Guests run on after that."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self.pass_on()
        finally:
            beating.cancel()
            self._stop_serving()
            await self._driver.close()

    async def pass_on(self) -> None:
        """Reports the next change of a guest."""
        facts = await self._changed.get()
        await self._bus.report(GuestReport(host_id=self.host_id, guest=facts))
        self._changed.task_done()

    async def settled(self) -> None:
        """Returns when every change so far was reported."""
        await self._changed.join()

    async def _beat(self) -> None:
        beats = 0
        while True:
            await self._clock.sleep(HEARTBEAT_S)
            beats += 1
            try:
                census = beats % BEATS_A_CENSUS == 0
                await self._bus.report(await self._report(census=census))
            except AtollError as error:
                log.warning("no heartbeat", host=self.name, why=error.message)

    async def _report(self, *, census: bool) -> HostReport:
        seen_at_ms = self._clock.now_ms()
        guests = tuple(await self._driver.list()) if census else None
        return HostReport(
            host_id=self.host_id,
            name=self.name,
            region=self._region,
            capabilities=self._driver.capabilities,
            capacity=await self._driver.capacity(),
            guests=guests,
            seen_at_ms=seen_at_ms,
        )
