"""Requests go where the caller says, else where the document says."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from ocp_agent import OCPAgent, OCPError
from tests.ocp_agent.support import FAST, Json, Shop, document, one_operation, target

OWN = {"operationId": "it", "responses": {}}


def url_of(said: Json, folder: Path, base_url: str | None = None) -> str:
    (folder / "a.json").write_text(json.dumps(said))
    agent = OCPAgent(enable_cache=False)
    agent.register_api("a", str(folder / "a.json"), base_url)
    return str(agent.call_tool("it", dry_run=True).json()["url"])


def one(server: Json | None = None, item: Json | None = None, **root: Any) -> Json:
    get = {**OWN, **({"servers": [server]} if server else {})}
    return document({"/x": {"get": get, **({"servers": [item]} if item else {})}}, **root)


ROOT = {"servers": [{"url": "https://api.example.com/v1"}]}


@pytest.mark.parametrize(
    ("said", "url"),
    [
        (one(**ROOT), "https://api.example.com/v1/x"),
        (one({"url": "/v2"}, **ROOT), "https://api.example.com/v2/x"),
        (one({"url": "v2"}, **ROOT), "https://api.example.com/v1/v2/x"),
        (one(None, {"url": "/v3/"}, **ROOT), "https://api.example.com/v3/x"),
        (one({"url": "https://up.example"}, {"url": "/v3"}, **ROOT), "https://up.example/x"),
        (one({"url": "//up.example.com/v2"}, **ROOT), "https://up.example.com/v2/x"),
        (one({"url": "/{v}", "variables": {"v": {"default": "v9"}}}, **ROOT),
         "https://api.example.com/v9/x"),
        (one(servers=[{"url": "//api.example.com"}]), "https://api.example.com/x"),
        (one(servers=[{"url": "https://api.example.com/v1?api-version=2"}]),
         "https://api.example.com/v1/x?api-version=2"),
        (one({"url": "/v2?a=1#b"}, **ROOT), "https://api.example.com/v2/x?a=1"),
    ],
)  # fmt: skip
def test_servers_are_resolved_against_the_address_of_the_api(
    said: Json, url: str, tmp_path: Path
) -> None:
    assert url_of(said, tmp_path) == url


@pytest.mark.parametrize("server", ["https://vendor.example.com", "/v2", "//vendor.example.com"])
def test_a_given_address_wins_over_all_servers(server: str, tmp_path: Path) -> None:
    said = one({"url": server}, {"url": server}, **ROOT)
    assert url_of(said, tmp_path, "http://127.0.0.1:9/mock") == "http://127.0.0.1:9/mock/x"


def test_a_given_address_may_have_a_query(tmp_path: Path) -> None:
    said = one_operation("/x?a=1", "get")
    url = url_of(said, tmp_path, "https://shop.example.com/v1/?api-version=2")
    assert url == "https://shop.example.com/v1/x?api-version=2&a=1"


@pytest.mark.parametrize("servers", [[], [{"url": "/v1"}], [{"url": "https://{host}/v1"}]])
def test_without_an_address_the_error_says_what_to_do(servers: list[Json], tmp_path: Path) -> None:
    with pytest.raises(OCPError, match="Pass base_url"):
        url_of(one(servers=servers), tmp_path)


def test_waiting_keeps_the_query_of_the_address(httpserver: HTTPServer, tmp_path: Path) -> None:
    post = {"operationId": "it", "responses": {}}
    said = document({"/things": {"post": post}, "/things/{id}": {"get": {"responses": {}}}})
    shop = Shop(said, httpserver, tmp_path)
    shop.answers((200, {"id": "a1", "status": "creating"}), (200, {"id": "a1", "status": "ready"}))
    agent = OCPAgent(limits=FAST)
    agent.register_api("b", str(tmp_path / "shop.json"), httpserver.url_for("/v1?api-version=2"))
    assert agent.call_tool("it", wait=True).json()["status"] == "ready"
    assert target(shop.last) == "/v1/things/a1?api-version=2"
