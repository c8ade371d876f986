"""Discs in Vultr's words: ISO images, and the one in an instance's drive."""

import pytest

from atoll.domain import ids
from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr, types_of
from tests.api.vultr.things import NOBODY, instance_of, settled

ISO = {
    "id": str, "date_created": str, "filename": str, "size": int, "md5sum": str, "sha512sum": str,
    "status": str,
}  # fmt: skip
URL = "https://example.com/discs/alpine-3.22.iso?mirror=1"
NONE = {"isos": [], "meta": {"total": 0, "links": {"next": "", "prev": ""}}}


def imported(vultr: Vultr, api: Api, url: str = URL) -> Json:
    made: Json = vultr.post("/iso", {"url": url})["iso"]
    native = api.get(f"/v1/images/{ids.from_uuid(ids.IMAGE, made['id'])}")
    api.ended(native["operation_id"], "completed")
    shown: Json = vultr.get(f"/iso/{made['id']}")["iso"]
    return shown


def state_of(vultr: Vultr, instance: Json) -> Json:
    found: Json = vultr.get(f"/instances/{instance['id']}/iso")["iso_status"]
    return found


def test_an_iso_is_pending_and_then_complete(vultr: Vultr, api: Api) -> None:
    made = vultr.post("/iso", {"url": URL})["iso"]
    assert types_of(made) == ISO
    assert made["filename"] == "alpine-3.22.iso"
    shown = imported(vultr, api, "https://example.com/other.iso")
    assert (shown["status"], len(shown["md5sum"]), len(shown["sha512sum"])) == ("complete", 32, 128)
    assert shown["size"] > 0


def test_two_of_one_file_are_two(vultr: Vultr, api: Api) -> None:
    first, second = imported(vultr, api), imported(vultr, api)
    assert first["filename"] == second["filename"]
    listed = vultr.get("/iso")
    assert [one["id"] for one in listed["isos"]] == [first["id"], second["id"]]
    assert listed["meta"]["total"] == 2


def test_a_disk_is_no_iso(vultr: Vultr, api: Api) -> None:
    source = {"kind": "url", "location": "https://example.com/a.qcow2"}
    made = api.post("/v1/images", {"metadata": {"name": "mine"}, "spec": {"source": source}})
    assert vultr.get("/iso") == NONE
    path = f"/iso/{ids.to_uuid(made['id'])}"
    assert vultr.refused("GET", path, status=404) == "Invalid ISO ID"


def test_a_deleted_one_is_gone_at_once(vultr: Vultr, api: Api) -> None:
    path = f"/iso/{imported(vultr, api)['id']}"
    vultr.delete(path)
    assert vultr.refused("GET", path, status=404) == "Invalid ISO ID"
    assert vultr.get("/iso") == NONE


def test_nobodys_is_not_found(vultr: Vultr) -> None:
    for method in ("GET", "DELETE"):
        assert vultr.refused(method, f"/iso/{NOBODY}", status=404) == "Invalid ISO ID"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://example.com/a.iso", "url must begin with http:// or https://"),
        ("", "url must have 1 to 2048 characters"),
        ("http://[bad/a.iso", "url: Invalid IPv6 URL"),
    ],
)
def test_what_is_no_url_is_refused(vultr: Vultr, url: str, told: str) -> None:
    assert vultr.refused("POST", "/iso", {"url": url}) == told


def test_public_ones_are_those_of_the_catalogue(anybody: Vultr) -> None:
    none = {"public_isos": [], "meta": {"total": 0, "links": {"next": "", "prev": ""}}}
    assert anybody.get("/iso-public") == none


