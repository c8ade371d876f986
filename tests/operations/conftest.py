"""A world on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.stores import KINDS, fresh_store
from tests.support.world import World


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store = await fresh_store(request.param, request, tmp_path)
    built = World(store)
    await built.open()
    yield built
    await built.close()
    await store.close()
