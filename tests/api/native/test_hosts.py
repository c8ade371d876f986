"""Hosts: what they say of themselves, and their removal once they are gone for good."""

import asyncio

import pytest

from atoll.api.native.hosts import show
from atoll.domain.hosts import HostState
from atoll.ports import Filter
from atoll.roots.all_in_one import Cloud
from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud
from tests.support import things


async def lose(cloud: Cloud, name: str) -> None:
    """Its agent ends, and it was silent for long."""
    agent = next(task for task in cloud.supervisor.tasks if task.get_name() == f"agent {name}")
    agent.cancel()
    await asyncio.gather(agent, return_exceptions=True)
    await cloud.bus.settled()
    (host,) = await cloud.control.store.read().hosts.page(Filter(name=name))
    async with cloud.control.store.transaction() as tx:
        tx.hosts.change(host, state=HostState.LOST)


def instance_on_a_host(api: Api) -> tuple[Json, str]:
    instance = api.running("web")
    host = api.get(f"/v1/hosts/{instance['status']['host_id']}")
    return instance, host["metadata"]["name"]


def test_a_lost_host_goes_with_all_that_was_on_it(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    instance, name = instance_on_a_host(api)
    own_cloud.run(lose(own_cloud.cloud, name))
    assert api.get(f"/v1/hosts/{name}")["status"]["state"] == "lost"
    operation = api.delete(f"/v1/hosts/{name}", 202)["operation_id"]
    api.ended(operation, "completed")
    refused(api.call("GET", f"/v1/hosts/{name}"), 404, "NOT_FOUND")
    shown = api.get(f"/v1/instances/{instance['id']}")["status"]
    assert (shown["state"], shown["reason"]) == ("terminated", "its host was removed")
    actions = [record["action"] for record in api.items("/v1/audit")]
    assert "host.remove" in actions
    api.close()


def test_a_dry_run_says_what_would_be_lost_and_loses_nothing(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    instance, name = instance_on_a_host(api)
    own_cloud.run(lose(own_cloud.cloud, name))
    plan = api.call("DELETE", f"/v1/hosts/{name}?dry_run=true").json()["plan"]
    assert (plan["kind"], plan["host"]) == ("host.remove", name)
    assert [(one["id"], one["name"]) for one in plan["instances"]["first"]] == [
        (instance["id"], "web")
    ]
    assert [plan[kind]["count"] for kind in ("instances", "volumes", "snapshots")] == [1, 0, 0]
    assert api.get(f"/v1/hosts/{name}")["status"]["state"] == "lost"
    api.close()


def test_only_operators_remove_hosts_and_only_lost_ones(api: Api, key_for: KeyFor) -> None:
    body = refused(api.call("DELETE", "/v1/hosts/sim-1"), 409, "CONFLICT")
    assert "only a lost host can be removed" in body["error"]
    refused(api.call("DELETE", "/v1/hosts/sim-1?dry_run=true"), 409, "CONFLICT")
    refused(api.call("DELETE", "/v1/hosts/absent"), 404, "NOT_FOUND")
    refused(key_for("member").call("DELETE", "/v1/hosts/sim-1"), 403, "FORBIDDEN")
    stale = api.call("DELETE", "/v1/hosts/sim-1", If_Match='"0"')
    refused(stale, 412, "VERSION_MISMATCH", "If-Match")


@pytest.mark.parametrize(("spare_mib", "low"), [(None, False), (1, False), (0, True), (-7, True)])
def test_a_host_says_that_its_disk_space_is_low(spare_mib: int | None, low: bool) -> None:
    status = show(things.host(spare_disk_mib=spare_mib)).status
    assert status.disk_spare_mb == spare_mib
    assert ("disk space is low" in status.reason) is low
