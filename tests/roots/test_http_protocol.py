"""Bounds that hold before a key is known: heads, times, connections."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from atoll.roots.http_protocol import (
    BODY_S,
    HEAD_BYTES_MAX,
    HEAD_S,
    READ_S,
    Doors,
    Stage,
    bounded,
    raise_file_limit,
)

pytestmark = pytest.mark.anyio
MAX = 40
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNK = b"x" * 16 * 1024
LARGE = b"z" * 1024 * 1024
SENT_MAX = 8 * 1024 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body; answer `ok`, or without end at /large."""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    times = 1000 if scope["path"] == "/large" else 0
    length = (b"content-length", b"%d" % (times * len(LARGE) + 2))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for _ in range(times):
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})


class Web:
    def __init__(self) -> None:
        self.doors = Doors(MAX)
        self.opened: list[asyncio.StreamWriter] = []

    async def connect(self, *sent: bytes) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.append(writer)
        for data in sent:
            writer.write(data)
        return reader, writer

    async def answer(self, *sent: bytes) -> bytes:
        """Return all that is answered until the connection ends."""
        reader, _ = await self.connect(*sent)
        return await reader.read()

    async def until(self, *stages: Stage) -> None:
        """Return when the server has these connections, in any order."""
        wanted = sorted(stage.value for stage in stages)
        while sorted(one.stage.value for one in self.doors._open) != wanted:
            await asyncio.sleep(0)

    def close_late(self, after_s: float) -> None:
        self.doors.close_late(asyncio.get_running_loop().time() + after_s)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web = Web()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=bounded(web.doors), ws="none", lifespan="off",
        log_level="critical", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    web.port = server.servers[0].sockets[0].getsockname()[1]
    async with asyncio.timeout(30):
        yield web
    for writer in web.opened:
        writer.close()
    server.should_exit = True
    await serving


async def pour(streams: Streams, data: bytes) -> int:
    """Send until the server closes the connection. Return how many bytes it took."""
    reader, writer = streams
    sent = 0
    ended = asyncio.ensure_future(reader.read())
    try:
        while not ended.done() and sent < SENT_MAX:
            writer.write(data)
            sent += len(data)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    ended.cancel()
    return sent


@pytest.mark.parametrize(
    "start",
    [b"GET /", b"GET / HTTP/1.1\r\nname: ", b"GET / HTTP/1.1\r\n"],
    ids=["the address", "one header", "many headers"],
)
async def test_a_head_without_end_is_cut(web: Web, start: bytes) -> None:
    more = CHUNK if not start.endswith(b"\n") else b"a: b\r\n" * 2000
    assert await pour(await web.connect(start), more) < SENT_MAX
    await web.until()
    assert web.doors.held == 0


async def test_a_head_that_is_too_long_is_answered(web: Web) -> None:
    answer = await web.answer(b"GET / HTTP/1.1\r\nname: ", b"x" * (HEAD_BYTES_MAX + 10))
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"65536 bytes" in answer


async def test_heads_in_pieces_are_counted_together(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atoll.roots.http_protocol.HEADS_BYTES_MAX", 3 * len(CHUNK))
    for _ in range(2):
        await web.connect(b"GET / HTTP/1.1\r\nname: " + CHUNK)
    await web.until(Stage.HEAD, Stage.HEAD)
    answer = await web.answer(b"GET / HTTP/1.1\r\nname: " + CHUNK)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    assert b"too many heads of requests" in answer
    assert b"65536" not in answer, "this head is short"


async def test_trailers_without_end_are_cut(web: Web) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    assert await pour(await web.connect(head), b"t: u\r\n" * 2000) < SENT_MAX


async def test_silent_connections_keep_nobody_out(web: Web) -> None:
    for _ in range(2 * MAX):
        await web.connect()
    assert (await web.answer(REQUEST[:-2] + b"connection: close\r\n\r\n")).endswith(b"ok")
    assert len(web.doors._open) <= MAX


async def test_slow_heads_and_bodies_are_cut_and_others_are_not(web: Web) -> None:
    silent = await web.connect()
    head = await web.connect(b"GET / HT")
    body = await web.connect(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
    await web.until(Stage.FIRST_HEAD, Stage.HEAD, Stage.BODY)
    web.close_late(HEAD_S - 1)
    await web.until(Stage.FIRST_HEAD, Stage.HEAD, Stage.BODY)
    web.close_late(HEAD_S + 1)
    await web.until(Stage.BODY)
    web.close_late(BODY_S + 1)
    await web.until()
    for reader, _ in (silent, head, body):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""


async def test_a_client_that_does_not_read_is_cut(web: Web) -> None:
    await web.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
    while not any(one._unread_since_s for one in web.doors._open):
        await asyncio.sleep(0)
    web.close_late(READ_S - 1)
    assert len(web.doors._open) == 1
    web.close_late(READ_S + 1)
    await web.until()


async def test_a_connection_serves_many_requests(web: Web) -> None:
    reader, writer = await web.connect(*[REQUEST] * 3)
    for _ in range(3):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    await web.until(Stage.IDLE)
    web.close_late(HEAD_S + 1)
    writer.write(REQUEST)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


def test_the_limit_of_open_files_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        fit = raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 1024
        assert fit > 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
