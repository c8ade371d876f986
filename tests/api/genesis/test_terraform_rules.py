"""What the Terraform provider waits for and takes for a failure, each by itself: see the table
"Status values" in `docs/dialects/genesis.md`."""

import pytest

from tests.api.client import Api, fresh
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import (
    became,
    body_of,
    gone,
    idle,
    instance_of,
    key_of,
    native,
    seen,
    until,
)
from tests.api.keys import ED25519
from tests.api.server import RunningCloud

REGION = "NORD-NO-KRS-1"


def volume_of(genesis: Genesis, **more: object) -> str:
    body = {"name": fresh("v"), "size": 1, "description": "", "type": "hdd", "region": REGION}
    made = genesis.post("/volumes", body | more)["volume"]
    assert made["status"] == "created"
    return str(made["id"])


def test_an_active_instance_has_both_addresses(genesis: Genesis) -> None:
    made = genesis.post("/instances", body_of())["instance"]

    def addresses() -> list[str | None]:
        shown = genesis.get(f"/instances/{made['id']}")["instance"]
        assert shown["status"] in {"creating", "active"}
        active = shown["status"] == "active"
        return [shown["private_ip"], shown["public_ip"]] if active else []

    assert all(seen(addresses))


@pytest.mark.parametrize("change", ["name", "security_groups", "volumes", "disk_size"])
def test_a_change_answers_the_status_as_it_was(genesis: Genesis, api: Api, change: str) -> None:
    made = instance_of(genesis, region=REGION)
    wish = {
        "name": "other", "security_groups": [], "volumes": [volume_of(genesis)], "disk_size": 90,
    }[change]  # fmt: skip
    path = f"/instances/{made['id']}"
    changed = genesis.patch(path, {change: wish})["instance"]
    assert changed["status"] == "active"
    shown = [one["id"] for one in changed[change]] if isinstance(wish, list) else changed[change]
    assert shown == wish
    assert genesis.get(path)["instance"]["status"] == "active"
    idle(api, made["id"])
    again = genesis.get(path)["instance"]
    assert {f: v for f, v in again.items() if f != "updated_at"} == {
        f: v for f, v in changed.items() if f != "updated_at"
    }


def test_a_change_of_a_volume_answers_created(genesis: Genesis, api: Api) -> None:
    volume_id = volume_of(genesis)
    made = instance_of(genesis, region=REGION, volumes=[volume_id])
    idle(api, made["id"])
    change = {"name": "larger", "description": "more room", "size": 3}
    changed = genesis.patch(f"/volumes/{volume_id}", change)["volume"]
    assert {field: changed[field] for field in change} == change
    assert (changed["status"], changed["instances"][0]["id"]) == ("created", made["id"])
    idle(api, made["id"])
    assert genesis.get(f"/volumes/{volume_id}")["volume"]["size"] == 3


def test_a_volume_and_a_snapshot_end_in_created(genesis: Genesis) -> None:
    made = instance_of(genesis, region=REGION)
    assert genesis.get(f"/volumes/{volume_of(genesis)}")["volume"]["status"] == "created"
    snapshot = genesis.post(f"/instances/{made['id']}/snapshots", {"name": "s"})["snapshot"]
    until(genesis, f"/snapshots/{snapshot['id']}", "snapshot", "created")
    assert genesis.get(f"/instances/{made['id']}")["instance"]["status"] == "active"


@pytest.mark.parametrize(
    "hostname", ["Test Instance", "UPPER", "ümlaut", "M_m!", "a.b.c", "!!!", "h" * 80]
)
def test_a_host_name_comes_back_as_it_was_given(genesis: Genesis, hostname: str) -> None:
    made = genesis.post("/instances", body_of(hostname=hostname))["instance"]
    assert made["hostname"] == hostname
    assert became(genesis, made["id"], "active")["hostname"] == hostname


