"""Who may be connected with a guest's console, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from atoll.bus.inprocess import InProcessBus
from atoll.domain.commands import CreateApiKey
from atoll.domain.errors import DriverRefused, DriverUnavailable, Unauthenticated
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.projects import ApiKey, Caller, Role
from atoll.messages import Ask, Console, Done, Opening, Reply
from atoll.ports import Stream
from atoll.service import consoles
from atoll.service.consoles import IDLE_MS, OPEN_MAX, TOKEN_MS, Connections, End, Ticket, Tickets
from atoll.service.keys import Keys, new_text
from atoll.service.projects import key_of
from atoll.store.sqlite import SqliteStore
from tests.support import things
from tests.support.clock import CountedIds, StillClock
from tests.support.stores import fresh_file
from tests.support.streams import End as StreamEnd
from tests.support.streams import pipe

pytestmark = pytest.mark.anyio
SECRET, NONCE = b"s" * 32, b"n" * 32
CHECK_S = 0.005
END_S_MAX = 10


class Desk:
    """A store with a key and a running instance, and a host that opens consoles."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore(fresh_file(directory / "atoll.db"))
        self.clock, self.ids = StillClock(), CountedIds()
        self.keys = Keys(self.store, self.clock, SECRET)
        self.tickets = Tickets(self.store, self.clock, self.keys)
        self.bus = InProcessBus()
        self.connections = Connections(self.store, self.bus, self.clock, check_s=CHECK_S)
        self.guest_ends: list[StreamEnd] = []
        self.guest_opened = asyncio.Event()
        self.refusal: Exception | None = None
        self.chunks_max = 0
        self.carried: list[asyncio.Task[End]] = []

    async def open(self) -> None:
        await self.store.open()
        await self.bus.serve("host-1", answer_nothing, self._open)
        self.instance = things.instance(host_id="host-1", state=InstanceState.RUNNING)
        self.key = await self.add_key()
        async with self.store.transaction() as tx:
            tx.instances.add(self.instance)

    async def add_key(self, **spec: Any) -> ApiKey:
        command = CreateApiKey(name="k", role=Role.MEMBER, **spec)
        text = new_text(str(next(things.numbers)).encode())
        key = key_of(self.ids, self.keys, text, "proj-1", command, things.NOW)
        async with self.store.transaction() as tx:
            tx.api_keys.add(key)
        return key

    async def change(self, **changes: Any) -> Instance:
        async with self.store.transaction() as tx:
            self.instance = tx.instances.change(self.instance, **changes)
        return self.instance

    async def _open(self, request: Opening) -> Stream:
        if self.refusal is not None:
            raise self.refusal
        ours, guests = pipe(self.chunks_max)
        self.guest_ends.append(guests)
        self.guest_opened.set()
        return ours

    def token(self, nonce: bytes = NONCE) -> tuple[str, Ticket]:
        caller = Caller(key_id=self.key.id, project_id="proj-1", role=Role.MEMBER, dialect="native")
        return self.tickets.issue(caller, self.instance.id, Console.SERIAL, nonce)

    def carry(self) -> tuple["asyncio.Task[End]", StreamEnd]:
        """A connection that goes on, and the viewer's own end of it."""
        viewer, ours = pipe(self.chunks_max)
        _, ticket = self.token()
        carried = asyncio.create_task(self.connections.carry(ticket, ours))
        self.carried.append(carried)
        return carried, viewer

    async def carry_open(self) -> None:
        """A connection whose guest has been reached."""
        self.guest_opened.clear()
        self.carry()
        await asyncio.wait_for(self.guest_opened.wait(), END_S_MAX)

    async def close(self) -> None:
        for carried in self.carried:
            carried.cancel()
        await asyncio.gather(*self.carried, return_exceptions=True)
        await self.store.close()


async def answer_nothing(ask: Ask) -> Reply:
    return Done()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    built = Desk(tmp_path)
    await built.open()
    yield built
    await built.close()


async def end_of(carried: "asyncio.Task[End]") -> End:
    return await asyncio.wait_for(carried, END_S_MAX)


async def test_a_token_says_what_it_is_for_and_has_256_random_bits(desk: Desk) -> None:
    text, ticket = desk.token()
    assert await desk.tickets.redeem(text) == ticket
    assert (ticket.instance_id, ticket.console) == (desk.instance.id, Console.SERIAL)
    assert len(ticket.nonce) * 8 == 256


async def test_a_token_is_good_for_one_try_also_at_another_server(
    desk: Desk, tmp_path: Path
) -> None:
    text, _ = desk.token()
    await desk.tickets.redeem(text)
    other_store = SqliteStore(tmp_path / "atoll.db")
    await other_store.open()
    other = Tickets(other_store, desk.clock, Keys(other_store, desk.clock, SECRET))
    with pytest.raises(Unauthenticated, match="already been used"):
        await other.redeem(text)
    await other_store.close()


async def test_a_token_expires(desk: Desk) -> None:
    (in_time, _), (late, _) = desk.token(b"1" * 32), desk.token(b"2" * 32)
    desk.clock.advance(TOKEN_MS / 1000 - 1)
    await desk.tickets.redeem(in_time)
    desk.clock.advance(1)
    with pytest.raises(Unauthenticated, match="expired"):
        await desk.tickets.redeem(late)


async def test_a_token_of_a_server_with_another_secret_is_not_known(desk: Desk) -> None:
    text, _ = desk.token()
    other = Tickets(desk.store, desk.clock, Keys(desk.store, desk.clock, b"o" * 32))
    with pytest.raises(Unauthenticated, match="not known"):
        await other.redeem(text)


