"""Volumes as their user sees them: they come, are attached, grow, leave and go."""

import pytest

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused


def volume(api: Api, name: str | None = None, **spec: object) -> Json:
    return api.named("volumes", name or fresh("v"), **({"size_gb": 2} | spec))


def done(api: Api, path: str, body: Json | None = None) -> None:
    """An action, and its end."""
    api.ended(api.post(path, body, 202)["operation_id"], "completed")


def test_a_new_volume_is_there_at_once_and_lives_nowhere_yet(api: Api) -> None:
    made = volume(api, "data", size_gb=3)
    assert made["spec"] == {"size_gb": 3, "region": "local"}
    assert (made["status"]["state"], made["status"]["host_id"]) == ("available", "")
    assert api.get("/v1/volumes/data") == made


def test_an_attached_volume_names_its_instance_and_its_device(api: Api) -> None:
    instance, made = api.running(), volume(api)
    done(api, f"/v1/volumes/{made['id']}/attach", {"instance_id": instance["id"]})
    shown = api.get(f"/v1/volumes/{made['id']}")["status"]
    assert (shown["state"], shown["instance_id"]) == ("attached", instance["id"])
    assert shown["host_id"] == instance["status"]["host_id"]
    assert shown["device"] == f"virtio-{made['id'][-20:]}"
    attached = api.get(f"/v1/instances/{instance['id']}")["status"]["volume_ids"]
    assert attached == [made["id"]]


def test_a_volume_may_be_created_at_an_instance(api: Api) -> None:
    instance = api.running()
    made = volume(api, instance_id=instance["id"])
    assert made["status"]["state"] == "attaching"
    api.ended(made["operation_id"], "completed")
    assert api.get(f"/v1/volumes?instance_id={instance['id']}")["items"][0]["id"] == made["id"]


def test_a_volume_survives_its_instance_and_is_attached_to_the_next(api: Api) -> None:
    first, made = api.running(), volume(api)
    done(api, f"/v1/volumes/{made['id']}/attach", {"instance_id": first["id"]})
    api.ended(api.delete(f"/v1/instances/{first['id']}", 202)["operation_id"], "completed")
    shown = api.get(f"/v1/volumes/{made['id']}")["status"]
    assert (shown["state"], shown["instance_id"]) == ("available", "")
    assert shown["host_id"] == first["status"]["host_id"]


def test_a_volume_is_detached_grown_and_deleted(api: Api) -> None:
    instance, made = api.running(), volume(api)
    path = f"/v1/volumes/{made['id']}"
    done(api, f"{path}/attach", {"instance_id": instance["id"]})
    done(api, f"{path}/resize", {"size_gb": 5})
    assert api.get(path)["spec"]["size_gb"] == 5
    told = refused(api.call("DELETE", path), 409, "IN_USE")
    name = instance["metadata"]["name"]
    holder = f"is attached to instance {name} ({instance['id']})"
    assert told["error"].endswith(f"{holder}: detach it first")
    done(api, f"{path}/detach")
    assert api.get(path)["status"]["state"] == "available"
    api.ended(api.delete(path, 202)["operation_id"], "completed")
    assert api.call("GET", path).status_code == 404


def test_a_volume_never_shrinks(api: Api) -> None:
    path = f"/v1/volumes/{volume(api)['id']}/resize"
    for size_gb in (1, 2):
        told = refused(api.call("POST", path, {"size_gb": size_gb}), 422, "INVALID", "size_gb")
        assert "3 to 65536" in told["error"]


def test_a_volume_is_in_one_instance_at_a_time(api: Api) -> None:
    first, second, made = api.running("a"), api.running("b"), volume(api)
    path = f"/v1/volumes/{made['id']}/attach"
    done(api, path, {"instance_id": first["id"]})
    holder = f"attached to instance a ({first['id']})"
    for wanted, end in ((first, f"already {holder}"), (second, f"{holder}: detach it there first")):
        told = refused(api.call("POST", path, {"instance_id": wanted["id"]}), 409, "CONFLICT")
        assert told["error"] == f"volume {made['metadata']['name']} is {end}"


def test_changes_of_a_volume_are_made_one_after_the_other(api: Api) -> None:
    instance, other, made = api.running(), api.running(), volume(api)
    api.fault(verb="ensure_configured", error="busy", times=1000)
    path = f"/v1/volumes/{made['id']}"
    changes = [
        ("attach", {"instance_id": instance["id"]}), ("resize", {"size_gb": 4}), ("detach", None),
        ("attach", {"instance_id": other["id"]}), ("resize", {"size_gb": 6}),
    ]  # fmt: skip
    accepted = [api.post(f"{path}/{action}", body, 202) for action, body in changes]
    api.delete("/v1/simulator/faults")
    for operation in accepted:
        api.ended(operation["operation_id"], "completed")
    shown = api.get(path)
    assert (shown["status"]["instance_id"], shown["spec"]["size_gb"]) == (other["id"], 6)
    assert shown["status"]["state"] == "attached"


def test_a_failed_attachment_leaves_the_volume_free_and_says_why(api: Api) -> None:
    instance, made = api.running(), volume(api)
    api.fault(verb="ensure_configured", error="refused", message="there is no slot left")
    path = f"/v1/volumes/{made['id']}"
    operation = api.post(f"{path}/attach", {"instance_id": instance["id"]}, 202)
    api.ended(operation["operation_id"], "failed")
    shown = api.get(path)["status"]
    assert (shown["state"], shown["host_id"]) == ("available", "")
    assert shown["reason"] == "there is no slot left"
    assert api.get(f"/v1/instances/{instance['id']}")["status"]["state"] == "running"


def test_a_volume_can_be_renamed_and_labelled(api: Api) -> None:
    path = f"/v1/volumes/{volume(api)['id']}"
    changed = api.patch(path, {"metadata": {"name": "new", "labels": {"a": "b"}}})
    assert (changed["metadata"]["name"], changed["metadata"]["labels"]) == ("new", {"a": "b"})
    assert [v["id"] for v in api.items("/v1/volumes?label=a%3Db")] == [changed["id"]]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"size_gb": 0}, "spec.size_gb"),
        ({"size_gb": 1, "region": "mars"}, "spec.region"),
        ({"size_gb": 1, "instance_id": "nobody"}, "spec.instance_id"),
        ({}, "spec.size_gb"),
    ],
)
def test_a_wrong_field_is_named(api: Api, spec: Json, field: str) -> None:
    body = {"metadata": {"name": "v"}, "spec": spec}
    refused(api.call("POST", "/v1/volumes", body), 422, "INVALID", field)


def test_a_foreign_volume_or_instance_is_not_there(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    theirs = volume(other)
    refused(api.call("GET", f"/v1/volumes/{theirs['id']}"), 404, "NOT_FOUND")
    mine, body = volume(api), {"instance_id": other.running()["id"]}
    path = f"/v1/volumes/{mine['id']}/attach"
    refused(api.call("POST", path, body), 422, "INVALID", "instance_id")


def test_a_viewer_may_look_but_not_touch(api: Api, key_for: KeyFor) -> None:
    made, viewer = volume(api), key_for("viewer", api.project)
    assert viewer.get(f"/v1/volumes/{made['id']}")["id"] == made["id"]
    refused(viewer.call("DELETE", f"/v1/volumes/{made['id']}"), 403, "FORBIDDEN")
