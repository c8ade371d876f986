"""The context headers of agents, level 2 of the protocol: kept with what was changed, never in the
way."""

import zlib
from typing import Any

import pytest

from ocp_agent import OCPAgent
from tests.api.client import Api
from tests.api.keys import public_key
from tests.api.server import RunningCloud

WORDS = {
    "OCP-Context-ID": "ocp-1f3c9a20", "OCP-Agent-Type": "coding_agent", "OCP-User": "ana",
    "OCP-Current-Goal": "copy the shop", "OCP-Workspace": "shop",
}  # fmt: skip
SAID = {
    "context_id": "ocp-1f3c9a20", "agent_type": "coding_agent", "goal": "copy the shop",
    "user": "ana", "workspace": "shop",
}  # fmt: skip


def last_of(api: Api) -> Any:
    return api.get("/v1/audit?order=desc&limit=1")["items"][0]


def body_of(dialect: str, name: str) -> Any:
    text = public_key(zlib.crc32(name.encode()))
    if dialect == "native":
        return {"metadata": {"name": name}, "spec": {"public_key": text}}
    return {"name": name, "ssh_key" if dialect == "vultr" else "value": text}


@pytest.mark.parametrize(
    ("dialect", "path"),
    [("native", "/v1/ssh-keys"), ("vultr", "/v2/ssh-keys"), ("genesis", "/compute/v1/ssh-keys")],
)
def test_what_an_agent_says_is_kept_with_what_it_changed(
    cloud: RunningCloud, dialect: str, path: str
) -> None:
    api = cloud.api()
    headers = {"Authorization": f"Bearer {api.key}"} | WORDS
    made = api.http.post(path, json=body_of(dialect, f"by-{dialect}"), headers=headers)
    assert made.status_code == 201, made.text
    record = last_of(api)
    api.close()
    assert (record["dialect"], record["action"]) == (dialect, "ssh_key.create")
    assert record["agent"] == SAID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCP-Context-ID", "x" * 65),
        ("OCP-Context-ID", "a/b"),
        ("OCP-Agent-Type", "a b"),
        ("OCP-Current-Goal", "g" * 257),
        ("OCP-Current-Goal", ""),
        ("OCP-User", "u" * 65),
        ("OCP-Workspace", "w" * 129),
        ("OCP-Session", "s" * 9000),
        ("OCP-Session", "gzip:nonsense"),
    ],
)
def test_what_is_not_well_formed_is_passed_over(cloud: RunningCloud, name: str, value: str) -> None:
    api = cloud.api()
    key = f"{name}-{len(value)}-{value[:1]}".replace("/", "").lower()
    made = api.http.post("/v1/ssh-keys", json=body_of("native", key), headers={name: value})
    assert made.status_code == 201, made.text
    assert last_of(api)["agent"] is None
    api.close()


def test_who_says_nothing_is_no_agent(cloud: RunningCloud) -> None:
    api = cloud.api()
    api.post("/v1/ssh-keys", body_of("native", "plain"))
    assert last_of(api)["agent"] is None
    api.close()


def test_the_librarys_calls_are_seen_with_their_goal(cloud: RunningCloud) -> None:
    agent = OCPAgent(
        agent_type="tester", user="ana", agent_goal="Schlüssel für später",
        registry_url=cloud.url, enable_cache=False,
    )  # fmt: skip
    agent.register_api("atoll", auth=cloud.admin_key)
    made = agent.call_tool("createSshKey", body_of("native", "by-library"))
    assert made.status_code == 201, made.text
    api = cloud.api()
    said = last_of(api)["agent"]
    api.close()
    assert (said["agent_type"], said["user"]) == ("tester", "ana")
    assert said["goal"] == "Schlüssel für später"


def test_the_documents_say_so(cloud: RunningCloud) -> None:
    api = cloud.api()
    for path in ("/openapi.json", "/v2/openapi.json"):
        document = api.http.get(path).json()
        assert document["info"]["x-ocp-enabled"] is True
        deletions = [item["delete"] for item in document["paths"].values() if "delete" in item]
        assert all("x-ocp-context" in one for one in deletions)
    api.close()
