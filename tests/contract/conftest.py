"""The stores under contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.ports import Store
from tests.support.stores import KINDS, fresh_store


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    built = await fresh_store(request.param, request, tmp_path)
    yield built
    await built.close()
