"""The composition root: the only file that knows every concrete class.

It builds a cloud out of the settings, hands each part the others as ports, and serves it.
"""

import asyncio
import functools
import gc
import itertools
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import structlog
import uvicorn

from atoll.agent.agent import Agent
from atoll.agent.fencing import Fence, TokenFile
from atoll.api import docs
from atoll.api.asgi import HTML, JSON, Front, Page, pages_in
from atoll.api.documents import encode
from atoll.api.genesis import app as genesis
from atoll.api.genesis import catalogue as genesis_catalogue
from atoll.api.genesis.openapi import genesis_document
from atoll.api.http import Face, Guard
from atoll.api.limits import Limiter
from atoll.api.native import app as native
from atoll.api.native import consoles, openapi
from atoll.api.registry import app as registry
from atoll.api.registry.shelf import Own
from atoll.api.vultr import app as vultr
from atoll.api.vultr import catalogue as vultr_catalogue
from atoll.api.vultr.openapi import vultr_document
from atoll.bus.inprocess import InProcessBus
from atoll.domain import ids
from atoll.domain.errors import AtollError
from atoll.drivers.simulator.faults import FaultPlan
from atoll.operations.engine import Engine, Limits
from atoll.operations.messenger import Messenger
from atoll.operations.reconcile import Reconciler
from atoll.operations.registry import WORKFLOWS
from atoll.operations.steps import Ranges
from atoll.operations.timekeeper import Timekeeper
from atoll.outbound.courier import HttpCourier
from atoll.ports import Bus, Driver, Store
from atoll.service import catalogue, housekeeping, projects
from atoll.service.bundle import Services
from atoll.service.desk import Desk
from atoll.service.passwords import Passwords
from atoll.settings import Settings
from atoll.state_dir import StateDir, remember_for_cli
from atoll.system import RandomIds, SystemClock

log = structlog.get_logger()
CATALOGUE = Path(__file__).parent / "catalogue.toml"
CONSOLE = Path(__file__).parent / "console"
DATABASE_FILE = "atoll.db"
KEY_BYTES = 32
THIS_MACHINE = "this machine"
GARBAGE_ALLOCATIONS = 20_000
WEBSOCKET_MESSAGE_BYTES_MAX = 1024 * 1024


