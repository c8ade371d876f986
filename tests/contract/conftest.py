"""The stores under contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.ports import Store
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    built: Store
    if request.param == "sqlite":
        built = SqliteStore(tmp_path / "atoll.db")
    else:
        server = request.getfixturevalue("postgres_server")
        built = PostgresStore(server.new_database())
    await built.open()
    yield built
    await built.close()
