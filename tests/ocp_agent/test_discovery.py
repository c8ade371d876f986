"""Documents of every version, as they are and not as they should be."""

import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from ocp_agent import SchemaDiscoveryError
from ocp_agent.discovery import OCPSchemaDiscovery, spec_of
from ocp_agent.document import read_document
from tests.ocp_agent.support import (
    TEXT,
    VULTR,
    Json,
    discovered,
    document,
    fields,
    only_tool,
    posting,
    refused,
)

PET = {"$ref": "#/definitions/Pet"}
TAGS = {"name": "tags", "in": "query", "type": "array", "items": TEXT, "collectionFormat": "pipes"}
SWAGGER: Json = {
    "swagger": "2.0",
    "info": {"title": "Old", "version": "0.9"},
    "host": "old.example.com",
    "basePath": "/api",
    "schemes": ["http", "https"],
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "security": [{"key": []}],
    "definitions": {"Pet": fields("name", name=TEXT, owner=PET)},
    "paths": {
        "/pets": {
            "post": {
                "operationId": "addPet",
                "parameters": [
                    {"name": "pet", "in": "body", "required": True, "schema": PET}
                ],
                "responses": {"201": {"schema": PET}},
            }
        },
        "/pets/{id}/photo": {
            "post": {
                "operationId": "addPhoto",
                "consumes": ["multipart/form-data"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "integer"},
                    {"name": "file", "in": "formData", "type": "file", "required": True},
                    TAGS,
                ],
                "responses": {},
            }
        },
    },
}  # fmt: skip


def test_swagger_2_is_read() -> None:
    spec = discovered(SWAGGER)
    add, photo = spec.tools
    assert (spec.base_url, spec.title, spec.version) == (
        "https://old.example.com/api",
        "Old",
        "0.9",
    )
    assert add.parameters["name"]["required"] and add.parameters["owner"]["type"] == "object"
    assert add.response_schema is not None and add.response_schema["properties"]["name"] == TEXT
    assert {key: entry["location"] for key, entry in photo.parameters.items()} == {
        "id": "path", "tags": "query", "file": "body",
    }  # fmt: skip
    assert spec.security == ({"key": []},)


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1", "3.2.0"])
def test_openapi_3_is_read(version: str) -> None:
    said = document({"/x": {"get": {"operationId": "x", "responses": {}}}}) | {"openapi": version}
    assert [tool.name for tool in discovered(said).tools] == ["x"]


def test_what_openapi_3_2_has_more_is_read_where_it_is_said() -> None:
    item = {
        "query": {"operationId": "find", "responses": {}},
        "additionalOperations": {"LINK": {"operationId": "tie", "responses": {}}},
    }
    said = document({"/x": item})
    assert discovered(said).tools == []
    tools = discovered(said | {"openapi": "3.2.0"}).tools
    assert {tool.name: tool.method for tool in tools} == {"find": "QUERY", "tie": "LINK"}


@pytest.mark.parametrize("said", [{}, {"openapi": "4.0.0", "paths": {}}, {"swagger": 1.2}])
def test_other_documents_are_refused(said: Json) -> None:
    with pytest.raises(SchemaDiscoveryError):
        discovered(said)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"[1]", b"{", b"a: [", b"\xff\xfe\x00"])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(SchemaDiscoveryError):
        spec_of(read_document(content))


def test_yaml_is_read_with_its_dates_and_numbers_as_keys() -> None:
    text = b"""
openapi: 3.0.0
info: {title: Y, version: 2024-01-01}
paths:
  /x:
    get:
      operationId: list-x
      responses: {200: {content: {application/json: {schema: {type: object}}}}}
"""
    spec = spec_of(read_document(text))
    assert (spec.version, spec.tools[0].response_schema) == ("2024-01-01", {"type": "object"})


def test_yaml_that_explodes_or_holds_itself_is_refused() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    for text in ("\n".join(["openapi: 3.0.0", *rows]), "openapi: 3.0.0\nx: &x [*x]"):
        with pytest.raises(SchemaDiscoveryError, match="aliases"):
            read_document(text.encode())


@pytest.mark.parametrize("paths", [[], {"/x": None}, {"/x": {"get": None}}, {"/x": {"get": []}}])
def test_what_is_no_operation_becomes_no_tool(paths: object) -> None:
    assert discovered(document({}) | {"paths": paths}).tools == []


