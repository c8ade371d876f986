"""What a request may not ask for: a test for each rule, and the sentence that says it."""

import base64
import email
from typing import Any

import pytest

from atoll.domain import ids
from tests.api.client import Api, fresh
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import (
    NOBODY,
    became,
    body_of,
    gone,
    idle,
    instance_of,
    key_of,
    native,
    until,
)

REGION = "ARC-IS-HAF-1"
PASSWORD = "sixteen letters!"
SCRIPT_BYTES_MAX = 64 * 1024


def metadata(**given: Any) -> dict[str, Any]:
    return {"metadata": given}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"password": "fifteen letters"}, "password must have at least 16"),
        ({"password": "a" * 73}, "to 72 bytes"),
        ({"disk_size": 79}, "disk_size must be 80 to 65536, not 79"),
        ({"type": "vcpu-3_memory-5g"}, "type: there is no instance type 'vcpu-3_memory-5g'"),
        ({"region": "MARS-1"}, "region: there is no region 'MARS-1'"),
        ({"image": "windows-3.11"}, "image: no image has the id or slug 'windows-3.11'"),
        ({"image": "atoll-mini:2"}, "image: atoll-mini has the version '1', not '2'"),
        ({"image": NOBODY}, f"image: no image and no snapshot has the id {NOBODY}"),
        ({"ssh_keys": [NOBODY]}, "ssh_keys"),
        ({"ssh_keys": ["alice"]}, "ssh_keys: 'alice' is not an id"),
        ({"security_groups": [NOBODY]}, "security_groups"),
        ({"floating_ip": NOBODY}, "floating_ip: no floating IP has the id"),
        ({"volumes": [NOBODY]}, "volumes: no volume has the id"),
        ({"hostname": ""}, "hostname is required"),
        ({"hostname": None}, "hostname"),
        ({"billing_type": "never"}, "billing_type must be one of on-demand"),
        ({"destroy_on_shutdown": True}, "destroy_on_shutdown"),
        ({"public_ipv6": True}, "public_ipv6"),
        ({"placement_option": "x" * 256}, "placement_option"),
        (metadata(startup_script="x" * (SCRIPT_BYTES_MAX + 1)), "metadata.startup_script has"),
        (
            metadata(user_data=[{"content": "a"}]),
            "metadata.user_data.0.type: this field is required",
        ),
        (metadata(user_data=[{"type": "text/plain"}]), "metadata.user_data.0.content"),
        (
            metadata(user_data=[{"type": "plain", "content": ""}]),
            "user_data.0.type must be a media type",
        ),
        (metadata(user_data=[{"type": "a/b", "content": "", "filename": "../x\n"}]), "filename"),
        (metadata(user_data=[{"type": "a/b", "content": ""}] * 33), "at most 32"),
        (metadata(user_data="#!/bin/sh"), "metadata.user_data"),
        ({"password": ["hunter2"]}, "password: must be of type string"),
    ],
)
def test_a_request_is_refused_by_name(genesis: Genesis, more: dict[str, Any], said: str) -> None:
    assert said in genesis.refused("POST", "/instances", body_of(**more))
    assert genesis.get("/instances")["total_count"] == 0


def test_keys_and_a_password_exclude_each_other(genesis: Genesis) -> None:
    body = body_of(ssh_keys=[key_of(genesis)], password=PASSWORD)
    said = genesis.refused("POST", "/instances", body)
    assert said == "password and ssh_keys cannot be used together: omit one of them"
    assert instance_of(genesis, password=PASSWORD, ssh_keys=[])["ssh_keys"] == []


def test_an_image_that_needs_more_memory_has_the_code_of_the_vendor(
    genesis: Genesis, api: Api
) -> None:
    body = body_of(type="mini", image="debian-12")
    code, message = genesis.refusal("POST", "/instances", body)
    assert (code, "debian-12" in message) == ("02035", True)


