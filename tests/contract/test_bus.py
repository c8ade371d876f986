"""What every bus does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.bus.inprocess import InProcessBus
from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.messages import (
    Console,
    GuestFacts,
    GuestReport,
    InspectGuest,
    OpenConsole,
    Power,
    Reply,
    Report,
    Request,
)
from atoll.ports import Stream
from tests.support.streams import End, pipe

pytestmark = pytest.mark.anyio
ASKED = InspectGuest(guest_id="inst-1")
OPENED = OpenConsole(guest_id="inst-1", console=Console.SERIAL)
FACTS = GuestFacts(id="inst-1", power=Power.RUNNING, boots=1)


@pytest.fixture
async def bus() -> AsyncIterator[InProcessBus]:
    built = InProcessBus()
    running = asyncio.create_task(built.run())
    yield built
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def answer_facts(request: Request) -> Reply:
    return FACTS


async def open_nothing(request: OpenConsole) -> Stream:
    raise AssertionError("nobody asks for a console here")


async def test_a_request_is_answered_by_its_host_alone(bus: InProcessBus) -> None:
    async def mine(request: Request) -> Reply:
        assert request == ASKED
        return FACTS

    async def other(request: Request) -> Reply:
        raise AssertionError("not for this host")

    bus.serve("host-1", mine, open_nothing)
    bus.serve("host-2", other, open_nothing)
    assert await bus.request("host-1", ASKED, timeout_s=1) == FACTS


async def test_what_the_agent_raises_arrives(bus: InProcessBus) -> None:
    async def refuse(request: Request) -> Reply:
        raise DriverRefused("no")

    bus.serve("host-1", refuse, open_nothing)
    with pytest.raises(DriverRefused, match="no"):
        await bus.request("host-1", ASKED, timeout_s=1)


async def test_silence_is_unavailable(bus: InProcessBus) -> None:
    async def silent(request: Request) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    bus.serve("host-1", silent, open_nothing)
    with pytest.raises(DriverUnavailable, match="did not answer InspectGuest"):
        await bus.request("host-1", ASKED, timeout_s=0.01)


async def test_a_host_without_an_agent_is_asked_again_later(bus: InProcessBus) -> None:
    with pytest.raises(DriverBusy, match="no agent of host host-9"):
        await bus.request("host-9", ASKED, timeout_s=1)


async def test_a_host_that_stopped_serving_is_not_asked(bus: InProcessBus) -> None:
    stop = bus.serve("host-1", answer_facts, open_nothing)
    stop()
    with pytest.raises(DriverBusy):
        await bus.request("host-1", ASKED, timeout_s=1)
    with pytest.raises(DriverBusy):
        await bus.connect("host-1", OPENED, timeout_s=1)


async def test_an_agent_that_ends_late_does_not_silence_its_successor(bus: InProcessBus) -> None:
    stop_first = bus.serve("host-1", answer_facts, open_nothing)
    bus.serve("host-1", answer_facts, open_nothing)
    stop_first()
    assert await bus.request("host-1", ASKED, timeout_s=1) == FACTS


@pytest.fixture
async def ends(bus: InProcessBus) -> tuple[Stream, End]:
    """A connection to a console of host-1: our end, and the host's."""
    near, far = pipe()

    async def open_console(request: OpenConsole) -> Stream:
        assert request == OPENED
        return near

    bus.serve("host-1", answer_facts, open_console)
    return await bus.connect("host-1", OPENED, timeout_s=1), far


async def test_a_stream_carries_bytes_both_ways(ends: tuple[Stream, End]) -> None:
    ours, hosts = ends
    await hosts.send(b"login: ")
    assert await ours.receive() == b"login: "
    every_byte = bytes(range(256)) * 1000
    await ours.send(every_byte)
    arrived = b""
    while len(arrived) < len(every_byte):
        arrived += await hosts.receive()
    assert arrived == every_byte


async def test_the_end_of_a_stream_is_noticed_at_the_host(ends: tuple[Stream, End]) -> None:
    ours, hosts = ends
    await ours.close()
    assert await hosts.receive() == b""
    with pytest.raises(DriverUnavailable):
        await hosts.send(b"too late")


async def test_the_end_of_a_stream_is_noticed_by_whoever_opened_it(
    ends: tuple[Stream, End],
) -> None:
    ours, hosts = ends
    await hosts.send(b"last words")
    await hosts.close()
    assert [await ours.receive(), await ours.receive()] == [b"last words", b""]
    with pytest.raises(DriverUnavailable):
        await ours.send(b"too late")


async def test_a_console_that_is_refused_says_why(bus: InProcessBus) -> None:
    async def refuse(request: OpenConsole) -> Stream:
        raise DriverRefused("the guest does not run")

    bus.serve("host-1", answer_facts, refuse)
    with pytest.raises(DriverRefused, match="does not run"):
        await bus.connect("host-1", OPENED, timeout_s=1)


async def test_a_console_that_does_not_open_in_time_is_unavailable(bus: InProcessBus) -> None:
    async def never(request: OpenConsole) -> Stream:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    bus.serve("host-1", answer_facts, never)
    with pytest.raises(DriverUnavailable, match="did not answer OpenConsole"):
        await bus.connect("host-1", OPENED, timeout_s=0.01)


async def test_a_host_that_is_away_opens_no_console(bus: InProcessBus) -> None:
    with pytest.raises(DriverBusy, match="no agent of host host-9"):
        await bus.connect("host-9", OPENED, timeout_s=1)


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
