"""One connection to a guest's monitor (QMP), and the same again after it broke.

Called by `guest`. Turns what can go wrong into DriverUnavailable. It never decides anything
about the guest.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qemu.qmp import EventListener, QMPClient, QMPError, Runstate
from qemu.qmp.qmp_client import ExecuteError

from atoll.domain.errors import DriverUnavailable
from atoll.drivers.qemu.command_line import QMP_SOCKET

CONNECT_S = 10.0
EXECUTE_S = 10.0
RETRY_S = 0.01

OnEvent = Callable[[str, dict[str, Any]], None]


class Forwarder(EventListener):
    """Hands events on as they come. (The library's own listener keeps every event for ever.)"""

    def __init__(self, on_event: OnEvent) -> None:
        super().__init__()
        self._on_event = on_event

    async def put(self, event: Any) -> None:
        self._on_event(event["event"], event.get("data", {}))


class MonitorRefused(DriverUnavailable):
    """QEMU answered that it will not."""


class Monitor:
    """A live connection. `connect` makes it."""

    def __init__(self, client: QMPClient) -> None:
        self._client = client

    @property
    def connected(self) -> bool:
        return bool(self._client.runstate is Runstate.RUNNING)

    async def execute(self, command: str, **arguments: Any) -> Any:
        """The answer. Raises MonitorRefused, and DriverUnavailable where none comes in time."""
        try:
            async with asyncio.timeout(EXECUTE_S):
                return await self._client.execute(command, arguments or None)
        except TimeoutError as error:
            raise DriverUnavailable(
                f"QEMU did not answer {command} within {EXECUTE_S:g} s: the host is overloaded"
            ) from error
        except ExecuteError as error:
            raise MonitorRefused(f"QEMU refused {command}: {error}") from error
        except (QMPError, OSError, EOFError) as error:
            raise DriverUnavailable(f"QEMU's monitor broke at {command}: {error}") from error

    async def try_to(self, command: str, **arguments: Any) -> None:
        """What may have happened already: that QEMU refuses is no fault."""
        with contextlib.suppress(MonitorRefused):
            await self.execute(command, **arguments)

    async def say(self, line: str) -> str:
        """For the few things that only the monitor for people can do. Answers what it says."""
        said = await self.execute("human-monitor-command", **{"command-line": line})
        return str(said).strip()

    async def give(self, descriptor: int, name: str) -> None:
        """Hands an open file to QEMU, under a name. Ours stays open."""
        self._client.send_fd_scm(descriptor)
        await self.execute("getfd", fdname=name)

    async def closed(self) -> None:
        """Returns when the connection has ended."""
        while self.connected:
            await self._client.runstate_changed()

    async def close(self) -> None:
        with contextlib.suppress(QMPError, OSError, EOFError):
            await self._client.disconnect()


async def connect(
    folder: Path, pid: int, uuid: str, on_event: OnEvent, timeout_s: float = CONNECT_S
) -> Monitor:
    """Connects as soon as QEMU listens, and checks that it is this guest's QEMU that answers."""
    client = quiet_client()
    client.register_listener(Forwarder(on_event))
    monitor = Monitor(client)
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(await dial(folder, pid, QMP_SOCKET))
            answer: Any = await client.execute("query-uuid")
        if answer["UUID"] != uuid:
            raise DriverUnavailable(f"the monitor in {folder} belongs to another guest")
    except TimeoutError as error:
        await monitor.close()
        raise DriverUnavailable(f"QEMU opened no monitor within {timeout_s:g} s") from error
    except (QMPError, OSError, EOFError) as error:
        await monitor.close()
        raise DriverUnavailable(f"QEMU's monitor does not answer: {error}") from error
    except BaseException:
        await monitor.close()
        raise
    return monitor


def quiet_client() -> QMPClient:
    """The library logs each lost connection as an error; here that is how a guest ends."""
    client = QMPClient("guest")
    client.logger = logging.getLogger("atoll.drivers.qmp")
    client.logger.setLevel(logging.CRITICAL)
    return client


async def dial(folder: Path, pid: int, socket_name: str) -> socket.socket:
    """A connection to one of the guest's sockets, tried until QEMU listens."""
    while True:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            return open_socket(folder, pid, socket_name)
        await asyncio.sleep(RETRY_S)


def open_socket(folder: Path, pid: int, socket_name: str) -> socket.socket:
    """By way of the folder's descriptor: a socket's path may have 108 bytes at most."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{socket_name}")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[0] != pid:
            raise ConnectionError(f"another process listens at the guest's {socket_name}")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(descriptor)
    return connection
