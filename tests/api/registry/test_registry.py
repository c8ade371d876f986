"""The registry: Atoll's own APIs as tools, a page a tool, search."""

import json
import re
from typing import Any

import httpx2
import pytest

OWN = ["atoll", "vultr", "genesiscloud"]
PARTS = ["Details", "Parameters", "Response Schema", "Usage"]


def tools_of(anybody: httpx2.Client, name: str) -> dict[str, Any]:
    answer = anybody.get(f"/registry/{name}")
    assert answer.status_code == 200, answer.text
    return {tool["name"]: tool for tool in answer.json()["tools"]}


def test_atolls_own_apis_are_there_from_the_start(anybody: httpx2.Client) -> None:
    listed = anybody.get("/registry").json()
    assert [one["name"] for one in listed][:3] == OWN
    assert all(one["category"] == "cloud" for one in listed[:3])


@pytest.mark.parametrize(
    ("name", "path"), [("atoll", ""), ("vultr", "/v2"), ("genesiscloud", "/compute/v1")]
)
def test_an_own_api_is_where_it_was_asked_about(
    anybody: httpx2.Client, name: str, path: str
) -> None:
    answer = anybody.get(f"/registry/{name}", headers={"host": "cloud.example:99"}).json()
    assert answer["base_url"] == f"http://cloud.example:99{path}"
    assert answer["name"] == name
    assert len(answer["tools"]) > 40
    assert answer["security_schemes"]


@pytest.mark.parametrize("name", OWN)
def test_every_slot_of_a_path_has_its_parameter(anybody: httpx2.Client, name: str) -> None:
    for tool in tools_of(anybody, name).values():
        slots = re.findall(r"\{([^}]+)\}", tool["path"])
        in_path = [k for k, p in tool["parameters"].items() if p["location"] == "path"]
        assert sorted(slots) == sorted(in_path), tool["name"]


def test_vultrs_tools_are_those_of_vultrs_own_pages(anybody: httpx2.Client) -> None:
    tools = tools_of(anybody, "vultr")
    reinstall, snapshot = tools["reinstallInstance"], tools["createSnapshot"]
    assert (reinstall["method"], reinstall["path"], reinstall["operation_id"]) == (
        "POST", "/instances/{instance-id}/reinstall", "reinstall-instance",
    )  # fmt: skip
    assert reinstall["parameters"].keys() == {"instance-id", "hostname"}
    assert reinstall["parameters"]["hostname"]["location"] == "body"
    assert (snapshot["method"], snapshot["path"]) == ("POST", "/snapshots")
    assert {"instance_id", "description"} <= snapshot["parameters"].keys()
    assert snapshot["parameters"]["instance_id"]["required"] is True


def test_a_tools_page_has_the_parts_of_the_protocols_pages(anybody: httpx2.Client) -> None:
    answer = anybody.get("/registry/vultr/tools/reinstallinstance.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert re.findall(r"^## (.*)$", answer.text, re.MULTILINE) == PARTS
    assert "# reinstallInstance" in answer.text
    for line in ("- **Method**: POST", "- **Path**: /instances/{instance-id}/reinstall",
                 "- **Operation ID**: reinstall-instance"):  # fmt: skip
        assert line in answer.text
    parameters = json.loads(answer.text.split("```json\n")[1].partition("```")[0])
    assert parameters.keys() == {"instance-id", "hostname"}
    assert "await agent.call_tool('reinstallInstance', {" in answer.text


def test_people_read_the_same_page_as_html(anybody: httpx2.Client) -> None:
    answer = anybody.get("/registry/vultr/tools/reinstallinstance")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r"<h2>(.*?)</h2>", answer.text) == PARTS
    same = anybody.get(
        "/registry/vultr/tools/ReinstallInstance", headers={"accept": "text/markdown"}
    )
    assert same.text.startswith("# reinstallInstance")
    listed = anybody.get("/registry/vultr/tools").text
    assert 'href="/registry/vultr/tools/reinstallinstance"' in listed


@pytest.mark.parametrize("name", OWN)
def test_every_tool_has_its_page(anybody: httpx2.Client, name: str) -> None:
    for tool in tools_of(anybody, name):
        page = anybody.get(f"/registry/{name}/tools/{tool.lower()}.md")
        assert page.text.startswith(f"# {tool}\n"), tool


def test_words_find_the_apis_that_have_tools_for_them(anybody: httpx2.Client) -> None:
    results = anybody.get("/search", params={"q": "reinstall an instance"}).json()["results"]
    tools = {one["name"]: one["tools"] for one in results}
    assert tools["vultr"][0] in {"reinstallInstance", "reinstallBaremetal"}
    assert "reinstallInstance" in tools["atoll"]
    only = anybody.get("/search", params={"q": "vultr", "per_page": 1}).json()["results"]
    assert [one["name"] for one in only] == ["vultr"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/registry/nobody", "API not found: nobody"),
        ("/registry/vultr?version=7", "vultr has only the version 1"),
        ("/registry/vultr/tools/nothing", "vultr has no tool nothing: see /registry/vultr/tools"),
        ("/registry/vultr/else", "there is nothing at /registry/vultr/else"),
    ],
)
def test_what_is_not_there_is_a_404_with_a_sentence(
    anybody: httpx2.Client, path: str, told: str
) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": told})


def test_parameters_out_of_bounds_are_refused_by_name(anybody: httpx2.Client) -> None:
    for query in ("per_page=0", "per_page=101", "per_page=x"):
        answer = anybody.get(f"/search?q=a&{query}")
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("per_page")


INSTANCE = {
    "id", "os", "ram", "disk", "main_ip", "vcpu_count", "region", "default_password",
    "date_created", "status", "power_status", "server_status", "allowed_bandwidth", "netmask_v4",
    "gateway_v4", "v6_networks", "hostname", "label", "tag", "internal_ip", "kvm", "os_id",
    "app_id", "image_id", "firewall_group_id", "features", "plan", "tags",
}  # fmt: skip
SNAPSHOT = {"id", "date_created", "description", "size", "status", "os_id", "app_id"}


@pytest.mark.parametrize(
    ("tool", "thing", "fields"),
    [("reinstallInstance", "instance", INSTANCE), ("createSnapshot", "snapshot", SNAPSHOT)],
)
def test_what_vultrs_pages_show_of_an_answer_is_shown_here(
    anybody: httpx2.Client, tool: str, thing: str, fields: set[str]
) -> None:
    found = tools_of(anybody, "vultr")[tool]
    shown = found["response_schema"]["properties"][thing]["properties"]
    assert fields <= shown.keys()
    assert all(shown[field].get("description") for field in fields)
    assert all(one["description"] for one in found["parameters"].values())
