"""Bounds of HTTP connections that hold before a key is known.

uvicorn bounds neither the bytes of a head nor the time that a client takes for head, body or
reading, nor the number of connections. Here each has a maximum: a connection that exceeds one is
closed. When there are too many connections, those that have waited longest without a request are
closed for new ones, so that silent clients keep nobody out.
"""

import asyncio
import resource
from collections import Counter
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 64 * 1024
# All heads that did not arrive in one piece, together.
HEADS_BYTES_MAX = 32 * 1024 * 1024
CROWDED = (
    b"the server holds too many heads of requests that have not arrived completely: retry, and "
    b"send the head in one piece"
)
# Of a body: the lines between its chunks, and its trailers.
FRAMING_BYTES_MAX = 256 * 1024
HEAD_S, BODY_S, READ_S = 15.0, 120.0, 30.0
LOOK_S = 1.0
CONNECTIONS_MAX, FILES_MAX = 4_096, 65_536
# Files that the rest of the process may need.
FILES_RESERVED = 512
# One address may hold half of the connections; of those, some are closed at once.
PEER_SHARE, CLOSED_SHARE = 2, 20


class Stage(Enum):
    """What a connection waits for."""

    FIRST_HEAD = "first head"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    IDLE = "idle"


WITHOUT_REQUEST = {Stage.FIRST_HEAD, Stage.HEAD, Stage.IDLE}


def raise_file_limit() -> int:
    """Raise the soft limit of open files as far as allowed, and return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(64, min(CONNECTIONS_MAX, soft - FILES_RESERVED))


class Doors:
    """All connections of a server."""

    def __init__(self, connections_max: int) -> None:
        self.connections_max = connections_max
        self.held = 0  # bytes of all incomplete heads
        self._open: dict[BoundedProtocol, None] = {}
        self._peers: Counter[str] = Counter()

    def admit(self, connection: "BoundedProtocol") -> bool:
        """Count a new connection, closing old ones if there are too many. False if it must go."""
        peer = connection.peer
        everybody = len(self._open) >= self.connections_max
        crowded = everybody or self._peers[peer] >= self.connections_max // PEER_SHARE
        if crowded and not self._make_room(None if everybody else peer):
            return False
        self._open[connection] = None
        self._peers[peer] += 1
        return True

    def leave(self, connection: "BoundedProtocol") -> None:
        if connection in self._open:
            del self._open[connection]
            self._peers[connection.peer] -= 1
            if not self._peers[connection.peer]:
                del self._peers[connection.peer]

    def close_late(self, now_s: float) -> None:
        """Close connections that take too long."""
        for connection in list(self._open):
            if connection.is_late(now_s):
                connection.abort()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            self.close_late(loop.time())

    def _make_room(self, peer: str | None) -> bool:
        """Close the connections without a request that have waited longest."""
        waiting = [
            one
            for one in self._open
            if one.stage in WITHOUT_REQUEST and (peer is None or one.peer == peer)
        ]
        waiting.sort(key=lambda one: one.since_s)
        for one in waiting[: max(1, len(waiting) // CLOSED_SHARE)]:
            one.abort()
        return bool(waiting)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounded` sets its `doors`."""

    doors: Doors

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self.held = 0  # bytes of an incomplete head
        self._framing = 0
        self._body_bytes = 0
        self._unread_since_s: float | None = None
        self._wait_for(Stage.FIRST_HEAD)
        if not self.doors.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        self.doors.leave(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close without an answer."""
        self.doors.leave(self)
        self.transport.abort()

    def is_late(self, now_s: float) -> bool:
        if self._unread_since_s is not None and now_s - self._unread_since_s > READ_S:
            return True
        waited_s = now_s - self.since_s
        match self.stage:
            case Stage.FIRST_HEAD | Stage.HEAD:
                return waited_s > HEAD_S
            case Stage.BODY:
                return waited_s > BODY_S
        return False

    def data_received(self, data: bytes) -> None:
        """The parser keeps all of a head: bound it before the next bytes are added."""
        self._body_bytes = 0
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.stage is Stage.BODY:
            self._framing += len(data) - self._body_bytes
            if self._framing > FRAMING_BYTES_MAX:
                self.abort()
        elif self.stage in {Stage.FIRST_HEAD, Stage.HEAD}:
            self._hold(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._release()
        self._framing = 0
        self._wait_for(Stage.HEAD)

    def on_headers_complete(self) -> None:
        self._release()
        self._wait_for(Stage.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._wait_for(Stage.ANSWER)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.stage is Stage.ANSWER:
            self._wait_for(Stage.IDLE)

    def _hold(self, more: int) -> None:
        self.held += more
        self.doors.held += more
        if self.held > HEAD_BYTES_MAX:
            said = b"the head of the request has more than %d bytes" % HEAD_BYTES_MAX
            self._refuse(b"431 Request Header Fields Too Large", said)
        elif self.doors.held > HEADS_BYTES_MAX:
            self._refuse(b"503 Service Unavailable\r\nretry-after: 1", CROWDED)

    def _release(self) -> None:
        self.doors.held -= self.held
        self.held = 0

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection."""
        self.doors.leave(self)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        self._unread_since_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since_s = None
        super().resume_writing()

    def _wait_for(self, stage: Stage) -> None:
        self.stage = stage
        self.since_s = self.loop.time()

    def _refuse(self, status: bytes, text: bytes) -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\n" % status
        length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self.doors.leave(self)
        self.transport.write(head + length + text)
        self.transport.close()


def bounded(doors: Doors) -> type[BoundedProtocol]:
    """Return a protocol for `uvicorn.Config(http=…)` whose connections share these doors."""
    return type("Bounded", (BoundedProtocol,), {"doors": doors})
