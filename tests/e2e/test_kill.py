"""`kill -9` of the server at random moments: nothing is lost, doubled, half made or left over."""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.guests import qemu_processes, until_ready
from tests.e2e.servers import ServerProcess

BURST = 4
WINDOW_S = 0.06
QEMU_WINDOW_S = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    built = ServerProcess(tmp_path / "state", "--driver", "simulator", "--simulator-hosts", "2")
    built.start()
    yield built
    built.kill()


def simulated(state: Path) -> tuple[dict[str, str], set[str]]:
    """Guests with their power, and volumes, as the simulated hosts have them."""
    guests: dict[str, str] = {}
    volumes: set[str] = set()
    for journal in (state / "simulator").glob("*.jsonl"):
        for raw in journal.read_bytes().splitlines():
            line = json.loads(raw)
            if guest := line.get("guest"):
                guests[guest["id"]] = guest["power"]
            if volume := line.get("volume"):
                volumes.add(volume["id"])
            guests.pop(line.get("gone_guest", ""), None)
            volumes.discard(line.get("gone_volume", ""))
    return guests, volumes


def taken(state: Path) -> tuple[int, int, int]:
    """Addresses, reservations and the vcpus that hosts have promised, from the database."""
    database = sqlite3.connect(state / "atoll.db")
    counts = [
        database.execute(query).fetchone()[0]
        for query in (
            "SELECT count(*) FROM addresses",
            "SELECT count(*) FROM reservations",
            "SELECT sum(vcpus_used) FROM hosts",
        )
    ]
    database.close()
    return counts[0], counts[1], counts[2]


def ask_until_answered(server: ServerProcess, *request: Any, once: str) -> Any:
    """As a careful client does: the same request with the same key until there is an answer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            status, answer = server.ask(*request, once=once)
        except OSError:
            time.sleep(0.05)
            continue
        assert status in {201, 202}, answer
        return answer
    raise AssertionError("no answer within a minute")


def in_parallel(work: list[Any]) -> list[Any]:
    results: list[Any] = [None] * len(work)

    def run(place: int) -> None:
        results[place] = work[place]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def killed_once_while(
    server: ServerProcess, requests: list[tuple[Any, ...]], rng: random.Random, window_s: float
) -> list[Any]:
    """Sends requests at once, kills the server at a random moment, starts it again."""
    prefix = f"{rng.getrandbits(64):x}"

    def asker(place: int, request: tuple[Any, ...]) -> Any:
        return lambda: ask_until_answered(server, *request, once=f"{prefix}-{place}")

    def killer() -> None:
        time.sleep(rng.uniform(0, window_s))
        server.kill()
        server.start()

    *answers, _ = in_parallel([*[asker(*one) for one in enumerate(requests)], killer])
    return answers


def create(name: str, **spec: Any) -> tuple[Any, ...]:
    wanted = {"type": "mini", "image": "atoll-mini"} | spec
    return ("POST", "/v1/instances", {"metadata": {"name": name}, "spec": wanted})


def survive(server: ServerProcess, kills: int, rng: random.Random) -> None:
    """Half of the kills hit creations, half of them deletions."""
    made: list[Any] = []
    for number in range(kills // 2):
        wanted = [create(f"i{number}-{n}") for n in range(BURST)]
        made += killed_once_while(server, wanted, rng, WINDOW_S)
    for instance in made:
        assert server.ended(instance["operation_id"])["status"] == "completed"
    found = server.all("/v1/instances")
    ids = {instance["id"] for instance in made}
    assert len(ids) == len(made) == len(found)
    assert {i["status"]["state"] for i in found} == {"running"}
    guests, volumes = simulated(server.state)
    assert guests == dict.fromkeys(ids, "running")
    assert len(volumes) == len(ids)
    assert taken(server.state) == (3 * len(ids), len(ids), len(ids))  # two addresses and a MAC

    waiting = sorted(ids)
    while waiting:
        share = -(-len(waiting) // max(1, kills - kills // 2))
        now, waiting = waiting[: max(BURST, share)], waiting[max(BURST, share) :]
        gone = [("DELETE", f"/v1/instances/{one}", None) for one in now]
        for answer in killed_once_while(server, gone, rng, WINDOW_S):
            assert server.ended(answer["operation_id"])["status"] == "completed"
    assert server.all("/v1/instances") == []
    assert simulated(server.state) == ({}, set())
    assert taken(server.state) == (0, 0, 0)


def test_a_server_that_is_killed_at_random_moments_loses_and_doubles_nothing(
    server: ServerProcess,
) -> None:
    survive(server, 6, random.Random(6))


@pytest.mark.long
def test_two_hundred_kills_lose_and_double_nothing(server: ServerProcess) -> None:
    survive(server, 200, random.Random(200))


def survive_with_guests(server: ServerProcess, kills: int, rng: random.Random) -> None:
    made: list[Any] = []
    for number in range(kills):
        wanted = [create(f"g{number}", memory_mb=96)]
        made += killed_once_while(server, wanted, rng, QEMU_WINDOW_S)
    for instance in made:
        operation = server.ended(instance["operation_id"])
        assert operation["status"] == "completed", operation
    found = server.all("/v1/instances")
    ids = {instance["id"] for instance in made}
    assert len(ids) == len(made) == len(found)
    processes = qemu_processes(server.state)
    assert {guest: len(them) for guest, them in processes.items()} == dict.fromkeys(ids, 1)
    for instance in made:
        until_ready(server, instance["id"])
    assert qemu_processes(server.state) == processes
    for one in ids:
        (answer,) = killed_once_while(
            server, [("DELETE", f"/v1/instances/{one}", None)], rng, QEMU_WINDOW_S
        )
        assert server.ended(answer["operation_id"])["status"] == "completed"
    assert qemu_processes(server.state) == {}
    assert list((server.state / "volumes").iterdir()) == []
    assert list((server.state / "guests").iterdir()) == []
    assert taken(server.state) == (0, 0, 0)


@pytest.mark.qemu
def test_guests_survive_kills_of_the_server_and_none_is_doubled(
    qemu_server: ServerProcess,
) -> None:
    survive_with_guests(qemu_server, 2, random.Random(2))


@pytest.mark.qemu
@pytest.mark.long
def test_ten_kills_with_real_guests(qemu_server: ServerProcess) -> None:
    survive_with_guests(qemu_server, 10, random.Random(10))
