"""Whether the database can be read and written, as `/readyz` tells it."""

import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atoll.domain.errors import StoreUnavailable
from atoll.domain.regions import Region
from atoll.ports import Store
from atoll.roots.health import Health
from atoll.store import postgres
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore
from tests.support.postgres import PostgresServer
from tests.support.stores import fresh_file

pytestmark = pytest.mark.anyio


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(fresh_file(tmp_path / "a.db"))
    await store.open()
    yield store
    await store.close()


async def add_region(store: Store, number: int) -> None:
    async with store.transaction() as tx:
        tx.regions.add(Region(id=f"region-{number}"))


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file of this process can grow beyond the size of the database's log."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(f"{path.name}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_until_there_is_room(file: SqliteStore) -> None:
    health = Health(file)
    await add_region(file, 1)
    await health.look()
    assert health.trouble == ""
    with full_disk(file._path):
        with pytest.raises(StoreUnavailable):
            await add_region(file, 2)
        await health.look()
        assert "cannot write" in health.trouble
    await health.look()
    assert health.trouble == ""
    await add_region(file, 2)


async def test_an_idle_healthy_database_is_not_written(file: SqliteStore) -> None:
    before = file._writer.execute("PRAGMA user_version").fetchone()
    await Health(file).look()
    assert file._writer.execute("PRAGMA user_version").fetchone() == before
    await file.probe()
    assert file._writer.execute("PRAGMA user_version").fetchone() != before


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    return postgres_server.migrated_database()


@pytest.mark.postgres
async def test_a_postgresql_that_neither_answers_nor_closes_is_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_S", 0.3)
    store = PostgresStore(database)
    await store.open()
    health = Health(store)
    async with store._pool.lend() as connection:
        reader: int = await connection.fetchval("SELECT pg_backend_pid()")
    assert store._writer._prepared is not None
    writer: int = await store._writer._prepared.connection.fetchval("SELECT pg_backend_pid()")
    for pid in (reader, writer):
        os.kill(pid, signal.SIGSTOP)
    try:
        await health.look()
        assert "does not answer" in health.trouble
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await store.probe()
        assert store.suspect
        await health.look()
        assert health.trouble == "", "new connections are answered"
    finally:
        for pid in (reader, writer):
            os.kill(pid, signal.SIGCONT)
        await store.close()