def test_an_iso_is_attached_and_detached(vultr: Vultr, api: Api) -> None:
    iso, instance = imported(vultr, api), instance_of(vultr, api)
    path = f"/instances/{instance['id']}/iso"
    assert state_of(vultr, instance) == {"iso_id": "", "state": "ready"}
    mounting = vultr.post(f"{path}/attach", {"iso_id": iso["id"]}, 202)["iso_status"]
    assert mounting == {"iso_id": iso["id"], "state": "ismounting"}
    settled(api, "instances", instance["id"])
    assert state_of(vultr, instance) == {"iso_id": iso["id"], "state": "isomounted"}
    shown = vultr.get(f"/instances/{instance['id']}")["instance"]
    assert (shown["power_status"], shown["server_status"]) == ("running", "ok")
    assert vultr.post(f"{path}/detach", None, 202)["iso_status"]["state"] == "ready"
    settled(api, "instances", instance["id"])
    assert state_of(vultr, instance) == {"iso_id": "", "state": "ready"}


def test_a_disc_that_is_being_taken_out_is_out(vultr: Vultr, api: Api) -> None:
    iso = imported(vultr, api)
    made = instance_of(vultr, api, os_id=None, iso_id=iso["id"])
    api.fault(verb="ensure_stopped", error="busy", times=1000)
    answered = vultr.post(f"/instances/{made['id']}/iso/detach", None, 202)["iso_status"]
    shown = vultr.get(f"/instances/{made['id']}")["instance"]
    assert shown["server_status"] == "locked"
    assert state_of(vultr, made) == answered == {"iso_id": "", "state": "ready"}
    api.delete("/v1/simulator/faults")
    settled(api, "instances", made["id"])
    assert state_of(vultr, made) == answered


def test_the_same_again_and_nothing_to_detach_are_no_errors(vultr: Vultr, api: Api) -> None:
    iso, instance = imported(vultr, api), instance_of(vultr, api)
    path = f"/instances/{instance['id']}/iso"
    assert vultr.post(f"{path}/detach", None, 202) == {
        "iso_status": {"iso_id": "", "state": "ready"}
    }
    vultr.post(f"{path}/attach", {"iso_id": iso["id"]}, 202)
    settled(api, "instances", instance["id"])
    again = vultr.post(f"{path}/attach", {"iso_id": iso["id"]}, 202)["iso_status"]
    assert again["state"] == "isomounted"


def test_an_iso_that_is_being_attached_can_be_detached(vultr: Vultr, api: Api) -> None:
    iso, instance = imported(vultr, api), instance_of(vultr, api)
    path = f"/instances/{instance['id']}"
    api.fault(verb="ensure_stopped", error="busy", times=1000)
    vultr.post(f"{path}/reboot", None, 204)
    assert vultr.post(f"{path}/iso/detach", None, 202)["iso_status"]["state"] == "ready"
    api.delete("/v1/simulator/faults")
    settled(api, "instances", instance["id"])
    api.fault(verb="ensure_stopped", error="busy", times=1000)
    vultr.post(f"{path}/iso/attach", {"iso_id": iso["id"]}, 202)
    vultr.post(f"{path}/iso/detach", None, 202)
    api.delete("/v1/simulator/faults")
    settled(api, "instances", instance["id"])
    assert state_of(vultr, instance)["iso_id"] == ""


def test_an_instance_is_made_from_an_iso(vultr: Vultr, api: Api) -> None:
    iso = imported(vultr, api)
    made = instance_of(vultr, api, os_id=None, iso_id=iso["id"])
    assert (made["os"], made["os_id"], made["server_status"]) == ("Custom", 159, "ok")
    assert state_of(vultr, made) == {"iso_id": iso["id"], "state": "isomounted"}


def test_what_an_iso_is_in_is_said_where_it_is_deleted(vultr: Vultr, api: Api) -> None:
    iso = imported(vultr, api)
    made = instance_of(vultr, api, os_id=None, iso_id=iso["id"])
    told = vultr.refused("DELETE", f"/iso/{iso['id']}")
    assert made["id"] in told
    assert "is still attached to" in told
    assert told.split()[-1] == made["main_ip"], "clients look for the instance by its address"


