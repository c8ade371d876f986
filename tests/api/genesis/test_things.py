"""Keys, groups, addresses, volumes, snapshots, quotas, and what is not served."""

import pytest

from tests.api.client import Api, fresh
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import NOBODY, instance_of, until
from tests.api.keys import ED25519

REGION = "EUC-DE-MUC-1"


def test_a_key_is_answered_bare(genesis: Genesis) -> None:
    made = genesis.post("/ssh-keys", {"name": "alice", "value": ED25519})
    wanted = {"name": "alice", "value": ED25519, "public_key": ED25519, "type": "ed25519",
              "size": 256}  # fmt: skip
    assert {field: made[field] for field in wanted} == wanted
    assert [len(pair) for pair in made["fingerprint"].split(":")] == [2] * 16
    path = f"/ssh-keys/{made['id']}"
    assert genesis.get(path) == made
    assert genesis.patch(path, {"name": "bob"}) == made | {"name": "bob"}
    assert genesis.get("/ssh-keys")["ssh_keys"] == [made | {"name": "bob"}]
    assert "value" in genesis.refused("POST", "/ssh-keys", {"name": "x", "value": "ssh-rsa x"})
    code = genesis.refusal("POST", "/ssh-keys", {"name": "bob", "value": ED25519}, 409)[0]
    assert code == "ALREADY_EXISTS"


@pytest.mark.parametrize("name", ["default", "standard"])
def test_two_groups_keep_their_names(genesis: Genesis, name: str) -> None:
    body = {"name": name, "region": REGION, "rules": []}
    assert "built-in group" in genesis.refused("POST", "/security-groups", body)
    listed = genesis.get("/security-groups")["security_groups"]
    found = next(group for group in listed if group["name"] == name)
    assert found["is_internal"] is True
    genesis.refusal("DELETE", f"/security-groups/{found['id']}", status=409)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"protocol": "icmp", "port_range_min": 1}, "icmp has no ports"),
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 8}, "are not a range within"),
        ({"protocol": "tcp", "port_range_max": 8}, "rules.0.port_range_max"),
        ({"protocol": "gre"}, "rules.0.protocol"),
        ({"protocol": "tcp", "direction": "up"}, "rules.0.direction"),
    ],
)
def test_a_rule_that_is_wrong_is_named(
    genesis: Genesis, rule: dict[str, object], said: str
) -> None:
    body = {"name": fresh("g"), "region": REGION, "rules": [{"direction": "ingress"} | rule]}
    assert said in genesis.refused("POST", "/security-groups", body)


def test_an_address_is_kept_and_described(genesis: Genesis) -> None:
    body = {"name": "front", "region": REGION, "description": "for the shop", "version": "ipv4"}
    made = genesis.post("/floating-ips", body)["floating_ip"]
    assert {field: made[field] for field in body} == body
    assert (made["is_public"], made["status"], made["instance"]) == (True, "created", None)
    path = f"/floating-ips/{made['id']}"
    holder = instance_of(genesis, region=REGION, floating_ip=made["id"])
    changed = genesis.patch(path, {"description": "", "name": "back"})["floating_ip"]
    assert (changed["description"], changed["name"]) == ("", "back")
    assert changed["instance"] == {"id": holder["id"], "name": holder["name"]}
    assert genesis.get("/floating-ips")["floating_ips"] == [changed]
    assert "version" in genesis.refused("POST", "/floating-ips", body | {"version": "ipv6"})


def test_a_volume_keeps_its_words(genesis: Genesis) -> None:
    body = {"name": "data", "description": "for logs", "size": 2, "type": "ssd", "region": REGION}
    made = genesis.post("/volumes", body)["volume"]
    assert {field: made[field] for field in body} == body
    assert (made["status"], made["instances"]) == ("created", [])
    path = f"/volumes/{made['id']}"
    assert genesis.get(path)["volume"] == made
    assert "a volume cannot shrink" in genesis.refused("PATCH", path, {"size": 1})
    assert "type" in genesis.refused("POST", "/volumes", body | {"type": "tape"})
    assert "size" in genesis.refused("POST", "/volumes", body | {"size": 0})
    bare = genesis.post("/volumes", {"name": "bare", "size": 1})["volume"]
    assert (bare["description"], bare["type"], bare["region"]) == ("", "hdd", "ARC-IS-HAF-1")


def test_snapshots_are_listed_renamed_and_those_of_one_instance_told(genesis: Genesis) -> None:
    first, second = instance_of(genesis), instance_of(genesis)
    made = {}
    for one in (first, second):
        path = f"/instances/{one['id']}/snapshots"
        made[one["id"]] = genesis.post(path, {"name": one["id"]})["snapshot"]["id"]
        until(genesis, f"/snapshots/{made[one['id']]}", "snapshot", "created")
    listed = genesis.get("/snapshots")["snapshots"]
    assert [one["id"] for one in listed] == list(made.values())
    of_first = genesis.get(f"/instances/{first['id']}/snapshots")
    assert ([s["id"] for s in of_first["snapshots"]], of_first["total_count"]) == (
        [made[first["id"]]], 1,
    )  # fmt: skip
    path = f"/snapshots/{made[first['id']]}"
    assert genesis.patch(path, {"name": "golden"})["snapshot"]["name"] == "golden"
    body = {"name": "x", "region": "ARC-IS-HAF-1"}
    assert "choose another region" in genesis.refused("POST", f"{path}/clone", body)
    body = {"name": "x", "replicated_region": REGION}
    said = genesis.refused("POST", f"/instances/{first['id']}/snapshots", body)
    assert "replicated_region" in said


def test_a_snapshot_is_imported_from_the_web(genesis: Genesis) -> None:
    body = {"name": "disk", "url": "https://example.com/disk.raw", "region": REGION, "size": 8}
    made = genesis.post("/snapshots", body)["snapshot"]
    assert (made["name"], made["region"], made["resource_id"]) == ("disk", REGION, "")
    assert made.keys().isdisjoint({"source_instance_id", "source_snapshot_id"})
    said = genesis.refused("POST", "/snapshots", body | {"url": "file:///etc/passwd"})
    assert "url must begin with" in said


def test_quotas_are_told_by_resource(genesis: Genesis, api: Api) -> None:
    instance_of(genesis)
    told = {one["key"]: one for one in genesis.get("/quotas")["quotas"]}
    assert told["vcpus"] == {"key": "vcpus", "capacity": 2**31 - 1, "used": 2, "flavors": []}
    assert told["disk_gib"]["used"] == 80


def test_nothing_is_reserved_or_sold(genesis: Genesis) -> None:
    assert genesis.get("/reservations") == {"reservations": []}
    assert genesis.get("/catalog") == {
        "catalog": [], "total_count": 0, "page": 1, "per_page": 50,
    }  # fmt: skip


def test_file_systems_are_not_served(genesis: Genesis) -> None:
    assert genesis.get("/filesystems")["filesystems"] == []
    body = {"name": "shared", "size": 1, "region": REGION, "type": "vast"}
    assert "create a volume" in genesis.refused("POST", "/filesystems", body)
    for method, change in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        said = genesis.refused(method, f"/filesystems/{NOBODY}", change, 404)
        assert "not served here" in said
