"""Block storage: volumes in Vultr's words."""

import pytest

from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr, types_of
from tests.api.vultr.things import NOBODY, finished, instance_of, native, settled

BLOCK = {
    "id": str, "cost": int, "pending_charges": float, "status": str, "size_gb": int, "region": str,
    "attached_to_instance": str, "attached_to_instance_ip": str,
    "attached_to_instance_label": str, "date_created": str, "label": str, "mount_id": str,
    "block_type": str, "os_id": int, "snapshot_id": str, "bootable": bool,
}  # fmt: skip


def block_of(vultr: Vultr, **more: object) -> Json:
    made: Json = vultr.post("/blocks", {"region": "ewr", "size_gb": 10} | more, 202)["block"]
    return made


def shown(vultr: Vultr, block: Json) -> Json:
    found: Json = vultr.get(f"/blocks/{block['id']}")["block"]
    return found


def attach(vultr: Vultr, api: Api, block: Json, instance: Json) -> None:
    vultr.post(f"/blocks/{block['id']}/attach", {"instance_id": instance["id"]}, 204)
    settled(api, "volumes", block["id"])


def test_a_new_block_is_active_at_once_and_in_the_list(vultr: Vultr, api: Api) -> None:
    made = block_of(vultr, label="data")
    assert types_of(made) == BLOCK
    assert (made["status"], made["size_gb"], made["cost"]) == ("active", 10, 1)
    assert (made["region"], made["label"], made["block_type"]) == ("ewr", "data", "high_perf")
    assert made["attached_to_instance"] == ""
    assert shown(vultr, made) == made
    listed = vultr.get("/blocks")
    assert listed["blocks"] == [made]
    assert listed["meta"] == {"total": 1, "links": {"next": "", "prev": ""}}
    there = native(api, "volumes", made["id"])
    assert (there["metadata"]["name"], there["spec"]) == ("data", {"size_gb": 10, "region": "ewr"})


def test_a_cost_is_rounded_up_and_a_type_is_kept(vultr: Vultr) -> None:
    made = block_of(vultr, size_gb=41, block_type="storage_opt", label=None)
    assert (made["cost"], made["block_type"], made["label"]) == (5, "storage_opt", "")


def test_the_mount_id_is_what_the_guest_calls_the_disk(vultr: Vultr, api: Api) -> None:
    made = block_of(vultr)
    device = native(api, "volumes", made["id"])["status"]["device"]
    assert device == f"virtio-{made['mount_id']}"


def test_an_attached_block_tells_of_its_instance(vultr: Vultr, api: Api) -> None:
    instance, made = instance_of(vultr, api), block_of(vultr)
    attach(vultr, api, made, instance)
    now = shown(vultr, made)
    assert (now["status"], now["attached_to_instance"]) == ("active", instance["id"])
    assert now["attached_to_instance_ip"] == instance["main_ip"]
    assert now["attached_to_instance_label"] == "web"
    assert vultr.get("/blocks")["blocks"] == [now]


def test_attaching_it_to_its_own_instance_again_is_well_and_to_another_not(
    vultr: Vultr, api: Api
) -> None:
    first, second = instance_of(vultr, api), instance_of(vultr, api)
    made = block_of(vultr)
    attach(vultr, api, made, first)
    path = f"/blocks/{made['id']}/attach"
    vultr.post(path, {"instance_id": first["id"], "live": True}, 204)
    told = vultr.refused("POST", path, {"instance_id": second["id"]})
    assert told == "Block storage is already attached to another server"
    assert shown(vultr, made)["attached_to_instance"] == first["id"]


def test_a_block_that_is_being_detached_is_pending_and_can_be_deleted(
    vultr: Vultr, api: Api
) -> None:
    instance, made = instance_of(vultr, api), block_of(vultr)
    attach(vultr, api, made, instance)
    api.fault(verb="ensure_configured", error="busy", times=1000)
    path = f"/blocks/{made['id']}"
    vultr.post(f"{path}/detach", {"instance_id": None, "live": True}, 204)
    now = shown(vultr, made)
    assert (now["status"], now["attached_to_instance"]) == ("pending", "")
    vultr.delete(path)
    api.delete("/v1/simulator/faults")
    finished(api, "volume.delete")
    assert vultr.get("/blocks")["blocks"] == []


def test_an_attached_block_is_detached_and_deleted(vultr: Vultr, api: Api) -> None:
    instance, made = instance_of(vultr, api), block_of(vultr)
    attach(vultr, api, made, instance)
    vultr.delete(f"/blocks/{made['id']}")
    finished(api, "volume.delete")
    assert vultr.get("/blocks")["blocks"] == []
    assert native(api, "instances", instance["id"])["status"]["state"] == "running"


