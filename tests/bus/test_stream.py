"""What connections do beyond every bus: they break, and their other side may misbehave."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.bus.endpoint import Endpoint
from atoll.bus.frames import HEADER, Frame, Frames, Kind, make_pair
from atoll.bus.link import ControlLink
from atoll.bus.stream import StreamControl
from atoll.domain.errors import DriverElsewhere, DriverUnavailable
from atoll.messages import (
    MESSAGE_BYTES_MAX,
    Ask,
    Console,
    GuestFacts,
    GuestReport,
    InspectGuest,
    OpenConsole,
    Opening,
    Power,
    Reply,
    ask_for,
)
from atoll.ports import Stream
from tests.support.streams import pipe

pytestmark = pytest.mark.anyio
ASK = ask_for(InspectGuest(guest_id="inst-1"), timeout_s=5)
OPENED = OpenConsole(guest_id="inst-1", console=Console.SERIAL)
FACTS = GuestFacts(id="inst-1", power=Power.RUNNING, boots=1)


class Wire:
    """A control plane, and the host's end of a connection to it."""

    def __init__(self, control: StreamControl, host: Frames, accepted: asyncio.Task[None]) -> None:
        self.control = control
        self.host = host
        self.accepted = accepted
        self.link = ControlLink(host)
        self.running: asyncio.Task[None] | None = None

    async def serve(self, endpoint: Endpoint) -> None:
        self.running = asyncio.create_task(self.link.run())
        await self.link.serve("host-1", endpoint)

    async def cut(self) -> None:
        await self.host.close()
        await self.accepted


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    control = StreamControl()
    near, far = await make_pair()
    built = Wire(control, near, asyncio.create_task(control.accept(far)))
    yield built
    await built.link.close()
    await control.close()
    await asyncio.gather(built.accepted, return_exceptions=True)
    if built.running is not None:
        await built.running


async def never_answer(ask: Ask) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def open_nothing(request: Opening) -> Stream:
    raise AssertionError("nobody asks for a console here")


async def test_what_is_in_flight_fails_when_the_connection_breaks(wire: Wire) -> None:
    asked = asyncio.Event()

    async def answer(ask: Ask) -> Reply:
        asked.set()
        return await never_answer(ask)

    await wire.serve(Endpoint(answer, open_nothing))
    asking = asyncio.create_task(wire.control.request("host-1", ASK))
    await asked.wait()
    await wire.cut()
    with pytest.raises(DriverUnavailable, match="whether it was done is not known"):
        await asking
    with pytest.raises(DriverElsewhere):
        await wire.control.request("host-1", ASK)


async def test_an_open_stream_fails_at_both_ends_when_the_connection_breaks(wire: Wire) -> None:
    near, far = pipe()

    async def open_console(request: Opening) -> Stream:
        return near

    await wire.serve(Endpoint(never_answer, open_console))
    ours = await wire.control.connect("host-1", OPENED, timeout_s=5)
    await far.send(b"last words")
    assert await ours.receive() == b"last words"
    await wire.cut()
    with pytest.raises(DriverUnavailable):
        await ours.receive()
    with pytest.raises(DriverUnavailable):
        await ours.send(b"too late")
    assert await far.receive() == b"", "the guest's console is let go"


async def test_a_host_that_dials_again_is_asked_by_its_new_connection(wire: Wire) -> None:
    await wire.serve(Endpoint(never_answer, open_nothing))

    async def answer_facts(ask: Ask) -> Reply:
        return FACTS

    near, far = await make_pair()
    accepted = asyncio.create_task(wire.control.accept(far))
    again = ControlLink(near)
    running = asyncio.create_task(again.run())
    await again.serve("host-1", Endpoint(answer_facts, open_nothing))
    await wire.cut()
    assert await wire.control.request("host-1", ASK) == FACTS
    await again.close()
    await asyncio.gather(running, accepted)


@pytest.mark.parametrize(
    "noise",
    [
        HEADER.pack(MESSAGE_BYTES_MAX, Kind.REPORT, 1),
        HEADER.pack(0, 99, 1),
        HEADER.pack(0, Kind.ASK, 1),
    ],
    ids=["too long", "no such kind", "what only the control plane may ask"],
)
async def test_a_host_that_breaks_the_rules_is_cut_off(wire: Wire, noise: bytes) -> None:
    wire.host._writer.write(noise)
    assert await wire.host.receive() is None
    await wire.accepted


async def test_a_host_that_sends_more_than_it_may_is_cut_off(wire: Wire) -> None:
    await wire.host.send(Frame(Kind.SERVE, 1, b"host-1"))
    assert await wire.host.receive() == Frame(Kind.TAKEN, 1)
    opening = asyncio.create_task(wire.control.connect("host-1", OPENED, timeout_s=5))
    asked = await wire.host.receive()
    assert asked is not None
    flood = Frame(Kind.DATA, asked.channel, bytes(64 * 1024))
    with pytest.raises(DriverUnavailable):
        for _ in range(1000):
            await wire.host.send(flood)
    with pytest.raises(DriverUnavailable):
        await opening


async def test_a_report_that_cannot_be_read_does_not_end_the_connection(wire: Wire) -> None:
    await wire.host.send(Frame(Kind.REPORT, 1, b"\xc1"))
    assert await wire.host.receive() == Frame(Kind.TAKEN, 1)
    taken: list[object] = []

    async def take(report: object) -> None:
        taken.append(report)

    wire.control.reports.add_handler(take)
    handing_on = asyncio.create_task(wire.control.reports.run())
    wire.running = asyncio.create_task(wire.link.run())
    report = GuestReport(host_id="host-1", guest=FACTS)
    await wire.link.report(report)
    await wire.control.reports.settled()
    assert taken == [report]
    handing_on.cancel()


async def test_a_report_over_a_broken_connection_fails(wire: Wire) -> None:
    await wire.serve(Endpoint(never_answer, open_nothing))
    await wire.cut()
    assert wire.running is not None
    await wire.running
    with pytest.raises(DriverUnavailable, match="closed"):
        await wire.link.report(GuestReport(host_id="host-1", guest=FACTS))
