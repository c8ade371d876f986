"""What every bus does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.bus.inprocess import InProcessBus
from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.messages import (
    GuestFacts,
    GuestReport,
    InspectGuest,
    Power,
    Reply,
    Report,
    Request,
)

pytestmark = pytest.mark.anyio
ASKED = InspectGuest(guest_id="inst-1")
FACTS = GuestFacts(id="inst-1", power=Power.RUNNING, boots=1)


@pytest.fixture
async def bus() -> AsyncIterator[InProcessBus]:
    built = InProcessBus()
    running = asyncio.create_task(built.run())
    yield built
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_request_is_answered_by_its_host_alone(bus: InProcessBus) -> None:
    async def mine(request: Request) -> Reply:
        assert request == ASKED
        return FACTS

    async def other(request: Request) -> Reply:
        raise AssertionError("not for this host")

    bus.serve("host-1", mine)
    bus.serve("host-2", other)
    assert await bus.request("host-1", ASKED, timeout_s=1) == FACTS


async def test_what_the_agent_raises_arrives(bus: InProcessBus) -> None:
    async def refuse(request: Request) -> Reply:
        raise DriverRefused("no")

    bus.serve("host-1", refuse)
    with pytest.raises(DriverRefused, match="no"):
        await bus.request("host-1", ASKED, timeout_s=1)


async def test_silence_is_unavailable(bus: InProcessBus) -> None:
    async def silent(request: Request) -> Reply:
        await asyncio.Event().wait()

    bus.serve("host-1", silent)
    with pytest.raises(DriverUnavailable, match="did not answer InspectGuest"):
        await bus.request("host-1", ASKED, timeout_s=0.01)


async def test_a_host_without_an_agent_is_asked_again_later(bus: InProcessBus) -> None:
    with pytest.raises(DriverBusy, match="no agent of host host-9"):
        await bus.request("host-9", ASKED, timeout_s=1)


async def test_a_host_that_stopped_serving_is_not_asked(bus: InProcessBus) -> None:
    async def answer(request: Request) -> Reply:
        return FACTS

    stop = bus.serve("host-1", answer)
    stop()
    with pytest.raises(DriverBusy):
        await bus.request("host-1", ASKED, timeout_s=1)


async def test_reports_arrive_in_their_order_also_after_one_that_was_refused(
    bus: InProcessBus,
) -> None:
    taken: list[Report] = []

    async def take(report: Report) -> None:
        taken.append(report)
        if len(taken) == 1:
            raise DriverRefused("not this one")

    bus.on_report(take)
    sent = [GuestReport(host_id=f"host-{n}", guest=FACTS) for n in range(3)]
    for report in sent:
        await bus.report(report)
    await bus.settled()
    assert taken == sent
