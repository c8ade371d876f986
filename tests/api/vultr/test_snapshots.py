"""Snapshots, those that are imported, and backups, in Vultr's words."""

import pytest

from atoll.domain.timers import TimerKind
from atoll.ports import Filter
from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr, types_of
from tests.api.vultr.things import NOBODY, finished, instance_of, native, settled

SNAPSHOT = {
    "id": str, "date_created": str, "description": str, "size": int, "compressed_size": int,
    "status": str, "os_id": int, "app_id": int,
}  # fmt: skip
BACKUP = {"id": str, "date_created": str, "description": str, "size": int, "status": str}
URL = "https://example.com/disk.raw"
GIB = 2**30


def snapshot_of(vultr: Vultr, instance: Json, description: str | None = None) -> Json:
    body = {"instance_id": instance["id"], "description": description}
    made: Json = vultr.post("/snapshots", body)["snapshot"]
    return made


def shown(vultr: Vultr, snapshot: Json) -> Json:
    found: Json = vultr.get(f"/snapshots/{snapshot['id']}")["snapshot"]
    return found


def complete(vultr: Vultr, api: Api, instance: Json, description: str | None = None) -> Json:
    made = snapshot_of(vultr, instance, description)
    settled(api, "snapshots", made["id"])
    return shown(vultr, made)


async def back_up_now(cloud: RunningCloud) -> None:
    """As if the hour of every schedule had come."""
    store = cloud.cloud.control.store
    async with store.transaction() as tx:
        for timer in await tx.timers.page(Filter(limit=1000)):
            if timer.kind is TimerKind.BACKUP:
                tx.timers.change(timer, due_at_ms=0)
    await cloud.cloud.engine.timekeeper.look()


def backup_of(cloud: RunningCloud, vultr: Vultr, api: Api, instance: Json) -> Json:
    """A complete one."""
    vultr.post(f"/instances/{instance['id']}/backup-schedule", {"type": "daily"}, 200)
    cloud.run(back_up_now(cloud))
    (made,) = vultr.get(f"/backups?instance_id={instance['id']}")["backups"]
    settled(api, "snapshots", made["id"])
    found: Json = vultr.get(f"/backups/{made['id']}")["backup"]
    return found


