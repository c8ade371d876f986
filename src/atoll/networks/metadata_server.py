"""Serves metadata to the guests of one network, at a socket inside of its namespace.

`bridge` starts one per network. The address identifies the guest, because the network prevents
spoofing. Each connection serves one request, limited in time and size, so that no guest can block
the server.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

import h11

from atoll.networks import namespaces
from atoll.networks.bridge_rules import METADATA_ADDRESS, METADATA_PORT
from atoll.networks.metadata import Answer, Asked, Metadata, Resident, refusal

REQUEST_S = 10.0
REQUEST_BYTES_MAX = 16_384
READ_BYTES = 4096
CONNECTIONS_MAX = 16
BACKLOG = 64

FindResident = Callable[[str], Resident | None]


class MetadataServer:
    """`find` returns the guest of this network with an address."""

    def __init__(self, namespace: str, metadata: Metadata, find: FindResident) -> None:
        self._namespace = namespace
        self._metadata = metadata
        self._find = find
        self._server: asyncio.Server | None = None
        self._connections: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ensure(self) -> None:
        if self._server is not None:
            return
        listening = await asyncio.to_thread(namespaces.inside, self._namespace, listen)
        self._server = await asyncio.start_server(self._serve, sock=listening)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._tasks.add(task)
        caller = writer.get_extra_info("peername")[0]
        self._connections[caller] += 1
        try:
            if self._connections[caller] <= CONNECTIONS_MAX:
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(REQUEST_S):
                        await self._converse(caller, reader, writer)
        finally:
            self._tasks.discard(task)
            self._connections -= Counter([caller])
            writer.close()

    async def _converse(
        self, caller: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=REQUEST_BYTES_MAX)
        try:
            asked = await read_request(connection, reader)
        except h11.RemoteProtocolError as error:
            sentence = "this is no request that is understood here"
            writer.write(written(connection, refusal(error.error_status_hint, sentence)))
        else:
            if asked is not None:
                body = asked.method != "HEAD"
                writer.write(written(connection, self._answer(caller, asked), body=body))
        await writer.drain()

    def _answer(self, caller: str, asked: Asked) -> Answer:
        resident = self._find(caller)
        if resident is None:
            return refusal(404, "nothing is known of this address")
        return self._metadata.answer(resident, asked)


def listen() -> socket.socket:
    listening = socket.create_server((METADATA_ADDRESS, METADATA_PORT), backlog=BACKLOG)
    listening.setblocking(False)
    return listening


async def read_request(connection: h11.Connection, reader: asyncio.StreamReader) -> Asked | None:
    """Read the head: bodies are irrelevant here. None if the client disconnected."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Request):
            return Asked(
                method=event.method.decode("ascii"),
                path=event.target.decode("latin-1"),
                headers={k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers},
            )
        else:
            return None


def written(connection: h11.Connection, answer: Answer, *, body: bool = True) -> bytes:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        "cache-control": "no-store",
        "connection": "close",
        **answer.headers,
    }
    reason = HTTPStatus(answer.status).phrase
    head = h11.Response(status_code=answer.status, reason=reason, headers=list(headers.items()))
    content = [h11.Data(data=answer.body)] if body else []
    events = (head, *content, h11.EndOfMessage())
    return b"".join(connection.send(event) or b"" for event in events)
