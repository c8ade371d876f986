"""Images: the catalogue's and the project's own, aliases, imports."""

import re
from itertools import pairwise

import pytest

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

URL = "https://images.example/one.qcow2"


def body_of(name: str, **spec: object) -> Json:
    return {"metadata": {"name": name}, "spec": spec}


def url(location: str = URL, **more: str) -> Json:
    return {"kind": "url", "location": location} | more


def test_the_catalogue_is_there_from_the_start(api: Api) -> None:
    images = {one["metadata"]["name"]: one for one in api.items("/v1/images")}
    assert {"atoll-mini", "debian-12", "ubuntu-22.04"} <= set(images)
    mini = images["atoll-mini"]
    assert mini["status"]["catalogue"] is True
    assert mini["spec"]["source"] == {"kind": "recipe", "location": "atoll-mini", "checksum": None}
    assert mini["spec"]["min_memory_mb"] == 96


def test_an_alias_is_there_at_once_and_used_by_a_create(api: Api) -> None:
    alias = api.post("/v1/images", body_of("my-ubuntu", alias_of="atoll-mini"))
    assert alias["status"]["state"] == "available"
    assert alias["spec"]["source"] is None
    created = api.running(image="my-ubuntu")
    assert created["spec"]["image"] == "my-ubuntu"


def test_a_project_may_shadow_a_name_of_the_catalogue(api: Api) -> None:
    """So that ubuntu-22.04 works where its download does not."""
    api.post("/v1/images", body_of("ubuntu-22.04", alias_of="atoll-mini"))
    api.create(image="ubuntu-22.04", disk_gb=1)
    body = instance_body("a", image="ubuntu-24.04", disk_gb=1)
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.disk_gb")


def test_an_alias_of_an_alias_leads_to_its_image(api: Api) -> None:
    api.post("/v1/images", body_of("one", alias_of="atoll-mini"))
    api.post("/v1/images", body_of("two", alias_of="one"))
    assert api.running(image="two")["status"]["state"] == "running"


def test_a_chain_of_too_many_aliases_is_refused_where_it_is_used(api: Api) -> None:
    names = ["atoll-mini", *(f"alias-{number}" for number in range(5))]
    for target, name in pairwise(names):
        api.post("/v1/images", body_of(name, alias_of=target))
    response = api.call("POST", "/v1/instances", instance_body("a", image=names[-1]))
    assert "has at most 5 aliases" in refused(response, 422, "INVALID", "spec.image")["error"]


def test_an_alias_of_nothing_is_refused(api: Api) -> None:
    response = api.call("POST", "/v1/images", body_of("a", alias_of="absent"))
    refused(response, 422, "INVALID", "spec.alias_of")


def test_an_image_is_imported_by_an_operation(api: Api) -> None:
    checksum = "sha256:" + "0" * 64
    created = api.post("/v1/images", body_of("mine", source=url(checksum=checksum), os="debian"))
    assert created["status"]["state"] == "importing"
    operation = api.ended(created["operation_id"], "completed")
    assert (operation["kind"], operation["type"]) == ("image.import", "create")
    shown = api.get("/v1/images/mine")
    assert shown["status"]["state"] == "available"
    assert shown["status"]["checksum"] == checksum
    assert shown["status"]["virtual_size_bytes"] == 2**30
    assert shown["spec"]["source"]["location"] == URL
    api.running(image="mine")


def test_a_failed_import_says_why_and_is_repeated(api: Api) -> None:
    api.fault(verb="ensure_image", error="refused", message="the checksum is another")
    created = api.post("/v1/images", body_of("mine", source=url()))
    api.ended(created["operation_id"], "failed")
    shown = api.get("/v1/images/mine")["status"]
    assert (shown["state"], shown["reason"]) == ("error", "the checksum is another")
    told = api.call("POST", "/v1/instances", instance_body("a", image="mine"))
    assert "the checksum is another" in refused(told, 422, "INVALID", "spec.image")["error"]
    again = api.post("/v1/images/mine/import", status=202)
    api.ended(again["operation_id"], "completed")
    assert api.get("/v1/images/mine")["status"]["state"] == "available"


def test_an_import_that_goes_on_is_not_started_twice(api: Api) -> None:
    api.fault(verb="ensure_image", error="busy", times=1_000)
    created = api.post("/v1/images", body_of("mine", source=url()))
    again = api.post("/v1/images/mine/import", None, 202)
    assert again["operation_id"] == created["operation_id"]
    api.delete("/v1/simulator/faults")
    api.ended(created["operation_id"], "completed")


def test_an_import_in_progress_ends_when_its_image_is_deleted(api: Api) -> None:
    api.fault(verb="ensure_image", error="busy", times=1_000)
    created = api.post("/v1/images", body_of("mine", source=url()))
    deletion = api.delete("/v1/images/mine", 202)
    api.delete("/v1/simulator/faults")
    assert api.ended(created["operation_id"], "failed")["result"]["code"] == "CANCELLED"
    api.ended(deletion["operation_id"], "completed")
    assert api.call("GET", "/v1/images/mine").status_code == 404


