"""A host does each thing once, and nothing for those who were overtaken."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from atoll.agent import answers as remembered
from atoll.agent import fencing
from atoll.agent.answers import Answers
from atoll.agent.census import PART_BYTES, parts_of
from atoll.agent.fencing import Fence, TokenFile
from atoll.agent.handlers import READS, VERBS, Handlers, guest_of
from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable, Stale
from atoll.domain.security_groups import DEFAULT_RULES
from atoll.messages import (
    Absent,
    Ask,
    Done,
    EnsureConfigured,
    EnsureRunning,
    EnsureStopped,
    GuestFacts,
    GuestSpec,
    InspectGuest,
    NicSpec,
    Power,
    ReadMetrics,
    RemoveVolume,
    Reply,
    Request,
    SeedSpec,
    Token,
)
from tests.support.clock import StillClock

pytestmark = pytest.mark.anyio
STOP = EnsureStopped(guest_id="inst-1", force=True)
FACTS = GuestFacts(id="inst-1", power=Power.STOPPED, boots=1)


class Host:
    """A driver that counts what it does, and the agent's handlers before it."""

    def __init__(self, file: Path | None = None, *, host_epoch: int = 0) -> None:
        self.done: list[Any] = []
        self.problem: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.clock = StillClock()
        fence = Fence(TokenFile(file) if file is not None else None, host_epoch=host_epoch)
        fence.open()
        answers = Answers(lambda: self.clock.now_ms() / 1000)
        self.handlers = Handlers(self, fence, answers)  # type: ignore[arg-type]

    async def ensure_stopped(self, guest_id: str, *, force: bool) -> GuestFacts:
        self.done.append(guest_id)
        await self.may_end.wait()
        if self.problem is not None:
            raise self.problem
        return FACTS

    async def remove_volume(self, volume_id: str) -> None:
        self.done.append(volume_id)

    async def inspect(self, guest_id: str) -> None:
        self.done.append(guest_id)

    async def measure(self, guest_id: str) -> None:
        return None

    async def ask(self, token: Token, body: Request = STOP, *, within_ms: int = 1000) -> Reply:
        ask_id = f"{token.operation_id}:{token.epoch}.{token.ask}"
        ask = Ask(id=ask_id, within_ms=within_ms, resource_id="inst-1", token=token, body=body)
        return await self.handlers.answer(ask)


NOW = Token(100, "op-5", 2, 30)


async def test_a_repeated_ask_is_carried_out_once_and_answered_from_memory() -> None:
    host = Host()
    assert [await host.ask(NOW) for _ in range(3)] == [FACTS] * 3
    assert host.done == ["inst-1"]


async def test_a_repeat_joins_what_still_goes_on() -> None:
    host = Host()
    host.may_end.clear()
    asking = [asyncio.create_task(host.ask(NOW)) for _ in range(3)]
    while not host.done:
        await asyncio.sleep(0)
    host.may_end.set()
    assert await asyncio.gather(*asking) == [FACTS] * 3
    assert host.done == ["inst-1"]


async def test_a_repeat_that_joins_waits_for_as_long_as_it_may() -> None:
    host = Host()
    host.may_end.clear()
    impatient = asyncio.create_task(host.ask(NOW, within_ms=10))
    patient = asyncio.create_task(host.ask(NOW, within_ms=60_000))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(patient), 0.03)
    host.may_end.set()
    assert await patient == FACTS
    assert await impatient == FACTS
    assert host.done == ["inst-1"]


async def test_who_joined_is_told_when_it_is_broken_off() -> None:
    host = Host()
    host.may_end.clear()
    first = asyncio.create_task(host.ask(NOW))
    joined = asyncio.create_task(host.ask(NOW))
    while not host.done:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(DriverUnavailable, match="broken off"):
        await joined
    host.may_end.set()
    assert await host.ask(NOW) == FACTS
    assert host.done == ["inst-1", "inst-1"]


async def test_a_refusal_is_remembered_and_a_busy_host_is_asked_again() -> None:
    host = Host()
    host.problem = DriverRefused("in use")
    for _ in range(2):
        with pytest.raises(DriverRefused, match="in use"):
            await host.ask(NOW)
    assert len(host.done) == 1
    later = Token(100, "op-5", 2, 31)
    host.problem = DriverBusy("shutting down")
    with pytest.raises(DriverBusy):
        await host.ask(later)
    host.problem = None
    assert await host.ask(later) == FACTS
    assert len(host.done) == 3


async def test_a_read_is_read_again() -> None:
    host = Host()
    for _ in range(2):
        assert await host.ask(NOW, InspectGuest(guest_id="inst-1")) == Absent()
    assert len(host.done) == 2
    assert await host.ask(NOW, ReadMetrics(guest_id="inst-1")) == Absent()


async def test_what_is_done_without_a_fact_is_said_to_be_done() -> None:
    assert await Host().ask(NOW, RemoveVolume(volume_id="vol-1")) == Done()


async def test_what_takes_longer_than_its_sender_waits_is_broken_off() -> None:
    host = Host()
    host.may_end.clear()
    with pytest.raises(DriverUnavailable, match=r"not done within 0\.01 s"):
        await host.ask(NOW, within_ms=10)
    with pytest.raises(DriverUnavailable):
        await host.ask(Token(100, "op-5", 2, 31), within_ms=0)
    assert len(host.done) == 1, "what is past its deadline is not begun"


