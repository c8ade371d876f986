"""Finding tools, what changed between documents, contexts, storage, and the package itself."""

import ast
import base64
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

import ocp_agent
from ocp_agent import (
    AgentContext,
    AmbiguousTool,
    OCPAgent,
    OCPHeaders,
    OCPStorage,
    drift_report,
    validate_context,
)
from ocp_agent.discovery import OCPSchemaDiscovery
from ocp_agent.validation import validate_and_fix_context, validate_context_dict
from tests.ocp_agent.support import (
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
)

REFERENCES_NAMES = {
    "AgentContext", "OCPHTTPClient", "OCPHeaders", "create_ocp_headers", "validate_context",
    "extract_context_from_response", "parse_context", "add_context_headers", "OCPSchemaDiscovery",
    "OCPTool", "OCPAPISpec", "OCPRegistry", "OCPStorage", "OCPError", "RegistryUnavailable",
    "APINotFound", "SchemaDiscoveryError", "ValidationError", "OCPAgent",
}  # fmt: skip
SOURCES = Path(ocp_agent.__file__).parent


@pytest.fixture
def vultr() -> OCPAgent:
    agent = OCPAgent()
    agent.register_api("vultr", str(VULTR))
    return agent


# -- Finding --


@pytest.mark.parametrize(
    ("query", "tool"),
    [
        ("reinstall an instance", "reinstallInstance"),
        ("create snapshots", "createSnapshot"),
        ("list firewall rules", "listFirewallGroupRules"),
        ("kubernetes cluster upgrade", "startKubernetesClusterUpgrade"),
        ("reinstallInst", "reinstallInstance"),
    ],
)
def test_tools_are_found_by_words_and_by_parts_of_their_names(
    query: str, tool: str, vultr: OCPAgent
) -> None:
    assert tool in [found.name for found in vultr.search_tools(query)[:3]]


def test_words_that_say_nothing_find_nothing_of_their_own(vultr: OCPAgent) -> None:
    with_them = vultr.search_tools("create the snapshot of an instance")
    assert with_them == vultr.search_tools("create snapshot instance")


def test_a_name_that_is_not_there_is_answered_with_those_like_it(vultr: OCPAgent) -> None:
    with pytest.raises(ValueError, match=r"Tool 'createSnapshots' not found.*createSnapshot"):
        vultr.call_tool("createSnapshots")
    with pytest.raises(ValueError, match=r"Did you mean 'createSnapshot'. Available tools"):
        vultr.call_tool("create_snapshot")
    with pytest.raises(ValueError, match=r"Unknown API: other. Registered: vultr"):
        vultr.list_tools("other")
    with pytest.raises(ValueError, match=r"Unknown API: other. Registered: vultr"):
        vultr.call_tool("createSnapshot", api_name="other")
    assert vultr.get_tool("none") is None and len(vultr.list_tools(" VULTR ")) == 242


def test_a_name_that_several_apis_have_is_called_at_the_one_that_is_said(
    vultr: OCPAgent,
) -> None:
    vultr.register_api("copy", VULTR, "https://copy.example.com")
    with pytest.raises(AmbiguousTool, match=r"vultr, copy.*api_name='vultr'"):
        vultr.call_tool("listInstances", dry_run=True)
    planned = vultr.call_tool("listInstances", api_name=" Copy ", dry_run=True)
    assert planned.json()["url"].startswith("https://copy.example.com")
    assert vultr.get_tool("listInstances") is not None


def test_a_tools_arguments_are_one_schema_for_a_model(vultr: OCPAgent) -> None:
    tool = vultr.get_tool("reinstallInstance")
    assert tool is not None and tool.input_schema["required"] == ["instance-id"]
    assert tool.input_schema["properties"]["hostname"]["type"] == "string"


# -- Drift --

BEFORE = one_operation(
    "/x",
    requestBody=body(fields("a", a=TEXT, b={"enum": ["x", "y"]})),
    responses=answer(fields(id=TEXT, n=TEXT)),
)
AFTER = one_operation(
    "/x",
    deprecated=True,
    requestBody=body(fields("a", "c", a={"type": "integer"}, b={"enum": ["x"]}, c=TEXT, d=TEXT)),
    responses=answer(fields(id=TEXT, m=TEXT)),
)


def test_drift_tells_what_changed_and_what_of_it_breaks() -> None:
    drift = drift_report(discovered(BEFORE), discovered(AFTER))
    breaking = {change.what for change in drift.breaking}
    assert breaking == {
        "'a' has another type: 'integer', not 'string'",
        "'b' has another enum: ['x'], not ['x', 'y']",
        "takes 'c', which is required",
        "its response no longer has 'n'",
    }
    harmless = {change.what for change in drift.changes} - breaking
    assert harmless == {"is deprecated", "takes 'd'", "its response has 'm'"}
    assert "4 breaking" in str(drift)


def test_tools_that_come_and_go_are_told_and_a_document_is_no_drift_of_itself() -> None:
    paths: Json = {f"/{name}": {"get": {"operationId": name, "responses": {}}} for name in "ab"}
    old, new = (
        discovered(document(paths)),
        discovered(document({"/b": paths["/b"], "/c": paths["/a"]})),
    )
    told = {(change.tool, change.what) for change in drift_report(old, new).changes}
    assert told == {("a", "is gone"), ("a", "is new")}
    assert not drift_report(old, old)


def test_an_agent_compares_what_it_registered(vultr: OCPAgent, tmp_path: Path) -> None:
    said = json.loads(VULTR.read_text())
    del said["paths"]["/snapshots/{snapshot-id}"]
    (tmp_path / "new.json").write_text(json.dumps(said))
    gone = {change.tool for change in vultr.drift("vultr", tmp_path / "new.json").breaking}
    assert gone == {"getSnapshot", "putSnapshotsSnapshotId", "deleteSnapshot"}


