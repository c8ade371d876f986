"""Consoles: tokens, open connections, screens and metrics.

A token is signed, not stored: it says who may open which console until when. Its use is recorded
under an Idempotency-Key of its own, so that it opens one console once, on whichever of several
servers. It expires soon after its key or its instance.
"""

import asyncio
import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

import msgspec
import structlog

from atoll.domain.commands import OpenConsole as OpenConsoleCommand
from atoll.domain.errors import (
    AtollError,
    Conflict,
    DriverRefused,
    DriverUnavailable,
    Lost,
    Unauthenticated,
)
from atoll.domain.events import IdempotencyRecord
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.projects import Caller
from atoll.domain.reasons import Reason
from atoll.messages import (
    Console,
    GuestMetrics,
    OpenConsole,
    Opening,
    ReadGuestLog,
    ReadMetrics,
    ReadScreen,
    ask_for,
)
from atoll.ports import Bus, Clock, Store, Stream
from atoll.service import instances, queries
from atoll.service.desk import Case, Done, View
from atoll.service.keys import Keys, is_valid
from atoll.service.nouns import INSTANCES

log = structlog.get_logger()
TOKEN_MS = 60_000
TOKEN_LENGTH_MAX = 2048
PURPOSE = "console-token:"
IDLE_MS = 15 * 60_000
CHECK_S = 15.0
CONNECT_S = 10.0
LOOK_S = 15.0
LAST_WORDS_S = 2.0
SCREEN_BYTES_MAX = 32 * 2**20
PER_INSTANCE_MAX = 10
# A project leaves room for others.
PER_PROJECT_MAX = 40
OPEN_MAX = 100


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a token. Its nonce has 256 random bits."""

    project_id: str
    key_id: str
    instance_id: str
    console: Console
    expires_at_ms: int
    nonce: bytes


class End(Enum):
    """Why a console was closed or not opened."""

    VIEWER_LEFT = auto()
    GUEST_CLOSED = auto()
    IDLE = auto()
    KEY_GONE = auto()
    INSTANCE_GONE = auto()
    NOT_RUNNING = auto()
    TOO_MANY = auto()
    UNREACHABLE = auto()


async def open_console(case: Case, command: OpenConsoleCommand) -> Done[Instance]:
    """Check the caller's right, and write an audit record."""
    instance = require_running(await instances.get(case, command.instance))
    return Done(instance, after={"type": command.console})


def require_running(instance: Instance) -> Instance:
    if instance.state is not InstanceState.RUNNING or instance.host_id is None:
        raise Conflict(Reason.NOT_RUNNING, instance=instance.id)
    return instance


async def screen(view: View, bus: Bus, reference: str) -> bytes:
    """Return a screenshot as PNG. Raises Conflict if the guest is not running."""
    instance = require_running(await queries.get(view, INSTANCES, reference))
    wanted = ReadScreen(guest_id=instance.id)
    with refusals_as_conflicts():
        return await read_whole(bus, host_of(instance), wanted, bytes_max=SCREEN_BYTES_MAX)


async def log_end(view: View, bus: Bus, reference: str, bytes_max: int) -> bytes:
    """Return the last bytes of the serial console; none before the instance has a host."""
    instance = await queries.get(view, INSTANCES, reference)
    if instance.host_id is None:
        return b""
    wanted = ReadGuestLog(guest_id=instance.id, bytes_max=bytes_max)
    with refusals_as_conflicts():
        return await read_whole(bus, instance.host_id, wanted, bytes_max=bytes_max)


async def metrics(view: View, bus: Bus, reference: str) -> tuple[Instance, GuestMetrics]:
    """Raises Conflict if the guest is not running."""
    instance = require_running(await queries.get(view, INSTANCES, reference))
    wanted = ask_for(ReadMetrics(guest_id=instance.id), timeout_s=LOOK_S)
    with refusals_as_conflicts():
        measured = await bus.request(host_of(instance), wanted)
    if not isinstance(measured, GuestMetrics):
        raise Conflict(Reason.NOT_RUNNING, instance=instance.id)
    return instance, measured


@contextmanager
def refusals_as_conflicts() -> Iterator[None]:
    """The host may know earlier than the database that its guest has ended."""
    try:
        yield
    except DriverRefused as refused:
        raise Conflict(Reason.HOST_REFUSED, why=refused.message) from refused


def host_of(instance: Instance) -> str:
    assert instance.host_id is not None, "what runs does so on a host"
    return instance.host_id


async def read_whole(bus: Bus, host_id: str, request: Opening, *, bytes_max: int) -> bytes:
    """Read a stream to its end. Raises DriverUnavailable if that takes longer than `LOOK_S`, or the
    stream is larger than allowed."""
    stream = await bus.connect(host_id, request, timeout_s=LOOK_S)
    data = bytearray()
    try:
        async with asyncio.timeout(LOOK_S):
            while chunk := await stream.receive():
                data += chunk
                if len(data) > bytes_max:
                    raise DriverUnavailable(f"host {host_id} sent more than {bytes_max} bytes")
    except TimeoutError as error:
        raise DriverUnavailable(f"host {host_id} sent too slowly") from error
    finally:
        await stream.close()
    return bytes(data)


