"""The consoles of a real guest: its serial port and its screen, by websocket and in a browser."""

import base64
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.guests import until_ready
from tests.e2e.servers import ServerProcess

pytestmark = pytest.mark.qemu
PASSWORD = b"open-sesame"
HASHED = b"$5$atoll$wAOJ3YsKcANORSWPxccNxhqWvpniZAFXe1H3TZt7bX8"
SCRIPT = b"#!/bin/sh\nsed -i 's|^root:[^:]*|root:" + HASHED + b"|' /etc/shadow\n"
SPEC = {
    "type": "mini", "image": "atoll-mini", "memory_mb": 128,
    "user_data": base64.b64encode(SCRIPT).decode(),
}  # fmt: skip
ANSWER_S_MAX = 20
CHROMIUM = "/usr/bin/chromium"
BROWSER_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def guest(qemu_server: ServerProcess) -> Any:
    body = {"metadata": {"name": "looked-at"}, "spec": SPEC}
    status, instance = qemu_server.ask("POST", "/v1/instances", body)
    assert status == 201, instance
    assert qemu_server.ended(instance["operation_id"])["status"] == "completed"
    return until_ready(qemu_server, instance["id"])


def open_console(server: ServerProcess, guest: Any, kind: str) -> Any:
    status, console = server.ask("POST", f"/v1/instances/{guest['id']}/console", {"type": kind})
    assert status == 201, console
    return console


@contextmanager
def connected(server: ServerProcess, guest: Any, kind: str) -> Iterator[ClientConnection]:
    url = open_console(server, guest, kind)["websocket_url"]
    with connect(url, proxy=None, subprotocols=["binary"]) as socket:  # type: ignore[list-item]
        yield socket


def read_until(socket: ClientConnection, end: bytes) -> bytes:
    heard = b""
    while end not in heard:
        try:
            message = socket.recv(timeout=ANSWER_S_MAX)
        except TimeoutError:
            raise AssertionError(f"{end!r} does not come, only {heard!r}") from None
        assert isinstance(message, bytes)
        heard += message
    return heard


def log_in(socket: ClientConnection) -> None:
    socket.send(b"\r")
    read_until(socket, b"looked-at login: ")
    socket.send(b"root\r")
    read_until(socket, b"Password: ")
    socket.send(PASSWORD + b"\r")
    read_until(socket, b"# ")


def test_somebody_logs_in_on_the_serial_console_and_types_a_command(
    qemu_server: ServerProcess, guest: Any
) -> None:
    with connected(qemu_server, guest, "serial") as socket:
        log_in(socket)
        socket.send(b"echo it is $((6 * 7))\r")
        read_until(socket, b"it is 42")
        with connected(qemu_server, guest, "serial") as onlooker:
            socket.send(b"echo seen by $((1 + 1))\r")
            read_until(onlooker, b"seen by 2")
        read_until(socket, b"seen by 2")
        socket.send(b"exit\r")
        read_until(socket, b"login: ")
    log = qemu_server.ask("GET", f"/v1/instances/{guest['id']}/log")[1]
    assert "it is 42" in log, "what passes on the console is in the log, too"


def test_a_viewer_that_does_not_read_does_not_stop_the_guest(
    qemu_server: ServerProcess, guest: Any
) -> None:
    with connected(qemu_server, guest, "serial") as socket:
        log_in(socket)
        socket.send(
            b"dd if=/dev/zero bs=1k count=128 2>/dev/null | tr '\\0' x; echo end $((7*7))\r"
        )
        until_logged(qemu_server, guest, "end 49")
        read_until(socket, b"end 49")
        socket.send(b"exit\r")
        read_until(socket, b"login: ")


def until_logged(server: ServerProcess, guest: Any, words: str) -> None:
    until = time.monotonic() + ANSWER_S_MAX
    while words not in server.ask("GET", f"/v1/instances/{guest['id']}/log")[1]:
        assert time.monotonic() < until, "the guest does not get on"


