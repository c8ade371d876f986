"""Changes the SSH keys in a guest, by the socket of its guest agent.

Called by `hotplug`. The guest controls the other end and is not trusted: all responses are
limited in time and size, and nothing depends on them.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atoll.drivers.qemu.command_line import AGENT_SOCKET
from atoll.drivers.qemu.monitor import dial

ANSWER_S = 3.0
LINE_BYTES_MAX = 64 * 1024
LINES_MAX = 100


async def set_root_keys(folder: Path, pid: int, keys: Sequence[str]) -> bool:
    """Set the SSH keys of root; return whether it worked. Without an agent the old keys stay."""
    arguments = {"username": "root", "keys": list(keys), "reset": True}
    with contextlib.suppress(TimeoutError, OSError, ValueError):
        async with asyncio.timeout(ANSWER_S):
            return await ask(folder, pid, "guest-ssh-add-authorized-keys", arguments)
    return False


async def ask(folder: Path, pid: int, command: str, arguments: dict[str, Any]) -> bool:
    connection = await dial(folder, pid, AGENT_SOCKET)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LINE_BYTES_MAX)
    try:
        mark = secrets.randbits(31)
        # Responses to earlier, abandoned requests end where the marker returns.
        send(writer, "guest-sync", {"id": mark})
        for _ in range(LINES_MAX):
            if await next_answer(reader) == {"return": mark}:
                send(writer, command, arguments)
                return "return" in await next_answer(reader)
        return False
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def send(writer: asyncio.StreamWriter, command: str, arguments: dict[str, Any]) -> None:
    writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")


async def next_answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Parse a response. Raises ValueError if it is not one."""
    line = await reader.readline()
    if not line:
        raise ValueError("the port of the guest agent was closed")
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("the guest agent sent an invalid response")
    return answer