def test_a_snapshot_is_pending_without_a_size_until_it_is_complete(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    api.fault(verb="ensure_snapshot", error="busy", times=1000)
    made = snapshot_of(vultr, instance, "before the upgrade")
    assert types_of(made) == SNAPSHOT
    assert (made["status"], made["size"], made["compressed_size"]) == ("pending", 0, 0)
    assert made["description"] == "before the upgrade"
    api.delete("/v1/simulator/faults")
    settled(api, "snapshots", made["id"])
    now = shown(vultr, made)
    assert (now["status"], now["size"]) == ("complete", instance["disk"] * GIB)
    assert 0 < now["compressed_size"] <= now["size"]
    assert (now["os_id"], now["app_id"]) == (2284, 0)
    assert (now["id"], now["date_created"]) == (made["id"], made["date_created"])


def test_a_snapshot_knows_its_system_after_its_instance_is_gone(vultr: Vultr, api: Api) -> None:
    """Also where the system's image is another one here."""
    alias = {"metadata": {"name": "debian-12"}, "spec": {"alias_of": "atoll-mini"}}
    api.post("/v1/images", alias)
    instance = instance_of(vultr, api, os_id=2136)
    made = complete(vultr, api, instance)
    vultr.delete(f"/instances/{instance['id']}")
    finished(api, "instance.delete")
    assert shown(vultr, made)["os_id"] == 2136


def test_snapshots_are_found_by_their_whole_description(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    made = [complete(vultr, api, instance, words) for words in ("one", "two", "one", "x" * 600)]
    for words, wanted in (
        ("one", [made[0], made[2]]), ("x" * 600, [made[3]]), ("x", []), ("", made),
    ):  # fmt: skip
        listed = vultr.get(f"/snapshots?description={words}")
        assert listed["snapshots"] == wanted
        assert listed["meta"]["total"] == len(wanted)


def test_a_description_is_changed_and_is_the_name_elsewhere(vultr: Vultr, api: Api) -> None:
    made = complete(vultr, api, instance_of(vultr, api))
    assert made["description"] == ""
    for words, name in (("two\nlines", "two lines"), ("y" * 1000, "y" * 253), ("", "")):
        vultr.put(f"/snapshots/{made['id']}", {"description": words})
        assert shown(vultr, made)["description"] == words
        assert native(api, "snapshots", made["id"])["metadata"]["name"] == name
    told = vultr.refused("PUT", f"/snapshots/{made['id']}", {"description": "y" * 1001})
    assert told == "description must have at most 1000 characters"


def test_a_natively_made_snapshot_is_described_by_its_name(vultr: Vultr, api: Api) -> None:
    spec = {"instance_id": native(api, "instances", instance_of(vultr, api)["id"])["id"]}
    api.post("/v1/snapshots", {"metadata": {"name": "mine"}, "spec": spec})
    (found,) = vultr.get("/snapshots?description=mine")["snapshots"]
    assert found["description"] == "mine"


def test_a_failed_snapshot_says_so_and_can_be_deleted(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    api.fault(verb="ensure_snapshot", error="refused", message="the disk is full")
    made = snapshot_of(vultr, instance)
    settled(api, "snapshots", made["id"], "failed")
    assert (shown(vultr, made)["status"], shown(vultr, made)["size"]) == ("failed", 0)
    vultr.delete(f"/snapshots/{made['id']}")
    finished(api, "snapshot.delete")
    assert vultr.get("/snapshots")["snapshots"] == []


def test_a_snapshot_that_goes_is_shown_as_deleted_until_it_is_gone(vultr: Vultr, api: Api) -> None:
    made = complete(vultr, api, instance_of(vultr, api))
    api.fault(verb="remove_snapshot", error="busy", times=1000)
    path = f"/snapshots/{made['id']}"
    vultr.delete(path)
    assert shown(vultr, made)["status"] == "deleted"
    vultr.delete(path)
    api.delete("/v1/simulator/faults")
    finished(api, "snapshot.delete")
    assert vultr.refused("GET", path, status=404) == "Invalid snapshot ID"


def test_an_instance_is_made_from_a_snapshot(vultr: Vultr, api: Api) -> None:
    made = complete(vultr, api, instance_of(vultr, api))
    again = instance_of(vultr, api, os_id=164, snapshot_id=made["id"])
    assert (again["os_id"], again["snapshot_id"]) == (164, made["id"])


@pytest.mark.parametrize("instance_id", ["nonsense", NOBODY, None])
def test_an_instance_that_is_not_there_is_named(vultr: Vultr, instance_id: str | None) -> None:
    told = vultr.refused("POST", "/snapshots", {"instance_id": instance_id})
    assert "instance_id" in told
    assert "spec." not in told


@pytest.mark.parametrize("snapshot_id", ["nonsense", NOBODY])
def test_a_snapshot_that_is_not_there_is_called_so(vultr: Vultr, snapshot_id: str) -> None:
    path = f"/snapshots/{snapshot_id}"
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert vultr.refused(method, path, body, status=404) == "Invalid snapshot ID"
    told = vultr.refused("GET", f"/backups/{snapshot_id}", status=404)
    assert told == "Invalid backup ID"


def test_pages_lead_to_the_end_and_back(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    made = [complete(vultr, api, instance, "all")["id"] for _ in range(3)]
    for path in ("/snapshots", "/snapshots?description=all"):
        pages = list(vultr.pages(path, "snapshots", 2))
        assert [[one["id"] for one in page] for page in pages] == [made[:2], made[2:]]


def test_a_disk_from_the_web_becomes_a_snapshot_from_which_instances_are_made(
    vultr: Vultr, api: Api
) -> None:
    body = {"url": URL, "description": "from afar", "uefi": "false"}
    made = vultr.post("/snapshots/create-from-url", body, 202)["snapshot"]
    assert types_of(made) == SNAPSHOT
    assert (made["status"], made["size"]) == ("pending", 0)
    settled(api, "snapshots", made["id"])
    now = shown(vultr, made)
    assert (now["status"], now["size"], now["description"]) == ("complete", GIB, "from afar")
    assert now["os_id"] == 159
    assert vultr.get("/snapshots")["snapshots"] == [now]
    again = instance_of(vultr, api, os_id=None, snapshot_id=made["id"])
    assert again["snapshot_id"] == made["id"]


def test_an_imported_snapshot_takes_its_image_with_it(vultr: Vultr, api: Api) -> None:
    made = vultr.post("/snapshots/create-from-url", {"url": URL}, 202)["snapshot"]
    settled(api, "snapshots", made["id"])
    own = [one for one in api.items("/v1/images") if one["metadata"]["name"].startswith("snap")]
    assert len(own) == 1
    vultr.delete(f"/snapshots/{made['id']}")
    for kind in ("snapshot.delete", "image.delete"):
        finished(api, kind)
    assert api.call("GET", f"/v1/images/{own[0]['id']}").status_code == 404


def test_the_image_of_an_imported_snapshot_stays_for_what_was_made_of_it(
    vultr: Vultr, api: Api
) -> None:
    made = vultr.post("/snapshots/create-from-url", {"url": URL}, 202)["snapshot"]
    settled(api, "snapshots", made["id"])
    image_id = native(api, "snapshots", made["id"])["status"]["image_id"]
    instance_of(vultr, api, os_id=None, snapshot_id=made["id"])
    vultr.delete(f"/snapshots/{made['id']}")
    finished(api, "snapshot.delete")
    assert api.get(f"/v1/images/{image_id}")["status"]["state"] == "available"
    assert api.items("/v1/operations?kind=image.delete") == [], "its bytes stay on the hosts"


def test_a_disk_that_cannot_be_fetched_makes_a_failed_snapshot(vultr: Vultr, api: Api) -> None:
    api.fault(verb="ensure_image", error="refused", message="it is not a disk")
    made = vultr.post("/snapshots/create-from-url", {"url": URL}, 202)["snapshot"]
    settled(api, "snapshots", made["id"], "failed")
    assert shown(vultr, made)["status"] == "failed"
    assert native(api, "snapshots", made["id"])["status"]["reason"] == "it is not a disk"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"url": "ftp://example.com/x"}, "url"),
        ({"url": None}, "url"),
        ({"uefi": "true"}, "uefi"),
        ({"uefi": True}, "uefi"),
        ({"description": "x" * 1001}, "description"),
    ],
)
def test_a_wrong_value_of_an_import_names_its_field(vultr: Vultr, more: Json, field: str) -> None:
    told = vultr.refused("POST", "/snapshots/create-from-url", {"url": URL} | more)
    assert field in told
    assert "spec." not in told
    assert vultr.get("/snapshots")["meta"]["total"] == 0