def test_a_script_of_64_kib_is_taken(genesis: Genesis, api: Api) -> None:
    script = "#!/bin/sh\n".ljust(SCRIPT_BYTES_MAX, "#")
    made = genesis.post("/instances", body_of(metadata={"startup_script": script}))["instance"]
    shown = native(api, "instances", made["id"])
    assert base64.b64decode(shown["spec"]["user_data"]).decode() == script
    read = genesis.get(f"/instances/{made['id']}/user-metadata")
    assert read == {"startup_script": script}


def test_typed_parts_become_one_message(genesis: Genesis, api: Api) -> None:
    given = {
        "startup_script": "#!/bin/sh\necho ümlaut\n",
        "user_data": [
            {"type": "text/cloud-config", "content": "#cloud-config\n{}\n", "filename": "a.yaml"},
            {"type": "text/x-shellscript", "content": "#!/bin/sh\n", "filename": None},
        ],
    }
    made = genesis.post("/instances", body_of(metadata=given))["instance"]
    shown = native(api, "instances", made["id"])
    message = email.message_from_bytes(base64.b64decode(shown["spec"]["user_data"]))
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert message.get_content_type() == "multipart/mixed"
    assert [(p.get_content_type(), p.get_filename()) for p in parts] == [
        ("text/cloud-config", "a.yaml"),
        ("text/x-shellscript", None),
        ("text/x-shellscript", "startup-script"),
    ]
    assert genesis.get(f"/instances/{made['id']}/user-metadata") == given


def test_without_metadata_there_is_none(genesis: Genesis) -> None:
    made = genesis.post("/instances", body_of())["instance"]
    assert genesis.get(f"/instances/{made['id']}/user-metadata") == {}


def test_a_protected_instance_is_not_destroyed(genesis: Genesis) -> None:
    made = instance_of(genesis, is_protected=True)
    path = f"/instances/{made['id']}"
    code, message = genesis.refusal("DELETE", path, status=409)
    assert (code, "set is_protected to false first" in message) == ("PROTECTED", True)
    assert made["id"] in message
    genesis.patch(path, {"is_protected": False})
    genesis.delete(path)
    gone(genesis, path)


def test_what_is_paid_for_long_is_protected_by_itself(genesis: Genesis) -> None:
    made = genesis.post("/instances", body_of(billing_type="prepaid-monthly"))["instance"]
    assert made["is_protected"] is True


def test_a_disk_only_grows(genesis: Genesis, api: Api) -> None:
    made = instance_of(genesis, disk_size=100)
    path = f"/instances/{made['id']}"
    assert "a disk cannot shrink" in genesis.refused("PATCH", path, {"disk_size": 90})
    said = genesis.refused("PATCH", path, {"disk_size": 65_537})
    assert said == "disk_size must be 80 to 65536, not 65537"
    assert genesis.patch(path, {"disk_size": 100})["instance"]["disk_size"] == 100
    genesis.patch(path, {"disk_size": 120})
    idle(api, made["id"])
    assert genesis.get(path)["instance"]["disk_size"] == 120
    assert native(api, "instances", made["id"])["spec"]["disk_gb"] == 120


def test_a_disk_that_is_growing_is_shown_as_large_as_it_becomes(genesis: Genesis, api: Api) -> None:
    made = instance_of(genesis)
    path = f"/instances/{made['id']}"
    api.fault(verb="ensure_volume", error="busy", times=1000)
    for change in ({"disk_size": 120}, {"disk_size": 120, "name": "larger"}):
        shown = genesis.patch(path, change)["instance"]
        assert (shown["disk_size"], shown["status"]) == (120, "active")
    assert genesis.patch(path, {"disk_size": 130})["instance"]["disk_size"] == 130
    api.delete("/v1/simulator/faults")
    idle(api, made["id"])
    assert native(api, "instances", made["id"])["spec"]["disk_gb"] == 130


