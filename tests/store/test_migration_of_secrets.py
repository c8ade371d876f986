"""What earlier versions wrote in clear into records is concealed by the migration."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from atoll.domain.instances import Instance
from atoll.service.outcomes import decode_outcome
from atoll.store import migrate
from tests.support import things
from tests.support.postgres import PostgresServer

BEFORE = "0013"
CANARY = "canary-5a0d7e11"
URL = f"https://user:{CANARY}@hooks.example/in?token={CANARY}"
KNOWN = "blake2b:" + "0f" * 16
RECORDS = 250  # more than a batch
Row = tuple[Any, ...]


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def audit_rows() -> list[Row]:
    told = {"spec": {"user_data": CANARY, "hostname": "web"}, "url": URL, "note": CANARY * 20}
    known = {"command": {"script": KNOWN, "password": ""}, "before": None}
    documents = [known if number % 2 else {"command": told, "after": told}
                 for number in range(RECORDS)]  # fmt: skip
    return [(f"audit-{n:06d}", "proj-1", "inst-1", packed(d)) for n, d in enumerate(documents)]


def operation_row(number: int, ended_at_ms: int | None) -> Row:
    arguments = {"now": {"spec": {"user_data": CANARY}, "password": {"hash": CANARY}}, "name": "a"}
    return (
        f"op-{number}", "proj-1", "instance.rebuild", "inst-1", packed(arguments),
        "done" if ended_at_ms else "running", 1, 0, 1, 0, "", 0.0, False, False, "ak-1", 0,
        0, 1, 1, ended_at_ms,
    )  # fmt: skip


def answer_rows() -> list[Row]:
    told = things.instance()
    document = json.loads(msgspec.json.encode(told))
    document["spec"]["user_data"] = CANARY
    document["password"] = {"nonce": CANARY, "hash": CANARY, "set_at_ms": 1}
    kept = {"kinds": ["Instance"], "things": [document], "operations": [], "warnings": []}
    bodies = [(0, packed(kept)), (201, packed({"secret": CANARY})), (101, CANARY[:6].encode())]
    return [("ak-1", f"key-{n}", b"f", *body, 1) for n, body in enumerate(bodies)]


STATEMENTS = {
    "INSERT INTO audit (id, project_id, resource_id, document) VALUES": audit_rows(),
    "INSERT INTO operations (id, project_id, kind, resource_id, arguments, state, run, step, steps,"
    " attempt, message, percent, cancel_requested, prepared, requested_by, deadline_ms, epoch,"
    " created_at_ms, queued_at_ms, ended_at_ms) VALUES": [
        operation_row(1, 5), operation_row(2, None),
    ],
    "INSERT INTO idempotency (key_id, key, fingerprint, status, body, at_ms) VALUES": answer_rows(),
}  # fmt: skip
READS = (
    "SELECT id, document FROM audit ORDER BY id",
    "SELECT id, arguments FROM operations ORDER BY id",
    "SELECT key, body FROM idempotency ORDER BY key",
)
Tables = list[list[tuple[str, bytes]]]


def on_sqlite(path: Path) -> Tables:
    migrate.upgrade(f"sqlite:///{path}", BEFORE)
    with sqlite3.connect(path) as connection:
        for statement, rows in STATEMENTS.items():
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"{statement} ({places})", rows)
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        found = [connection.execute(query).fetchall() for query in READS]
    connection.close()
    return found


def on_postgresql(url: str) -> Tables:
    async def fill() -> None:
        connection = await asyncpg.connect(url)
        for statement, rows in STATEMENTS.items():
            places = ", ".join(f"${number + 1}" for number in range(len(rows[0])))
            await connection.executemany(f"{statement} ({places})", rows)
        await connection.close()

    async def read() -> Tables:
        connection = await asyncpg.connect(url)
        found = [[tuple(row) for row in await connection.fetch(query)] for query in READS]
        await connection.close()
        return found

    migrate.upgrade(url, BEFORE)
    asyncio.run(fill())
    migrate.upgrade(url)
    return asyncio.run(read())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Tables:
    if request.param == "sqlite":
        return on_sqlite(tmp_path / "a.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return on_postgresql(server.new_database())


def test_no_record_that_lasts_holds_a_secret_in_clear(migrated: Tables) -> None:
    audit, operations, answers = migrated
    assert len(audit) == RECORDS
    assert [row for row in audit if CANARY.encode() in row[1]] == []
    assert [row[0] for row in operations if CANARY.encode() in row[1]] == ["op-2"]
    assert [row for row in answers if CANARY.encode() in row[1]] == []


def test_what_is_no_secret_stays_and_equal_secrets_stay_equal(migrated: Tables) -> None:
    audit, operations, answers = migrated
    told = [json.loads(document) for _, document in audit]
    assert told[0]["command"]["spec"]["hostname"] == "web"
    assert told[0]["command"]["url"] == "https://hooks.example/in?hidden"
    assert told[0]["command"]["spec"]["user_data"].startswith("blake2b:")
    assert told[0] == told[2]
    assert told[1] == {"command": {"script": KNOWN, "password": ""}, "before": None}
    assert json.loads(operations[0][1]) == {
        "now": {"spec": {"user_data": ""}, "password": {"hash": ""}}, "name": "a",
    }  # fmt: skip
    assert answers[2][1] == CANARY[:6].encode()


def test_a_kept_answer_can_still_be_repeated(migrated: Tables) -> None:
    (_, body), (_, of_an_earlier_version), _ = migrated[2]
    (thing,) = decode_outcome(body).things
    assert isinstance(thing, Instance)
    assert thing.spec.user_data == ""
    assert of_an_earlier_version == b""


def test_the_file_itself_forgets_the_secrets(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    on_sqlite(path)
    waiting = operation_row(2, None)[4]
    assert path.read_bytes().replace(waiting, b"").count(CANARY.encode()) == 0
