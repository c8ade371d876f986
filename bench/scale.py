"""The rows about many: hosts, instances in a list, operations of one project, guests at a restart.

`__main__` calls the functions of `ROWS`. Hosts and pages are asked of the store: ten thousand
agents would be what is measured otherwise.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import msgspec

from atoll.domain.hosts import Capabilities, Host
from atoll.operations import placing
from atoll.ports import Filter
from atoll.roots.control import DATABASE_FILE
from atoll.scheduler.filters import Demand
from atoll.store.sqlite import SqliteStore
from atoll.system import SystemClock
from bench import load, prepare, servers
from bench.rows import at_rest
from bench.table import Row, number

HOSTS = (3, 1_000, 10_000)
PLACED = 300
ROUNDS = 9
INSTANCES = 20_000
LAST_PAGE = INSTANCES - 100
FLOOD, GUESTS = 4_000, 4_000
SINGLES = 7
FAIR_S_MAX, RESTART_MS_A_GUEST_MAX = 0.5, 0.1
Say = Callable[[str], None]


def hosts(home: Path, say: Say) -> list[Row]:
    return asyncio.run(place_on_many(home, say))


async def place_on_many(home: Path, say: Say) -> list[Row]:
    """How often a second a host is chosen, each time in a transaction of its own."""
    rows: list[Row] = []
    for count in HOSTS:
        say(f"placing on {count} hosts")
        store = SqliteStore(fresh(home / f"{count}.db"))
        await store.open()
        async with store.transaction() as tx:
            for number_of in range(count):
                tx.hosts.add(host_of(number_of))
        began = time.perf_counter()
        for _ in range(PLACED):
            async with store.transaction(fresh=True) as tx:
                await placing.place(tx, Demand("local", vcpus=1, memory_mib=1, disk_gib=1))
        per_s = PLACED / (time.perf_counter() - began)
        await store.close()
        fewer = rows[-1].atoll if rows else None
        rows.append(Row(
            what=f"placement at {count:,} hosts", unit="1/s", atoll=per_s, other=fewer,
            other_name="that at fewer" if fewer else "",
        ))  # fmt: skip
    return rows


def fresh(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def host_of(place: int) -> Host:
    now_ms = SystemClock().now_ms()
    return Host(
        id=f"host-{place:026d}", name=f"h{place}", region="local", vcpus=64, memory_mib=2**20,
        disk_gib=10_000, capabilities=Capabilities(driver="simulator"), created_at_ms=now_ms,
        seen_at_ms=now_ms,
    )  # fmt: skip


def pages(home: Path, say: Say) -> list[Row]:
    """Lists of 100 among many, beside the plain one."""
    say(f"filling a database with {INSTANCES} instances")
    with servers.atoll("pages", home / "state", None) as server:
        template = prepare.furnish(server, home / "template.json")
    prepare.fill(home / "state", template, INSTANCES)
    return asyncio.run(ask_pages(home / "state" / DATABASE_FILE, template))


async def ask_pages(path: Path, template: str) -> list[Row]:
    store = SqliteStore(path)
    await store.open()
    rows = store.read().instances
    project = (await rows.get(template)).project_id
    mine = Filter(project_id=project)
    replace = msgspec.structs.replace
    plain = await best_ms(lambda: rows.page(mine))
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "a label that none has": lambda: rows.page(replace(mine, labels=(("env", "none"),))),
        "a label that all have": lambda: rows.page(replace(mine, labels=(("env", "production"),))),
        "the last page by number": lambda: rows.page(replace(mine, offset=LAST_PAGE)),
        "the total": lambda: rows.count(mine),
    }
    found = []
    for what, ask in asked.items():
        own = await best_ms(ask)
        most = 5.0 if what == "the total" else 3.0
        found.append(Row(
            what=f"{what}, {INSTANCES:,} instances", unit="ms", atoll=own, lower_is_better=True,
            other=plain, other_name="the native list", bar=f"≤ {most:g} x the native list",
            met=own <= most * plain,
        ))  # fmt: skip
    await store.close()
    return found


async def best_ms(ask: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


def fair(home: Path, say: Say) -> list[Row]:
    """One create of a project, alone, and while many of another are accepted or carried out."""
    with servers.atoll("fair", home / "state", None) as server:
        prepare.furnish(server, home / "template.json")
        key = key_of_another_project(server)
        alone = [single_s(server, key) for _ in range(SINGLES)]
        say(f"{FLOOD} creates of another project")
        flood = load.Job(
            port=server.port, request=prepare.create_request(server.key), clients=32, seconds=600,
            count=FLOOD,
        )  # fmt: skip
        thread = threading.Thread(target=load.run, args=(flood,))
        thread.start()
        time.sleep(0.5)
        accepting = [single_s(server, key) for _ in range(SINGLES)]
        thread.join()
        carrying = [single_s(server, key) for _ in range(SINGLES)]
        at_rest(server)
    return [
        Row(
            what=f"create→running while another's are {doing}", unit="s", atoll=max(times),
            lower_is_better=True, other=max(alone), other_name="alone", bar="≤ 0.5 s",
            met=max(times) <= FAIR_S_MAX, note=f"the slowest of {SINGLES}.",
        )
        for doing, times in (("accepted", accepting), ("carried out", carrying))
    ]  # fmt: skip


def key_of_another_project(server: servers.Server) -> str:
    with httpx2.Client(base_url=server.url, headers={"X-API-Key": server.key}) as client:
        client.post("/v1/projects", json={"metadata": {"name": "other"}}).raise_for_status()
        spec = {"role": "admin", "project": "other", "limit_class": "unlimited"}
        made = client.post("/v1/api-keys", json={"metadata": {"name": "other"}, "spec": spec})
        return str(made.raise_for_status().json()["status"]["key"])


def single_s(server: servers.Server, key: str) -> float:
    with httpx2.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=120) as client:
        body = {"metadata": {"name": "one"}, "spec": {"type": "mini", "image": "atoll-mini"}}
        began = time.perf_counter()
        made = client.post("/v1/instances", json=body).raise_for_status().json()
        path = f"/v1/instances/{made['id']}?wait=60&until=running"
        while '"state":"running"' not in client.get(path).raise_for_status().text:
            pass
        return time.perf_counter() - began


def restart(home: Path, say: Say) -> list[Row]:
    """Until ready, with guests that run on, beside the same server with none."""

    def ready_s() -> float:
        began = time.perf_counter()
        with servers.atoll("restart", home / "state", None):
            return time.perf_counter() - began

    with servers.atoll("restart", home / "state", None) as server:
        prepare.furnish(server, home / "template.json")
    empty = ready_s()
    with servers.atoll("restart", home / "state", None) as server:
        say(f"making {GUESTS} guests")
        request = prepare.create_request(server.key)
        load.run(load.Job(port=server.port, request=request, clients=32, seconds=600, count=GUESTS))
        at_rest(server)
    full = ready_s()
    own = 1000 * (full - empty) / GUESTS
    return [Row(
        what="restart, for each guest", unit="ms", atoll=own, lower_is_better=True,
        bar="≤ 0.1 ms", met=own <= RESTART_MS_A_GUEST_MAX,
        note=f"{number(full)} s with {GUESTS}, {number(empty)} s with one.",
    )]  # fmt: skip


ROWS: dict[str, Callable[[Path, Say], list[Row]]] = {
    "hosts": hosts, "pages": pages, "fair": fair, "restart": restart,
}  # fmt: skip
