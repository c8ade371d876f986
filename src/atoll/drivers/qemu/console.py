"""A guest's consoles and its screen: QEMU's VNC server, its serial port, a screenshot.

Called by `driver.QemuDriver`. QEMU serves one connection at a time on the serial port, and a guest
blocks after about 280 unread bytes: so all viewers share one connection, and slow viewers are
disconnected. QEMU itself writes the log, with or without viewers.
"""

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.qemu.command_line import SERIAL_SOCKET, VNC_SOCKET
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.monitor import dial
from atoll.drivers.qemu.process import open_own
from atoll.messages import Console
from atoll.ports import Stream

CONNECT_S = 5.0
CHUNK_BYTES = 64 * 1024
UNREAD_BYTES_MAX = 256 * 1024
SLOW_S = 10.0
SCREEN_FILE = "screen.png"
SCREEN_BYTES_MAX = 32 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
CLOSED = "the guest's console is closed"


class SocketStream:
    """A socket of QEMU as a `ports.Stream`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(CHUNK_BYTES)
        except OSError as error:
            raise DriverUnavailable(f"{CLOSED}: {error}") from error

    async def send(self, data: bytes) -> None:
        if self._writer.is_closing() or self._reader.at_eof():
            raise DriverUnavailable(CLOSED)
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise DriverUnavailable(f"{CLOSED}: {error}") from error

    async def close(self) -> None:
        """Close without a flush, which would block if the guest reads nothing."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class SerialView:
    """The view of one viewer of the serial port: a `ports.Stream`."""

    def __init__(self, port: "SerialPort") -> None:
        self._port = port
        self._unread = bytearray()
        self._ended = False
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    async def receive(self) -> bytes:
        while not self._unread and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        data = bytes(self._unread[:CHUNK_BYTES])
        del self._unread[:CHUNK_BYTES]
        self._drained.set()
        return data

    async def send(self, data: bytes) -> None:
        if self._ended:
            raise DriverUnavailable(CLOSED)
        await self._port.send(data)

    async def close(self) -> None:
        self.end()
        await self._port.leave(self)

    async def take(self, data: bytes) -> bool:
        """Add output; return whether there was room in time."""
        try:
            async with asyncio.timeout(SLOW_S):
                while len(self._unread) >= UNREAD_BYTES_MAX and not self._ended:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            return False
        if not self._ended:
            self._unread += data
            self._filled.set()
        return True

    def end(self) -> None:
        """End the view. Buffered output can still be read."""
        self._ended = True
        self._filled.set()
        self._drained.set()


class SerialPort:
    """One connection to the serial port of a guest, shared by all viewers."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._views: list[SerialView] = []
        self._reading = asyncio.create_task(self._read(), name="serial port")
        self.is_open = True

    def join(self) -> SerialView:
        view = SerialView(self)
        self._views.append(view)
        return view

    async def send(self, data: bytes) -> None:
        await self._stream.send(data)

    async def leave(self, view: SerialView) -> None:
        if view in self._views:
            self._views.remove(view)
        if not self._views:
            await self.close()

    async def close(self) -> None:
        self._end()
        self._reading.cancel()
        await self._stream.close()

    def _end(self) -> None:
        self.is_open = False
        for view in self._views:
            view.end()
        self._views.clear()

    async def _read(self) -> None:
        """Distribute the output to all viewers, until the connection ends."""
        with contextlib.suppress(DriverUnavailable):
            while data := await self._stream.receive():
                for view in list(self._views):
                    if not await view.take(data):
                        view.end()
                        await self.leave(view)
        self._end()
        await self._stream.close()


class GuestConsole:
    """The open consoles of one guest."""

    def __init__(self) -> None:
        self.joining = asyncio.Lock()
        self.drawing = asyncio.Lock()
        self.serial: SerialPort | None = None
        self.screens: WeakSet[SocketStream] = WeakSet()


class Consoles:
    """The consoles of the guests of a host."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Guest, GuestConsole] = WeakKeyDictionary()

    async def open(self, guest: Guest, console: Console) -> Stream:
        known = self._of.setdefault(guest, GuestConsole())
        if console is Console.VNC:
            stream = await connect(guest, VNC_SOCKET)
            known.screens.add(stream)
            return stream
        async with known.joining:
            if known.serial is None or not known.serial.is_open:
                known.serial = SerialPort(await connect(guest, SERIAL_SOCKET))
            return known.serial.join()

    async def read_screen(self, guest: Guest) -> bytes:
        known = self._of.setdefault(guest, GuestConsole())
        async with known.drawing:
            await guest.ask("screendump", filename=SCREEN_FILE, format="png")
            return await asyncio.to_thread(take_picture, guest.folder.path / SCREEN_FILE)

    async def close(self) -> None:
        for known in list(self._of.values()):
            for stream in list(known.screens):
                await stream.close()
            if known.serial is not None:
                await known.serial.close()


async def connect(guest: Guest, socket_name: str) -> SocketStream:
    folder = guest.folder.path
    try:
        async with asyncio.timeout(CONNECT_S):
            connection = await dial(folder, pid_of(guest), socket_name)
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=CHUNK_BYTES)
    except TimeoutError as error:
        if not (folder / socket_name).exists():
            raise DriverRefused(
                "this guest was started by an earlier version of Atoll, without a console: "
                "stop it and start it again"
            ) from error
        raise DriverUnavailable(
            f"the guest's console did not answer within {CONNECT_S:g} s"
        ) from error
    except OSError as error:
        raise DriverUnavailable(f"the guest's console cannot be opened: {error}") from error
    return SocketStream(reader, writer)


def pid_of(guest: Guest) -> int:
    pid = guest.record.pid
    if pid is None:
        raise DriverUnavailable(f"guest {guest.record.spec.id} is starting: retry")
    return pid


def take_picture(path: Path) -> bytes:
    """Take a screenshot. QEMU's user can write to the folder: links are not followed."""
    try:
        with open_own(path, os.O_RDONLY) as descriptor:
            status = os.fstat(descriptor)
            whole = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            if not whole or status.st_size > SCREEN_BYTES_MAX:
                raise DriverUnavailable("QEMU's screenshot is not a regular file")
            picture = os.pread(descriptor, status.st_size, 0)
    except OSError as error:
        raise DriverUnavailable(f"QEMU's screenshot cannot be read: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    if not picture.startswith(PNG):
        raise DriverUnavailable("QEMU did not write a screenshot")
    return picture
