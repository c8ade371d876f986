"""Frames over a byte stream: a length, a kind, a channel's number, and bytes.

The lowest part of `link.py`. A frame that is too long or of an unknown kind ends the connection,
because later frames could not be trusted.
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
    """The control plane starts ASK and OPEN; the host starts SERVE, LEAVE and REPORT. ANSWER and
    TAKEN have the number of their request; the others refer to an open stream."""

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
    """One connection. Several tasks may send concurrently; one receives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> Frame | None:
        """Return None if the other side has closed or sent an invalid frame."""
        try:
            header = await self._reader.readexactly(HEADER.size)
            length, kind, channel = HEADER.unpack(header)
            if length > ENCODED_BYTES_MAX:
                return None
            return Frame(Kind(kind), channel, await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, ValueError):
            return None

    async def send(self, frame: Frame) -> None:
        """Wait while the other side is slow. Raises DriverUnavailable if it has closed."""
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
    """Return both ends of a connection within this process."""
    ends = socket.socketpair()
    near, far = [Frames(*await asyncio.open_connection(sock=end)) for end in ends]
    return near, far