@pytest.mark.parametrize("other", [False, True])
def test_an_iso_is_needed_only_while_it_is_attached(vultr: Vultr, api: Api, other: bool) -> None:
    """Also by an instance that was made from it."""
    iso = imported(vultr, api)
    made = instance_of(vultr, api, os_id=None, iso_id=iso["id"], label="installed")
    path = f"/instances/{made['id']}"
    if other:
        following = imported(vultr, api, "https://example.com/other.iso")
        vultr.post(f"{path}/iso/attach", {"iso_id": following["id"]}, 202)
    else:
        vultr.post(f"{path}/iso/detach", None, 202)
    vultr.delete(f"/iso/{iso['id']}")
    settled(api, "instances", made["id"])
    deleting = api.items("/v1/operations?kind=image.delete")
    api.ended(deleting[0]["id"], "completed")
    assert iso["id"] not in str(vultr.get("/iso"))
    shown = vultr.get(path)["instance"]
    assert (shown["os"], shown["os_id"], shown["server_status"]) == ("Custom", 159, "ok")
    for verb in ("halt", "start", "reboot"):
        vultr.post(f"{path}/{verb}", None, 204)
        settled(api, "instances", made["id"])
    changed = vultr.patch(path, {"plan": "vc2-1c-2gb"}, 202)["instance"]
    settled(api, "instances", changed["id"])
    snapshot = vultr.post("/snapshots", {"instance_id": made["id"]})["snapshot"]
    settled(api, "snapshots", snapshot["id"])
    assert vultr.get(f"/snapshots/{snapshot['id']}")["snapshot"]["os_id"] == 159
    vultr.post(f"{path}/restore", {"snapshot_id": snapshot["id"]}, 202)
    settled(api, "instances", made["id"])
    copy = instance_of(vultr, api, os_id=None, snapshot_id=snapshot["id"], plan="vc2-1c-2gb")
    assert state_of(vultr, copy) == {"iso_id": "", "state": "ready"}


def test_what_was_installed_from_an_iso_is_reinstalled_from_a_named_system(
    vultr: Vultr, api: Api
) -> None:
    iso = imported(vultr, api)
    made = instance_of(vultr, api, os_id=None, iso_id=iso["id"], label="installed")
    path = f"/instances/{made['id']}"
    told = vultr.refused("POST", f"{path}/reinstall")
    assert told == (
        "os_id is required: instance installed was installed from an ISO, not created from an image"
    )
    vultr.patch(path, {"os_id": 2284}, 202)
    settled(api, "instances", made["id"])
    assert vultr.get(path)["instance"]["os_id"] == 2284


@pytest.mark.parametrize("verb", ["attach", "create"])
def test_a_strange_iso_is_refused_by_its_field(vultr: Vultr, api: Api, verb: str) -> None:
    if verb == "attach":
        path = f"/instances/{instance_of(vultr, api)['id']}/iso/attach"
        told = vultr.refused("POST", path, {"iso_id": NOBODY})
    else:
        body = {"region": "ewr", "plan": "vc2-1c-1gb", "iso_id": NOBODY}
        told = vultr.refused("POST", "/instances", body)
    assert told.startswith("iso_id: ")


def test_another_projects_iso_is_nobodys(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    iso = imported(vultr, api)
    other = Vultr(api.url, key_for().key)
    assert other.get("/iso") == NONE
    assert other.refused("GET", f"/iso/{iso['id']}", status=404) == "Invalid ISO ID"
    body = {"region": "ewr", "plan": "vc2-1c-1gb", "iso_id": iso["id"]}
    assert other.refused("POST", "/instances", body).startswith("iso_id: no image has the id")
    other.close()


def test_an_instance_that_is_not_there_has_no_drive(vultr: Vultr) -> None:
    for method, path in (("GET", ""), ("POST", "/attach"), ("POST", "/detach")):
        body = {"iso_id": NOBODY} if path == "/attach" else None
        told = vultr.refused(method, f"/instances/{NOBODY}/iso{path}", body, status=404)
        assert told == "instance not found"