def test_an_alias_is_not_imported(api: Api) -> None:
    api.post("/v1/images", body_of("mine", alias_of="atoll-mini"))
    refused(api.call("POST", "/v1/images/mine/import"), 409, "CONFLICT")


def test_only_who_operates_the_cloud_is_told_whose_instance_needs_an_image_of_the_catalogue(
    own_cloud: RunningCloud,
) -> None:
    admin = own_cloud.api()
    project = admin.post("/v1/projects", {"metadata": {"name": "theirs"}})["id"]
    keys = [admin.named("api-keys", role="member", project=project) for _ in range(2)]
    member, other = (own_cloud.api(key["status"]["key"]) for key in keys)
    instance = member.running("shop")["id"]
    told = refused(admin.call("DELETE", "/v1/images/atoll-mini"), 409, "IN_USE")
    assert f"in use by instance shop ({instance}) of project {project}: " in told["error"]
    told = refused(other.call("DELETE", "/v1/images/atoll-mini"), 403, "FORBIDDEN")
    assert not re.search(f"shop|{instance}|{project}", told["error"])
    for api in (admin, member, other):
        api.close()


def test_an_image_stays_while_a_guest_starts_from_it(api: Api) -> None:
    created = api.post("/v1/images", body_of("mine", source=url()))
    api.ended(created["operation_id"], "completed")
    instance = api.running("shop", image="mine")
    told = refused(api.call("DELETE", "/v1/images/mine"), 409, "IN_USE")
    ending = f"instance shop ({instance['id']}): delete that instance, or reinstall it from "
    assert ending in told["error"]
    operation = api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"]
    api.ended(operation, "completed")
    operation = api.delete("/v1/images/mine", 202)["operation_id"]
    api.ended(operation, "completed")
    assert api.call("GET", "/v1/images/mine").status_code == 404


def test_a_name_is_given_once(api: Api) -> None:
    api.post("/v1/images", body_of("mine", alias_of="atoll-mini"))
    response = api.call("POST", "/v1/images", body_of("mine", alias_of="atoll-mini"))
    refused(response, 409, "ALREADY_EXISTS", "metadata.name")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.source"),
        ({"source": url(), "alias_of": "atoll-mini"}, "spec.source"),
        ({"source": url("ftp://a/b")}, "spec.source.location"),
        ({"source": url("")}, "spec.source.location"),
        ({"source": url("https://" + "a" * 2048)}, "spec.source.location"),
        ({"source": url(checksum="md5:00")}, "spec.source.checksum"),
        ({"source": url(checksum="sha256:" + "g" * 64)}, "spec.source.checksum"),
        ({"source": {"kind": "carrier pigeon", "location": "a"}}, "spec.source.kind"),
        ({"source": url(), "min_disk_gb": 0}, "spec.min_disk_gb"),
        ({"source": url(), "os": "a" * 1001}, "spec.os"),
    ],
)
def test_a_wrong_source_is_refused(api: Api, spec: Json, field: str) -> None:
    refused(api.call("POST", "/v1/images", body_of("a", **spec)), 422, "INVALID", field)


@pytest.mark.parametrize("kind", ["recipe", "file"])
def test_what_lies_on_the_hosts_is_for_operators(key_for: KeyFor, kind: str) -> None:
    body = body_of("a", source={"kind": kind, "location": "atoll-mini"})
    refused(key_for("member").call("POST", "/v1/images", body), 403, "FORBIDDEN")
    assert key_for("operator").call("POST", "/v1/images", body).status_code == 201


def test_only_operators_change_the_catalogue(key_for: KeyFor) -> None:
    operator = key_for("operator")
    name = fresh("label")
    body = {"metadata": {"labels": {name: "x"}}}
    before = operator.get("/v1/images/debian-12")["metadata"]["version"]
    assert operator.patch("/v1/images/debian-12", body)["metadata"]["version"] == before + 1
    refused(key_for("member").call("DELETE", "/v1/images/debian-12"), 403, "FORBIDDEN")
    operator.patch("/v1/images/debian-12", {"metadata": {"labels": {}}})


def test_images_are_found_by_their_state(api: Api) -> None:
    pending = api.items("/v1/images?state=pending")
    assert {one["status"]["state"] for one in pending} == {"pending"}
    both = api.items("/v1/images?state=pending&state=available")
    assert len(both) >= len(pending)


def test_a_member_does_not_import_what_every_project_uses(key_for: KeyFor) -> None:
    member = key_for("member")
    refused(member.call("POST", "/v1/images/debian-12/import"), 403, "FORBIDDEN")
