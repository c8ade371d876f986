"""Images that are discs, and the disc in an instance's CD drive."""

import pytest

from tests.api.client import Api, Json, instance_body
from tests.api.native.test_errors import refused
from tests.api.native.test_instance_actions import done

URL = {"kind": "url", "location": "https://images.example/alpine.iso"}


def disc(api: Api, name: str = "alpine") -> Json:
    body = {"metadata": {"name": name}, "spec": {"kind": "iso", "source": URL}}
    made: Json = api.post("/v1/images", body)
    api.ended(made["operation_id"], "completed")
    return made


def shown(api: Api, instance: Json) -> Json:
    found: Json = api.get(f"/v1/instances/{instance['id']}")
    return found


def test_a_disc_is_an_image_with_more_checksums(api: Api) -> None:
    image = api.get(f"/v1/images/{disc(api)['id']}")
    assert image["spec"]["kind"] == "iso"
    assert image["status"]["state"] == "available"
    assert image["status"]["digests"].keys() == {"md5", "sha512"}
    assert image["spec"]["min_disk_gb"] == 1, "it takes no room on a disk"


def test_other_images_are_disks(api: Api) -> None:
    mini = api.get("/v1/images/atoll-mini")
    assert (mini["spec"]["kind"], mini["status"]["digests"]) == ("disk", {})


def test_a_disc_goes_into_a_running_instance_and_out_again(api: Api) -> None:
    image, instance = disc(api), api.running("web")
    path = f"/v1/instances/{instance['id']}/iso"
    done(api, path, {"image": "alpine"})
    with_disc = shown(api, instance)["status"]
    assert (with_disc["iso_id"], with_disc["state"]) == (image["id"], "running")
    api.ended(api.delete(path, 202)["operation_id"], "completed")
    without = shown(api, instance)["status"]
    assert (without["iso_id"], without["state"]) == ("", "running")


def test_a_stopped_instance_stays_stopped(api: Api) -> None:
    disc(api)
    instance = api.running("web")
    done(api, f"/v1/instances/{instance['id']}/stop", {"force": True})
    done(api, f"/v1/instances/{instance['id']}/iso", {"image": "alpine"})
    assert shown(api, instance)["status"]["state"] == "stopped"


def test_an_instance_of_a_disc_begins_with_it_in_its_drive(api: Api) -> None:
    image = disc(api)
    instance = api.create("box", image="alpine", disk_gb=2)
    api.ended(instance["operation_id"], "completed")
    status = shown(api, instance)["status"]
    assert (status["state"], status["iso_id"]) == ("running", image["id"])


def test_a_disc_in_a_drive_is_not_deleted(api: Api) -> None:
    image, instance = disc(api), api.running("web")
    done(api, f"/v1/instances/{instance['id']}/iso", {"image": image["id"]})
    refused(api.call("DELETE", f"/v1/images/{image['id']}"), 409, "IN_USE")
    api.ended(api.delete(f"/v1/instances/{instance['id']}/iso", 202)["operation_id"], "completed")
    api.ended(api.delete(f"/v1/images/{image['id']}", 202)["operation_id"], "completed")


def test_a_disk_does_not_go_into_a_drive(api: Api) -> None:
    path = f"/v1/instances/{api.running('web')['id']}/iso"
    answer = refused(api.call("POST", path, {"image": "atoll-mini"}), 422, "INVALID", "image")
    assert (
        answer["error"]
        == "image: image atoll-mini is a disk, not an ISO: reinstall the instance from it instead"
    )


def test_nothing_is_reinstalled_from_a_disc(api: Api) -> None:
    disc(api)
    path = f"/v1/instances/{api.running('web')['id']}/reinstall"
    answer = refused(api.call("POST", path, {"image": "alpine"}), 422, "INVALID", "image")
    assert answer["error"] == (
        "image: image alpine is an ISO, not a disk: attach it to an instance and install from it"
    )


def test_the_same_disc_twice_and_an_empty_drive_are_conflicts(api: Api) -> None:
    disc(api)
    path = f"/v1/instances/{api.running('web')['id']}/iso"
    refused(api.call("DELETE", path), 409, "CONFLICT")
    done(api, path, {"image": "alpine"})
    refused(api.call("POST", path, {"image": "alpine"}), 409, "CONFLICT")


def test_what_was_installed_from_a_disc_is_restored_without_a_word_from_it(api: Api) -> None:
    disc(api)
    instance = api.create("box", image="alpine", disk_gb=2)
    api.ended(instance["operation_id"], "completed")
    snapshot = api.named("snapshots", "clean", instance_id=instance["id"])
    api.ended(snapshot["operation_id"], "completed")
    done(api, f"/v1/instances/{instance['id']}/restore", {"snapshot_id": snapshot["id"]})
    made = api.create("copy", image=snapshot["id"], disk_gb=2)
    api.ended(made["operation_id"], "completed")
    assert shown(api, made)["status"]["iso_id"] == "", "only the first one was made from the disc"


def test_a_recipe_is_no_disc(api: Api) -> None:
    source = {"kind": "recipe", "location": "atoll-mini"}
    body = {"metadata": {"name": "no"}, "spec": {"kind": "iso", "source": source}}
    refused(api.call("POST", "/v1/images", body), 422, "INVALID", "spec.source.kind")


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
def test_a_disc_is_changed_in_words_first(api: Api, verb: str) -> None:
    disc(api)
    path = f"/v1/instances/{api.running('web')['id']}/iso"
    if verb == "DELETE":
        done(api, path, {"image": "alpine"})
    body = {"image": "alpine"} if verb == "POST" else None
    plan = api.call(verb, f"{path}?dry_run=true", body).json()["plan"]
    assert plan["kind"] == ("instance.attach_iso" if verb == "POST" else "instance.detach_iso")
    assert "a running guest restarts" in plan["impact"]


def test_a_body_of_another_form_is_refused(api: Api) -> None:
    body = instance_body("web")
    body["metadata"] |= {"iso": "alpine"}
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "metadata.iso")