def test_the_screen_speaks_rfb(qemu_server: ServerProcess, guest: Any) -> None:
    with connected(qemu_server, guest, "vnc") as socket:
        assert socket.subprotocol == "binary"
        assert read_until(socket, b"\n") == b"RFB 003.008\n"


def fetch(server: ServerProcess, path: str) -> httpx2.Response:
    url = f"http://127.0.0.1:{server.port}{path}"
    return httpx2.get(url, headers={"X-API-Key": server.key}, timeout=ANSWER_S_MAX)


def test_a_screenshot_shows_the_screen(qemu_server: ServerProcess, guest: Any) -> None:
    answer = fetch(qemu_server, f"/v1/instances/{guest['id']}/screenshot")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", answer.content[16:24])
    assert 640 <= width <= 1920
    assert 400 <= height <= 1200
    folder = qemu_server.state / "guests" / guest["id"]
    assert [file for file in folder.iterdir() if file.suffix == ".png"] == []


def test_metrics_tell_what_the_guest_has_used(qemu_server: ServerProcess, guest: Any) -> None:
    measured = qemu_server.get(f"/v1/instances/{guest['id']}/metrics")
    assert measured["cpu_seconds"] > 0.5, "it has booted"
    assert 64 * 2**20 < measured["memory_bytes"] < 2**30
    assert measured["memory_limit_bytes"] == 128 * 2**20
    (disk,) = measured["disks"]
    assert disk["read_bytes"] > 2**20
    assert disk["reads"] > 100


@pytest.fixture
def page() -> Iterator[Page]:
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser.new_page()
        browser.close()


def lit_pixels(page: Page) -> int:
    """How many pixels of the canvas are not black."""
    counted: int = page.evaluate(
        """() => {
            const canvas = document.querySelector("#screen canvas");
            if (!canvas || !canvas.width) return 0;
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let lit = 0;
            for (let i = 0; i < data.length; i += 4) lit += Math.max(data[i], data[i + 1]) > 60;
            return lit;
        }"""
    )
    return counted


def until_lit(page: Page, holds: Callable[[int], bool]) -> int:
    until = time.monotonic() + ANSWER_S_MAX
    while not holds(lit := lit_pixels(page)):
        assert time.monotonic() < until, f"{lit} pixels are lit"
        page.wait_for_timeout(50)
    return lit


def test_the_page_shows_the_screen_takes_keys_and_works_once(
    qemu_server: ServerProcess, guest: Any, page: Page
) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = open_console(qemu_server, guest, "vnc")["url"]
    page.goto(url)
    expect(page.locator("#state")).to_have_text("Connected")
    before = until_lit(page, lambda lit: lit > 100)
    assert "token" not in page.url, "the token does not stay in the address"
    page.keyboard.type("nobody-in-particular")
    until_lit(page, lambda lit: lit > before + 100)
    assert complaints == []

    page.goto("about:blank")
    page.goto(url)
    expect(page.locator("#state")).to_contain_text("This link was used already")


def test_a_guest_that_is_stopped_closes_its_consoles(
    qemu_server: ServerProcess, guest: Any
) -> None:
    """The last test of this guest."""
    path = f"/v1/instances/{guest['id']}"
    with (
        connected(qemu_server, guest, "serial") as serial,
        connected(qemu_server, guest, "vnc") as vnc,
    ):
        read_until(vnc, b"\n")
        status, stopping = qemu_server.ask("POST", f"{path}/stop", {"force": True})
        assert status == 202, stopping
        for socket in (serial, vnc):
            with pytest.raises(ConnectionClosed) as ended:
                while True:
                    socket.recv(timeout=ANSWER_S_MAX)
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1000
    assert qemu_server.ended(stopping["operation_id"])["status"] == "completed"
    assert qemu_server.ask("GET", f"{path}/screenshot")[0] == 409
