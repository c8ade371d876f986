"""The connection to the monitor of a guest (QMP), with reconnects.

Called by `guest`. Converts errors to DriverUnavailable. It makes no decisions about
the guest.
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
# They visit every block node. QEMU (seen with 7.2) runs commands also while it removes the filter
# of a finished job, and crashes with its guest when it visits that filter.
WALKS = {"query-block", "query-named-block-nodes"}

OnEvent = Callable[[str, dict[str, Any]], None]


class Forwarder(EventListener):
    """Forwards events immediately. (The listener of the library stores all events forever.)"""

    def __init__(self, on_event: OnEvent) -> None:
        super().__init__()
        self._on_event = on_event

    async def put(self, event: Any) -> None:
        self._on_event(event["event"], event.get("data", {}))


class MonitorRefused(DriverUnavailable):
    """QEMU rejected the command."""


class Monitor:
    """An open connection, created by `connect`."""

    def __init__(self, client: QMPClient) -> None:
        self._client = client
        # Held while a job of ours may remove nodes.
        self.nodes_change = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return bool(self._client.runstate is Runstate.RUNNING)

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command. Raises MonitorRefused, and DriverUnavailable after a timeout."""
        if command in WALKS:
            async with self.nodes_change:
                return await self._execute(command, arguments)
        return await self._execute(command, arguments)

    async def _execute(self, command: str, arguments: dict[str, Any]) -> Any:
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
        """Run a command that may already have taken effect: ignore a rejection."""
        with contextlib.suppress(MonitorRefused):
            await self.execute(command, **arguments)

    async def say(self, line: str) -> str:
        """Run a command of the human monitor, for functions that QMP lacks; return its output."""
        said = await self.execute("human-monitor-command", **{"command-line": line})
        return str(said).strip()

    async def give(self, descriptor: int, name: str) -> None:
        """Pass an open file to QEMU, under a name. Our descriptor stays open."""
        self._client.send_fd_scm(descriptor)
        await self.execute("getfd", fdname=name)

    async def closed(self) -> None:
        """Wait until the connection has ended."""
        while self.connected:
            await self._client.runstate_changed()

    async def close(self) -> None:
        with contextlib.suppress(QMPError, OSError, EOFError):
            await self._client.disconnect()


async def connect(
    folder: Path, pid: int, uuid: str, on_event: OnEvent, timeout_s: float = CONNECT_S
) -> Monitor:
    """Connect as soon as QEMU listens, and verify that it is the QEMU of this guest."""
    client = quiet_client()
    client.register_listener(Forwarder(on_event))
    monitor = Monitor(client)
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(await dial(folder, pid, QMP_SOCKET))
            answer: Any = await client.execute("query-uuid")
        if answer["UUID"] != uuid:
            raise DriverUnavailable(f"the QEMU monitor in {folder} belongs to another guest")
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
    """Create a client without error logs: a lost connection is the normal end of a guest."""
    client = QMPClient("guest")
    client.logger = logging.getLogger("atoll.drivers.qmp")
    client.logger.setLevel(logging.CRITICAL)
    return client


async def dial(folder: Path, pid: int, socket_name: str) -> socket.socket:
    """Connect to a socket of the guest, retrying until QEMU listens."""
    while True:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            return open_socket(folder, pid, socket_name)
        await asyncio.sleep(RETRY_S)


def open_socket(folder: Path, pid: int, socket_name: str) -> socket.socket:
    """Connect by the descriptor of the folder, because socket paths have at most 108 bytes."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{socket_name}")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[0] != pid:
            raise ConnectionError(f"another process listens on the guest's {socket_name}")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(descriptor)
    return connection