async def test_bytes_pass_both_ways_until_the_viewer_leaves(desk: Desk) -> None:
    carried, viewer = desk.carry()
    await viewer.send(b"ls\r")
    await desk.guest_opened.wait()
    (guest,) = desk.guest_ends
    assert await guest.receive() == b"ls\r"
    await guest.send(b"file")
    assert await viewer.receive() == b"file"
    await viewer.close()
    assert await end_of(carried) is End.VIEWER_LEFT
    assert await guest.receive() == b"", "the guest's side is closed, too"


async def test_the_guests_last_words_arrive_before_its_end(desk: Desk) -> None:
    carried, viewer = desk.carry()
    await desk.guest_opened.wait()
    (guest,) = desk.guest_ends
    await guest.send(b"good bye")
    await guest.close()
    assert await end_of(carried) is End.GUEST_CLOSED
    assert await viewer.receive() == b"good bye"


async def test_they_arrive_also_where_the_viewer_is_still_talking(desk: Desk) -> None:
    desk.chunks_max = 1
    carried, viewer = desk.carry()
    await desk.guest_opened.wait()
    (guest,) = desk.guest_ends
    words = [b"so", b"good", b"bye"]
    for word in words:
        await guest.send(word)
    closing = asyncio.create_task(guest.close())
    await guest.closed.wait()
    await viewer.send(b"wait!")
    async with asyncio.timeout(END_S_MAX):
        assert [await viewer.receive() for _ in words] == words
    assert await end_of(carried) is End.GUEST_CLOSED
    await closing


async def test_a_viewer_that_does_not_read_holds_the_guest_up_and_not_our_memory(
    desk: Desk,
) -> None:
    desk.chunks_max = 1
    carried, viewer = desk.carry()
    await desk.guest_opened.wait()
    (guest,) = desk.guest_ends
    sent = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            while True:
                await guest.send(b"x")
                sent += 1
    assert sent <= 3, "one at each place on the way"
    await viewer.close()
    await end_of(carried)


async def test_a_console_where_nothing_passes_is_closed_after_a_quarter_of_an_hour(
    desk: Desk,
) -> None:
    carried, viewer = desk.carry()
    await desk.guest_opened.wait()
    (guest,) = desk.guest_ends
    desk.clock.advance(IDLE_MS / 1000 - 1)
    await guest.send(b"still here")
    assert await viewer.receive() == b"still here"
    desk.clock.advance(2)
    await viewer.send(b"\r")
    assert await guest.receive() == b"\r", "a sign of life a second before the end keeps it open"
    assert not carried.done()
    desk.clock.advance(IDLE_MS / 1000)
    assert await end_of(carried) is End.IDLE


async def test_a_key_that_is_revoked_closes_what_it_opened(desk: Desk) -> None:
    carried, _ = desk.carry()
    await desk.guest_opened.wait()
    async with desk.store.transaction() as tx:
        tx.api_keys.remove(desk.key)
    assert await end_of(carried) is End.KEY_GONE


async def test_a_key_that_expires_closes_what_it_opened(desk: Desk) -> None:
    desk.key = await desk.add_key(expires_at_ms=things.NOW + 1000)
    carried, _ = desk.carry()
    await desk.guest_opened.wait()
    desk.clock.advance(1)
    assert await end_of(carried) is End.KEY_GONE


async def test_the_deletion_of_its_instance_closes_a_console(desk: Desk) -> None:
    carried, _ = desk.carry()
    await desk.guest_opened.wait()
    await desk.change(goal=Goal.DELETED)
    assert await end_of(carried) is End.INSTANCE_GONE


@pytest.mark.parametrize("state", [InstanceState.STOPPED, InstanceState.CREATING])
async def test_what_does_not_run_has_no_console(desk: Desk, state: InstanceState) -> None:
    await desk.change(state=state)
    carried, _ = desk.carry()
    assert await end_of(carried) is End.NOT_RUNNING
    assert desk.guest_ends == []


async def test_a_host_that_knows_better_is_believed(desk: Desk) -> None:
    desk.refusal = DriverRefused("the guest does not run")
    carried, _ = desk.carry()
    assert await end_of(carried) is End.NOT_RUNNING


async def test_a_host_that_does_not_answer_is_said_to_be_unreachable(desk: Desk) -> None:
    desk.refusal = DriverUnavailable("no")
    carried, _ = desk.carry()
    assert await end_of(carried) is End.UNREACHABLE


async def test_a_project_leaves_room_for_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles, "PER_PROJECT_MAX", 2)
    for _ in range(2):
        await desk.carry_open()
    carried, _ = desk.carry()
    assert await end_of(carried) is End.TOO_MANY
    await desk.guest_ends[0].close()
    assert await end_of(desk.carried[0]) is End.GUEST_CLOSED
    await desk.carry_open()


async def test_a_server_has_so_many_consoles_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles, "PER_PROJECT_MAX", OPEN_MAX)
    for number in range(OPEN_MAX):
        async with desk.store.transaction() as tx:
            desk.instance = things.instance(host_id="host-1", state=InstanceState.RUNNING)
            tx.instances.add(desk.instance)
        desk.carry()
        while len(desk.guest_ends) <= number:
            desk.guest_opened.clear()
            await desk.guest_opened.wait()
    carried, _ = desk.carry()
    assert await end_of(carried) is End.TOO_MANY
    await desk.guest_ends[0].close()
    assert await end_of(desk.carried[0]) is End.GUEST_CLOSED
    await desk.carry_open()
    assert len(desk.guest_ends) == OPEN_MAX + 1, "a place that was left is taken again"
