"""The answers of reinstall-instance and create-snapshot, field by field as they are printed on the
pages of these two tools."""

from typing import Any

import pytest

from tests.api.client import Api
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, settled

INSTANCE = {
    "id": str, "os": str, "ram": int, "disk": int, "main_ip": str, "vcpu_count": int,
    "region": str, "default_password": str, "date_created": str, "status": str,
    "power_status": str, "server_status": str, "allowed_bandwidth": int, "netmask_v4": str,
    "gateway_v4": str, "v6_networks": list, "hostname": str, "label": str, "tag": str,
    "internal_ip": str, "kvm": str, "os_id": int, "app_id": int, "image_id": str,
    "firewall_group_id": str, "features": list, "plan": str, "tags": list,
}  # fmt: skip
SNAPSHOT = {
    "id": str, "date_created": str, "description": str, "size": int, "status": str, "os_id": int,
    "app_id": int,
}  # fmt: skip


def kinds(shown: dict[str, Any], wanted: dict[str, type]) -> dict[str, type]:
    return {field: type(shown[field]) for field in wanted}


@pytest.mark.parametrize("body", [None, {}, {"hostname": "again"}])
def test_a_reinstallation_answers_what_its_page_prints(vultr: Vultr, api: Api, body: Any) -> None:
    before = instance_of(vultr, api, hostname="first", enable_ipv6=True)
    path = f"/instances/{before['id']}"
    shown = vultr.post(f"{path}/reinstall", body, 202)["instance"]
    assert kinds(shown, INSTANCE) == INSTANCE
    assert shown["hostname"] == ("again" if body else "first")
    settled(api, "instances", before["id"])
    after = vultr.get(path)["instance"]
    for kept in ("id", "main_ip", "label", "plan", "region", "os_id"):
        assert after[kept] == before[kept]
    (network,) = after["v6_networks"]
    assert network["main_ip"] == after["v6_main_ip"]


def test_a_snapshot_answers_what_its_page_prints(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    body = {"instance_id": made["id"], "description": "before the upgrade"}
    shown = vultr.post("/snapshots", body)["snapshot"]
    assert kinds(shown, SNAPSHOT) == SNAPSHOT
    assert (shown["description"], shown["status"], shown["size"]) == (
        "before the upgrade", "pending", 0,
    )  # fmt: skip
