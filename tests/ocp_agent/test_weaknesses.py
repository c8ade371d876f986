"""What was measured to be wrong with ocp-agent 0.3.0, the library of the same name, in 17 points.

The numbers are those of docs/agents/ocp-agent.md. Each of these fails with that library.
"""

import json
import re
import stat
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from ocp_agent import OCPAgent, OCPHeaders, OCPRegistry, OCPStorage, validate_context
from ocp_agent.context import AgentContext
from ocp_agent.discovery import OCPSchemaDiscovery
from tests.ocp_agent.support import (
    FAST,
    TEXT,
    VULTR,
    Json,
    Shop,
    answer,
    body,
    discovered,
    document,
    fields,
    one_operation,
    only_tool,
    reference,
    target,
)

PLAIN_GET = {"operationId": "list-things", "responses": {}}
OK = (200, {})


def test_1_every_slot_of_every_path_of_vultrs_document_has_its_parameter() -> None:
    tools = OCPSchemaDiscovery().discover_api(str(VULTR)).tools
    slots = [(tool, name) for tool in tools for name in re.findall(r"\{([^}]+)\}", tool.path)]
    filled = [name for tool, name in slots if tool.parameters[name]["location"] == "path"]
    assert (len(tools), len(filled), len(slots)) == (242, 208, 208)


