"""`atoll instance console`: connects this terminal to the guest's serial port, by a websocket.

The only module that loads the websocket library, so it is itself loaded only when used.
"""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Literal
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from atoll.cli.contexts import is_loopback
from atoll.cli.errors import CommandError, ServerRefused, Unreachable, Usage
from atoll.cli.output import clean
from atoll.cli.session import NEAREST, Connection, Reference
from atoll.cli.terminal import raw_terminal

LEAVE = b"\x1d"  # Ctrl-]
TYPED_BYTES_MAX = 4096
GOODBYE_S = 2.0
NORMAL, LOST, BROKEN, STOPPING = 1000, 1006, 1011, 1012
TRY_AGAIN = {
    LOST: "the connection was lost; try again",
    BROKEN: "the guest's host cannot be reached; try again later",
    STOPPING: "the server is stopping; try again after it restarts",
}


def console(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Connect to the serial console of an instance. Exit with Ctrl-]."""
    with connection.open() as session:
        output = session.output
        if not output.as_json and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Usage(
                "a console needs a terminal; in scripts use `atoll instance logs` "
                "and `atoll instance ssh`"
            )
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/console"
        ticket = session.client.change("POST", path, {"type": "serial"})
        if output.as_json:
            output.json(ticket)
            return
        name = found["metadata"]["name"]
        with connected(session.client.server.url, ticket["websocket_url"]) as socket:
            output.note(f"serial console of {name}: press Enter for a prompt, Ctrl-] to exit")
            keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
            with raw_terminal(keyboard) as killed:
                left = carry(socket, keyboard, screen, killed)
        output.note("")
        if left:
            output.note(f"disconnected from the console of {name}")
        else:
            output.note(ending(socket))


@contextmanager
def connected(server_url: str, socket_url: str) -> Iterator[ClientConnection]:
    """Open the websocket. Raises Unreachable."""
    if urlsplit(server_url).scheme == "https" and urlsplit(socket_url).scheme == "ws":
        # A proxy may hide that it terminates TLS. Never send the token in plain text.
        socket_url = socket_url.replace("ws:", "wss:", 1)
    host = urlsplit(socket_url).netloc
    # Proxies from the environment apply to remote servers only.
    proxy: Literal[True] | None = None if is_loopback(socket_url) else True
    with ExitStack() as stack:
        try:
            socket = stack.enter_context(connect(socket_url, proxy=proxy, close_timeout=GOODBYE_S))
        except InvalidHandshake as error:
            raise Unreachable(
                f"{host} rejected the websocket ({error}); a proxy in between must support upgrades"
            ) from error
        except (OSError, WebSocketException) as error:
            raise Unreachable(f"cannot open a websocket to {host} ({error}); try again") from error
        yield socket


def carry(socket: ClientConnection, keyboard: int, screen: int, killed: int) -> bool:
    """Transfer bytes until one side ends. True if the user did. `killed`: see raw_terminal."""
    over, end = os.pipe()
    listener = Thread(target=listen, args=(socket, screen, end), daemon=True)
    listener.start()
    try:
        return send_typed(socket, keyboard, over, killed)
    except ConnectionClosed:
        return False
    finally:
        socket.close()
        listener.join(GOODBYE_S)
        os.close(over)


def send_typed(socket: ClientConnection, keyboard: int, over: int, killed: int) -> bool:
    while True:
        ready, _, _ = select.select([keyboard, over, killed], [], [])
        if over in ready:
            return False
        if keyboard not in ready:
            continue
        typed = read(keyboard)
        before, leave, _ = typed.partition(LEAVE)
        if before:
            socket.send(before)
        if leave or not typed:
            return True


def read(keyboard: int) -> bytes:
    """Read typed bytes; none if the terminal is gone."""
    try:
        return os.read(keyboard, TYPED_BYTES_MAX)
    except OSError:
        return b""


def listen(socket: ClientConnection, screen: int, end: int) -> None:
    """Write received bytes to the screen. Closing `end` signals the end to the sender."""
    try:
        for message in socket:
            left = message.encode() if isinstance(message, str) else message
            while left:
                left = left[os.write(screen, left) :]
    except (ConnectionClosed, OSError):
        pass  # the close code of the socket tells why
    finally:
        os.close(end)


def ending(socket: ClientConnection) -> str:
    """Return the message for a console closed by the server. Raises if that was an error."""
    code, reason = socket.close_code, clean(socket.close_reason or "")
    if code == NORMAL:
        return reason or "the guest closed its console"
    raise failure(LOST if code is None else code, reason)


def failure(code: int, reason: str) -> CommandError:
    if code in TRY_AGAIN:
        return Unreachable(reason or TRY_AGAIN[code])
    return ServerRefused(reason or f"the server closed the console with code {code}")
