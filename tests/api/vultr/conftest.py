"""One cloud for all tests of the Vultr dialect, as fast as it goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.client import Api
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with RunningCloud(Path(tmp_path_factory.mktemp("vultr")), vultr_per_second=0) as running:
        yield running


@pytest.fixture
def vultr(api: Api) -> Iterator[Vultr]:
    """An admin of the same project as `api`, which nobody else is in."""
    client = Vultr(api.url, api.key)
    yield client
    client.close()


@pytest.fixture
def anybody(cloud: RunningCloud) -> Iterator[Vultr]:
    """Without a key."""
    client = Vultr(cloud.url, None)
    yield client
    client.close()
