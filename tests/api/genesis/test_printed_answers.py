"""The ten curl commands of the vendor's page on instances, with the host, the key and the ids put
in, and their answers field by field as that page prints them. Curl itself is run."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.api.client import Api, Json, answered, fresh
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import became, gone, idle, instance_of, key_of, until

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ADDRESS = r"\d+\.\d+\.\d+\.\d+"
HEADERS = ("Authorization: Bearer {key}", "X-Auth-Token: {key}")
TYPE = "vcpu-2_memory-4g_disk-80g"
# As they stand on the page, but for the key's header and `https://api.genesiscloud.com`.
CREATE = """curl -H "{header}" \\
-X POST "{host}/compute/v1/instances" \\
-H "Content-Type: application/json" \\
--data-raw '{{
"name": "name",
"hostname": "hostname",
"type": "{type}",
"image": "{image}",
"ssh_keys": ["{ssh_key}"]
}}'"""
LIST = """curl -H "{header}" \\
"{host}/compute/v1/instances\""""
GET = """curl -H "{header}" \\
"{host}/compute/v1/instances/{id}\""""
DESTROY = """curl -H "{header}" \\
-X DELETE "{host}/compute/v1/instances/{id}\""""
SNAPSHOT = """curl -H "{header}" \\
-X POST "{host}/compute/v1/instances/{id}/snapshots" \\
-H "Content-Type: application/json" \\
--data-raw '{{
"name": "snapshot-name"
}}'"""
SNAPSHOTS = """curl -H "{header}" \\
"{host}/compute/v1/instances/{id}/snapshots\""""
SECURITY_GROUPS = """curl -H "{header}" \\
-X PATCH "{host}/compute/v1/instances/{id}" \\
-H "Content-Type: application/json" \\
--data-raw '{{
"security_groups": ["{group}"]
}}'"""
VOLUMES = """curl -H "{header}" \\
-X PATCH "{host}/compute/v1/instances/{id}" \\
-H "Content-Type: application/json" \\
--data-raw '{{
"volumes": ["{volume}"]
}}'"""
ACTIONS = """curl -H "{header}" \\
"{host}/compute/v1/instances/{id}/actions\""""
RESET = """curl -H "{header}" \\
-X POST "{host}/compute/v1/instances/{id}/actions" \\
-H "Content-Type: application/json" \\
--data-raw '{{
"action": "reset"
}}'"""


class Shell:
    """Runs a command of the page; `words` are what is put into it."""

    def __init__(self, api: Api, header: str) -> None:
        self.words = {"host": api.url, "header": header.format(key=api.key)}

    def run(self, command: str, status: int, **words: str) -> Any:
        line = command.format(**self.words, **words) + ' -s -o - -w "\\n%{http_code}"'
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        body, _, code = done.stdout.rpartition("\n")
        assert int(code) == status, body
        return json.loads(body) if body else None


@pytest.fixture(params=HEADERS)
def shell(request: pytest.FixtureRequest, api: Api) -> Shell:
    return Shell(api, request.param)


def image_id(genesis: Genesis) -> str:
    found = genesis.get("/images")["images"]
    return next(str(image["id"]) for image in found if image["slug"] == "atoll-mini")


def is_like(shown: Any, pattern: str) -> bool:
    return isinstance(shown, str) and re.fullmatch(pattern, shown) is not None


def check_named(shown: Json) -> None:
    assert shown.keys() == {"id", "name"}
    assert is_like(shown["id"], UUID) and isinstance(shown["name"], str)


def check_instance(shown: Json) -> None:
    """Each field that the page prints, of the type and form that it prints."""
    for field in ("name", "hostname", "type", "region", "status"):
        assert isinstance(shown[field], str) and shown[field], field
    assert is_like(shown["id"], UUID)
    check_named(shown["image"])
    if shown["floating_ip"] is not None:
        check_named(shown["floating_ip"])
    for field in ("ssh_keys", "security_groups", "volumes"):
        for one in shown[field]:
            check_named(one)
    assert isinstance(shown["is_protected"], bool)
    assert type(shown["disk_size"]) is int
    for field in ("private_ip", "public_ip"):
        assert is_like(shown[field], ADDRESS) or shown["status"] == "creating", field
    assert is_like(shown["created_at"], TIME) and is_like(shown["updated_at"], TIME)


def check_snapshot(shown: Json, instance_id: str) -> None:
    assert is_like(shown["id"], UUID) and is_like(shown["created_at"], TIME)
    assert (shown["region"], shown["resource_id"]) == ("ARC-IS-HAF-1", instance_id)
    assert shown["status"] in {"creating", "created"}


