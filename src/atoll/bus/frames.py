"""Frames over a byte stream: a length, a kind, a channel's number, and bytes.

The lowest part of `link.py`. A frame that is too long or of no known kind ends the connection:
nothing after it could be trusted.
"""

import asyncio
import contextlib
import socket
import struct
from enum import IntEnum
from typing import NamedTuple

from atoll.bus.codec import ENCODED_BYTES_MAX
from atoll.domain.errors import DriverUnavailable

HEADER = struct.Struct(">IBI")


class Kind(IntEnum):
    """Who begins: ASK and OPEN the control plane; SERVE, LEAVE and REPORT the host. ANSWER and
    TAKEN bear the number of what they answer; the others speak of an open stream."""

    ASK = 1
    OPEN = 2
    ANSWER = 3
    SERVE = 4
    LEAVE = 5
    REPORT = 6
    TAKEN = 7
    DATA = 8
    CREDIT = 9
    END = 10


class Frame(NamedTuple):
    kind: Kind
    channel: int
    data: bytes = b""


class Frames:
    """One connection. Several may send at once; one receives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> Frame | None:
        """None where the other side has closed, or what it sent is no frame."""
        try:
            header = await self._reader.readexactly(HEADER.size)
            length, kind, channel = HEADER.unpack(header)
            if length > ENCODED_BYTES_MAX:
                return None
            return Frame(Kind(kind), channel, await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, ValueError):
            return None

    async def send(self, frame: Frame) -> None:
        """Waits while the other side is slow. Raises DriverUnavailable where it is gone."""
        if self._writer.is_closing():
            raise DriverUnavailable("the connection is closed")
        header = HEADER.pack(len(frame.data), frame.kind, frame.channel)
        self._writer.write(header + frame.data)
        try:
            await self._writer.drain()
        except OSError as error:
            raise DriverUnavailable(f"the connection broke: {error}") from error

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def make_pair() -> tuple[Frames, Frames]:
    """Both ends of a connection within this process."""
    ends = socket.socketpair()
    near, far = [Frames(*await asyncio.open_connection(sock=end)) for end in ends]
    return near, far
