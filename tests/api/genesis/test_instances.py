from tests.api.genesis.client import Genesis
from tests.api.genesis.things import became, body_of, gone, key_of


def test_an_instance_lives_and_dies(genesis: Genesis) -> None:
    made = genesis.post("/instances", body_of(ssh_keys=[key_of(genesis)]))["instance"]
    assert made["status"] == "creating"
    shown = became(genesis, made["id"], "active")
    assert shown["private_ip"] and shown["public_ip"]
    assert (shown["region"], shown["disk_size"]) == ("ARC-IS-HAF-1", 80)
    listed = genesis.get("/instances")
    assert [one["id"] for one in listed["instances"]] == [made["id"]]
    genesis.delete(f"/instances/{made['id']}")
    gone(genesis, f"/instances/{made['id']}")
    assert genesis.get("/instances")["total_count"] == 0
