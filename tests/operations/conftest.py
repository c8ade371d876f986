"""A world on each kind of database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll.domain.events import KINDS as KINDS_OF_EVENTS
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

EVENTS_MAX = 10_000


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(request.param, request, tmp_path) as world:
        yield world


@pytest.fixture
async def sqlite_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """For what has hundreds of cases and does not depend on the database."""
    async with opened(KINDS[0], request, tmp_path) as world:
        yield world


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store = await fresh_store(kind, request, tmp_path)
    built = World(store)
    await built.open()
    yield built
    happened = await store.read().events.after(built.caller.project_id, "0.0", EVENTS_MAX)
    await built.close()
    await store.close()
    assert {event.kind for event in happened} <= set(KINDS_OF_EVENTS)
