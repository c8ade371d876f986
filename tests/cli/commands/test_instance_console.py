"""`atoll instance console`, on a terminal of its own and against a websocket of ours."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from atoll.cli.commands.instance_console import failure
from tests.cli.cloud import INSTANCE_ID, Cloud, instance
from tests.cli.conftest import Atoll

PATH = f"/v1/instances/{INSTANCE_ID}/console"
PROMPT = b"login: "
PATIENCE_S = 30.0
Guest = Callable[[ServerConnection], None]


class Echo:
    """A guest that says what is typed to it, in capitals, until nobody looks any more."""

    def __init__(self) -> None:
        self.heard = b""

    def __call__(self, socket: ServerConnection) -> None:
        socket.send(PROMPT)
        try:
            for message in socket:
                assert isinstance(message, bytes)
                self.heard += message
                socket.send(message.upper())
        except ConnectionClosed:
            return


def closing(code: int, reason: str) -> Guest:
    def guest(socket: ServerConnection) -> None:
        socket.send(PROMPT)
        socket.close(code, reason)

    return guest


@contextmanager
def a_guest(cloud: Cloud, guest: Guest) -> Iterator[None]:
    with serve(guest, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        offer(cloud, f"ws://127.0.0.1:{port}/v1/consoles/ws?token=abc")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def offer(cloud: Cloud, url: str) -> None:
    cloud.has("/v1/instances", instance())
    ticket = {"instance_id": INSTANCE_ID, "type": "serial", "url": None, "websocket_url": url}
    cloud.answers("POST", PATH, ticket, status=201)


class Terminal:
    """A terminal with the command line in it."""

    def __init__(self, cloud: Cloud, home: Path) -> None:
        self._keyboard, self._screen = pty.openpty()
        self._is_gone = False
        self.before = termios.tcgetattr(self._screen)
        call = "from atoll.cli.main import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", call, "instance", "console", "demo"],
            stdin=self._screen,
            stdout=self._screen,
            stderr=subprocess.PIPE,
            env={"HOME": str(home), "ATOLL_URL": cloud.url, "ATOLL_API_KEY": "ak_test"},
        )

    def type(self, text: bytes) -> None:
        os.write(self._keyboard, text)

    def until(self, end: bytes) -> bytes:
        """What is on the screen once it ends so."""
        shown = b""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while not shown.endswith(end):
            left_s = give_up_at_s - time.monotonic()
            ready, _, _ = select.select([self._keyboard], [], [], max(0.0, left_s))
            assert ready, f"{end!r} was not shown: {shown!r}"
            shown += os.read(self._keyboard, 4096)
        return shown

    def ended(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said.decode()

    @property
    def is_as_before(self) -> bool:
        now: list[Any] = termios.tcgetattr(self._screen)
        return now == self.before

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        os.close(self._screen)
        if not self._is_gone:
            os.close(self._keyboard)

    def hang_up(self) -> None:
        self._is_gone = True
        os.close(self._keyboard)


@pytest.fixture
def terminal(cloud: Cloud, home: Path) -> Iterator[Callable[[], Terminal]]:
    opened: list[Terminal] = []

    def open_one() -> Terminal:
        opened.append(Terminal(cloud, home))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_keys_go_to_the_guest_as_typed_and_ctrl_bracket_ends_it(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    guest = Echo()
    with a_guest(cloud, guest):
        screen = terminal()
        screen.until(PROMPT)
        assert not screen.is_as_before, "a raw terminal hands on every key"
        screen.type(b"root")
        assert screen.until(b"ROOT") == b"ROOT", "nothing but the guest may echo"
        screen.type(b"\x03\x1a\x1b[a")
        assert screen.until(b"\x1b[A") == b"\x03\x1a\x1b[A", "Ctrl-C and Ctrl-Z are the guest's"
        screen.type(b"bye\x1dlost")
        code, said = screen.ended()
    assert guest.heard.endswith(b"bye")
    assert (code, screen.is_as_before) == (0, True)
    assert "disconnected from the console of demo" in said
    assert cloud.all_of("POST")[0].body == {"type": "serial"}


@pytest.mark.parametrize(
    ("code", "reason", "exit_code", "sentence"),
    [
        (1000, "the guest closed its console", 0, "the guest closed its console"),
        (
            4404,
            "the instance is not running: start it first",
            1,
            "atoll: the instance is not running",
        ),
        (4429, "too many consoles are open: close one", 1, "atoll: too many consoles are open"),
        (1011, "", 3, "atoll: the guest's host cannot be reached; try again later"),
        (1012, "", 3, "atoll: the server is stopping"),
        (4408, "gone\x1b[2J", 1, "atoll: gone\n"),
    ],
)
def test_a_console_that_the_server_closes_says_why(
    code: int,
    reason: str,
    exit_code: int,
    sentence: str,
    terminal: Callable[[], Terminal],
    cloud: Cloud,
) -> None:
    with a_guest(cloud, closing(code, reason)):
        screen = terminal()
        screen.until(PROMPT)
        ended, said = screen.ended()
    assert (ended, screen.is_as_before) == (exit_code, True)
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_console_that_is_killed_leaves_the_terminal_as_it_was(
    number: signal.Signals, terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    with a_guest(cloud, Echo()):
        screen = terminal()
        screen.until(PROMPT)
        assert not screen.is_as_before
        screen.process.send_signal(number)
        code, said = screen.ended()
    assert (code, screen.is_as_before) == (128 + number, True)
    assert "Traceback" not in said


def test_a_terminal_that_goes_away_ends_its_console(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    with a_guest(cloud, Echo()):
        screen = terminal()
        screen.until(PROMPT)
        screen.hang_up()
        code, said = screen.ended()
    assert code == 0
    assert "disconnected from the console of demo" in said


def test_a_connection_that_breaks_leaves_the_terminal_as_it_was(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    def breaking(socket: ServerConnection) -> None:
        socket.send(PROMPT)
        socket.socket.close()

    with a_guest(cloud, breaking):
        screen = terminal()
        screen.until(PROMPT)
        code, said = screen.ended()
    assert (code, screen.is_as_before) == (3, True)
    assert "the connection was lost; try again" in said


def test_a_server_that_lets_no_websocket_through_is_unreachable(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    offer(cloud, cloud.url.replace("http:", "ws:"))
    screen = terminal()
    code, said = screen.ended()
    assert (code, screen.is_as_before) == (3, True)
    assert "a proxy in between must support upgrades" in said


def test_a_websocket_of_nobody_is_unreachable(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    offer(cloud, "ws://127.0.0.1:1/v1/consoles/ws?token=abc")
    code, said = terminal().ended()
    assert code == 3
    assert "cannot open a websocket to 127.0.0.1:1" in said


def test_without_a_terminal_nothing_is_opened(atoll: Atoll, cloud: Cloud) -> None:
    ended = atoll("instance", "console", "demo")
    assert ended.code == 2
    assert "atoll instance logs" in ended.err
    assert cloud.asked == []


def test_as_json_the_ticket_is_printed_and_nothing_is_opened(atoll: Atoll, cloud: Cloud) -> None:
    offer(cloud, "ws://127.0.0.1:1/v1/consoles/ws?token=abc")
    assert atoll("instance", "console", "demo", "--json").json["type"] == "serial"


def test_an_instance_that_does_not_run_has_no_console(
    terminal: Callable[[], Terminal], cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance("stopped"))
    refusal = {
        "error": f"instance {INSTANCE_ID} is not running: start it first",
        "code": "CONFLICT",
    }
    cloud.answers("POST", PATH, refusal, status=409)
    code, said = terminal().ended()
    assert code == 1
    assert "start it first" in said


def test_a_code_that_nobody_knows_is_named() -> None:
    assert "4999" in failure(4999, "").message
