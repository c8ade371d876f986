"""The way out of a network `bridge`, tried in a namespace that plays the world."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.networks import namespaces, uplink
from tests.networks.city import City
from tests.networks.fake_guests import caller_of, until
from tests.networks.specs import tcp
from tests.networks.way_out import PORT, WORLD, name_server

pytestmark = pytest.mark.anyio
PUBLIC = "127.99.7.20"


def answer_names(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while (asked := server.recvfrom(1000))[0]:
            server.sendto(*asked)


def answer_calls(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with server.accept()[0] as connection:
                connection.sendall(b"the world\n")


@pytest.fixture
def world() -> Iterator[str]:
    """It has a server, also at a link-local address, and this host's name server."""
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    name = f"atoll-test-{secrets.token_hex(3)}-world"
    namespaces.ensure(name)
    addresses = (WORLD, "169.254.7.7", name_server())
    lines = ["link set lo up", *(f"addr add {one}/32 dev lo" for one in addresses)]
    for line in lines:
        subprocess.run(["ip", "-n", name, *line.split()], check=True)
    calls = namespaces.inside(name, lambda: socket.create_server(("0.0.0.0", PORT)))
    asks = namespaces.inside(name, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    asks.bind((name_server(), 53))
    for server, answer in ((calls, answer_calls), (asks, answer_names)):
        threading.Thread(target=answer, args=(server,), daemon=True).start()
    yield name
    for server in (calls, asks):
        with contextlib.suppress(OSError):  # of UDP: not connected
            server.shutdown(socket.SHUT_RDWR)
        server.close()
    namespaces.remove(name)


def test_guests_reach_the_world_where_their_rules_let_them(world: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.networks.way_out", str(tmp_path)]
    done = namespaces.inside(
        world, lambda: subprocess.run(command, capture_output=True, text=True, check=False)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "free": True,
        "free_looks_up": True,
        "free_link_local": False,
        "bound": False,
        "bound_looks_up": True,
    }


async def test_its_log_does_not_grow_without_end(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await city.add(9)
    monkeypatch.setattr(uplink, "LOG_BYTES_MAX", 1000)
    (log,) = city.folder.glob("*.log")
    for number in range(30):
        await city.rules(guest, tcp(1 + number))
    assert 0 < log.stat().st_size < 2000


async def test_an_uplink_that_somebody_kills_is_back_within_seconds(city: City) -> None:
    guest = await city.add(9, tcp(22), public_ip=PUBLIC)
    guest.fake.serve(22)
    (former,) = city.uplinks()
    city.kill_uplinks()

    def answers() -> bool:
        try:
            return caller_of(f"{PUBLIC}:22", 1).startswith(guest.ip)
        except OSError:
            return False

    assert await asyncio.to_thread(until, answers, 15)
    assert [one.pid for one in city.uplinks()] != [former.pid]
