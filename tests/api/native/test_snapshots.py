"""Snapshots as their user sees them, and what is made from them."""

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused


def snapshot_of(api: Api, instance: Json, name: str | None = None) -> Json:
    """A complete one."""
    body = {
        "metadata": {"name": name or fresh("s")},
        "spec": {"instance_id": instance["id"], "description": "before the upgrade"},
    }
    made = api.post("/v1/snapshots", body)
    assert made["status"]["state"] == "pending"
    api.ended(made["operation_id"], "completed")
    shown: Json = api.get(f"/v1/snapshots/{made['id']}")
    return shown


def test_a_snapshot_becomes_complete_and_has_a_size(api: Api) -> None:
    instance = api.running()
    made = snapshot_of(api, instance, "before")
    status = made["status"]
    assert (status["state"], status["kind"]) == ("complete", "manual")
    assert status["size_bytes"] > 0
    assert status["disk_gb"] == instance["spec"]["disk_gb"]
    assert made["spec"]["description"] == "before the upgrade"
    assert api.get(f"/v1/snapshots?instance_id={instance['id']}")["items"] == [made]


def test_an_instance_is_made_from_a_snapshot_on_its_host(api: Api) -> None:
    made = snapshot_of(api, api.running(), "golden")
    for reference in (made["id"], "golden"):
        new = api.running(image=reference)
        assert new["spec"]["image"] == reference
        assert new["status"]["host_id"] == made["status"]["host_id"]


def test_a_snapshot_outlives_its_instance(api: Api) -> None:
    instance = api.running()
    made = snapshot_of(api, instance)
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")
    assert api.get(f"/v1/snapshots/{made['id']}")["status"]["state"] == "complete"
    assert api.running(image=made["id"])["status"]["state"] == "running"


def test_a_restored_instance_keeps_id_addresses_and_image(api: Api) -> None:
    before = api.running()
    made = snapshot_of(api, before)
    path = f"/v1/instances/{before['id']}"
    operation = api.post(f"{path}/restore", {"snapshot_id": made["id"]}, 202)
    api.ended(operation["operation_id"], "completed")
    after = api.get(path)
    for part in ("private_ip", "public_ip", "host_id", "state"):
        assert after["status"][part] == before["status"][part]
    assert after["spec"] == before["spec"]


def test_a_deleted_snapshot_is_gone_and_what_was_made_of_it_runs_on(api: Api) -> None:
    made = snapshot_of(api, api.running())
    new = api.running(image=made["id"])
    path = f"/v1/snapshots/{made['id']}"
    api.ended(api.delete(path, 202)["operation_id"], "completed")
    assert api.call("GET", path).status_code == 404
    assert api.get(f"/v1/instances/{new['id']}")["status"]["state"] == "running"
    body = {"metadata": {"name": "x"}, "spec": {"type": "mini", "image": made["id"]}}
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.image")


def test_the_image_behind_a_snapshot_stays(api: Api) -> None:
    source = {"kind": "url", "location": "https://example.com/a.qcow2"}
    image = {"metadata": {"name": "mine"}, "spec": {"source": source}}
    api.ended(api.post("/v1/images", image)["operation_id"], "completed")
    instance = api.running(image="mine")
    made = snapshot_of(api, instance)
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")
    told = refused(api.call("DELETE", "/v1/images/mine"), 409, "IN_USE")
    assert made["metadata"]["name"] in told["error"]


def test_a_failed_snapshot_stays_in_the_list_with_the_reason(api: Api) -> None:
    instance = api.running()
    api.fault(verb="ensure_snapshot", error="refused", message="the disk is full")
    body = {"metadata": {"name": "s"}, "spec": {"instance_id": instance["id"]}}
    made = api.post("/v1/snapshots", body)
    api.ended(made["operation_id"], "failed")
    shown = api.get(f"/v1/snapshots/{made['id']}")["status"]
    assert (shown["state"], shown["reason"]) == ("error", "the disk is full")
    body = {"snapshot_id": made["id"]}
    path = f"/v1/instances/{instance['id']}/restore"
    refused(api.call("POST", path, body), 422, "INVALID", "snapshot_id")
    api.ended(api.delete(f"/v1/snapshots/{made['id']}", 202)["operation_id"], "completed")


def test_a_smaller_disk_than_the_snapshot_s_is_refused(api: Api) -> None:
    made = snapshot_of(api, api.running(disk_gb=9))
    spec = {"type": "mini", "image": made["id"], "disk_gb": 8}
    body = {"metadata": {"name": "small"}, "spec": spec}
    told = refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.disk_gb")
    assert "9 to" in told["error"]


def test_a_foreign_snapshot_is_not_there(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    theirs = snapshot_of(other, other.running())
    refused(api.call("GET", f"/v1/snapshots/{theirs['id']}"), 404, "NOT_FOUND")
    body = {"metadata": {"name": "x"}, "spec": {"type": "mini", "image": theirs["id"]}}
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.image")
