"""A world on each kind of database."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll.domain.events import KINDS as KINDS_OF_EVENTS
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

EVENTS_MAX = 10_000
# Here it is the engine that dies, never the machine: nothing need reach a disk.
IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="atoll-world-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None
    ) as made:
        yield Path(made)


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[World]:
    async with opened(request.param, request, directory) as world:
        yield world


@pytest.fixture
async def sqlite_world(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[World]:
    """For what has hundreds of cases and does not depend on the database."""
    async with opened(KINDS[0], request, directory) as world:
        yield world


@asynccontextmanager
async def opened(
    kind: str, request: pytest.FixtureRequest, directory: Path
) -> AsyncIterator[World]:
    store = await fresh_store(kind, request, directory)
    built = World(store)
    await built.open()
    yield built
    happened = await store.read().events.after(built.caller.project_id, "0.0", EVENTS_MAX)
    await built.close()
    await store.close()
    assert {event.kind for event in happened} <= set(KINDS_OF_EVENTS)
