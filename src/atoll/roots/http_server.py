"""Listens on the one port, and announces the address."""

import asyncio
import gc
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import uvicorn

from atoll.api.asgi import Front
from atoll.contexts import remember, url_here
from atoll.roots.control import Control
from atoll.roots.http_protocol import Doors, bounded
from atoll.roots.parts import Supervisor, Work

GARBAGE_ALLOCATIONS = 20_000
WEBSOCKET_MESSAGE_BYTES_MAX = 1024 * 1024
PLAIN_HTTP = (
    "warning: the API uses plain HTTP at {host}:{port}: anyone who can read the traffic of this "
    "network can read API keys and administer this cloud. Put a TLS proxy in front of it, or leave "
    "out --host\n"
)


def websocket_protocol(**options: Any) -> asyncio.Protocol:
    """Loaded at the first websocket, so that an idle server stays small."""
    module = "uvicorn.protocols.websockets.websockets_sansio_impl"
    protocol: asyncio.Protocol = resolve_name(f"{module}:WebSocketsSansIOProtocol")(**options)
    return protocol


# Console data is already compressed, or too small to be worth the memory.
WEBSOCKETS: dict[str, Any] = {
    "ws": websocket_protocol,
    "ws_max_size": WEBSOCKET_MESSAGE_BYTES_MAX,
    "ws_per_message_deflate": False,
}


class CloudServer(uvicorn.Server):
    """Starts the cloud before it listens, and stops it after the last answer. Raises what prevents
    the start."""

    def __init__(self, config: uvicorn.Config, start: Work, stop: Work) -> None:
        super().__init__(config)
        self._start = start
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if not self.force_exit:
            await self._stop()


class Server(CloudServer):
    """Calls `announce` once it listens, and ends when a part has ended."""

    def __init__(
        self,
        config: uvicorn.Config,
        start: Work,
        stop: Work,
        *,
        doors: Doors,
        supervisor: Supervisor,
        announce: Callable[[], None],
    ) -> None:
        super().__init__(config, start, stop)
        self._doors = doors
        self._supervisor = supervisor
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Objects that exist now stay: exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_ALLOCATIONS, 20, 50)
        if self.started:
            self._announce()
            self._watching = asyncio.create_task(self._end_when_broken())
            self._closing = asyncio.create_task(self._doors.run())

    async def _end_when_broken(self) -> None:
        """End the process. Its supervisor starts it again, and operations resume."""
        await self._supervisor.broken.wait()
        self.should_exit = True


def config_of(front: Front, doors: Doors) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        loop="uvloop",
        http=bounded(doors),
        **WEBSOCKETS,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="error",
        timeout_graceful_shutdown=5,
    )


def listen(host: str, port: int) -> socket.socket:
    """Listen before anything else: a port in use is the most common mistake."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise RuntimeError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; "
            "name another --port or --host"
        ) from error


def announce(control: Control) -> None:
    """The text of the key is printed only to a terminal: other users may read other outputs."""
    settings = control.settings
    url = url_here(settings.host, settings.port)
    key = control.state.admin_key() or ""
    lines = [f"Atoll serves at {url} (docs at {url}/docs), state in {settings.state}"]
    if control.first_key is not None:
        kept = settings.state / "admin.key"
        shown = f"{key} (kept in {kept})" if sys.stdout.isatty() else f"in {kept}"
        lines.append(f"admin key: {shown}")
    if key:
        name, current = remember(settings.cli_config, url=url, api_key=key, state=settings.state)
        if name != current:
            lines.append(
                f"the command line still uses the context {current}; "
                f"to use this server: atoll context use {name}"
            )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if not is_loopback(settings.host):
        sys.stderr.write(PLAIN_HTTP.format(host=settings.host, port=settings.port))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