class Tickets:
    def __init__(self, store: Store, clock: Clock, keys: Keys) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys

    def issue(
        self,
        caller: Caller,
        instance_id: str,
        console: Console,
        nonce: bytes,
        lasts_ms: int = TOKEN_MS,
    ) -> tuple[str, Ticket]:
        ticket = Ticket(
            project_id=caller.project_id,
            key_id=caller.key_id,
            instance_id=instance_id,
            console=console,
            expires_at_ms=self._clock.now_ms() + lasts_ms,
            nonce=nonce,
        )
        words = base64.urlsafe_b64encode(msgspec.json.encode(ticket)).decode()
        return f"{words}.{self._signature(words)}", ticket

    async def redeem(self, text: str) -> Ticket:
        """Use a token. Raises Unauthenticated, also at its second use."""
        words, _, signature = text.rpartition(".")
        if len(text) > TOKEN_LENGTH_MAX or not self._is_ours(words, signature):
            raise Unauthenticated(Reason.TOKEN_UNKNOWN)
        try:
            ticket = msgspec.json.decode(base64.urlsafe_b64decode(words), type=Ticket)
        except (binascii.Error, msgspec.DecodeError) as error:
            raise Unauthenticated(Reason.TOKEN_UNKNOWN) from error
        if ticket.expires_at_ms <= self._clock.now_ms():
            raise Unauthenticated(Reason.TOKEN_EXPIRED)
        await self._use_up(ticket)
        return ticket

    def _is_ours(self, words: str, signature: str) -> bool:
        return hmac.compare_digest(self._signature(words).encode(), signature.encode())

    def _signature(self, words: str) -> str:
        """Sign with the server's secret. No API key begins with the purpose."""
        return self._keys.digest(PURPOSE + words).hex()

    async def _use_up(self, ticket: Ticket) -> None:
        used = IdempotencyRecord(
            key_id=ticket.key_id,
            key=PURPOSE + self._keys.digest(PURPOSE + ticket.nonce.hex()).hex(),
            fingerprint=b"",
            status=101,
            body=b"",
            at_ms=self._clock.now_ms(),
        )
        try:
            async with self._store.transaction() as tx:
                tx.idempotency.add(used)
        except Lost as error:
            raise Unauthenticated(Reason.TOKEN_USED) from error


class Activity:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = clock.now_ms()

    def note(self) -> None:
        self._last_ms = self._clock.now_ms()

    @property
    def is_idle(self) -> bool:
        return self._clock.now_ms() - self._last_ms >= IDLE_MS


class Connections:
    """The consoles that are open through this process."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, *, check_s: float = CHECK_S) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._check_s = check_s
        # By instance, and by project.
        self._open: Counter[str] = Counter()
        self._of_projects: Counter[str] = Counter()

    async def carry(self, ticket: Ticket, viewer: Stream) -> End:
        """Connect the viewer with the guest until either side closes, or a limit is reached."""
        if (
            self._open.total() >= OPEN_MAX
            or self._open[ticket.instance_id] >= PER_INSTANCE_MAX
            or self._of_projects[ticket.project_id] >= PER_PROJECT_MAX
        ):
            return End.TOO_MANY
        with self._place(ticket):
            try:
                guest = await self._connect(ticket)
            except AtollError as error:
                log.warning("no console", instance=ticket.instance_id, why=error.message)
                return End.UNREACHABLE
            if isinstance(guest, End):
                return guest
            try:
                return await self._until_the_end(ticket, viewer, guest)
            finally:
                await guest.close()

    @contextmanager
    def _place(self, ticket: Ticket) -> Iterator[None]:
        self._open[ticket.instance_id] += 1
        self._of_projects[ticket.project_id] += 1
        try:
            yield
        finally:
            self._open[ticket.instance_id] -= 1
            self._of_projects[ticket.project_id] -= 1
            # Remove what is zero.
            self._open += Counter()
            self._of_projects += Counter()

    async def _connect(self, ticket: Ticket) -> Stream | End:
        if end := await self._why_over(ticket):
            return end
        instance = await self._store.read().instances.get(ticket.instance_id)
        if instance.state is not InstanceState.RUNNING or instance.host_id is None:
            return End.NOT_RUNNING
        wanted = OpenConsole(guest_id=instance.id, console=ticket.console)
        try:
            return await self._bus.connect(instance.host_id, wanted, timeout_s=CONNECT_S)
        except DriverRefused:
            return End.NOT_RUNNING

    async def _until_the_end(self, ticket: Ticket, viewer: Stream, guest: Stream) -> End:
        activity = Activity(self._clock)
        downward = asyncio.create_task(
            pump(guest, viewer, activity, End.GUEST_CLOSED, End.VIEWER_LEFT)
        )
        upward = asyncio.create_task(
            pump(viewer, guest, activity, End.VIEWER_LEFT, End.GUEST_CLOSED)
        )
        watching = asyncio.create_task(self._watch(ticket, activity))
        tasks = [downward, upward, watching]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            end = next(task for task in tasks if task.done()).result()
            if end is End.GUEST_CLOSED:
                await asyncio.wait({downward}, timeout=LAST_WORDS_S)
            return end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, ticket: Ticket, activity: Activity) -> End:
        with self._store.watch(ticket.instance_id) as watch:
            while True:
                if end := await self._why_over(ticket):
                    return end
                if activity.is_idle:
                    return End.IDLE
                await watch.wait(self._check_s)

    async def _why_over(self, ticket: Ticket) -> End | None:
        read = self._store.read()
        if not await is_valid(self._store, ticket.key_id, self._clock.now_ms()):
            return End.KEY_GONE
        instance = await read.instances.find(ticket.instance_id)
        if instance is None or instance.project_id != ticket.project_id:
            return End.INSTANCE_GONE
        gone = instance.goal is Goal.DELETED or instance.state is InstanceState.DELETED
        return End.INSTANCE_GONE if gone else None


async def pump(
    source: Stream, sink: Stream, activity: Activity, source_ended: End, sink_ended: End
) -> End:
    """Copy one direction. The next bytes are read only after the other side has accepted the
    previous ones."""
    try:
        while data := await source.receive():
            activity.note()
            try:
                await sink.send(data)
            except DriverUnavailable:
                return sink_ended
    except DriverUnavailable:
        pass
    return source_ended