def test_no_groups_named_are_the_standard_one_and_an_empty_list_is_none(genesis: Genesis) -> None:
    groups = genesis.post("/instances", body_of())["instance"]["security_groups"]
    assert [group["name"] for group in groups] == ["standard"]
    none = instance_of(genesis, security_groups=[])
    assert none["security_groups"] == []
    path = f"/instances/{none['id']}"
    kept = genesis.patch(path, {"name": "other"})["instance"]["security_groups"]
    assert kept == []


def test_groups_are_attached_and_detached_one_at_a_time(genesis: Genesis) -> None:
    made = instance_of(genesis)
    path, standard = f"/instances/{made['id']}", made["security_groups"][0]
    body = {"name": fresh("g"), "region": REGION, "rules": []}
    group = genesis.post("/security-groups", body)["security_group"]
    more = {"id": group["id"], "name": group["name"]}
    for change, now in (
        ({"attach": group["id"]}, [standard, more]),
        ({"attach": group["id"]}, [standard, more]),
        ({"detach": standard["id"]}, [more]),
        ({"detach": standard["id"]}, [more]),
    ):
        shown = genesis.patch(path, {"security_groups": change})["instance"]
        assert shown["security_groups"] == now
    assert "security_groups" in genesis.refused("PATCH", path, {"security_groups": {}})
    assert genesis.refusal("DELETE", f"/security-groups/{group['id']}", status=409)[0] == "IN_USE"


def test_volumes_are_attached_and_detached_one_at_a_time(genesis: Genesis, api: Api) -> None:
    body = {"name": "v", "size": 1, "region": REGION}
    first, second = (genesis.post("/volumes", body)["volume"]["id"] for _ in range(2))
    made = instance_of(genesis, volumes=[first])
    path = f"/instances/{made['id']}"
    idle(api, made["id"])
    for change, now in (
        ({"attach": second}, {first, second}),
        ({"attach": second}, {first, second}),
        ({"detach": first}, {second}),
        ([first], {first}),
        ([], set()),
    ):
        shown = genesis.patch(path, {"volumes": change})["instance"]
        assert {one["id"] for one in shown["volumes"]} == now
        idle(api, made["id"])
    assert genesis.get(f"/volumes/{first}")["volume"]["instances"] == []


def test_a_volume_of_another_instance_is_not_taken(genesis: Genesis, api: Api) -> None:
    volume = genesis.post("/volumes", {"name": "v", "size": 1, "region": REGION})["volume"]
    holder, other = instance_of(genesis, volumes=[volume["id"]]), instance_of(genesis)
    idle(api, holder["id"])
    body = {"volumes": [volume["id"]]}
    said = genesis.refused("PATCH", f"/instances/{other['id']}", body, 409)
    assert f"is attached to instance web ({holder['id']})" in said
    idle_volume = until(genesis, f"/volumes/{volume['id']}", "volume", "created")
    assert idle_volume["instances"] == [{"id": holder["id"], "name": holder["name"]}]


def test_a_volume_of_another_region_is_refused_as_the_volume(genesis: Genesis) -> None:
    body = {"name": "v", "size": 1, "region": "NORD-NO-KRS-1"}
    volume = genesis.post("/volumes", body)["volume"]
    given = {"volumes": [volume["id"]]}
    places = f"instance web is in region {REGION}, but volume v is in region NORD-NO-KRS-1"
    region = f"volumes: {places}"
    assert genesis.refused("POST", "/instances", body_of(region=REGION, **given)) == region
    made = instance_of(genesis, region=REGION)
    assert genesis.refused("PATCH", f"/instances/{made['id']}", given) == region


def test_an_address_that_leads_elsewhere_is_not_taken(genesis: Genesis) -> None:
    body = {"name": "a", "region": REGION}
    address = genesis.post("/floating-ips", body)["floating_ip"]
    holder = instance_of(genesis, floating_ip=address["id"])
    said = genesis.refused("POST", "/instances", body_of(floating_ip=address["id"]))
    assert f"is attached to instance {holder['id']}" in said
    assert genesis.refusal("DELETE", f"/floating-ips/{address['id']}", status=409)[0] == "IN_USE"


