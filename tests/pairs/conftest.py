"""One cloud for all pairs, without rate limits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.client import Api, fresh
from tests.api.server import RunningCloud


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    directory = Path(tmp_path_factory.mktemp("pairs"))
    with RunningCloud(directory, vultr_per_second=0, simulator_hosts=20) as running:
        yield running


@pytest.fixture
def project(cloud: RunningCloud) -> Callable[[], Api]:
    """Make an admin of a new project."""

    def make() -> Api:
        admin = cloud.api()
        name = admin.post("/v1/projects", {"metadata": {"name": fresh("pair")}})["id"]
        spec = {"role": "admin", "project": name, "limit_class": "unlimited"}
        made = admin.post("/v1/api-keys", {"metadata": {"name": fresh("pair")}, "spec": spec})
        admin.close()
        return cloud.api(made["status"]["key"])

    return make
