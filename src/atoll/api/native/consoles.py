"""`/v1/instances/{id}/console`, `screenshot` and `metrics`, and the websocket of consoles.

The websocket is no part of the framework's application: its token says who asks, not a key.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog
from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from atoll.api.http import VNC_PAGE, Call, Headers, caller_of, header, json_response, origin_of
from atoll.api.native import wire
from atoll.api.native.wire import Wire, services_of, view_of
from atoll.domain.commands import OpenConsole
from atoll.domain.errors import DriverUnavailable, StoreUnavailable, Unauthenticated
from atoll.domain.instances import Instance
from atoll.messages import Console, DiskCounters, GuestMetrics, NicCounters
from atoll.service import consoles
from atoll.service.bundle import Services
from atoll.service.consoles import Connections, End, Ticket, Tickets

log = structlog.get_logger()
SOCKET_PATH = "/v1/consoles/ws"
NO_STORE = {"Cache-Control": "no-store"}
SUBPROTOCOL = "binary"
FIELDS_MAX = 5
NORMAL, BROKEN = 1000, 1011
UNAUTHENTICATED = 4401
CLOSINGS: dict[End, tuple[int, str]] = {
    End.VIEWER_LEFT: (NORMAL, ""),
    End.GUEST_CLOSED: (NORMAL, "the guest closed its console"),
    End.IDLE: (4408, "the console was idle for 15 minutes"),
    End.KEY_GONE: (UNAUTHENTICATED, "the key that opened this console is no longer valid"),
    End.INSTANCE_GONE: (4404, "the instance is deleted"),
    End.NOT_RUNNING: (4404, "the instance is not running: start it first"),
    End.TOO_MANY: (4429, "too many consoles are open: close one"),
    End.UNREACHABLE: (BROKEN, "the host of the instance is not reachable: retry"),
}


class ConsoleBody(Wire, kw_only=True):
    """`vnc` opens the screen, `serial` the serial port."""

    type: Literal["vnc", "serial"]


class ConsoleOut(msgspec.Struct, kw_only=True):
    """Both addresses are valid for one connection until `expires_at`. `url` is a web page;
    `serial` has none."""

    instance_id: str
    type: str
    url: str | None = None
    websocket_url: str = ""
    expires_at: str = ""


class DiskMetrics(msgspec.Struct, kw_only=True):
    volume_id: str
    read_bytes: int
    written_bytes: int
    reads: int
    writes: int


class NicMetrics(msgspec.Struct, kw_only=True):
    """Counters from the view of the guest."""

    mac: str
    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int


class MetricsOut(msgspec.Struct, kw_only=True):
    """Counters start at zero with the process of the guest. `memory_bytes` is its memory usage on
    the host, which can exceed `memory_limit_bytes`, the memory of the guest, by the needs of the
    process itself. `nics` is empty if the network has no counters."""

    instance_id: str
    at: str
    cpu_seconds: float
    vcpus: int
    memory_bytes: int
    memory_limit_bytes: int
    disks: list[DiskMetrics]
    nics: list[NicMetrics]


def show_disk(disk: DiskCounters) -> DiskMetrics:
    return DiskMetrics(
        volume_id=disk.volume_id, read_bytes=disk.read_bytes, written_bytes=disk.written_bytes,
        reads=disk.reads, writes=disk.writes,
    )  # fmt: skip


def show_nic(nic: NicCounters) -> NicMetrics:
    return NicMetrics(
        mac=nic.mac, received_bytes=nic.received_bytes, sent_bytes=nic.sent_bytes,
        received_packets=nic.received_packets, sent_packets=nic.sent_packets,
    )  # fmt: skip


def show_metrics(instance: Instance, measured: GuestMetrics, now_ms: int) -> MetricsOut:
    return MetricsOut(
        instance_id=instance.id, at=wire.time_text(now_ms), cpu_seconds=measured.cpu_s,
        vcpus=instance.spec.vcpus, memory_bytes=measured.memory_bytes,
        memory_limit_bytes=instance.spec.memory_mib * 2**20,
        disks=[show_disk(disk) for disk in measured.disks],
        nics=[show_nic(nic) for nic in measured.nics],
    )  # fmt: skip


def show_console(request: Call, ticket: Ticket, token: str) -> ConsoleOut:
    """The page is given the token in the fragment, which no server and no log ever sees."""
    origin = origin_of(request)
    page = f"{origin}{VNC_PAGE}#token={token}"
    return ConsoleOut(
        instance_id=ticket.instance_id,
        type=ticket.console,
        url=page if ticket.console is Console.VNC else None,
        websocket_url=f"ws{origin.removeprefix('http')}{SOCKET_PATH}?token={token}",
        expires_at=wire.time_text(ticket.expires_at_ms),
    )


LOOKS = wire.documented(404, 409, 422)


class Consoles(Controller):
    path = "/instances"
    tags = ("Consoles",)

    @post("/{instance_id:str}/console", operation_id="openConsole", commands=(OpenConsole,),
          status_code=201, summary="Open a console: get its one-time address",
          responses=wire.WRITES | wire.shown(ConsoleOut, "valid once, for 60 s", 201))  # fmt: skip
    async def open(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[ConsoleBody]
    ) -> Response[bytes]:
        services = services_of(request)
        outcome = await wire.execute(request, OpenConsole(instance=instance_id, console=data.type))
        token, ticket = tickets_of(services).issue(
            caller_of(request), outcome.thing.id, Console(data.type), services.new_secret()
        )
        response = wire.respond(outcome, show_console(request, ticket, token), 201)
        response.headers.update(NO_STORE)
        return response

    @get(
        "/{instance_id:str}/screenshot", operation_id="getScreenshot", media_type="image/png",
        summary="Get a screenshot",
        responses=LOOKS
        | {200: ResponseSpec(bytes, description="PNG", generate_examples=False,
                             media_type="image/png")},
    )  # fmt: skip
    async def screenshot(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        bus = services_of(request).bus
        picture = await consoles.screen(view_of(request), bus, instance_id)
        return Response(picture, media_type="image/png", headers=NO_STORE)

    @get(
        "/{instance_id:str}/metrics", operation_id="getInstanceMetrics",
        summary="Get a guest's metrics",
        responses=LOOKS | wire.shown(MetricsOut, "current measurements"),
    )  # fmt: skip
    async def metrics(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        services = services_of(request)
        instance, measured = await consoles.metrics(view_of(request), services.bus, instance_id)
        shown = show_metrics(instance, measured, services.clock.now_ms())
        return json_response(wire.encode(shown))


def tickets_of(services: Services) -> Tickets:
    return Tickets(services.store, services.clock, services.keys)


Receive = Callable[[], Coroutine[Any, Any, Any]]
Send = Callable[[Any], Coroutine[Any, Any, None]]


class WebSocket:
    """A browser or another client at a console: `ports.Stream`."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> bytes:
        """Text counts as its UTF-8. An empty message says nothing."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return b""
            data: bytes = message.get("bytes") or (message.get("text") or "").encode()
            if data:
                return data

    async def send(self, data: bytes) -> None:
        try:
            await self._send({"type": "websocket.send", "bytes": data})
        except OSError as error:
            raise DriverUnavailable("the viewer has left the console") from error

    async def close(self) -> None:
        """Close with a code that tells the reason."""


class ConsoleSocket:
    """`GET /v1/consoles/ws?token=…` as an ASGI application."""

    def __init__(self, services: Services) -> None:
        self._tickets = tickets_of(services)
        self._connections = Connections(services.store, services.bus, services.clock)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if not is_of_this_site(scope["headers"]):
            await send({"type": "websocket.close", "code": 1008})  # refuses the handshake: 403
            return
        known = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if known else None})
        code, reason = await self._carry(token_of(scope), WebSocket(receive, send))
        try:
            await send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            return  # it has left already

    async def _carry(self, token: str, viewer: WebSocket) -> tuple[int, str]:
        """The code and the reason to close with."""
        try:
            ticket = await self._tickets.redeem(token)
            return CLOSINGS[await self._connections.carry(ticket, viewer)]
        except Unauthenticated as refused:
            return UNAUTHENTICATED, refused.message
        except StoreUnavailable as error:
            log.warning("a console broke off", why=error.message)
            return BROKEN, "the database does not answer now: try again"


def token_of(scope: Any) -> str:
    try:
        given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=FIELDS_MAX)
    except ValueError:
        return ""
    token: str = given.get("token", [""])[0]
    return token


def is_of_this_site(headers: Headers) -> bool:
    """A browser names the page's origin; another client has none. A page of another site could
    otherwise use a token that it came by."""
    origin = header(headers, b"origin")
    if origin is None:
        return True
    try:
        site = urlsplit(origin).netloc
    except ValueError:
        return False
    return site.lower() == (header(headers, b"host") or "").lower()