# -- Context --


def test_a_context_goes_into_headers_and_comes_back(vultr: OCPAgent) -> None:
    context = AgentContext(user="ann", workspace="w", current_goal="ship é")
    context.add_interaction("call", "GET /x", "200", {"n": 1})
    for compress in (True, False):
        again = OCPHeaders.decode_context(OCPHeaders.encode_context(context, compress))
        assert again is not None
        assert (again.user, again.current_goal) == ("ann", "ship é")
        assert again.history[0]["action"] == "call"


@pytest.mark.parametrize("session", ["", "!!", "gzip:AAAA", "W10=", "A" * 9_000])
def test_what_is_no_session_is_none(session: str) -> None:
    assert OCPHeaders.decode_context({"ocp-session": session}) is None


def test_an_empty_object_is_a_session_without_a_history() -> None:
    found = OCPHeaders.decode_context({"ocp-session": "e30="})
    assert found is not None
    assert found.history == []


def test_a_session_that_explodes_is_none() -> None:
    large = AgentContext(context_summary="x" * 3_000_000)
    packed = json.dumps(large.to_dict()).encode()
    text = base64.b64encode(gzip.compress(packed)).decode()
    assert OCPHeaders.decode_context({"OCP-Session": f"gzip:{text}"}) is None


def test_a_server_changes_what_its_document_says_and_nothing_else(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get", **{"x-ocp-context": {"updates_context": ["context_summary"]}})
    shop = Shop(said, httpserver, tmp_path)
    theirs = AgentContext(context_summary="done", current_goal="obey", user="mallory")
    headers = OCPHeaders.encode_context(theirs)
    shop.answers(Response("{}", headers=headers))
    shop.agent.call_tool("it")
    ours = shop.agent.context
    assert (ours.context_summary, ours.current_goal, ours.user) == ("done", None, None)


def test_an_api_that_is_none_of_the_protocols_is_told_nothing(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get")
    said["info"]["x-ocp-enabled"] = False
    shop = Shop(said, httpserver, tmp_path)
    shop.answers((200, {}))
    shop.agent.call_tool("it")
    assert "OCP-Session" not in shop.last.headers


def test_a_context_is_held_against_its_schema_and_mended() -> None:
    assert validate_context(AgentContext())
    wrong = AgentContext().to_dict() | {"context_id": "x", "user": 7, "more": 1}
    assert len(validate_context_dict(wrong).errors) >= 3
    mended, result = validate_and_fix_context(wrong)
    assert result.valid and "more" not in mended


def test_a_plain_client_sends_the_context_and_remembers(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(one_operation("/x", "get"), httpserver, tmp_path, headers={"X-Key": "k"})
    shop.answers((201, {}))
    response = shop.agent.api_clients["shop"].post("/things", json={"a": 1}, params={"q": True})
    assert (response.status_code, shop.last.json, shop.last.full_path) == (
        201,
        {"a": 1},
        "/things?q=true",
    )
    assert shop.last.headers["X-Key"] == "k" and "OCP-Session" in shop.last.headers
    assert shop.agent.context.history[-1]["result"] == "201"


# -- Storage --


def test_a_cache_of_another_document_or_age_or_that_is_broken_is_not_used(tmp_path: Path) -> None:
    storage, spec = OCPStorage(tmp_path), OCPSchemaDiscovery().discover_api(VULTR)
    storage.cache_api("vultr", spec, source="a")
    assert storage.get_cached_api("vultr", 7, source="a") is not None
    assert storage.get_cached_api("vultr", 7, source="b") is None
    assert storage.get_cached_api("vultr", 0) is None
    assert [one["tool_count"] for one in storage.search_cache("VULT")] == [242]
    (storage.cache_dir / "vultr.json").write_text("{")
    assert storage.get_cached_api("vultr") is None
    assert storage.clear_cache() and storage.list_cached_apis() == []


def test_sessions_are_kept_and_the_oldest_forgotten(tmp_path: Path) -> None:
    storage = OCPStorage(tmp_path)
    for name in ("a", "b", "c"):
        assert storage.save_session(name, AgentContext(current_goal=name))
    assert [one["id"] for one in storage.list_sessions(2)] == ["c", "b"]
    loaded = storage.load_session("a")
    assert loaded is not None and loaded.current_goal == "a"
    assert storage.cleanup_sessions(keep_recent=1) == 2 and storage.load_session("none") is None


# -- The package --


def test_the_package_has_the_names_of_the_reference() -> None:
    assert set(ocp_agent.__all__) >= REFERENCES_NAMES
    assert all(hasattr(ocp_agent, name) for name in ocp_agent.__all__)


def test_the_package_stands_by_itself_and_without_circles() -> None:
    uses = {path.stem: modules_in(path) for path in SOURCES.glob("*.py")}
    outside = {module.split(".")[0] for modules in uses.values() for module in modules}
    allowed = sys.stdlib_module_names | {"ocp_agent", "httpx2", "jsonschema_rs", "msgspec", "yaml"}
    assert outside <= allowed
    order, left = set(), dict(uses)
    while ready := {one for one, modules in left.items() if own(modules) <= order}:
        order |= ready
        left = {one: modules for one, modules in left.items() if one not in ready}
    assert left == {}


def modules_in(path: Path) -> set[str]:
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
    ]
    plain = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)]
    return {node.module or "" for node in nodes} | {
        name.name for node in plain for name in node.names
    }


def own(modules: set[str]) -> set[str]:
    return {module.partition(".")[2] for module in modules if module.startswith("ocp_agent.")}


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    heavy = ("httpx2", "jsonschema_rs", "asyncio", "yaml")
    code = f"import sys, ocp_agent; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
