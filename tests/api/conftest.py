"""One cloud for all tests of the API; each test has a project of its own in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.client import Api, fresh
from tests.api.server import RunningCloud

KeyFor = Callable[..., Api]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with RunningCloud(Path(tmp_path_factory.mktemp("cloud"))) as running:
        yield running


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[RunningCloud]:
    """For tests that stop it, or that change what belongs to everybody."""
    with RunningCloud(tmp_path) as running:
        yield running


@pytest.fixture
def admin(cloud: RunningCloud) -> Iterator[Api]:
    """The first admin key, of the default project."""
    api = cloud.api()
    yield api
    api.delete("/v1/simulator/faults")
    api.close()


@pytest.fixture
def key_for(cloud: RunningCloud, admin: Api) -> Iterator[KeyFor]:
    """Makes a client with a key of this role, in this project or a new one."""
    opened: list[Api] = []

    def make(role: str = "admin", project: str | None = None, **spec: str) -> Api:
        if project is None:
            name = fresh("project")
            project = admin.post("/v1/projects", {"metadata": {"name": name}})["id"]
        body = {"metadata": {"name": fresh("key")}, "spec": {"role": role, "project": project}}
        body["spec"].update(spec)
        made = admin.post("/v1/api-keys", body)
        api = cloud.api(made["status"]["key"])
        api.project, api.key_id = project, made["id"]
        opened.append(api)
        return api

    yield make
    for api in opened:
        api.close()


@pytest.fixture
def api(key_for: KeyFor) -> Api:
    """An admin of a project that nobody else is in."""
    return key_for()
