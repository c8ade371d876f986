"""The consoles of simulated guests: a login prompt that echoes, a VNC server without a screen.

Called by `simulator.SimulatorDriver`. Nothing is ever carried out of what is typed there.
"""

import asyncio
import base64
import struct
from weakref import WeakSet

from atoll.domain.errors import DriverUnavailable
from atoll.messages import Console

UNREAD_BYTES_MAX = 64 * 1024
RFB_VERSION = b"RFB 003.008\n"
NO_SCREEN = b"this guest is simulated: it has no screen"
# One black pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mMQAAAAEgARCN69wwAAAABJRU5ErkJggg=="
)


class SimulatedConsole:
    """Implements `ports.Stream`."""

    def __init__(self, guest_name: str, console: Console) -> None:
        self._console = console
        self._taken = 0
        prompt = f"\r\n{guest_name} login: ".encode()
        self._unread = bytearray(RFB_VERSION if console is Console.VNC else prompt)
        self._ended = False
        self._changed = asyncio.Event()

    async def receive(self) -> bytes:
        while not self._unread and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        data = bytes(self._unread)
        self._unread.clear()
        self._changed.set()
        return data

    async def send(self, data: bytes) -> None:
        while len(self._unread) > UNREAD_BYTES_MAX and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        if self._ended:
            raise DriverUnavailable("the guest's console is closed")
        if self._console is Console.SERIAL:
            self._unread += data.replace(b"\r", b"\r\n")
        else:
            self._taken += len(data)
            if self._taken >= len(RFB_VERSION):
                # RFC 6143, section 7.1.2: no security type, and why.
                self._unread += struct.pack(">BI", 0, len(NO_SCREEN)) + NO_SCREEN
                self._ended = True
        self._changed.set()

    async def close(self) -> None:
        self.end()

    def end(self) -> None:
        """End the console: the guest has stopped, or the viewer has left."""
        self._ended = True
        self._changed.set()


class SimulatedConsoles:
    """The open consoles of one simulated host."""

    def __init__(self) -> None:
        self._of: dict[str, WeakSet[SimulatedConsole]] = {}

    def open(self, guest_id: str, guest_name: str, console: Console) -> SimulatedConsole:
        opened = SimulatedConsole(guest_name, console)
        self._of.setdefault(guest_id, WeakSet()).add(opened)
        return opened

    def end(self, guest_id: str) -> None:
        for console in self._of.pop(guest_id, ()):
            console.end()

    def end_all(self) -> None:
        for guest_id in list(self._of):
            self.end(guest_id)
