"""The code of the tool pages, run through the registry against a real guest, awaited and not."""

import asyncio
from typing import Any

import pytest

from atoll.domain.ids import to_uuid
from ocp_agent import OCPAgent
from tests.e2e.guests import Login, until_ready
from tests.e2e.servers import ServerProcess

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def web(qemu_server: ServerProcess, login: Login) -> Any:
    spec = {"type": "mini", "image": "atoll-mini", "ssh_key_ids": ["me"], "memory_mb": 128}
    body = {"metadata": {"name": "web"}, "spec": spec}
    status, made = qemu_server.ask("POST", "/v1/instances", body)
    assert status == 201, made
    return until_ready(qemu_server, made["id"])


@pytest.fixture
def at_the_registry(qemu_server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCP_REGISTRY_URL", f"http://127.0.0.1:{qemu_server.port}")
    monkeypatch.setenv("OCP_AUTH_VULTR", qemu_server.key)


@pytest.mark.usefixtures("at_the_registry")
def test_the_code_of_create_snapshots_page_takes_a_snapshot(web: Any) -> None:
    async def page() -> Any:
        agent = OCPAgent(enable_cache=False)
        await agent.register_api("vultr")

        # Call this tool
        return await agent.call_tool(
            "createSnapshot",
            {"instance_id": to_uuid(web["id"]), "description": "by an agent"},
            wait=True,
        )

    result = asyncio.run(page())
    snapshot = result.json()["snapshot"]
    assert (snapshot["status"], snapshot["description"]) == ("complete", "by an agent")
    assert snapshot["size"] > 0


@pytest.mark.usefixtures("at_the_registry")
def test_the_code_of_reinstall_instances_page_reinstalls_without_await_too(
    qemu_server: ServerProcess, login: Login, web: Any
) -> None:
    login.run(web, "touch /root/mark")
    agent = OCPAgent(enable_cache=False)
    agent.register_api("vultr")
    result = agent.call_tool(
        "reinstallInstance", {"instance-id": to_uuid(web["id"]), "hostname": "again"}, wait=True
    )
    assert result.json()["instance"]["server_status"] == "ok"
    found = until_ready(qemu_server, web["id"])
    assert login.run(found, "hostname; ls /root") == "again"
