"""APIs that operators add: documents become tools, newer documents new versions."""

import json
from typing import Any

import httpx2
import pytest

from ocp_agent import OCPAgent
from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud


def document_of(*operations: str, server: str | None = "https://pets.example/api") -> Json:
    made: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "3.2", "description": "Of all kinds."},
        "paths": {
            f"/pets/{{pet}}/{name}": {"get": {"operationId": f"{name}-pet", "summary": name}}
            for name in operations
        },
    }
    return made if server is None else made | {"servers": [{"url": server}]}


def body_of(name: str, document: Any, **spec: str) -> Json:
    text = document if isinstance(document, str) else json.dumps(document)
    return {"metadata": {"name": name}, "spec": {"document": text} | spec}


@pytest.fixture
def admin(cloud: RunningCloud) -> Any:
    api = cloud.api()
    yield api
    for one in api.items("/v1/apis"):
        api.delete(f"/v1/apis/{one['id']}")
    api.close()


def test_a_document_becomes_tools_that_anybody_sees(admin: Api, anybody: httpx2.Client) -> None:
    added = admin.post("/v1/apis", body_of("pets", document_of("feed", "wash"), category="animals"))
    assert (added["spec"]["display_name"], added["status"]["tools"]) == ("Pets", 2)
    answer = anybody.get("/registry/pets").json()
    assert answer["base_url"] == "https://pets.example/api"
    assert [tool["name"] for tool in answer["tools"]] == ["feedPet", "washPet"]
    assert answer["tools"][0]["parameters"]["pet"]["location"] == "path"
    listed = {one["name"]: one for one in anybody.get("/registry").json()}
    assert (listed["pets"]["category"], listed["pets"]["version"]) == ("animals", "3.2")


def test_a_changed_document_is_a_new_version_and_the_same_is_none(
    admin: Api, anybody: httpx2.Client
) -> None:
    admin.post("/v1/apis", body_of("pets", document_of("feed")))
    admin.post("/v1/apis", body_of("pets", document_of("feed")))
    grown = admin.post("/v1/apis", body_of("pets", document_of("feed", "wash")))
    assert [one["number"] for one in grown["status"]["versions"]] == [1, 2]
    assert len(anybody.get("/registry/pets").json()["tools"]) == 2
    assert len(anybody.get("/registry/pets?version=1").json()["tools"]) == 1
    missing = anybody.get("/registry/pets?version=3")
    assert (missing.status_code, missing.json()) == (404, {"error": "pets has no version 3"})


def test_only_the_last_twenty_versions_stay(admin: Api) -> None:
    for number in range(22):
        added = admin.post("/v1/apis", body_of("pets", document_of(f"feed{number}")))
    numbers = [one["number"] for one in added["status"]["versions"]]
    assert numbers == list(range(3, 23))


def test_yaml_is_read_too(admin: Api) -> None:
    text = "openapi: 3.0.0\nservers: [{url: 'https://a.example'}]\npaths: {/x: {get: {}}}\n"
    assert admin.post("/v1/apis", body_of("yaml", text))["status"]["tools"] == 1


def test_what_was_removed_is_gone(admin: Api, anybody: httpx2.Client) -> None:
    admin.post("/v1/apis", body_of("pets", document_of("feed")))
    admin.delete("/v1/apis/pets")
    assert anybody.get("/registry/pets").status_code == 404
    assert admin.call("DELETE", "/v1/apis/pets").status_code == 404


def test_an_address_that_is_none_is_named(admin: Api) -> None:
    body = body_of("pets", document_of("feed"), base_url="pets.example")
    response = admin.call("POST", "/v1/apis", body)
    refused(response, 422, "INVALID", "spec.base_url")
    assert "pets.example is not a URL" in response.text


def test_an_api_stays_where_it_was(admin: Api, anybody: httpx2.Client) -> None:
    """A later document that names no server is of the same API."""
    where = "https://pets.example/api"
    admin.post("/v1/apis", body_of("pets", document_of("feed", server=None), base_url=where))
    admin.post("/v1/apis", body_of("pets", document_of("feed", "wash", server=None)))
    assert anybody.get("/registry/pets").json()["base_url"] == where


@pytest.mark.parametrize(
    ("name", "document", "field"),
    [
        ("vultr", document_of("feed"), "metadata.name"),
        ("Pets!", document_of("feed"), "metadata.name"),
        ("pets", "{", "spec.document"),
        ("pets", {"openapi": "3.1.0", "paths": {}}, "spec.document"),
        ("pets", document_of("feed", server=None), "spec.base_url"),
        ("pets", document_of("feed", server="/api"), "spec.base_url"),
    ],
)
def test_a_mistake_is_refused_by_its_field(
    admin: Api, name: str, document: Any, field: str
) -> None:
    refused(admin.call("POST", "/v1/apis", body_of(name, document)), 422, "INVALID", field)
    assert admin.items("/v1/apis") == []


def test_only_operators_add_and_remove(admin: Api, key_for: KeyFor) -> None:
    admin.post("/v1/apis", body_of("pets", document_of("feed")))
    member = key_for("member")
    assert len(member.items("/v1/apis")) == 1
    for method, path in (("POST", "/v1/apis"), ("DELETE", "/v1/apis/pets")):
        body = body_of(fresh("api"), document_of("feed")) if method == "POST" else None
        assert member.call(method, path, body).status_code == 403


def test_the_clients_of_the_protocol_find_and_call_its_tools(cloud: RunningCloud) -> None:
    agent = OCPAgent(registry_url=cloud.url, enable_cache=False)
    spec = agent.register_api("vultr", auth=cloud.admin_key)
    assert spec.base_url == f"{cloud.url}/v2"
    made = agent.call_tool("createSshKey", {"name": "mine", "ssh_key": ED25519})
    assert made.status_code == 201, made.text
    key_id = made.json()["ssh_key"]["id"]
    assert agent.call_tool("deleteSshKey", {"ssh-key-id": key_id}).status_code == 204
    assert agent.registry.search_apis("vultr")[0] == "vultr"
    assert agent.registry.list_apis()[:2] == ["atoll", "vultr"]


ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop"
)
