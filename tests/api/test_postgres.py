"""The same API on the other database: what one of them could take amiss."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.client import Api, instance_body
from tests.api.native.test_errors import NUL_REQUESTS, status_of_nul
from tests.api.native.test_lists import ADDERS, COUNT
from tests.api.server import RunningCloud
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres
PARALLEL = 50


@pytest.fixture(scope="module")
def cloud(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningCloud]:
    directory = Path(tmp_path_factory.mktemp("cloud"))
    with RunningCloud(directory, database=postgres_server.migrated_database()) as running:
        yield running


def test_an_instance_lives_and_ends(api: Api) -> None:
    created = api.running("web", {"a": "b"})
    path = f"/v1/instances/{created['id']}"
    api.ended(api.post(f"{path}/stop", status=202)["operation_id"], "completed")
    assert [one["id"] for one in api.items("/v1/instances?state=stopped&label=a=b")] == [
        created["id"]
    ]
    api.ended(api.delete(path, 202)["operation_id"], "completed")
    assert api.get(path)["status"]["state"] == "terminated"
    stream = api.call("GET", "/v1/events?follow=false").text
    assert stream.index("instance.running") < stream.index("instance.deleted")


@pytest.mark.parametrize("noun", ADDERS)
def test_lists_are_filtered_and_paged(api: Api, noun: str) -> None:
    ADDERS[noun](api)
    mine = f"/v1/{noun}?label=all=yes"
    pages = list(api.every_page(f"{mine}&limit=3&order=desc"))
    names = [one["metadata"]["name"] for page in pages for one in page]
    assert names == [f"n{number}" for number in reversed(range(COUNT))]
    assert len(api.items(f"{mine}&label=parity=1")) == COUNT // 2


def test_no_character_breaks_it(api: Api) -> None:
    for method, path, body in NUL_REQUESTS:
        assert api.call(method, path, body).status_code == status_of_nul(path), path
    for text in ("%ff%fe", "%F0%9F%8F%9D", "'", '"', "%25", "\\", "%7F", "a" * 4000):
        assert api.call("GET", f"/v1/instances/{text}").status_code == 404
        assert api.items(f"/v1/instances?name={text}") == []
        assert api.items(f"/v1/instances?label={text}={text}") == []
        assert api.items(f"/v1/operations?resource_id={text}") == []
    name = "häuschen 東京 🏝 \u2028 ' \" \\u0000 %00"
    assert api.create(name, {name: name})["metadata"]["labels"] == {name: name}
    assert api.call("GET", f"/v1/instances?cursor={'z' * 10_000}").status_code == 200


def test_many_at_once_with_one_key_make_one_instance(api: Api, cloud: RunningCloud) -> None:
    start = threading.Barrier(PARALLEL)

    def create(_: int) -> str:
        mine = cloud.api(api.key)
        try:
            start.wait(30)
            made = mine.post("/v1/instances", instance_body("only"), Idempotency_Key="one")
        finally:
            mine.close()
        return str(made["id"])

    with ThreadPoolExecutor(PARALLEL) as pool:
        assert len(set(pool.map(create, range(PARALLEL)))) == 1
    assert len(api.items("/v1/instances")) == 1
