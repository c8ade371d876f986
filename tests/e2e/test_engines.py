"""Two engines, each a process of its own, on one PostgreSQL."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.store.postgres import PostgresStore
from tests.e2e.engine_process import KIND
from tests.e2e.servers import ServerProcess
from tests.support import things
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]
OPERATIONS = 1000
STEPS = 5
SETTLE_S_MAX = 120
KILLS = 4


def start(url: str, name: str) -> subprocess.Popen[bytes]:
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.engine_process", url, name],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip


async def test_a_thousand_operations_record_each_of_their_steps_exactly_once(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.new_database()
    store = PostgresStore(url)
    await store.open()
    made = [things.operation(kind=KIND, deadline_ms=10**15) for _ in range(OPERATIONS)]
    async with store.transaction() as tx:
        for operation in made:
            tx.operations.enqueue(operation, things.NOW)
    engines = {name: start(url, name) for name in ("one", "two")}
    rng = random.Random(5)
    try:
        async with asyncio.timeout(SETTLE_S_MAX):
            for _ in range(KILLS):
                await asyncio.sleep(0.05)
                name = rng.choice(sorted(engines))
                engines[name].kill()
                engines[name].wait()
                engines[name] = start(url, name)
            while await store.read().operations.next_due_ms() is not None:
                await asyncio.sleep(0.05)
    finally:
        for engine in engines.values():
            engine.kill()
            engine.wait()
    done = await store.read().operations.page(things.every(OPERATIONS + 1))
    assert [o.state for o in done] == ["done"] * OPERATIONS
    for operation in made:
        steps = await store.read().operations.steps_of(operation.id)
        assert [(s.index, s.direction) for s in steps] == [(n, "do") for n in range(STEPS)]
    await store.close()


def test_two_servers_share_one_database(postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.new_database()
    options = ("--driver", "simulator", "--simulator-hosts", "1", "--database", url)
    one = ServerProcess(tmp_path / "one", *options)
    two = ServerProcess(tmp_path / "two", *options)
    one.start()
    try:
        (tmp_path / "two").mkdir()
        for shared in ("admin.key", "server.secret"):
            (tmp_path / "two" / shared).write_bytes((tmp_path / "one" / shared).read_bytes())
        two.start()
        assert len(two.all("/v1/hosts")) == 2
        spec = {"type": "mini", "image": "atoll-mini"}
        made = []
        for number in range(20):
            body = {"metadata": {"name": f"i{number}"}, "spec": spec}
            status, instance = (one, two)[number % 2].ask("POST", "/v1/instances", body)
            assert status == 201, instance
            made.append(instance)
        for instance in made:
            operation = two.ended(instance["operation_id"])
            assert operation["status"] == "completed", operation
            assert len(operation["steps"]) == STEPS
        assert {i["status"]["state"] for i in one.all("/v1/instances")} == {"running"}
    finally:
        one.kill()
        two.kill()
