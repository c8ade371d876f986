"""A city of fake guests."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.networks.city import City, uplinks_of


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    """When its guests are gone, nothing of it is left."""
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    built = City(tmp_path / "networks")
    await built.network.open()
    yield built
    paths = {f"/run/netns/{name}" for name in built.namespaces()}
    await built.clear()
    assert built.namespaces() == []
    assert uplinks_of(paths) == []
    assert [path.name for path in built.folder.iterdir()] == ["identity.json"]