@pytest.mark.parametrize("value", [ED25519, ED25519 + "\n", ED25519 + " alice@laptop"])
def test_a_key_comes_back_as_it_was_given(genesis: Genesis, value: str) -> None:
    made = genesis.post("/ssh-keys", {"name": "key", "value": value})
    assert made["value"] == value
    assert genesis.get(f"/ssh-keys/{made['id']}")["value"] == value


def test_rules_come_back_in_order_with_their_nulls(genesis: Genesis) -> None:
    rules = [
        {"protocol": "icmp", "direction": "ingress", "port_range_min": None,
         "port_range_max": None},
        {"protocol": "tcp", "direction": "ingress", "port_range_min": 443, "port_range_max": 443},
        {"protocol": "all", "direction": "egress", "port_range_min": None,
         "port_range_max": None},
        {"protocol": "udp", "direction": "ingress", "port_range_min": 1, "port_range_max": 65535},
        {"protocol": "tcp", "direction": "ingress", "port_range_min": 22, "port_range_max": 22},
        {"protocol": "tcp", "direction": "egress", "port_range_min": None,
         "port_range_max": None},
    ]  # fmt: skip
    body = {"name": "Some Rules", "description": "", "region": REGION, "rules": rules}
    made = genesis.post("/security-groups", body)["security_group"]
    assert {field: made[field] for field in body} == body
    assert (made["status"], made["is_internal"]) == ("created", False)
    turned = {"rules": rules[::-1], "description": "the other way round"}
    path = f"/security-groups/{made['id']}"
    assert genesis.patch(path, turned)["security_group"]["rules"] == rules[::-1]
    shown = genesis.get(path)["security_group"]
    assert (shown["status"], shown["description"]) == ("created", "the other way round")


def test_no_address_and_no_reservation_is_told_that_was_not_asked_for(genesis: Genesis) -> None:
    shown = instance_of(genesis)
    assert (shown["floating_ip"], shown["reservation_id"]) == (None, None)
    given = instance_of(genesis, reservation_id="r-1", billing_type="reserved")
    assert given["reservation_id"] == "r-1"


def test_a_snapshot_has_one_source(genesis: Genesis) -> None:
    made = instance_of(genesis, region=REGION)
    first = genesis.post(f"/instances/{made['id']}/snapshots", {"name": "s"})["snapshot"]
    assert first["source_instance_id"] == made["id"]
    assert "source_snapshot_id" not in first
    until(genesis, f"/snapshots/{first['id']}", "snapshot", "created")
    body = {"name": "copy", "region": "EUC-DE-MUC-1"}
    copy = genesis.post(f"/snapshots/{first['id']}/clone", body)["snapshot"]
    shown = until(genesis, f"/snapshots/{copy['id']}", "snapshot", "created")
    for one in (copy, shown):
        assert (one["source_snapshot_id"], one["region"]) == (first["id"], "EUC-DE-MUC-1")
        assert "source_instance_id" not in one


def test_what_is_deleted_is_404(genesis: Genesis) -> None:
    made = instance_of(genesis, region=REGION)
    snapshot = genesis.post(f"/instances/{made['id']}/snapshots", {"name": "s"})["snapshot"]
    until(genesis, f"/snapshots/{snapshot['id']}", "snapshot", "created")
    group = {"name": fresh("g"), "region": REGION, "rules": []}
    floating_ip = genesis.post("/floating-ips", {"name": "a", "region": REGION})["floating_ip"]
    paths = [
        f"/snapshots/{snapshot['id']}",
        f"/instances/{made['id']}",
        f"/volumes/{volume_of(genesis)}",
        f"/ssh-keys/{key_of(genesis)}",
        f"/security-groups/{genesis.post('/security-groups', group)['security_group']['id']}",
        f"/floating-ips/{floating_ip['id']}",
    ]
    for path in paths:
        genesis.delete(path)
        gone(genesis, path)
        assert genesis.refusal("GET", path, status=404)[0] == "NOT_FOUND"


