"""One cloud for all tests of the Genesis Cloud dialect."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.client import Api
from tests.api.genesis.client import Genesis
from tests.api.server import RunningCloud


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with RunningCloud(Path(tmp_path_factory.mktemp("genesis"))) as running:
        yield running


@pytest.fixture
def genesis(api: Api) -> Iterator[Genesis]:
    """An admin of the same project as `api`, which nobody else is in."""
    client = Genesis(api.url, api.key)
    yield client
    client.close()
