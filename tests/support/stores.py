"""Open stores on fresh databases. They are migrated here, in the test's process, because a server
does it in one of its own, which a test need not wait for."""

import asyncio
from pathlib import Path

import pytest

from atoll.ports import Store
from atoll.store import migrate
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


async def fresh_store(kind: str, request: pytest.FixtureRequest, directory: Path) -> Store:
    store: Store
    if kind == "sqlite":
        path = directory / "atoll.db"
        await asyncio.to_thread(migrate.upgrade, f"sqlite:///{path}")
        store = SqliteStore(path)
    else:
        url = request.getfixturevalue("postgres_server").new_database()
        await asyncio.to_thread(migrate.upgrade, url)
        store = PostgresStore(url)
    await store.open()
    return store
