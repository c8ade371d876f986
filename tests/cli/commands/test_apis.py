"""`atoll registry …`: documents from files and URLs become tools."""

from pathlib import Path

from pytest_httpserver import HTTPServer

from tests.cli.cloud import Cloud
from tests.cli.conftest import Atoll

API = {
    "id": "api-1", "metadata": {"name": "pets"},
    "spec": {"display_name": "Pets", "category": "", "base_url": "https://pets.example"},
    "status": {"tools": 2, "versions": [{"number": 3, "tools": 2}]},
}  # fmt: skip
TEXT = '{"openapi": "3.1.0"}'


def test_a_file_is_added(atoll: Atoll, cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "pets.json"
    file.write_text(TEXT)
    cloud.answers("POST", "/v1/apis", API, status=201)
    ended = atoll("registry", "add", "pets", str(file), "--category", "animals")
    assert (ended.code, ended.out) == (0, "pets has 2 tools, version 3\n")
    body = cloud.all_of("POST")[0].body
    assert body["metadata"] == {"name": "pets"}
    assert (body["spec"]["document"], body["spec"]["category"]) == (TEXT, "animals")


def test_a_url_is_fetched_from_here(atoll: Atoll, cloud: Cloud, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/pets.json").respond_with_data(TEXT)
    cloud.answers("POST", "/v1/apis", API, status=201)
    assert atoll("registry", "add", "pets", httpserver.url_for("/pets.json")).code == 0
    assert cloud.all_of("POST")[0].body["spec"]["document"] == TEXT


def test_a_document_that_is_not_there_is_a_mistake_of_the_call(
    atoll: Atoll, cloud: Cloud, tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/gone").respond_with_data(status=404)
    for where in (str(tmp_path / "absent.json"), httpserver.url_for("/gone")):
        ended = atoll("registry", "add", "pets", where)
        assert ended.code == 2
        assert f"cannot read the document {where}" in ended.err
    assert not cloud.all_of("POST")


def test_they_are_listed_shown_and_removed(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", "/v1/apis", {"items": [API], "next": None})
    cloud.answers("GET", "/v1/apis/pets", API)
    cloud.answers("DELETE", "/v1/apis/pets", None, status=204)
    assert "https://pets.example" in atoll("registry", "list").out
    assert atoll("registry", "show", "pets").code == 0
    ended = atoll("registry", "remove", "pets", "--yes")
    assert ended.out == "pets removed\n"