def test_a_volume_grows_after_it_was_attached(genesis: Genesis, api: Api) -> None:
    volume_id, made = volume_of(genesis), instance_of(genesis, region=REGION)
    api.fault(verb="ensure_configured", error="busy", times=1000)
    genesis.patch(f"/instances/{made['id']}", {"volumes": [volume_id]})
    assert genesis.patch(f"/volumes/{volume_id}", {"size": 3})["volume"]["size"] == 3
    api.delete("/v1/simulator/faults")
    idle(api, made["id"])
    assert native(api, "volumes", volume_id)["status"]["state"] == "attached"
    assert native(api, "volumes", volume_id)["spec"]["size_gb"] == 3


def test_when_it_was_made_never_changes(genesis: Genesis, api: Api) -> None:
    made = instance_of(genesis)
    genesis.patch(f"/instances/{made['id']}", {"name": "other"})
    genesis.post(f"/instances/{made['id']}/actions", {"action": "stop"}, 204)
    shown = became(genesis, made["id"], "stopped")
    assert shown["created_at"] == made["created_at"]
    assert shown["updated_at"] > made["updated_at"]


def test_what_was_attached_is_free_when_the_instance_is_gone(genesis: Genesis) -> None:
    volume_id, key_id = volume_of(genesis), key_of(genesis)
    floating_ip = genesis.post("/floating-ips", {"name": "a", "region": REGION})["floating_ip"]
    group = {"name": fresh("g"), "region": REGION, "rules": []}
    group_id = genesis.post("/security-groups", group)["security_group"]["id"]
    made = instance_of(
        genesis, region=REGION, volumes=[volume_id], floating_ip=floating_ip["id"],
        security_groups=[group_id], ssh_keys=[key_id],
    )  # fmt: skip
    genesis.delete(f"/instances/{made['id']}")
    gone(genesis, f"/instances/{made['id']}")
    for path in (f"/ssh-keys/{key_id}", f"/floating-ips/{floating_ip['id']}",
                 f"/volumes/{volume_id}", f"/security-groups/{group_id}"):  # fmt: skip
        genesis.delete(path)


def test_a_recoverable_deletion_frees_them_too(own_cloud: RunningCloud) -> None:
    own_cloud.stop()
    with RunningCloud(own_cloud.directory, recoverable_s=600) as forgiving:
        genesis = Genesis(forgiving.url, forgiving.admin_key)
        volume_id = volume_of(genesis)
        made = instance_of(genesis, region=REGION, volumes=[volume_id])
        genesis.delete(f"/instances/{made['id']}")
        gone(genesis, f"/instances/{made['id']}")
        genesis.delete(f"/volumes/{volume_id}")
        gone(genesis, f"/volumes/{volume_id}")
        genesis.close()
    own_cloud.start()


def test_an_instance_stops_and_starts(genesis: Genesis) -> None:
    made = instance_of(genesis)
    path = f"/instances/{made['id']}"
    for action, passing, status, possible in (
        ("stop", "stopping", "stopped", ["start"]),
        ("start", "starting", "active", ["reset", "stop"]),
    ):
        genesis.post(f"{path}/actions", {"action": action}, 204)
        assert genesis.get(path)["instance"]["status"] in {passing, status}
        became(genesis, made["id"], status)
        assert genesis.get(f"{path}/actions") == {"actions": possible}


def test_pages_are_counted_to_the_last(genesis: Genesis) -> None:
    """The data source of images stops at the first page that is not full."""
    made = [volume_of(genesis) for _ in range(5)]
    pages = list(genesis.pages("/volumes", "volumes", 2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one["id"] for page in pages for one in page] == made
    beyond = genesis.get("/volumes?per_page=2&page=9")
    assert (beyond["volumes"], beyond["total_count"]) == ([], 5)
    images = genesis.get("/images?type=cloud-image&per_page=100")
    assert 0 < len(images["images"]) < 100
    assert {image["type"] for image in images["images"]} == {"cloud-image"}
