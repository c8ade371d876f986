"""Open stores on fresh databases. The schema is made once a run, here in the test's process, and
copied: a server makes it in a process of its own, which a test need not wait for."""

import asyncio
import functools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from atoll.ports import Store
from atoll.store import migrate
from atoll.store.postgres import PostgresStore
from atoll.store.sql import Statements
from atoll.store.sqlite import SqliteStore

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


# By kind of database. To compile its statements takes a store longer than most tests run.
COMPILED: dict[str, Statements] = {}


async def fresh_store(kind: str, request: pytest.FixtureRequest, directory: Path) -> Store:
    store: SqliteStore | PostgresStore
    if kind == "sqlite":
        store = SqliteStore(fresh_file(directory / "atoll.db"))
    else:
        server = request.getfixturevalue("postgres_server")
        await server.empty_those_lent()
        store = PostgresStore(await asyncio.to_thread(server.lend))
    share_compiled(store)
    await store.open()
    return store


def share_compiled(store: SqliteStore | PostgresStore) -> None:
    kind = store.statements.dialect.name
    store.statements = COMPILED.setdefault(kind, store.statements)


def fresh_file(path: Path) -> Path:
    """A database of SQLite with nothing in it but its schema."""
    path.write_bytes(migrated_bytes())
    return path


@functools.cache
def migrated_bytes() -> bytes:
    with tempfile.TemporaryDirectory(prefix="atoll-schema-") as directory:
        path = Path(directory) / "atoll.db"
        migrate.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def watched(store: Any) -> Callable[[], bool]:
    """Answers whether the database is being asked something right now."""
    going_on: list[None] = []

    def counted(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*given: Any) -> Any:
            going_on.append(None)
            try:
                return await method(*given)
            finally:
                going_on.pop()

        return call

    for method in ("fetch", "commit", "commit_returning"):
        setattr(store, method, counted(getattr(store, method)))
    return lambda: bool(going_on)