@pytest.mark.parametrize(
    "paths",
    [
        {"/x": {"get": {"parameters": {}, "responses": []}}},
        {"/x": {"get": {"parameters": [None, 1, {"name": 1}, {"name": "q"}], "tags": "a"}}},
        {"/x": {"post": {"operationId": 7, "requestBody": []}}},
        {"/x": {"post": {"requestBody": {"content": {"application/json": None}}}}},
        {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": 5}}}}}},
        {"/x": {"get": {"responses": {"200": {"content": {"application/json": {"schema": []}}}}}}},
        {"/x": {"$ref": "#/nowhere", "get": {"summary": ["a"], "security": {}}}},
    ],
)
def test_nonsense_in_a_document_harms_nothing_but_itself(paths: object) -> None:
    said = document({}) | {"paths": paths, "servers": "a", "components": [], "info": [1]}
    (tool,) = discovered(said).tools
    assert isinstance(tool.parameters, dict) and isinstance(tool.input_schema, dict)
    assert not tool.response_schema


def test_wrong_types_of_a_vendors_document_are_mended() -> None:
    said = fields(
        a={"type": "int"},
        b={"type": "mixed"},
        c={"type": "enum", "enum": ["x"]},
        d={"type": "float"},
    )
    post = {"operationId": "x", "requestBody": {"content": {"application/json": {"schema": said}}}}
    entries = only_tool(document({"/x": {"post": post}})).parameters
    types = {key: entry["type"] for key, entry in entries.items()}
    assert types == {"a": "integer", "b": "string", "c": "string", "d": "number"}


def test_all_of_vultrs_tools_have_their_parameters_checked_by_a_sound_schema() -> None:
    tools = OCPSchemaDiscovery().discover_api(VULTR).tools
    assert len(tools) > 100
    for tool in tools:
        required = tool.input_schema["required"]
        assert set(required) <= set(tool.parameters)


def test_a_document_is_read_from_a_url_and_its_servers_are_where_it_is(
    httpserver: HTTPServer,
) -> None:
    said = document({}, servers=[{"url": "/v1"}])
    httpserver.expect_request("/docs/openapi.json").respond_with_json(said)
    spec = OCPSchemaDiscovery().discover_api(httpserver.url_for("/docs/openapi.json"))
    assert spec.base_url == httpserver.url_for("/v1")


def test_a_document_that_is_not_there_is_named(httpserver: HTTPServer, tmp_path: Path) -> None:
    for where in (str(tmp_path / "none.json"), httpserver.url_for("/none.json"), "http://["):
        with pytest.raises(SchemaDiscoveryError, match="cannot be read"):
            OCPSchemaDiscovery().discover_api(where)


def test_resources_are_the_first_words_of_paths_after_the_prefix(tmp_path: Path) -> None:
    paths = ["/v2/{org}/users", "/v2/users.list", "/v2/Teams/{id}", "/other"]
    said = document({path: {"get": {"responses": {}}} for path in paths})
    (tmp_path / "a.json").write_text(json.dumps(said))
    discovery = OCPSchemaDiscovery()
    found = discovery.discover_api(tmp_path / "a.json", None, ["users", "TEAMS"], "/v2")
    assert [tool.path for tool in found.tools] == paths[:3]
    assert discovery.get_tools_by_tag(found, "none") == []


def test_an_operations_own_server_goes_before_the_apis() -> None:
    servers = [{"url": "https://uploads.example.com"}]
    said = document({"/x": {"get": {"operationId": "x", "servers": servers, "responses": {}}}})
    assert only_tool(said).shape.server == "https://uploads.example.com"


HALF = '"\\ud83d and text"'


@pytest.mark.parametrize(
    "text",
    [
        '{"openapi": "3.0.3", "info": {"title": %s}, "paths": {"/x": {"post": %s}}}',
        '{"openapi": "3.0.3", "x": 1e400, "info": {"title": %s}, "paths": {"/x": {"post": %s}}}',
    ],
)
def test_half_a_character_or_a_number_out_of_range_costs_nothing_but_itself(text: str) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer", "maximum": 1e400}}}'
    post = (
        f'{{"operationId": "it", "summary": {HALF}, "requestBody": {{"content": '
        f'{{"application/json": {{"schema": {schema}}}}}}}}}'
    )
    spec = spec_of(read_document((text % (HALF, post)).encode()))
    (tool,) = spec.tools
    assert spec.title.endswith("and text") and tool.description.endswith("and text")
    assert tool.parameters["a"]["type"] == "integer" and spec.raw_spec["openapi"] == "3.0.3"


@pytest.mark.parametrize("word", ["items", "not", "additionalProperties", "allOf"])
def test_schemas_that_are_nested_without_end_take_any_value_below(word: str) -> None:
    schema: Json = {"type": "string"}
    for _ in range(300):
        schema = {word: [schema] if word == "allOf" else schema}
    said = posting(fields(a=schema, n={"type": "integer"}))
    assert list(refused(said, {"a": [], "n": "x"})) == ["n"]
    assert only_tool(said).input_schema["properties"]["n"] == {"type": "integer"}


@pytest.mark.parametrize("server", [None, 5, {"url": 5}, {"url": "http://["}, {"url": "//["}])
def test_a_server_that_is_no_address_is_none(server: object) -> None:
    real = {"url": "https://shop.example.com"}
    spec = discovered(document({"/x": {"get": {"servers": [server]}}}, servers=[server, real]))
    assert (spec.base_url, spec.tools[0].shape.server) == (real["url"], None)


def test_a_path_item_that_refers_to_nonsense_keeps_its_own_operations() -> None:
    said = document({"/x": {"$ref": 5, "get": {"operationId": "x"}}})
    assert [tool.name for tool in discovered(said).tools] == ["x"]