def test_an_instance_is_created_listed_got_and_destroyed(shell: Shell, genesis: Genesis) -> None:
    image, key = image_id(genesis), key_of(genesis)
    made = shell.run(CREATE, 201, type=TYPE, image=image, ssh_key=key)
    assert made.keys() == {"instance"}
    check_instance(made["instance"])
    assert made["instance"]["image"] == {"id": image, "name": "Atoll mini"}
    assert [one["id"] for one in made["instance"]["ssh_keys"]] == [key]
    assert [one["name"] for one in made["instance"]["security_groups"]] == ["standard"]
    instance_id = made["instance"]["id"]
    became(genesis, instance_id, "active")
    listed = shell.run(LIST, 200)
    assert listed.keys() == {"instances", "total_count", "page", "per_page"}
    assert (listed["total_count"], listed["page"], listed["per_page"]) == (1, 1, 50)
    got = shell.run(GET, 200, id=instance_id)
    assert got.keys() == {"instance"}
    check_instance(got["instance"])
    assert listed["instances"] == [got["instance"]]
    wanted = {"name": "name", "hostname": "hostname", "type": TYPE, "region": "ARC-IS-HAF-1"}
    assert {field: got["instance"][field] for field in wanted} == wanted
    assert (got["instance"]["status"], got["instance"]["floating_ip"]) == ("active", None)
    assert shell.run(DESTROY, 204, id=instance_id) is None
    gone(genesis, f"/instances/{instance_id}")


def test_an_instance_is_snapshotted(shell: Shell, genesis: Genesis) -> None:
    instance_id = instance_of(genesis)["id"]
    made = shell.run(SNAPSHOT, 201, id=instance_id)
    assert made.keys() == {"snapshot"}
    check_snapshot(made["snapshot"], instance_id)
    assert made["snapshot"]["name"] == "snapshot-name"
    until(genesis, f"/snapshots/{made['snapshot']['id']}", "snapshot", "created")
    listed = shell.run(SNAPSHOTS, 200, id=instance_id)
    assert listed.keys() == {"snapshots", "total_count", "page", "per_page"}
    (shown,) = listed["snapshots"]
    check_snapshot(shown, instance_id)
    assert (shown["size"], shown["status"]) == (80, "created")


def test_groups_and_volumes_are_attached(shell: Shell, genesis: Genesis, api: Api) -> None:
    instance_id = instance_of(genesis)["id"]
    group = {"name": fresh("example sg"), "region": "ARC-IS-HAF-1", "rules": []}
    group_id = genesis.post("/security-groups", group)["security_group"]["id"]
    shown = shell.run(SECURITY_GROUPS, 200, id=instance_id, group=group_id)["instance"]
    check_instance(shown)
    assert shown["security_groups"] == [{"id": group_id, "name": group["name"]}]
    volume = {"name": "data", "size": 1, "region": "ARC-IS-HAF-1"}
    volume_id = genesis.post("/volumes", volume)["volume"]["id"]
    shown = shell.run(VOLUMES, 200, id=instance_id, volume=volume_id)["instance"]
    check_instance(shown)
    assert (shown["volumes"], shown["status"]) == ([{"id": volume_id, "name": "data"}], "active")
    idle(api, instance_id)
    assert genesis.get(f"/instances/{instance_id}")["instance"]["volumes"] == shown["volumes"]


def test_actions_are_told_and_performed(shell: Shell, genesis: Genesis, api: Api) -> None:
    instance_id = instance_of(genesis)["id"]
    assert shell.run(ACTIONS, 200, id=instance_id) == {"actions": ["reset", "stop"]}
    assert shell.run(RESET, 204, id=instance_id) is None
    idle(api, instance_id)
    assert became(genesis, instance_id, "active")


def test_what_the_page_prints_as_a_body_is_taken(genesis: Genesis, api: Api) -> None:
    """The page's example of a body, with everything in it, and of an update."""
    address = {"name": "address", "region": "ARC-IS-HAF-1"}
    floating_ip = genesis.post("/floating-ips", address)["floating_ip"]
    body = {
        "name": "name", "hostname": "hostname", "type": TYPE, "region": "ARC-IS-HAF-1",
        "image": image_id(genesis), "floating_ip": floating_ip["id"],
        "ssh_keys": [key_of(genesis)],
        "metadata": {
            "startup_script": "#!/bin/bash\nsudo apt update && sudo apt install iperf3",
        },
        "disk_size": 128,
    }  # fmt: skip
    made = genesis.post("/instances", body)["instance"]
    check_instance(made)
    assert made["floating_ip"] == {"id": floating_ip["id"], "name": "address"}
    shown = became(genesis, made["id"], "active")
    assert (shown["disk_size"], shown["public_ip"]) == (128, floating_ip["ip_address"])
    idle(api, made["id"])
    change = {"name": "My Genesis Cloud instance", "is_protected": True, "disk_size": 256}
    changed = genesis.patch(f"/instances/{made['id']}", change)["instance"]
    check_instance(changed)
    assert {field: changed[field] for field in change} == change
    assert (changed["hostname"], changed["status"]) == ("hostname", "active")


def test_without_a_key_nothing_is_told(api: Api) -> None:
    anybody = Genesis(api.url, None)
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"X-Auth-Token": "nobody"}):
        told = answered(anybody.call("GET", "/instances", None, **headers), 401)
        assert told["code"] == "UNAUTHENTICATED"
    anybody.close()
