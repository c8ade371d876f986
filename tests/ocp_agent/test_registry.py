"""Registries, the pages that they show, and the tool pages' own code, run as it stands there."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from ocp_agent import (
    APINotFound,
    OCPAgent,
    OCPRegistry,
    OCPStorage,
    RegistryUnavailable,
    registry_answer,
    tool_page,
)
from ocp_agent.discovery import OCPSchemaDiscovery
from tests.ocp_agent.support import FAST, VULTR, discovered, document, one_operation, target

# As the public registry has it: without the path's parameter.
PUBLISHED = {
    "name": "vultr",
    "display_name": "Vultr",
    "description": "Cloud",
    "tools": [
        {
            "name": "reinstallInstance",
            "description": "Reinstall Instance",
            "method": "POST",
            "path": "/instances/{instance-id}/reinstall",
            "parameters": {
                "hostname": {
                    "description": "The hostname to use when reinstalling this instance.",
                    "required": False,
                    "location": "body",
                    "type": "string",
                }
            },
            "response_schema": {"type": "object"},
            "operation_id": "reinstall-instance",
            "tags": ["instances"],
        }
    ],
}

USAGE = """
from ocp_agent import OCPAgent

agent = OCPAgent()
await agent.register_api('vultr')

# Call this tool
result = await agent.call_tool('{tool}', {{
    {arguments}
}})
"""


@pytest.fixture
def vultr(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A registry that answers what this library makes of Vultr's document, and Vultr beside it."""
    spec = OCPSchemaDiscovery().discover_api(VULTR, httpserver.url_for("/v2"))
    httpserver.expect_request("/registry/vultr").respond_with_json(registry_answer(spec, "vultr"))
    monkeypatch.setenv("OCP_REGISTRY_URL", httpserver.url_for("/"))
    monkeypatch.setenv("OCP_AUTH_VULTR", "key")
    return httpserver


@pytest.mark.parametrize(
    ("tool", "arguments", "path", "sent"),
    [
        ("createSnapshot", "'instance_id': 'i-1'", "/v2/snapshots", {"instance_id": "i-1"}),
        (
            "reinstallInstance",
            "'instance-id': 'i-1', 'hostname': 'web'",
            "/v2/instances/i-1/reinstall",
            {"hostname": "web"},
        ),
    ],
)
@pytest.mark.parametrize("awaits", [True, False])
def test_the_code_of_the_tool_pages_runs_as_it_stands_there(
    tool: str, arguments: str, path: str, sent: object, awaits: bool, vultr: HTTPServer
) -> None:
    vultr.expect_request(path, method="POST", json=sent).respond_with_json({"done": True})
    code = USAGE.format(tool=tool, arguments=arguments)
    names: dict[str, object] = {}
    if awaits:
        lines = "".join(f"    {line}\n" for line in code.splitlines())
        exec(f"async def main():\n{lines}\n    return result", names)
        result = asyncio.run(names["main"]())  # type: ignore[operator]
    else:
        exec(code.replace("await ", ""), names)
        result = names["result"]
    assert result.status_code == 200 and result.json() == {"done": True}
    assert vultr.log[-1][0].headers["Authorization"] == "Bearer key"


def test_what_a_registry_leaves_out_of_a_path_is_put_in(httpserver: HTTPServer) -> None:
    answer = PUBLISHED | {"base_url": httpserver.url_for("/v2")}
    httpserver.expect_request("/registry/vultr").respond_with_json(answer)
    httpserver.expect_request("/v2/instances/i-1/reinstall").respond_with_json({})
    agent = OCPAgent(registry_url=httpserver.url_for("/"), limits=FAST)
    agent.register_api("vultr")
    assert agent.call_tool("reinstallInstance", {"instance-id": "i-1"}).ok
    with pytest.raises(ValueError, match="instance-id: is required"):
        agent.call_tool("reinstallInstance")


def test_the_registrys_answer_makes_the_same_tools_as_the_document(vultr: HTTPServer) -> None:
    described = OCPSchemaDiscovery().discover_api(VULTR)
    answered = OCPRegistry(vultr.url_for("/")).get_api_spec("vultr")
    assert [tool.to_dict() for tool in answered.tools] == [t.to_dict() for t in described.tools]


def test_an_answer_is_cached_with_all_that_it_said(vultr: HTTPServer) -> None:
    first = OCPAgent(limits=FAST).register_api("vultr")
    vultr.clear()
    again = OCPAgent(limits=FAST).register_api("vultr")
    assert again.base_url == first.base_url
    assert [tool.to_dict() for tool in again.tools] == [tool.to_dict() for tool in first.tools]