class Cloud:
    """All parts of one server, put together. `start` and `stop` frame its life."""

    def __init__(self, settings: Settings, state: StateDir) -> None:
        self.settings = settings
        self.state = state
        self.clock = SystemClock()
        self.ids = RandomIds(self.clock)
        self.store = store_of(settings)
        self.bus: Bus = InProcessBus()
        self.keys = projects.Keys(self.store, self.clock, state.secret())
        self.passwords = Passwords(state.secret(), self.clock)
        self.ranges = Ranges(settings.public_cidr, settings.private_cidr)
        self.engine = Engine(
            settings.engine or f"{socket.gethostname()}:{settings.state}",
            self.store,
            self.bus,
            self.clock,
            WORKFLOWS,
            self.ranges,
            self.ids,
            Limits(lease_s=settings.lease_s),
        )
        self.desk = Desk(self.store, self.clock, self.ids, self.engine.accepted)
        self.reconciler = Reconciler(self.store, self.clock, self.ids, self.engine.wake)
        self.names: Any = None
        courier = HttpCourier(allow_private=settings.allow_private_urls)
        self.messenger = Messenger(self.store, self.clock, courier)
        self.timekeeper = Timekeeper(self.store, self.clock, self.ids, self.engine.wake)
        self.bus.on_report(self.reconciler.take)
        self.faults = FaultPlan(self.clock) if settings.driver == "simulator" else None
        self.first_key: str | None = None
        self.ready = False
        self.broken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.store.open()
        await self._begin()
        await self.bus.open()
        self._go(self.bus.run(), "bus")
        hosts = await self._hosts()
        for agent in self._agents(hosts):
            await agent.start()
            self._go(agent.run(), f"agent {agent.name}")
        await self.bus.settled()
        self._go(self.engine.run(), "engine")
        self._go(self.reconciler.watch_hosts(), "host watch")
        self._go(self.timekeeper.run(), "timekeeper")
        self._go(self.messenger.run(), "messenger")
        if self.settings.dns_port:
            # Imported where it is used: an idle server stays small.
            self.names = resolve_name("atoll.api.dns:NameServer")(self.store, self.ranges)
            await self.names.open(self.settings.host, self.settings.dns_port)
        keep = housekeeping.Keep(self.settings.keep_days, self.settings.keep_audit_days)
        self._go(housekeeping.run(self.store, self.clock, keep), "housekeeping")
        self.ready = True

    async def stop(self) -> None:
        self.ready = False
        if self.names is not None:
            self.names.close()
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bus.close()
        await self.store.close()

    async def _begin(self) -> None:
        """What a new database needs. The admin key's file is written before the key counts."""
        known = self.state.admin_key()
        text = known or projects.new_text(secrets.token_bytes(KEY_BYTES))
        if known is None:
            self.state.keep_admin_key(text)
        fresh = await projects.ensure_first_key(self.store, self.clock, self.ids, self.keys, text)
        self.first_key = text if fresh else None
        if not fresh and known is None:
            self.state.forget_admin_key()
            raise RuntimeError(
                "this database belongs to another Atoll: copy admin.key and server.secret (and "
                "hosts.json, where it is to go on in its place) from "
                f"its state directory to {self.state.path}"
            )
        await projects.ensure_groups(self.store, self.clock, self.ids)
        wanted = catalogue.read_catalogue(CATALOGUE)
        await catalogue.ensure(self.store, self.clock, self.ids, wanted, self.settings.regions)

    async def _hosts(self) -> dict[str, Driver]:
        """Hosts by name, each with its driver: this machine, or simulated ones."""
        kind = "qemu" if self.faults is None else "simulated"
        build = resolve_name(f"atoll.hypervisors.{kind}:build")
        hosts: dict[str, Driver] = await build(self.settings, self.clock, self.faults)
        return hosts

    def _agents(self, hosts: dict[str, Driver]) -> list[Agent]:
        """A real machine keeps its id when it is renamed: its guests are known by that."""
        known = self.state.host_ids()
        key_of = {name: name if self.faults else THIS_MACHINE for name in hosts}
        for key in key_of.values():
            known.setdefault(key, self.ids.new(ids.HOST))
        self.state.keep_host_ids(known)
        return [
            Agent(
                known[key_of[name]],
                name,
                region,
                driver,
                self.bus,
                self.clock,
                Fence(TokenFile(self.state.tokens_of(known[key_of[name]]))),
            )
            for (name, driver), region in zip(
                hosts.items(), itertools.cycle(self.settings.regions), strict=False
            )
        ]

    def _go(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends by itself is a mistake: without it something would be stuck."""
        if task.cancelled():
            return
        log.error("a part of the cloud ended", part=task.get_name(), exc_info=task.exception())
        self.ready = False
        self.broken.set()


def store_of(settings: Settings) -> Store:
    """Only the database that is used is imported: an idle server stays small."""
    store: Store
    if settings.database is not None:
        store = resolve_name("atoll.store.postgres:PostgresStore")(settings.database)
    else:
        store = resolve_name("atoll.store.sqlite:SqliteStore")(settings.state / DATABASE_FILE)
    return store


def front_of(cloud: Cloud) -> Front:
    """Every face of the cloud, on one port. The faces need the cloud to be started."""
    services = Services(
        store=cloud.store, bus=cloud.bus, clock=cloud.clock, ids=cloud.ids, desk=cloud.desk,
        keys=cloud.keys, passwords=cloud.passwords, secret=lambda: secrets.token_bytes(KEY_BYTES),
        ranges=cloud.ranges, recoverable_s=cloud.settings.recoverable_s, faults=cloud.faults,
    )  # fmt: skip
    dialects = dialects_of(services, cloud.settings)
    own = {name: own for name, (_, own) in dialects.items()}
    faces = [*(face for face, _ in dialects.values()), registry.face(services, own)]
    limiter = Limiter()
    guards = [
        (prefix, Guard(face, cloud.keys, limiter, cloud.clock, cloud.ids))
        for face in faces
        for prefix in face.prefixes
    ]

    @functools.cache
    def page() -> bytes:
        return docs.page(json.loads(own["atoll"].document()))

    pages = {
        "/openapi.json": Page(JSON, own["atoll"].document), "/docs": Page(HTML, page),
        "/": Page(HTML, page), **pages_in(CONSOLE, "/console"),
    }  # fmt: skip
    sockets = {consoles.SOCKET_PATH: consoles.ConsoleSocket(services)}
    return Front(guards, pages, sockets, lambda: cloud.ready, cloud.start, cloud.stop)


def dialects_of(services: Services, settings: Settings) -> dict[str, tuple[Face, Own]]:
    """By the names that the registry knows them by. A document is made when it is first asked
    for."""
    vultr_names = vultr_catalogue.read(settings.vultr_catalogue or vultr_catalogue.PACKAGED)
    genesis_names = genesis_catalogue.read(settings.genesis_catalogue or genesis_catalogue.PACKAGED)
    every: dict[str, tuple[str, Face, Callable[[Any], dict[str, Any]]]] = {
        "atoll": ("Atoll", native.face(services), openapi.native_document),
        "vultr": (
            "Vultr", vultr.face(services, vultr_names, settings.vultr_per_second), vultr_document
        ),
        "genesiscloud": (
            "Genesis Cloud", genesis.face(services, genesis_names), genesis_document
        ),
    }  # fmt: skip
    return {
        name: (face, Own(name, called, face.server, functools.cache(made(face, document))))
        for name, (called, face, document) in every.items()
    }


def made(face: Face, document: Callable[[Any], dict[str, Any]]) -> Callable[[], bytes]:
    return lambda: encode(document(face.app))


def websocket_protocol(**options: Any) -> asyncio.Protocol:
    """Loaded at the first websocket: an idle server stays small."""
    module = "uvicorn.protocols.websockets.websockets_sansio_impl"
    protocol: asyncio.Protocol = resolve_name(f"{module}:WebSocketsSansIOProtocol")(**options)
    return protocol


# What consoles send is compressed already, or too little to be worth the memory.
WEBSOCKETS: dict[str, Any] = {
    "ws": websocket_protocol,
    "ws_max_size": WEBSOCKET_MESSAGE_BYTES_MAX,
    "ws_per_message_deflate": False,
}


class Server(uvicorn.Server):
    """Says where it is once it listens, not before."""

    def __init__(self, config: uvicorn.Config, cloud: Cloud) -> None:
        super().__init__(config)
        self._cloud = cloud

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_ALLOCATIONS, 20, 50)
        if self.started:
            announce(self._cloud)
            self._watching = asyncio.create_task(self._end_when_broken())

    async def _end_when_broken(self) -> None:
        """Whoever supervises the process starts it again, and everything is taken up."""
        await self._cloud.broken.wait()
        self.should_exit = True


def announce(cloud: Cloud) -> None:
    """The key's text is for a terminal alone: what is written elsewhere others may read."""
    settings = cloud.settings
    url = f"http://{settings.host}:{settings.port}"
    key = cloud.state.admin_key() or ""
    remember_for_cli(settings.cli_config, url, key)
    lines = [f"Atoll serves at {url} (docs at {url}/docs), state in {settings.state}"]
    if cloud.first_key is not None:
        kept = settings.state / "admin.key"
        shown = f"{key} (kept in {kept})" if sys.stdout.isatty() else f"in {kept}"
        lines.append(f"admin key: {shown}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def serve(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT. Answers the exit code."""
    configure_logs(settings.log_level)
    state = StateDir(settings.state)
    try:
        state.open()
        cloud = Cloud(settings, state)
        config = uvicorn.Config(
            front_of(cloud),
            loop="uvloop",
            http="httptools",
            **WEBSOCKETS,
            lifespan="on",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_level="error",
            timeout_graceful_shutdown=5,
        )
        listening = listen(settings.host, settings.port)
        server = Server(config, cloud)
        server.run([listening])
    except (RuntimeError, AtollError, OSError) as error:
        sys.stderr.write(f"atoll: {error}\n")
        return 1
    finally:
        state.close()
    return 0 if server.started and not cloud.broken.is_set() else 1


def listen(host: str, port: int) -> socket.socket:
    """Before anything else is done: a port that is taken is the most common mistake."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise RuntimeError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; "
            "name another --port or --host"
        ) from error


def configure_logs(level: str) -> None:
    """One line an event, on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