def test_only_an_attached_block_is_detached(vultr: Vultr, api: Api) -> None:
    made = block_of(vultr)
    told = vultr.refused("POST", f"/blocks/{made['id']}/detach", {"live": False})
    assert told == f"volume {made['id']} is not attached to an instance"


def test_label_and_size_change_together_or_not_at_all(vultr: Vultr, api: Api) -> None:
    made = block_of(vultr, label="old")
    path = f"/blocks/{made['id']}"
    told = vultr.refused("PATCH", path, {"label": "new", "size_gb": 9})
    assert told.startswith("size_gb is 9")
    assert shown(vultr, made) == made
    vultr.patch(path, {"label": "new", "size_gb": 12})
    settled(api, "volumes", made["id"])
    now = shown(vultr, made)
    assert (now["label"], now["size_gb"], now["cost"]) == ("new", 12, 2)
    vultr.patch(path, {"label": "", "size_gb": 12})
    now = shown(vultr, made)
    assert (now["label"], now["size_gb"], now["status"]) == ("", 12, "active")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"size_gb": 0}, "size_gb"),
        ({"size_gb": "many"}, "size_gb"),
        ({"region": "mars"}, "region"),
        ({"label": "x" * 254}, "label"),
        ({"block_type": "tape"}, "block_type"),
        ({"snapshot_id": NOBODY}, "snapshot_id"),
        ({"bootable": True}, "bootable"),
    ],
)
def test_a_wrong_value_names_its_field(vultr: Vultr, more: Json, field: str) -> None:
    told = vultr.refused("POST", "/blocks", {"region": "ewr", "size_gb": 10} | more)
    assert field in told.lower()
    assert "spec." not in told
    assert vultr.get("/blocks")["meta"]["total"] == 0


def test_an_instance_that_is_not_there_is_named(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    path = f"/blocks/{block_of(vultr)['id']}/attach"
    foreign = native_uuid(vultr, key_for)
    for instance_id in ("nonsense", NOBODY, foreign):
        told = vultr.refused("POST", path, {"instance_id": instance_id})
        assert told.startswith("instance_id")
        assert instance_id in told


def native_uuid(vultr: Vultr, key_for: KeyFor) -> str:
    other = key_for()
    client = Vultr(other.url, other.key)
    made = instance_of(client, other)
    client.close()
    return str(made["id"])


@pytest.mark.parametrize("block_id", ["nonsense", NOBODY])
def test_a_block_that_is_not_there_is_called_so(vultr: Vultr, block_id: str) -> None:
    path = f"/blocks/{block_id}"
    for method, rest, body in (
        ("GET", "", None), ("PATCH", "", {"label": "x"}), ("DELETE", "", None),
        ("POST", "/attach", {"instance_id": NOBODY}), ("POST", "/detach", None),
    ):  # fmt: skip
        told = vultr.refused(method, path + rest, body, status=404)
        assert told == "Invalid block storage ID"


def test_pages_lead_both_ways(vultr: Vultr) -> None:
    made = [block_of(vultr)["id"] for _ in range(5)]
    pages = [[one["id"] for one in page] for page in vultr.pages("/blocks", "blocks", 2)]
    assert pages == [made[:2], made[2:4], made[4:]]


def test_a_natively_made_volume_is_a_block(vultr: Vultr, api: Api) -> None:
    api.named("volumes", "data", size_gb=3)
    (found,) = vultr.get("/blocks")["blocks"]
    assert (found["label"], found["size_gb"], found["cost"]) == ("data", 3, 1)
    assert (found["region"], found["block_type"]) == ("local", "high_perf")


def test_a_viewer_may_look_but_not_touch(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    made, key = block_of(vultr), key_for("viewer", api.project)
    viewer = Vultr(key.url, key.key)
    assert shown(viewer, made) == made
    body = {"instance_id": NOBODY}
    viewer.refused("POST", f"/blocks/{made['id']}/attach", body, status=403)
    viewer.refused("DELETE", f"/blocks/{made['id']}", status=403)
    viewer.close()


def test_a_block_that_a_new_instance_names_twice_is_attached_once(vultr: Vultr, api: Api) -> None:
    made = block_of(vultr)
    devices = [{"block_id": made["id"]}] * 2
    instance = instance_of(vultr, api, block_devices=devices)
    settled(api, "volumes", made["id"])
    assert shown(vultr, made)["attached_to_instance"] == instance["id"]
