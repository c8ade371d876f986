"""Instances: what is asked for, how their situation is told, and that every dialect has them."""

import urllib.parse
from typing import Any

import pytest
from websockets.sync.client import connect

from atoll.domain import ids
from tests.api.client import Api, Json
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import NOBODY, instance_of, native, settled

ORDER = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284}


def gone(api: Api, uuid: str) -> None:
    """Returns when it has been deleted."""
    native_id = ids.from_uuid(ids.INSTANCE, uuid)
    for operation in api.items(f"/v1/operations?resource_id={native_id}&kind=instance.delete"):
        api.ended(operation["id"], "completed")


def test_a_new_instance_has_no_address_yet_and_a_password(vultr: Vultr) -> None:
    made = vultr.post("/instances", ORDER | {"label": "web", "os_id": "2284"}, 202)["instance"]
    told = {key: made[key] for key in ("status", "power_status", "server_status", "main_ip")}
    assert told == {
        "status": "pending", "power_status": "running", "server_status": "none",
        "main_ip": "0.0.0.0",
    }  # fmt: skip
    assert len(made["default_password"]) == 20
    assert (made["ram"], made["disk"], made["vcpu_count"], made["os_id"]) == (1024, 25, 1, 2284)


def test_it_ends_in_ok_and_a_halted_one_is_stopped(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    path = f"/instances/{made['id']}"
    assert made["server_status"] == "ok"
    vultr.post(f"{path}/halt", status=204)
    settled(api, "instances", made["id"])
    told = vultr.get(path)["instance"]
    words = ("status", "power_status", "server_status")
    assert [told[word] for word in words] == ["active", "stopped", "ok"]
    vultr.post("/instances/start", {"instance_ids": [made["id"]]}, 204)
    settled(api, "instances", made["id"])
    assert vultr.get(path)["instance"]["power_status"] == "running"


def test_of_many_that_shall_halt_all_do_or_none(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    told = vultr.refused("POST", "/instances/halt", {"instance_ids": [made["id"], NOBODY]}, 404)
    assert told == "instance not found"
    assert vultr.get(f"/instances/{made['id']}")["instance"]["power_status"] == "running"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (ORDER | {"plan": "vc9-1c-1gb"}, "Invalid plan chosen."),
        (ORDER | {"plan": "vcg-a16-2c-8gb-2vram"}, "No host has a NVIDIA_A16"),
        (ORDER | {"region": "mars"}, "Invalid region."),
        (ORDER | {"os_id": 167}, "os_id: 167 is not available"),
        (ORDER | {"os_id": None}, "os_id, snapshot_id or iso_id is required"),
        (ORDER | {"app_id": 1}, "app_id: there are no applications here"),
        (ORDER | {"sshkey_id": ["mine"]}, "sshkey_id: 'mine' is not an id"),
        (ORDER | {"firewall_group_id": NOBODY}, "firewall_group_id"),
        (ORDER | {"backups": "yes"}, "backups must be enabled or disabled"),
        (ORDER | {"user_data": "%"}, "user_data is not valid base64"),
        ({"plan": "vc2-1c-1gb", "os_id": 2284}, "region: this field is required"),
    ],
)
def test_a_wrong_wish_is_refused_by_its_field_and_makes_nothing(
    vultr: Vultr, body: Json, told: str
) -> None:
    assert told in vultr.refused("POST", "/instances", body)
    assert vultr.get("/instances")["instances"] == []


@pytest.mark.parametrize("query", ["label=web", "tag=shop", "region=ewr", "main_ip={main_ip}"])
def test_a_list_shows_what_it_is_asked_for(vultr: Vultr, api: Api, query: str) -> None:
    wanted = instance_of(vultr, api, label="web", tags=["shop"])
    other = {"label": "db", "region": "ams", "tags": ["stock=1"]}
    instance_of(vultr, api, **other)
    found = vultr.get(f"/instances?{query.format(**wanted)}")
    assert [one["id"] for one in found["instances"]] == [wanted["id"]]
    assert found["meta"]["total"] == 1


