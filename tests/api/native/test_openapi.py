"""The document that describes this dialect, and the page made of it."""

import json
import re
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from tests.api.client import Api
from tests.api.server import RunningCloud

METHODS = {"get", "post", "put", "patch", "delete"}
EVERY = {"400", "401", "403", "429", "503"}


@pytest.fixture(scope="module")
def document(cloud: RunningCloud) -> dict[str, Any]:
    answer = httpx2.get(f"{cloud.url}/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    read: dict[str, Any] = answer.json()
    return read


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: {"path": path, "method": method} | operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Atoll"
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}
    assert document["security"] == [{"key": []}, {"bearer": []}]


def test_every_route_is_documented(document: dict[str, Any], cloud: RunningCloud) -> None:
    app = cloud.front._faces[0][2]._face.app  # type: ignore[attr-defined]
    routed = {
        (re.sub(r"\{(\w+):str\}", r"{\1}", route.path), method.lower())
        for route in app.routes
        if route.path.startswith("/v1")
        for method in route.methods
        if method.lower() in METHODS
    }
    documented = {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    assert documented == routed


def test_operation_ids_are_unique_and_every_operation_is_described(
    document: dict[str, Any],
) -> None:
    count = sum(len(methods) for methods in document["paths"].values())
    described = operations(document)
    assert len(described) == count
    for name, operation in described.items():
        assert re.fullmatch(r"[a-z][A-Za-z]+", name)
        assert operation["summary"] and operation["tags"], name
        assert set(operation["responses"]) >= EVERY, name
        for parameter in operation["parameters"]:
            assert parameter["description"], (name, parameter["name"])


def test_every_error_has_the_one_form(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorBody"}, (name, status)


def test_every_change_takes_an_idempotency_key_and_versioned_ones_if_match(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document).items():
        headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
        changes = operation["method"] != "get" and "Fault" not in name
        assert ("Idempotency-Key" in headers) == changes, name
        if "If-Match" in headers:
            assert "412" in operation["responses"], name
        assert ("If-Match" in headers) or operation["method"] != "patch", name


def test_all_references_lead_somewhere(document: dict[str, Any]) -> None:
    found = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert found <= set(document["components"]["schemas"])


def test_all_schemas_are_json_schema(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 speaks JSON Schema 2020-12."""
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
        )


def test_the_document_is_the_same_every_time(cloud: RunningCloud, document: Any) -> None:
    assert httpx2.get(f"{cloud.url}/openapi.json").json() == document
    assert "examples" not in str(document["paths"]["/v1/events"])


def test_the_documented_example_is_accepted_by_its_own_schema(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/instances"]["post"]["requestBody"]["content"]
    body = content["application/json"]
    components = {"components": document["components"]}
    validator = jsonschema_rs.validator_for(components | body["schema"])
    assert [*validator.iter_errors(body["examples"]["example"]["value"])] == []
    assert [*validator.iter_errors({"metadata": {"name": "a"}, "spec": {}})]
    assert [*validator.iter_errors({"metadata": {"name": "a", "nmae": "b"}, "spec": {}})]


def test_what_is_answered_is_what_is_documented(document: dict[str, Any], api: Api) -> None:
    created = api.running()
    components = {"components": document["components"]}
    shown = {
        "InstanceOut": created,
        "OperationOut": api.get(f"/v1/operations/{created['operation_id']}"),
    }
    for name, thing in shown.items():
        schema = components | {"$ref": f"#/components/schemas/{name}"}
        jsonschema_rs.validator_for(schema).validate(thing)


def test_there_is_a_page_for_people(document: dict[str, Any], cloud: RunningCloud) -> None:
    for path in ("/docs", "/"):
        page = httpx2.get(f"{cloud.url}{path}")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in document["paths"]:
        assert path in page.text
    assert "web-server-01" in page.text
    assert "<script" not in page.text


def test_every_example_is_a_body_that_its_schema_allows(document: dict[str, Any]) -> None:
    schemas = {"$defs": document["components"]["schemas"]}
    shown = 0
    for path in document["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            assert content.get("examples"), operation["operationId"]
            text = json.dumps(content["schema"] | schemas)
            schema = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
            for example in content["examples"].values():
                jsonschema_rs.validate(schema, example["value"])
                shown += 1
    assert shown >= 15


def test_only_what_is_in_paths_is_described_as_an_id(document: dict[str, Any]) -> None:
    wrong = [
        (name, parameter["name"])
        for name, operation in operations(document).items()
        for parameter in operation["parameters"]
        if parameter["in"] == "query" and parameter["description"].startswith("Its id")
    ]
    assert wrong == []
