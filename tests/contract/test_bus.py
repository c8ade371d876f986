"""What every bus does, within one process and over connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atoll.agent.streams import ReadableStream
from atoll.bus.inprocess import InProcessBus
from atoll.bus.stream import StreamBus
from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable, Stale, Unsupported
from atoll.messages import (
    MESSAGE_BYTES_MAX,
    PIECE_BYTES,
    Ask,
    Bytes,
    Console,
    Done,
    GuestFacts,
    GuestReport,
    InspectGuest,
    OpenConsole,
    Opening,
    Parcel,
    ParcelKind,
    Power,
    ReadExport,
    ReadGuestLog,
    ReadScreen,
    RemoveVolume,
    Reply,
    Report,
    Token,
    WriteImport,
    ask_for,
)
from atoll.ports import Bus, Stream
from tests.support.streams import End, pipe

pytestmark = pytest.mark.anyio
ASKED = InspectGuest(guest_id="inst-1")
ASK = ask_for(ASKED, timeout_s=1)
OPENED = OpenConsole(guest_id="inst-1", console=Console.SERIAL)
FACTS = GuestFacts(id="inst-1", power=Power.RUNNING, boots=1)


@pytest.fixture(params=[InProcessBus, StreamBus], ids=["in process", "connections"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    built: Bus = request.param()
    await built.open()
    running = asyncio.create_task(built.run())
    yield built
    await built.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def answer_facts(ask: Ask) -> Reply:
    return FACTS


async def open_nothing(request: Opening) -> Stream:
    raise AssertionError("nobody asks for a console here")


async def test_a_request_is_answered_by_its_host_alone(bus: Bus) -> None:
    async def mine(ask: Ask) -> Reply:
        assert ask == ASK
        return FACTS

    async def other(ask: Ask) -> Reply:
        raise AssertionError("not for this host")

    await bus.serve("host-1", mine, open_nothing)
    await bus.serve("host-2", other, open_nothing)
    assert await bus.request("host-1", ASK) == FACTS


async def test_what_the_agent_raises_arrives(bus: Bus) -> None:
    async def refuse(ask: Ask) -> Reply:
        raise DriverRefused("no")

    await bus.serve("host-1", refuse, open_nothing)
    with pytest.raises(DriverRefused, match="no"):
        await bus.request("host-1", ASK)


async def test_silence_is_unavailable(bus: Bus) -> None:
    async def silent(ask: Ask) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    await bus.serve("host-1", silent, open_nothing)
    with pytest.raises(DriverUnavailable, match="did not answer InspectGuest"):
        await bus.request("host-1", ask_for(ASKED, timeout_s=0.01))


async def test_a_host_without_an_agent_is_asked_again_later(bus: Bus) -> None:
    with pytest.raises(DriverBusy, match="no agent of host host-9"):
        await bus.request("host-9", ASK)


async def test_a_host_that_stopped_serving_is_not_asked(bus: Bus) -> None:
    stop = await bus.serve("host-1", answer_facts, open_nothing)
    await stop()
    with pytest.raises(DriverBusy):
        await bus.request("host-1", ASK)
    with pytest.raises(DriverBusy):
        await bus.connect("host-1", OPENED, timeout_s=1)


async def test_an_agent_that_ends_late_does_not_silence_its_successor(bus: Bus) -> None:
    stop_first = await bus.serve("host-1", answer_facts, open_nothing)
    await bus.serve("host-1", answer_facts, open_nothing)
    await stop_first()
    assert await bus.request("host-1", ASK) == FACTS


@pytest.fixture
async def ends(bus: Bus) -> tuple[Stream, End]:
    """A connection to a console of host-1: our end, and the host's."""
    near, far = pipe()

    async def open_console(request: Opening) -> Stream:
        assert request == OPENED
        return near

    await bus.serve("host-1", answer_facts, open_console)
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


async def test_a_console_that_is_refused_says_why(bus: Bus) -> None:
    async def refuse(request: Opening) -> Stream:
        raise DriverRefused("the guest does not run")

    await bus.serve("host-1", answer_facts, refuse)
    with pytest.raises(DriverRefused, match="does not run"):
        await bus.connect("host-1", OPENED, timeout_s=1)


async def test_a_console_that_does_not_open_in_time_is_unavailable(bus: Bus) -> None:
    async def never(request: Opening) -> Stream:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    await bus.serve("host-1", answer_facts, never)
    with pytest.raises(DriverUnavailable, match="did not answer OpenConsole"):
        await bus.connect("host-1", OPENED, timeout_s=0.01)


async def test_a_host_that_is_away_opens_no_console(bus: Bus) -> None:
    with pytest.raises(DriverBusy, match="no agent of host host-9"):
        await bus.connect("host-9", OPENED, timeout_s=1)


