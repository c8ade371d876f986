"""One cloud for the tests of the registry, which needs no key, and its address."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.api.server import RunningCloud


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with RunningCloud(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def anybody(cloud: RunningCloud) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=cloud.url, timeout=60) as client:
        yield client