@pytest.mark.parametrize("way", ["id", "slug", "slug and version", "name in Atoll", "snapshot"])
def test_an_image_is_named_in_five_ways(genesis: Genesis, way: str) -> None:
    images = genesis.get("/images")["images"]
    mini = next(image for image in images if image["slug"] == "atoll-mini")
    wanted, shown = {
        "id": (mini["id"], mini),
        "slug": ("atoll-mini", mini),
        "slug and version": (f"atoll-mini:{mini['versions'][0]}", mini),
        "name in Atoll": ("atoll-mini", mini),
        "snapshot": ("", {}),
    }[way]
    if way == "snapshot":
        first = instance_of(genesis, disk_size=100)
        path = f"/instances/{first['id']}/snapshots"
        shown = genesis.post(path, {"name": "golden"})["snapshot"]
        until(genesis, f"/snapshots/{shown['id']}", "snapshot", "created")
        wanted = shown["id"]
    made = instance_of(genesis, image=wanted)
    assert made["image"] == {"id": shown["id"], "name": shown["name"]}
    assert made["disk_size"] == (100 if way == "snapshot" else 80)


@pytest.mark.parametrize("action", ["explode", "", "reboot"])
def test_only_three_actions_are_known(genesis: Genesis, action: str) -> None:
    made = instance_of(genesis)
    path = f"/instances/{made['id']}/actions"
    assert (
        genesis.refused("POST", path, {"action": action})
        == "action must be one of start, stop, reset"
    )


def test_a_stopped_instance_is_not_reset(genesis: Genesis) -> None:
    made = instance_of(genesis)
    path = f"/instances/{made['id']}/actions"
    genesis.post(path, {"action": "stop"}, 204)
    became(genesis, made["id"], "stopped")
    assert "start it" in genesis.refused("POST", path, {"action": "reset"}, 409)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("page=0", "page must be 1 to"), ("per_page=0", "per_page must be 1 to 100"),
        ("per_page=101", "per_page must be 1 to 100"), ("page=x", "page"),
        ("page=99999999999999999999", "page must be 1 to"),
    ],
)  # fmt: skip
def test_a_page_is_within_bounds(genesis: Genesis, query: str, said: str) -> None:
    assert said in genesis.refused("GET", f"/instances?{query}")


def test_a_route_that_is_not_there_has_the_code_of_the_vendor(genesis: Genesis) -> None:
    assert genesis.refusal("GET", "/nothing", status=404)[0] == "02001"
    assert genesis.refusal("PUT", "/instances", status=405)[0] == "02001"


def test_a_viewer_changes_nothing(genesis: Genesis, api: Api, key_for: Any) -> None:
    made = instance_of(genesis)
    viewer = Genesis(api.url, key_for("viewer", api.project).key)
    assert viewer.get("/instances")["total_count"] == 1
    volume = {"name": "v", "size": 1, "region": "NA-CA-PRG-1"}
    for method, path, body in (
        ("POST", "/instances", body_of()), ("DELETE", f"/instances/{made['id']}", None),
        ("PATCH", f"/instances/{made['id']}", {"name": "x"}), ("POST", "/volumes", volume),
        ("POST", "/filesystems", {"name": "x"}),
        ("POST", "/snapshots/nothing/clone", {"region": "NA-CA-PRG-1"}),
    ):  # fmt: skip
        assert viewer.refusal(method, path, body, 403)[0] == "FORBIDDEN"
    viewer.close()


def test_a_creation_that_came_to_nothing_says_why(genesis: Genesis, api: Api) -> None:
    api.fault(verb="ensure_running", error="refused", message="the host is on fire")
    made = genesis.post("/instances", body_of())["instance"]
    gone(genesis, f"/instances/{made['id']}")
    said = genesis.refused("GET", f"/instances/{made['id']}", status=404)
    assert "the host is on fire" in said
    assert ids.from_uuid(ids.INSTANCE, made["id"]) not in said