def aged(minutes: float) -> None:
    """What is cached, as if it had been there for so long."""
    (path,) = OCPStorage().cache_dir.glob("*.json")
    kept = json.loads(path.read_text())
    before = datetime.fromisoformat(kept["cached_at"]) - timedelta(minutes=minutes)
    kept["cached_at"] = before.isoformat()
    path.write_text(json.dumps(kept))


def test_a_newer_document_of_the_registry_is_seen(vultr: HTTPServer) -> None:
    OCPAgent(limits=FAST).register_api("vultr")
    vultr.clear()
    vultr.expect_request("/registry/vultr").respond_with_json(PUBLISHED | {"version": "3"})
    aged(4)
    assert len(OCPAgent(limits=FAST).register_api("vultr").tools) == 242
    aged(2)
    newer = OCPAgent(limits=FAST).register_api("vultr")
    assert (newer.version, len(newer.tools)) == ("3", 1)


def test_what_is_cached_serves_while_the_registry_cannot_be_asked(vultr: HTTPServer) -> None:
    OCPAgent(limits=FAST).register_api("vultr")
    vultr.clear()
    aged(60)
    assert len(OCPAgent(limits=FAST).register_api("vultr").tools) == 242
    for max_age_days in (0, 0.01):
        with pytest.raises(RegistryUnavailable):
            OCPAgent(limits=FAST).register_api("vultr", max_age_days=max_age_days)


def test_an_api_that_is_not_there_is_named_with_what_is_like_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/search").respond_with_json({"results": [{"name": "vultr"}]})
    httpserver.expect_request("/registry/vulture").respond_with_json({}, status=404)
    with pytest.raises(APINotFound, match=r"no API 'vulture'. Similar: vultr"):
        OCPRegistry(httpserver.url_for("/")).get_api_spec("vulture")


def test_a_registry_lists_and_finds(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/registry").respond_with_json([{"name": "a"}, {"name": "b"}, 7])
    httpserver.expect_request("/search").respond_with_json({"results": [{"name": "b"}]})
    registry = OCPRegistry(httpserver.url_for("/"))
    assert (registry.list_apis(), registry.search_apis("b c")) == (["a", "b"], ["b"])
    assert target(httpserver.log[-1][0]) == "/search?q=b+c&per_page=10"


def test_a_registry_that_fails_says_how_to_go_on_without_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/registry/a").respond_with_data("oops", status=500)
    httpserver.expect_request("/registry/b").respond_with_data("<html>")
    for name in ("a", "b"):
        with pytest.raises(RegistryUnavailable, match="spec_url"):
            OCPRegistry(httpserver.url_for("/")).get_api_spec(name)
    with pytest.raises(RegistryUnavailable):
        OCPRegistry("http://127.0.0.1:1").list_apis()


def test_a_tools_page_has_the_parts_of_the_protocols_own() -> None:
    spec = OCPSchemaDiscovery().discover_api(VULTR)
    page = tool_page(spec.tool_of["createSnapshot"], "vultr")
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Details",
        "## Parameters",
        "## Response Schema",
        "## Usage",
    ]
    assert page.startswith("# createSnapshot\n\nCreate Snapshot\n")
    assert "- **Method**: POST\n- **Path**: /snapshots\n- **Operation ID**: create-snapshot" in page
    parameters = json.loads(page.split("```json\n")[1].split("```")[0])
    assert parameters["instance_id"] == {
        "description": "Create a Snapshot for this [Instance id](#operation/list-instances).",
        "required": True,
        "location": "body",
        "type": "string",
    }
    assert USAGE.strip().splitlines()[2:4] == page.split("```python\n")[1].splitlines()[2:4]


def test_a_tools_documentation_names_its_parameters(tmp_path: Path) -> None:
    tool = discovered(one_operation("/x/{id}", "get", summary="Reads it.", tags=["a"])).tools[0]
    text = OCPSchemaDiscovery().generate_tool_documentation(tool)
    assert "- **id** (required) [path]: Part of the path." in text and "**Tags:** a" in text


def test_an_api_without_an_address_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document({"/x": {"get": {"responses": {}}}})))
    agent = OCPAgent()
    agent.register_api("a", str(tmp_path / "a.json"))
    with pytest.raises(Exception, match="Pass base_url to register_api"):
        agent.call_tool("getX")
