"""What one dialect makes is there, the same, and goes in the others."""

import pytest

from atoll.domain import ids
from tests.api.client import Api
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import body_of, gone, idle, instance_of, key_of, native
from tests.api.vultr.client import Vultr


@pytest.fixture
def vultr(api: Api) -> Vultr:
    return Vultr(api.url, api.key)


def test_an_instance_made_here_is_the_same_elsewhere(
    genesis: Genesis, api: Api, vultr: Vultr
) -> None:
    made = instance_of(genesis, name="web", hostname="Web Host", ssh_keys=[key_of(genesis)])
    here = native(api, "instances", made["id"])
    assert (here["metadata"]["name"], here["spec"]["region"]) == ("web", "ARC-IS-HAF-1")
    assert (here["spec"]["type"], here["spec"]["disk_gb"]) == (made["type"], 80)
    assert here["status"]["public_ip"] == made["public_ip"]
    there = vultr.get(f"/instances/{made['id']}")["instance"]
    assert (there["label"], there["main_ip"]) == ("web", made["public_ip"])
    assert (there["vcpu_count"], there["ram"], there["disk"]) == (2, 4096, 80)
    assert (there["plan"], there["region"]) == (made["type"], made["region"])
    vultr.delete(f"/instances/{made['id']}")
    vultr.close()
    gone(genesis, f"/instances/{made['id']}")
    assert native(api, "instances", made["id"])["status"]["state"] == "terminated"


def test_an_instance_made_here_goes_natively(genesis: Genesis, api: Api) -> None:
    made = instance_of(genesis)
    api.delete(f"/v1/instances/{ids.from_uuid(ids.INSTANCE, made['id'])}", status=202)
    gone(genesis, f"/instances/{made['id']}")


def test_a_native_instance_is_shown_changed_and_destroyed_here(genesis: Genesis, api: Api) -> None:
    made = api.running("box", ssh_key_ids=[api.named("ssh-keys")["id"]])
    uuid = ids.to_uuid(made["id"])
    (shown,) = genesis.get("/instances")["instances"]
    assert (shown["id"], shown["name"], shown["hostname"], shown["type"]) == (
        uuid, "box", "box", "mini",
    )  # fmt: skip
    assert (shown["image"]["name"], shown["status"]) == ("Atoll mini", "active")
    assert [group["name"] for group in shown["security_groups"]] == ["default"]
    genesis.patch(f"/instances/{uuid}", {"name": "crate", "disk_size": 80})
    idle(api, uuid)
    again = api.get(f"/v1/instances/{made['id']}")
    assert (again["metadata"]["name"], again["spec"]["disk_gb"]) == ("crate", 80)
    genesis.delete(f"/instances/{uuid}")
    gone(genesis, f"/instances/{uuid}")


def test_vultrs_instance_is_shown_and_destroyed_here(
    genesis: Genesis, api: Api, vultr: Vultr
) -> None:
    body = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284, "label": "web"}
    made = vultr.post("/instances", body, 202)["instance"]
    vultr.close()
    idle(api, made["id"])
    shown = genesis.get(f"/instances/{made['id']}")["instance"]
    assert (shown["name"], shown["type"], shown["region"]) == ("web", "vc2-1c-1gb", "ewr")
    assert (shown["image"]["name"], shown["disk_size"]) == ("Ubuntu 24.04", 25)
    genesis.delete(f"/instances/{made['id']}")
    gone(genesis, f"/instances/{made['id']}")


def test_another_project_sees_nothing_of_it(genesis: Genesis, key_for: object) -> None:
    made = instance_of(genesis)
    stranger = Genesis(str(genesis.http.base_url), key_for().key)  # type: ignore[operator]
    assert stranger.get("/instances")["instances"] == []
    for method, path, body in (
        ("GET", f"/instances/{made['id']}", None), ("DELETE", f"/instances/{made['id']}", None),
        ("PATCH", f"/instances/{made['id']}", {"name": "mine"}),
        ("GET", f"/images/{made['id']}", None),
    ):  # fmt: skip
        stranger.refusal(method, path, body, 404)
    stranger.close()


def test_an_instance_once_asked_for_is_made_once(genesis: Genesis) -> None:
    header = {"Idempotency-Key": "create-web-1"}
    first, second = (
        genesis.call("POST", "/instances", body_of(), **header).json() for _ in range(2)
    )
    assert first["instance"]["id"] == second["instance"]["id"]
    assert genesis.get("/instances")["total_count"] == 1


def test_an_idempotency_key_of_another_request_is_called_as_its_header_is(
    genesis: Genesis, vultr: Vultr
) -> None:
    header = {"Idempotency-Key": "one"}
    told = "this Idempotency-Key was already used for another request: use a new one"
    for name in ("a", "b"):
        refused = genesis.call("POST", "/floating-ips", {"name": name}, **header)
    assert refused.json()["message"] == told
    header = {"Idempotency-Key": "two"}
    for name in ("a", "b"):
        refused = vultr.call("POST", "/firewalls", {"description": name}, **header)
    vultr.close()
    assert (refused.status_code, refused.json()["error"]) == (400, told)
