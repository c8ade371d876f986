"""The other end of a guest agent's socket is the guest, which may say anything."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll.drivers.qemu import guest_agent
from atoll.drivers.qemu.command_line import AGENT_SOCKET
from atoll.drivers.qemu.guest_agent import set_root_keys

pytestmark = pytest.mark.anyio
KEYS = ("ssh-ed25519 AAAA me",)
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def agent(folder: Path, behaviour: Behaviour) -> AsyncIterator[None]:
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await behaviour(reader, writer)
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        served.set()

    server = await asyncio.start_unix_server(serve, folder / AGENT_SOCKET)
    async with server:
        yield
        await served.wait()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: object) -> None:
    """What was left unread comes first, then the mark, then the reply."""
    mark = json.loads(await reader.readline())["arguments"]["id"]
    writer.write(b'{"return": {}}\n' + json.dumps({"return": mark}).encode() + b"\n")
    wish = json.loads(await reader.readline())
    assert wish["arguments"] == {"username": "root", "keys": list(KEYS), "reset": True}
    writer.write(json.dumps(reply).encode() + b"\n")
    await reader.read()


async def test_an_agent_that_agrees_has_set_the_keys(tmp_path: Path) -> None:
    async with agent(tmp_path, lambda r, w: answer(r, w, {"return": {}})):
        assert await set_root_keys(tmp_path, os.getpid(), KEYS)


async def test_an_agent_that_cannot_do_it_has_not(tmp_path: Path) -> None:
    async with agent(tmp_path, lambda r, w: answer(r, w, {"error": {"class": "CommandNotFound"}})):
        assert not await set_root_keys(tmp_path, os.getpid(), KEYS)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b'{"return": 1}\n' * 1000)
        await writer.drain()


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"[1, 2]\n\xff\xfe\n")
    await reader.read()


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


@pytest.mark.parametrize("behaviour", [silent, endless, talkative, nonsense, gone])
async def test_whatever_a_guest_says_the_keys_are_left_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    monkeypatch.setattr(guest_agent, "ANSWER_S", 0.2)
    async with agent(tmp_path, behaviour):
        assert not await set_root_keys(tmp_path, os.getpid(), KEYS)


async def test_a_socket_of_another_process_is_not_spoken_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_agent, "ANSWER_S", 0.2)
    async with agent(tmp_path, gone):
        assert not await set_root_keys(tmp_path, 1, KEYS)