def test_nothing_to_change_is_said_and_null_is_nothing(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    body: dict[str, Any] = {"label": None, "plan": None, "tags": None, "os_id": None}
    told = vultr.refused("PATCH", f"/instances/{made['id']}", body)
    assert told == "The request changes nothing: give at least one field"


def test_a_block_or_an_address_of_another_is_not_taken_away(vultr: Vultr, api: Api) -> None:
    other = instance_of(vultr, api)
    block = vultr.post("/blocks", {"region": "ewr", "size_gb": 10}, 202)["block"]["id"]
    vultr.post(f"/blocks/{block}/attach", {"instance_id": other["id"]}, 204)
    body = {"region": "ewr", "ip_type": "v4"}
    address = vultr.post("/reserved-ips", body)["reserved_ip"]["id"]
    vultr.post(f"/reserved-ips/{address}/attach", {"instance_id": other["id"]}, 204)
    told = vultr.refused("POST", "/instances", ORDER | {"block_devices": [{"block_id": block}]})
    assert told == "Block storage is already attached to another server"
    told = vultr.refused("POST", "/instances", ORDER | {"reserved_ipv4": address})
    assert told == "Floating IPv4 address is already attached to another server"
    assert len(vultr.get("/instances")["instances"]) == 1


def test_the_other_dialect_sees_stops_and_deletes_what_this_one_made(
    vultr: Vultr, api: Api
) -> None:
    made = instance_of(vultr, api, label="web", tags=["shop", "tier=web"])
    shown = native(api, "instances", made["id"])
    assert (shown["metadata"]["name"], shown["status"]["state"]) == ("web", "running")
    assert shown["metadata"]["labels"] == {"shop": "", "tier": "web"}
    assert [one["id"] for one in api.items("/v1/instances")] == [shown["id"]]
    stopped = api.post(f"/v1/instances/{shown['id']}/stop", {"force": True}, 202)
    api.ended(stopped["operation_id"], "completed")
    assert vultr.get(f"/instances/{made['id']}")["instance"]["power_status"] == "stopped"
    api.ended(api.delete(f"/v1/instances/{shown['id']}", 202)["operation_id"], "completed")
    assert vultr.refused("GET", f"/instances/{made['id']}", status=404) == "instance not found"


def test_this_dialect_sees_stops_and_deletes_what_the_other_made(vultr: Vultr, api: Api) -> None:
    made = api.running("db")
    uuid = ids.to_uuid(made["id"])
    shown = vultr.get(f"/instances/{uuid}")["instance"]
    assert (shown["label"], shown["plan"], shown["region"]) == ("db", made["spec"]["type"], "local")
    assert shown["plan"] in [plan["id"] for plan in vultr.get("/plans?per_page=500")["plans"]]
    assert shown["os_id"] in [system["id"] for system in vultr.get("/os")["os"]]
    vultr.post(f"/instances/{uuid}/halt", status=204)
    settled(api, "instances", uuid)
    assert api.get(f"/v1/instances/{made['id']}")["status"]["state"] == "stopped"
    vultr.delete(f"/instances/{uuid}")
    gone(api, uuid)
    assert vultr.get("/instances")["instances"] == []


def test_the_kvm_link_opens_the_screen_once(vultr: Vultr, api: Api) -> None:
    page, _, token = instance_of(vultr, api)["kvm"].partition("#token=")
    assert "text/html" in vultr.http.get(page).headers["content-type"]
    host = urllib.parse.urlsplit(page).netloc
    socket = f"ws://{host}/v1/consoles/ws?token={token}"
    with connect(socket, proxy=None) as screen:
        assert screen.recv()


def test_more_than_thirty_requests_a_second_are_told_to_wait(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    vultr = Vultr(own_cloud.url, api.key)
    answers = [vultr.call("GET", "/account") for _ in range(100)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].json()["status"] == 429
    vultr.close()
    api.close()