def test_backups_are_in_their_own_list_and_are_no_snapshots(
    cloud: RunningCloud, vultr: Vultr, api: Api
) -> None:
    instance = instance_of(vultr, api)
    taken = complete(vultr, api, instance)
    made = backup_of(cloud, vultr, api, instance)
    assert types_of(made) == BACKUP
    assert (made["status"], made["size"]) == ("complete", instance["disk"] * GIB)
    assert made["description"].startswith("web ")
    assert vultr.get("/backups")["backups"] == [made]
    assert vultr.get("/snapshots")["snapshots"] == [taken]
    assert vultr.get(f"/backups?instance_id={NOBODY}")["meta"]["total"] == 0
    path = f"/snapshots/{made['id']}"
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert vultr.refused(method, path, body, status=404) == "Invalid snapshot ID"
    told = vultr.refused("GET", f"/backups/{taken['id']}", status=404)
    assert told == "Invalid backup ID"


def test_an_instance_is_restored_from_its_backup(
    cloud: RunningCloud, vultr: Vultr, api: Api
) -> None:
    instance = instance_of(vultr, api)
    made = backup_of(cloud, vultr, api, instance)
    body = {"backup_id": made["id"]}
    status = vultr.post(f"/instances/{instance['id']}/restore", body, 202)["status"]
    assert (status["restore_type"], status["restore_id"]) == ("backup_id", made["id"])


def test_a_viewer_may_look_but_not_touch(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    made, key = complete(vultr, api, instance_of(vultr, api)), key_for("viewer", api.project)
    viewer = Vultr(key.url, key.key)
    assert shown(viewer, made) == made
    viewer.refused("DELETE", f"/snapshots/{made['id']}", status=403)
    viewer.refused("PUT", f"/snapshots/{made['id']}", {"description": "x"}, status=403)
    viewer.refused("POST", "/snapshots/create-from-url", {"url": URL}, status=403)
    viewer.close()


def test_a_plan_that_is_too_small_for_a_snapshot_is_told_so(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api, plan="vc2-1c-2gb")
    snapshot = vultr.post("/snapshots", {"instance_id": made["id"]})["snapshot"]["id"]
    body = {"region": "ewr", "plan": "vc2-1c-1gb", "snapshot_id": snapshot}
    told = vultr.refused("POST", "/instances", body)
    assert told == "plan: the snapshot needs 55 GB, plan vc2-1c-1gb has 25"