def test_1_a_tool_below_a_path_item_with_parameters_can_be_called(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(json.loads(VULTR.read_text()), httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("reinstallInstance", {"instance-id": "a1", "hostname": "web"})
    assert (shop.last.path, shop.last.json) == ("/instances/a1/reinstall", {"hostname": "web"})


def test_2_parameters_by_reference_are_parameters() -> None:
    owner = {"name": "owner", "in": "path", "required": True, "schema": TEXT}
    said = one_operation(
        "/repos/{owner}", "get", parameters=[{"$ref": "#/components/parameters/o"}]
    )
    said["components"] = {"parameters": {"o": owner}}
    assert only_tool(said).parameters["owner"]["location"] == "path"


@pytest.mark.parametrize(
    ("method", "request_body"),
    [
        ("post", {"$ref": "#/components/requestBodies/thing"}),
        ("post", body(reference("thing"))),
        ("post", body({"allOf": [reference("thing"), fields(size=TEXT)]})),
        ("post", body({"oneOf": [reference("thing"), fields(size=TEXT)]})),
        ("post", body(reference("thing"), "application/x-www-form-urlencoded")),
        ("post", body(reference("thing"), "multipart/form-data")),
        ("delete", body(reference("thing"))),
    ],
)
def test_3_bodies_of_every_form_have_parameters(method: str, request_body: Json) -> None:
    said = one_operation("/things", method, requestBody=request_body)
    thing = fields("name", name=TEXT)
    said["components"] = {"schemas": {"thing": thing}, "requestBodies": {"thing": body(thing)}}
    assert only_tool(said).parameters["name"]["location"] == "body"


def test_3_an_array_is_a_body_of_its_own(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation("/tags", "put", requestBody=body({"type": "array", "items": TEXT}))
    shop = Shop(said, httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", {"body": ["a", "b"]})
    assert shop.last.json == ["a", "b"]


def test_3_all_parts_of_an_answer_are_merged_and_none_is_left_as_a_reference() -> None:
    parts = [reference("base"), fields(size=TEXT)]
    said = one_operation("/things", "get", responses=answer({"allOf": parts}))
    said["components"] = {"schemas": {"base": fields("id", id=TEXT)}}
    schema = only_tool(said).response_schema
    assert schema is not None and set(schema["properties"]) == {"id", "size"}
    assert "$ref" not in json.dumps(schema)


def test_4_a_body_may_have_a_property_called_like_a_slot_of_the_path(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/clash/{id}", requestBody=body(fields(id=TEXT)))
    shop = Shop(said, httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", {"id": "p", "id_body": "b"})
    assert (shop.last.path, shop.last.json) == ("/clash/p", {"id": "b"})


def test_5_a_value_cannot_leave_its_segment_of_the_path(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(one_operation("/items/{id}", "get"), httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", {"id": "../admin?x=1"})
    assert target(shop.last) == "/items/..%2Fadmin%3Fx%3D1"
    with pytest.raises(ValueError, match="id: must not be"):
        shop.agent.call_tool("it", {"id": ".."})


def test_5_cookies_are_sent_and_unknown_parameters_are_named(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    cookie = {"name": "theme", "in": "cookie", "schema": TEXT}
    shop = Shop(one_operation("/items", "get", parameters=[cookie]), httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", {"theme": "dark"})
    assert shop.last.cookies["theme"] == "dark"
    with pytest.raises(ValueError, match="them: there is no such parameter; did you mean 'theme'"):
        shop.agent.call_tool("it", {"them": "dark"})


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ({"type": "number"}, "1"),
        ({"type": "integer"}, True),
        ({"type": "string"}, 1),
        ({"type": "object"}, []),
        ({"enum": ["a", "b"]}, "c"),
        ({"type": "string", "format": "uuid"}, "no"),
        ({"type": "integer", "maximum": 10}, 11),
        ({"type": "array", "items": {"type": "integer"}}, ["1"]),
    ],
)
def test_5_arguments_are_held_against_their_whole_schema(
    schema: Json,
    wrong: object,
    httpserver: HTTPServer,
    tmp_path: Path,
) -> None:
    said = one_operation("/items", requestBody=body(fields(size=schema)))
    shop = Shop(said, httpserver, tmp_path)
    with pytest.raises(ValueError, match=r"Parameter validation failed: \[.size"):
        shop.agent.call_tool("it", {"size": wrong})
    assert shop.seen == []


def test_6_names_are_unique_short_and_nothing_but_letters_and_digits() -> None:
    ids = ["get_user", "getUser", "weird name!", "users:list", "x" * 70, "2fa", "ünïcode", None]
    paths = {
        f"/p{number}/{{id}}": {"get": {"operationId": one, "responses": {}}}
        for number, one in enumerate(ids)
    }
    names = [tool.name for tool in discovered(document(paths)).tools]
    assert names[0] == "getUser" and len(set(names)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-zA-Z0-9]{0,63}", name) for name in names)


def test_7_a_circular_schema_is_the_same_whichever_tool_is_asked_first() -> None:
    person = fields(name=TEXT, team=reference("Team"))
    team = fields(lead=reference("Person"), label=TEXT)
    paths = {
        f"/{kind}": {"get": {"operationId": kind, "responses": answer(reference(kind))}}
        for kind in ("Person", "Team")
    }
    said = document(paths, components={"schemas": {"Person": person, "Team": team}})
    forward, backward = discovered(said).tools, discovered(said).tools[::-1]
    seen = {tool.name: tool.response_schema for tool in forward}
    assert {tool.name: tool.response_schema for tool in backward} == seen
    assert seen["person"]["properties"]["team"]["properties"]["label"] == TEXT  # type: ignore[index]


def test_7_a_long_chain_of_references_leads_to_its_end() -> None:
    schemas: Json = {f"s{n}": reference(f"s{n + 1}") for n in range(400)}
    schemas["s400"] = fields("name", name=TEXT)
    said = one_operation("/things", requestBody=body(reference("s0")))
    said["components"] = {"schemas": schemas}
    assert only_tool(said).parameters["name"]["required"] is True


def test_7_escapes_in_references_are_read_and_what_stands_beside_one_is_kept() -> None:
    slashed = {"$ref": "#/components/schemas/a~1b%20c", "description": "Beside."}
    said = one_operation("/things", requestBody=body(fields(it=slashed)))
    said["components"] = {"schemas": {"a/b c": {"type": "integer"}}}
    entry = only_tool(said).parameters["it"]
    assert (entry["type"], entry["description"]) == ("integer", "Beside.")


def test_8_servers_have_their_variables_filled_in() -> None:
    variables = {"region": {"default": "ams", "enum": ["ams", "ewr"]}}
    server = {"url": "https://{region}.example.com/v1/", "variables": variables}
    assert discovered(document({}, servers=[server])).base_url == "https://ams.example.com/v1"


def test_8_what_the_document_says_beside_the_type_is_kept() -> None:
    size = {"type": ["integer", "null"], "default": 3, "minimum": 1, "maximum": 9}
    text = {"2XX": {"content": {"application/vnd.shop+json": {"schema": fields(id=TEXT)}}}}
    said = one_operation(
        "/things", deprecated=True, security=[], responses=text, requestBody=body(fields(size=size))
    )
    tool = only_tool(said)
    entry = tool.parameters["size"]
    assert (entry["type"], entry["default"], entry["minimum"], entry["maximum"]) == (
        "integer",
        3,
        1,
        9,
    )
    assert tool.deprecated and tool.shape.security == ()
    assert tool.response_schema == {"type": "object", "properties": {"id": TEXT}}


def test_9_the_registry_is_asked_below_its_whole_address(httpserver: HTTPServer) -> None:
    answer = {"name": "shop", "base_url": "https://shop.example.com", "tools": []}
    httpserver.expect_request("/api/v1/registry/shop").respond_with_json(answer)
    spec = OCPRegistry(httpserver.url_for("/api/v1")).get_api_spec("shop")
    assert spec.base_url == "https://shop.example.com"
    assert OCPRegistry().registry_url == "https://opencontextprotocol.io/api/v1"


def test_10_a_cached_api_is_called_with_its_key_and_where_it_was_said_to_be(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/things", "get", servers=[])
    shop = Shop(said, httpserver, tmp_path)
    shop.answers(OK)
    later = OCPAgent(limits=FAST)
    spec = later.register_api(
        "shop", str(tmp_path / "shop.json"), httpserver.url_for("/"), {"Authorization": "Bearer k"}
    )
    later.call_tool("it")
    assert (spec.name, shop.last.headers["Authorization"]) == ("shop", "Bearer k")
    cached = next((tmp_path / ".ocp/cache/apis").iterdir()).read_text()
    assert "Bearer" not in cached and httpserver.url_for("/") not in cached


def test_11_a_document_is_narrowed_and_moved_also_when_it_was_read_before(tmp_path: Path) -> None:
    paths = {f"/{name}": {"get": {"operationId": name, "responses": {}}} for name in ("a", "b")}
    (tmp_path / "shop.json").write_text(json.dumps(document(paths)))
    discovery, url = OCPSchemaDiscovery(), f"file://{tmp_path}/shop.json"
    assert len(discovery.discover_api(url).tools) == 2
    again = discovery.discover_api(url, "https://other.example.com", include_resources=["B"])
    assert ([tool.name for tool in again.tools], again.base_url) == (
        ["b"],
        "https://other.example.com",
    )


def test_11_a_document_is_read_anew_where_nothing_old_will_do(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    for name in ("a", "b"):
        path.write_text(
            json.dumps(document({"/x": {"get": {"operationId": name, "responses": {}}}}))
        )
        spec = OCPAgent().register_api("shop", str(path), max_age_days=0)
    assert len(spec.tools) == 1
    assert [tool.operation_id for tool in spec.tools] == ["b"]


def test_12_the_history_tells_of_refusals_with_their_status(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(one_operation("/things", "get"), httpserver, tmp_path)
    shop.answers((404, {}))
    assert not shop.agent.call_tool("it")
    assert shop.agent.context.history[-1]["result"] == "404"


def test_13_the_session_header_stays_within_8_kb_however_long_the_agent_works() -> None:
    context = AgentContext(context_summary="s" * 50_000, recent_changes=["c" * 9_000] * 10)
    for number in range(1_000):
        context.add_interaction(f"call-{number}-{number * 7919}", "GET /x" * 40, "200")
    for compress in (True, False):
        assert len(OCPHeaders.encode_context(context, compress)["OCP-Session"]) <= 8_192
    assert len(context.history) <= 100


def test_14_no_api_learns_what_another_was_sent(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation("/login", requestBody=body(fields(password=TEXT, note=TEXT)))
    shop = Shop(said, httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", {"password": "hunter2", "note": "call me"}, api_name="shop")
    shop.agent.register_api("other", str(tmp_path / "shop.json"), httpserver.url_for("/"))
    shop.agent.call_tool("it", {"note": "x"}, api_name="other")
    received = OCPHeaders.decode_context(shop.last.headers)
    assert received is not None and received.history == []
    assert list(received.api_specs) == ["other"]
    told = json.dumps(shop.agent.context.to_dict())
    assert "hunter2" not in told and "call me" not in told


@pytest.mark.parametrize("goal", ["部署 🚀", "two\nlines\r\nX-Evil: 1", "\ud800 half", "é" * 999])
def test_15_no_goal_makes_a_request_fail(goal: str, httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = Shop(one_operation("/things", "get"), httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.update_goal(goal)
    assert shop.agent.call_tool("it").ok
    assert 0 < len(shop.last.headers["OCP-Current-Goal"]) <= 256
    assert "X-Evil" not in shop.last.headers


def test_16_no_name_leads_out_of_the_folder_and_files_are_their_owners(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = OCPStorage(tmp_path / "ocp")
    spec = discovered(document({}))
    for name in ("../../evil", "/abs", "a\0b", "", "x" * 500, "."):
        assert storage.cache_api(name, spec) and storage.save_session(name, AgentContext())
        assert storage.get_cached_api(name) is not None and storage.load_session(name) is not None
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "ocp") for path in files) and len(files) == 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not OCPStorage("/proc/none").cache_api("shop", spec)
    assert capsys.readouterr().out == ""


def test_17_a_busy_server_is_asked_again_and_one_client_serves_all_calls(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(one_operation("/things", "get"), httpserver, tmp_path)
    busy = Response("", 429, headers={"Retry-After": "0"})
    shop.answers(busy, OK)
    response = shop.agent.call_tool("it", headers={"X-Trace": "1"})
    assert (response.status_code, response.attempts) == (200, 2)


def test_17_all_headers_of_the_protocol_are_stripped() -> None:
    context = AgentContext(user="ann", workspace="w", current_goal="g")
    headers = OCPHeaders.encode_context(context) | {"Accept": "*/*"}
    assert OCPHeaders.strip_ocp_headers(headers) == {"Accept": "*/*"}
    assert validate_context(context)
