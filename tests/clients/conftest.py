"""A simulated cloud for clients, with nobody's limit on requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.server import RunningCloud
from tests.clients.stages import CLIENTS


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with RunningCloud(Path(tmp_path_factory.mktemp("cloud")), vultr_per_second=0) as running:
        yield running


@pytest.fixture
def clients() -> Path:
    if not CLIENTS.exists():
        pytest.skip("the clients are not installed: make setup-test")
    return CLIENTS