async def test_reports_arrive_in_their_order_also_after_one_that_was_refused(
    bus: Bus,
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


async def test_the_envelope_arrives_as_it_was_sent(bus: Bus) -> None:
    sent = Ask(
        id="op-1:1:0:do:3.7",
        within_ms=1000,
        resource_id="vol-1",
        token=Token(5, "op-1", 3, 7),
        host_epoch=2,
        body=RemoveVolume(volume_id="vol-1"),
    )
    arrived: list[Ask] = []

    async def note(ask: Ask) -> Reply:
        arrived.append(ask)
        return Done()

    await bus.serve("host-1", note, open_nothing)
    assert await bus.request("host-1", sent) == Done()
    assert arrived == [sent]


async def test_errors_arrive_with_all_that_they_say(bus: Bus) -> None:
    raised: list[Exception] = [
        DriverBusy("fetching", after_s=2.5, percent=40),
        Stale("overtaken", queued_at_ms=77),
    ]

    async def raise_next(ask: Ask) -> Reply:
        raise raised.pop(0)

    await bus.serve("host-1", raise_next, open_nothing)
    with pytest.raises(DriverBusy, match="fetching") as busy:
        await bus.request("host-1", ASK)
    assert (busy.value.after_s, busy.value.percent) == (2.5, 40)
    with pytest.raises(Stale) as stale:
        await bus.request("host-1", ASK)
    assert stale.value.queued_at_ms == 77


async def test_an_agent_that_breaks_is_unavailable_and_says_how(bus: Bus) -> None:
    async def break_down(ask: Ask) -> Reply:
        raise KeyError("boots")

    await bus.serve("host-1", break_down, open_nothing)
    with pytest.raises(DriverUnavailable, match="KeyError: 'boots'"):
        await bus.request("host-1", ASK)


async def test_requests_in_flight_are_answered_each_when_it_is_ready(bus: Bus) -> None:
    first_may_end = asyncio.Event()

    async def answer(ask: Ask) -> Reply:
        assert isinstance(ask.body, ReadExport)
        if ask.body.offset == 0:
            await first_may_end.wait()
        return Bytes(data=bytes([ask.body.offset]))

    def read(offset: int) -> Ask:
        return ask_for(ReadExport(export_id="op-1", offset=offset, bytes_max=1), timeout_s=5)

    await bus.serve("host-1", answer, open_nothing)
    first = asyncio.create_task(bus.request("host-1", read(0)))
    for offset in range(1, 20):
        assert await bus.request("host-1", read(offset)) == Bytes(data=bytes([offset]))
    assert not first.done()
    first_may_end.set()
    assert await first == Bytes(data=b"\0")


async def test_a_piece_of_a_file_fits_and_a_larger_message_is_refused(bus: Bus) -> None:
    parcel = Parcel(kind=ParcelKind.VOLUME, id="vol-1", size_gib=1)

    def piece(size: int) -> Ask:
        body = WriteImport(
            parcel=parcel, size_bytes=2**40, checksum="sha256:0", offset=2**39, data=bytes(size)
        )
        return ask_for(body, timeout_s=5)

    async def answer(ask: Ask) -> Reply:
        assert isinstance(ask.body, WriteImport)
        return Bytes(data=ask.body.data + bytes(PIECE_BYTES))

    await bus.serve("host-1", answer, open_nothing)
    with pytest.raises(DriverRefused, match="at most"):
        await bus.request("host-1", piece(MESSAGE_BYTES_MAX))
    with pytest.raises(DriverRefused, match="at most"):
        await bus.request("host-1", piece(PIECE_BYTES))
    assert await bus.request("host-1", piece(0)) == Bytes(data=bytes(PIECE_BYTES))


@pytest.mark.parametrize(
    "wanted", [ReadScreen(guest_id="inst-1"), ReadGuestLog(guest_id="inst-1", bytes_max=2**20)]
)
async def test_what_is_larger_than_a_message_arrives_as_a_stream(bus: Bus, wanted: Opening) -> None:
    picture = bytes(range(256)) * (3 * MESSAGE_BYTES_MAX // 256)

    async def show(request: Opening) -> Stream:
        assert request == wanted
        return ReadableStream(picture)

    await bus.serve("host-1", answer_facts, show)
    stream = await bus.connect("host-1", wanted, timeout_s=1)
    arrived = b""
    while data := await stream.receive():
        assert len(data) < MESSAGE_BYTES_MAX
        arrived += data
    await stream.close()
    assert arrived == picture


async def test_a_stream_that_nobody_reads_holds_the_host_up_and_nobody_else(bus: Bus) -> None:
    near, far = pipe(chunks_max=1)

    async def open_console(request: Opening) -> Stream:
        return near

    await bus.serve("host-1", answer_facts, open_console)
    ours = await bus.connect("host-1", OPENED, timeout_s=1)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 64 * MESSAGE_BYTES_MAX:
            async with asyncio.timeout(0.05):
                await far.send(bytes(64 * 1024))
            sent += 64 * 1024
    assert sent <= MESSAGE_BYTES_MAX
    assert await bus.request("host-1", ASK) == FACTS
    await ours.close()


async def test_a_request_that_only_connects_is_not_answered(bus: Bus) -> None:
    await bus.serve("host-1", answer_facts, open_nothing)
    with pytest.raises(Unsupported, match="connected, not answered"):
        await bus.request("host-1", ask_for(OPENED, timeout_s=1))