@pytest.mark.parametrize(
    "late",
    [Token(99, "op-9", 9, 99), Token(100, "op-4", 9, 99), Token(100, "op-5", 1, 99),
     Token(100, "op-5", 2, 29)],
    ids=["earlier in the queue", "earlier operation", "earlier claim", "earlier ask"],
)  # fmt: skip
async def test_what_was_overtaken_does_nothing(late: Token) -> None:
    host = Host()
    await host.ask(NOW, InspectGuest(guest_id="inst-1"))
    host.done.clear()
    with pytest.raises(Stale, match="was overtaken by op-5") as stale:
        await host.ask(late)
    assert host.done == []
    assert stale.value.queued_at_ms == 100


async def test_what_was_asked_before_the_host_was_admitted_anew_does_nothing() -> None:
    host = Host(host_epoch=2)
    with pytest.raises(Stale, match="admitted again"):
        await host.ask(NOW)
    assert host.done == []


async def test_resources_are_fenced_one_by_one() -> None:
    host = Host()
    await host.ask(NOW)
    other = Ask(id="op-1:1.1", within_ms=9, resource_id="vol-1", token=Token(1, "op-1", 1, 1),
                body=RemoveVolume(volume_id="vol-1"))  # fmt: skip
    assert await host.handlers.answer(other) == Done()


async def test_a_host_knows_after_a_restart_who_was_overtaken(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    await Host(file).ask(NOW)
    again = Host(file)
    with pytest.raises(Stale):
        await again.ask(Token(100, "op-5", 1, 99))
    assert await again.ask(Token(100, "op-5", 2, 31)) == FACTS
    assert file.stat().st_mode & 0o077 == 0


async def test_a_line_that_was_broken_off_spoils_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    await Host(file).ask(NOW)
    with file.open("ab") as broken:
        broken.write(b'["inst-1",[200,"op')
    again = Host(file)
    with pytest.raises(Stale):
        await again.ask(Token(100, "op-5", 1, 1))
    await again.ask(Token(300, "op-7", 1, 1))
    with pytest.raises(Stale):
        await Host(file).ask(NOW)


async def test_the_file_stays_small_and_keeps_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fencing, "LINES_SPARE", 20)
    file = tmp_path / "tokens"
    host = Host(file)
    for epoch in range(1, 200):
        await host.ask(Token(100, "op-5", epoch))
    assert len(file.read_bytes().splitlines()) <= 22
    with pytest.raises(Stale):
        await Host(file).ask(Token(100, "op-5", 198))


async def test_resources_that_nobody_asked_about_for_long_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fencing, "RESOURCES_MAX", 3)
    fence = Fence()

    def admit(resource_id: str, epoch: int) -> None:
        ask = Ask(within_ms=1, resource_id=resource_id, token=Token(1, "op", epoch), body=STOP)
        fence.admit(ask)

    for number in range(3):
        admit(f"inst-{number}", 5)
    admit("inst-0", 5)
    admit("inst-3", 5)
    with pytest.raises(Stale):
        admit("inst-0", 4)
    admit("inst-1", 4)
    assert len(fence._seen) == 3


async def test_answers_are_forgotten_in_time_and_never_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host()
    await host.ask(NOW)
    host.clock.advance(remembered.KEPT_S + 1)
    await host.ask(NOW)
    assert len(host.done) == 2
    monkeypatch.setattr(remembered, "ANSWERS_MAX", 10)
    for number in range(31, 60):
        await host.ask(Token(100, "op-5", 2, number))
    kept = host.handlers._answers
    assert len(kept._kept) == 10
    monkeypatch.setattr(remembered, "BYTES_MAX", 150)
    await host.ask(Token(100, "op-5", 2, 60))
    assert 0 < kept._size_bytes <= 150
    assert kept._size_bytes == sum(one.size_bytes for one in kept._kept.values())


def test_every_request_has_a_verb() -> None:
    assert set(VERBS) == set(Request.__args__)
    assert set(READS) < set(VERBS)


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_a_census_speaks_of_every_id_in_parts_that_fit(count: int) -> None:
    ports = {"22/tcp": "127.16.0.9:22"}
    guests = [
        GuestFacts(id=f"inst-{number:06}", power=Power.RUNNING, boots=1, ports=ports)
        for number in range(count)
    ]
    parts = parts_of(reversed(guests))
    assert [guest for part in parts for guest in part.guests or ()] == guests
    assert (parts[0].after, parts[-1].until) == ("", "")
    for part, following in pairwise(parts):
        assert part.until == following.after
        assert part.until != ""
    for part in parts:
        ids = [guest.id for guest in part.guests or ()]
        assert all(part.after < one and (not part.until or one <= part.until) for one in ids)
        assert sum(len(repr(guest)) for guest in part.guests or ()) < 3 * PART_BYTES


@pytest.mark.parametrize("kind", [EnsureRunning, EnsureConfigured])
def test_each_nic_of_a_guest_has_the_rules_that_travelled_once(kind: Any) -> None:
    nic = NicSpec(mac="52:54:00:00:00:01", private_ip="10.0.0.2", subnet_cidr="10.0.0.0/24")
    guest = GuestSpec(
        id="inst-1", name="web", vcpus=1, memory_mib=512, root_volume_id="vol-1", image_id="img-1",
        nic=nic, nics=(nic, nic), seed=SeedSpec(hostname="web"),
    )  # fmt: skip
    told = guest_of(kind(guest=guest, rules=DEFAULT_RULES))
    assert [one.rules for one in (told.nic, *told.nics)] == [DEFAULT_RULES] * 3
    assert replace(told, nic=nic, nics=(nic, nic)) == guest
