"""`atoll host …`."""

from typing import Any

import pytest

from tests.cli.cloud import (
    HOST_ID,
    OPERATION_ID,
    Cloud,
    accepted,
    named,
    operation,
)
from tests.cli.conftest import Atoll

OPERATION = f"/v1/operations/{OPERATION_ID}"


@pytest.mark.parametrize(("verb", "enabled"), [("enable", True), ("disable", False)])
def test_a_host_is_enabled_and_disabled(
    verb: str, enabled: bool, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    cloud.answers("PATCH", f"/v1/hosts/{HOST_ID}", named(HOST_ID, "sim-1"))
    assert atoll("host", verb, "sim-1").code == 0
    assert cloud.all_of("PATCH")[0].body == {"spec": {"enabled": enabled}}


def lost(count: int, *names: str) -> dict[str, Any]:
    return {"count": count, "first": [{"id": "x", "name": n, "project_id": "p"} for n in names]}


REMOVAL = {
    "kind": "host.remove", "host": "sim-1", "steps": ["end_instances"], "impact": "all is lost",
    "instances": lost(7, "a", "b", "c", "d", "e", "f", "g"), "volumes": lost(1, "data"),
    "snapshots": lost(0),
}  # fmt: skip


def test_a_lost_host_is_removed_with_yes_only_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    plan = {"plan": REMOVAL}
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", plan, plan, status=200)
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    assert atoll("host", "remove", "sim-1").code == 2
    ended = atoll("host", "remove", "sim-1", "--yes")
    assert (ended.code, ended.out) == (0, "sim-1 removed\n")
    assert [asked.query for asked in cloud.all_of("DELETE")] == [
        {"dry_run": ["true"]}, {"dry_run": ["true"]}, {},
    ]  # fmt: skip


def test_a_dry_run_names_what_would_be_lost_with_a_host(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", {"plan": REMOVAL}, status=200)
    ended = atoll("host", "remove", "sim-1", "--dry-run")
    assert ended.code == 0
    assert "lost: 7 instances (a, b, c, d, e, …), 1 volume (data), 0 snapshots\n" in ended.out
    assert len(cloud.all_of("DELETE")) == 1


def test_the_devices_of_hosts_are_in_their_list(atoll: Atoll, cloud: Cloud) -> None:
    devices = [{"kind": "nvidia-a16", "address": f"0000:{n}:00.0", "used": False} for n in (17, 65)]
    host = {**named(HOST_ID, "sim-1"), "status": {"devices": devices}}
    cloud.has("/v1/hosts", host)
    assert "nvidia-a16, nvidia-a16" in atoll("host", "list").out
