"""The floor of the database: the rows of one create, by bare sqlite3, a commit for each.

`rows` calls `run`; the process is `python -m bench.floor_sqlite`, a job in on stdin. It works on a
copy of Atoll's own file, so schema and indexes are the same, and copies the very rows that an
accepted create has written there. One connection, WAL, synchronous=FULL, as Atoll has it.
"""

import asyncio
import itertools
import os
import sqlite3
import subprocess
import sys
import time
from typing import Any

import msgspec

from bench.load import Result

# What an accepted create writes: table, and the condition that finds the template's rows.
CREATE_ROWS = (
    ("instances", "id = :id"),
    ("project_labels", "resource_id = :id"),
    ("operations", "resource_id = :id"),
    ("events", "resource_id = :id AND kind = 'operation.accepted'"),
    ("audit", "resource_id = :id"),
)
PAGE = """SELECT * FROM instances WHERE project_id = :project AND deleted_at_ms IS NULL
ORDER BY id LIMIT :limit"""
# What carrying it out writes per recorded step, and at its end.
ADVANCE = "UPDATE operations SET step = step + 1, percent = 50 WHERE id = :operation"
CHANGE = """UPDATE instances SET version = version + 1, host_id = 'h', document = document || ''
WHERE id = :id"""
STEP = "INSERT INTO operation_steps SELECT :operation, run, direction, :index, name, epoch, \
attempts, ended_at_ms FROM operation_steps WHERE operation_id = :template LIMIT 1"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: create, carry (create, then a commit a step), get or list."""

    database: str
    template: str
    kind: str
    clients: int = 1
    seconds: float = 1.0
    limit: int = 100
    cpu: int | None = None


class Insert(msgspec.Struct, frozen=True):
    sql: str
    values: tuple[Any, ...]


class Floor:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.connection = sqlite3.connect(job.database, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA cache_size = -16384")
        self.numbers = itertools.count(time.time_ns())
        self.inserts = [i for table, where in CREATE_ROWS for i in self._inserts(table, where)]
        self.operation = self._one("SELECT id FROM operations WHERE resource_id = ?")
        self.project = self._one("SELECT project_id FROM instances WHERE id = ?")
        audit = self._one("SELECT id FROM audit WHERE resource_id = ?")
        self.templates = (job.template, self.operation, audit)
        self.latencies: list[float] = []

    def _inserts(self, table: str, where: str) -> list[Insert]:
        found = self.connection.execute(
            f"SELECT * FROM {table} WHERE {where}", {"id": self.job.template}
        )
        marks = ", ".join("?" * len(found.description))
        sql = f"INSERT INTO {table} VALUES ({marks})"
        # The number of an event is given by the database.
        return [Insert(sql, (None, *row[1:]) if table == "events" else tuple(row)) for row in found]

    def _one(self, sql: str) -> str:
        return str(self.connection.execute(sql, (self.job.template,)).fetchone()[0])

    def create(self) -> tuple[str, str]:
        """The template's rows under ids of their own, that rise as real ones do."""
        number = next(self.numbers)
        new = {old: f"{old.rpartition('-')[0]}-{number:026d}" for old in self.templates}
        as_bytes = [(old.encode(), fresh.encode()) for old, fresh in new.items()]
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        for insert in self.inserts:
            execute(insert.sql, [renamed(v, new, as_bytes) for v in insert.values])
        execute("COMMIT")
        return new[self.job.template], new[self.operation]

    def carry(self) -> None:
        instance, operation = self.create()
        steps = 5
        for index in range(steps + 1):
            values = {"id": instance, "operation": operation, "index": index,
                      "template": self.operation}  # fmt: skip
            self.connection.execute("BEGIN IMMEDIATE")
            if index < steps:
                self.connection.execute(STEP, values)
            self.connection.execute(ADVANCE, values)
            self.connection.execute(CHANGE, values)
            self.connection.execute("COMMIT")

    def get(self) -> None:
        self.connection.execute(
            "SELECT * FROM instances WHERE id = ?", (self.job.template,)
        ).fetchall()

    def page(self) -> None:
        self.connection.execute(
            PAGE, {"project": self.project, "limit": self.job.limit + 1}
        ).fetchall()

    async def run(self) -> Result:
        act = {"create": self.create, "carry": self.carry, "get": self.get, "list": self.page}
        began = time.perf_counter()
        until = began + self.job.seconds

        async def client() -> None:
            while time.perf_counter() < until:
                start = time.perf_counter()
                act[self.job.kind]()
                self.latencies.append(time.perf_counter() - start)
                await asyncio.sleep(0)

        await asyncio.gather(*[client() for _ in range(self.job.clients)])
        ranked = sorted(self.latencies)
        return Result(
            done=len(ranked), failures=[], seconds=time.perf_counter() - began,
            p50_ms=1000 * ranked[len(ranked) // 2], p99_ms=1000 * ranked[len(ranked) * 99 // 100],
        )  # fmt: skip


def renamed(value: Any, new: dict[str, str], as_bytes: list[tuple[bytes, bytes]]) -> Any:
    """Ids stand in columns of their own and within documents."""
    if isinstance(value, str):
        return new.get(value, value)
    if isinstance(value, bytes):
        for old, fresh in as_bytes:
            value = value.replace(old, fresh)
    return value


def run(job: Job) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "bench.floor_sqlite"],
        input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Result)


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if job.cpu is not None:
        os.sched_setaffinity(0, {job.cpu})
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(Floor(job).run())))


if __name__ == "__main__":
    main()
