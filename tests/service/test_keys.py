"""Who a key's text stands for, and for how long an answer to that is kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll.domain.commands import CreateApiKey
from atoll.domain.errors import Unauthenticated
from atoll.domain.projects import ApiKey, Role
from atoll.service.keys import Keys, new_text
from atoll.service.projects import key_of
from atoll.store.sqlite import SqliteStore
from tests.support.clock import CountedIds, JumpingClock
from tests.support.stores import fresh_file

pytestmark = pytest.mark.anyio
TEXT = new_text(bytes(range(32)))
SECRET = b"s" * 32


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[SqliteStore, JumpingClock, Keys]]:
    store, clock = SqliteStore(fresh_file(directory / "atoll.db")), JumpingClock()
    await store.open()
    yield store, clock, Keys(store, clock, SECRET)
    await store.close()


async def add(store: SqliteStore, keys: Keys, expires_at_ms: int | None = None) -> ApiKey:
    command = CreateApiKey(name="k", role=Role.MEMBER, expires_at_ms=expires_at_ms)
    key = key_of(CountedIds(), keys, TEXT, "proj-1", command, 0)
    async with store.transaction() as tx:
        tx.api_keys.add(key)
    return key


def everything_in(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


async def test_a_text_finds_its_key_and_is_kept_nowhere(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _, keys):
        key = await add(store, keys)
        assert await keys.find(TEXT) == key
        assert TEXT.encode() not in everything_in(tmp_path)
        with pytest.raises(Unauthenticated):
            await keys.find(TEXT + "x")


async def test_another_secret_makes_another_digest(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, clock, keys):
        await add(store, keys)
        with pytest.raises(Unauthenticated):
            await Keys(store, clock, b"t" * 32).find(TEXT)


async def test_a_key_revoked_by_another_server_counts_for_a_second_at_most(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, clock, keys):
        key = await add(store, keys)
        await keys.find(TEXT)
        async with store.transaction() as tx:
            tx.api_keys.remove(key)
        clock.advance(1.0)
        with pytest.raises(Unauthenticated):
            await keys.find(TEXT)


async def test_a_key_expires_while_its_answer_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, clock, keys):
        await add(store, keys, expires_at_ms=clock.now_ms() + 500)
        await keys.find(TEXT)
        clock.advance(0.5)
        with pytest.raises(Unauthenticated, match="expired"):
            await keys.find(TEXT)
