"""A world on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.ports import Store
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore
from tests.support.world import World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "atoll.db")
    else:
        server = request.getfixturevalue("postgres_server")
        store = PostgresStore(server.new_database())
    await store.open()
    built = World(store)
    await built.open()
    yield built
    await built.close()
    await store.close()
