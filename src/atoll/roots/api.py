"""What users connect to: every dialect behind one front, and the name server."""

import functools
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from atoll.api import docs
from atoll.api.asgi import HTML, JSON, Front, Page, pages_in
from atoll.api.documents import encode
from atoll.api.genesis import app as genesis
from atoll.api.genesis import catalogue as genesis_catalogue
from atoll.api.genesis.openapi import genesis_document
from atoll.api.http import Face, Guard
from atoll.api.limits import CLASSES, Limiter
from atoll.api.native import app as native
from atoll.api.native import consoles, openapi
from atoll.api.registry import app as registry
from atoll.api.registry.index import Own
from atoll.api.vultr import app as vultr
from atoll.api.vultr import catalogue as vultr_catalogue
from atoll.api.vultr.openapi import vultr_document
from atoll.ports import Bus, Faults
from atoll.roots.control import KEY_BYTES, Control
from atoll.roots.parts import Part
from atoll.service.bundle import Services
from atoll.service.deployment import Deployment
from atoll.service.desk import Desk
from atoll.service.handlers import HANDLERS
from atoll.settings import Settings

CONSOLE = Path(__file__).parent.parent / "console"


def front_of(
    control: Control,
    bus: Bus,
    faults: Faults | None,
    not_ready: Callable[[], str],
) -> Front:
    """Build the front with all dialects on one port. The dialects need the started cloud."""
    services = Services(desk_of(control), bus, faults)
    dialects = dialects_of(services, control.settings)
    own = {name: own for name, (_, own) in dialects.items()}
    faces = [*(face for face, _ in dialects.values()), registry.face(services, own)]
    limiter = Limiter(control.clock)
    guards = [
        (prefix, Guard(face, control.keys, limiter, control.ids))
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
    return Front(guards, pages, sockets, not_ready)


def desk_of(control: Control) -> Desk:
    deployment = Deployment(
        control.ranges,
        control.keys,
        control.passwords,
        new_secret=lambda: secrets.token_bytes(KEY_BYTES),
        recoverable_s=control.settings.recoverable_s,
        limit_classes=frozenset(CLASSES),
    )
    return Desk(control.store, control.clock, control.ids, control.accepted, HANDLERS, deployment)


def dialects_of(services: Services, settings: Settings) -> dict[str, tuple[Face, Own]]:
    """Return the dialects by their names in the registry. A document is built at its first
    request."""
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


def name_server(control: Control) -> Part:
    """Loaded when it is started, so that an idle server stays small."""
    settings = control.settings
    opened: list[Any] = []

    async def start() -> None:
        server = resolve_name("atoll.names.server:NameServer")(control.store, control.ranges)
        await server.open(settings.host, settings.dns_port)
        opened.append(server)

    async def stop() -> None:
        opened.pop().close()

    return Part("names", start=start, stop=stop)
