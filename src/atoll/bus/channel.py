"""A stream within a connection: bytes in both directions, with a limit on bytes in flight.

Created by `link.py`, which passes on what it receives. A sender has a window of bytes; the window
reopens as the reader reads. So an unread console blocks only itself.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from atoll.bus.frames import Frame, Kind
from atoll.domain.errors import DriverUnavailable

WINDOW_BYTES = 256 * 1024
CHUNK_BYTES = 64 * 1024
Send = Callable[[Frame], Coroutine[Any, Any, None]]


class Channel:
    """A `ports.Stream`. The methods without `async` are for the link."""

    def __init__(self, number: int, send: Send, forget: Callable[[int], None]) -> None:
        self.number = number
        self._send = send
        self._forget = forget
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = 0
        self._window = WINDOW_BYTES
        self._moved = asyncio.Event()
        self._ended = False
        self._broken = False

    async def receive(self) -> bytes:
        """Buffered bytes are returned first, also after the end."""
        if self._ended and self._arrived.empty():
            return self._end_of_stream()
        data = await self._arrived.get()
        if not data:
            return self._end_of_stream()
        self._unread -= len(data)
        if not self._ended:
            await self._send(Frame(Kind.CREDIT, self.number, len(data).to_bytes(4, "big")))
        return data

    def _end_of_stream(self) -> bytes:
        if self._broken:
            raise DriverUnavailable("the connection to the host broke")
        return b""

    async def send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            while not self._window and not self._ended:
                self._moved.clear()
                await self._moved.wait()
            if self._ended:
                raise DriverUnavailable("the other side closed the connection")
            size = min(len(left), CHUNK_BYTES, self._window)
            self._window -= size
            chunk, left = left[:size], left[size:]
            await self._send(Frame(Kind.DATA, self.number, bytes(chunk)))

    async def close(self) -> None:
        if self._ended:
            return
        self.end()
        await self._send(Frame(Kind.END, self.number))

    def take(self, data: bytes) -> bool:
        """Return False if the other side exceeds its window."""
        self._unread += len(data)
        if data and not self._ended:
            self._arrived.put_nowait(data)
        return self._unread <= WINDOW_BYTES

    def give_window(self, data: bytes) -> None:
        self._window = min(WINDOW_BYTES, self._window + int.from_bytes(data, "big"))
        self._moved.set()

    def end(self, *, broken: bool = False) -> None:
        """End both directions and wake all waiting tasks."""
        if self._ended:
            return
        self._ended, self._broken = True, broken
        self._arrived.put_nowait(b"")
        self._moved.set()
        self._forget(self.number)
