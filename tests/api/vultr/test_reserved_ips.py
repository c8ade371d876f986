"""Reserved IPs: floating IPs in Vultr's words."""

import pytest

from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr, types_of
from tests.api.vultr.things import NOBODY, instance_of, native

RESERVED = {
    "id": str, "region": str, "ip_type": str, "subnet": str, "subnet_size": int, "label": str,
    "instance_id": str,
}  # fmt: skip


def reserved(vultr: Vultr, **more: object) -> Json:
    body = {"region": "ewr", "ip_type": "v4"} | more
    made: Json = vultr.post("/reserved-ips", body)["reserved_ip"]
    return made


def shown(vultr: Vultr, one: Json) -> Json:
    found: Json = vultr.get(f"/reserved-ips/{one['id']}")["reserved_ip"]
    return found


def addresses_of(vultr: Vultr, instance: Json) -> set[str]:
    listed = vultr.get(f"/instances/{instance['id']}/ipv4")["ipv4s"]
    return {one["ip"] for one in listed}


def test_a_reserved_address_is_shown_everywhere(vultr: Vultr, api: Api) -> None:
    made = reserved(vultr, label="front")
    assert types_of(made) == RESERVED
    assert (made["ip_type"], made["subnet_size"], made["region"]) == ("v4", 32, "ewr")
    assert (made["label"], made["instance_id"]) == ("front", "")
    assert shown(vultr, made) == made
    listed = vultr.get("/reserved-ips")
    assert (listed["reserved_ips"], listed["meta"]["total"]) == ([made], 1)
    assert native(api, "floating-ips", made["id"])["status"]["address"] == made["subnet"]


def test_an_address_is_attached_and_detached(vultr: Vultr, api: Api) -> None:
    instance, made = instance_of(vultr, api), reserved(vultr)
    path, body = f"/reserved-ips/{made['id']}", {"instance_id": instance["id"]}
    for _ in ("now", "and again"):
        vultr.post(f"{path}/attach", body, 204)
    assert shown(vultr, made)["instance_id"] == instance["id"]
    assert made["subnet"] in addresses_of(vultr, instance)
    vultr.post(f"{path}/detach", None, 204)
    assert shown(vultr, made)["instance_id"] == ""
    assert made["subnet"] not in addresses_of(vultr, instance)
    told = vultr.refused("POST", f"{path}/detach")
    assert told == f"floating IP {made['subnet']} is not attached to an instance"


def test_an_attached_address_does_not_move_to_another_instance(vultr: Vultr, api: Api) -> None:
    first, second = instance_of(vultr, api), instance_of(vultr, api)
    made = reserved(vultr, instance_id=first["id"])
    assert made["instance_id"] == first["id"]
    path = f"/reserved-ips/{made['id']}/attach"
    told = vultr.refused("POST", path, {"instance_id": second["id"]})
    assert told == "Floating IPv4 address is already attached to another server"
    assert shown(vultr, made)["instance_id"] == first["id"]


def test_a_label_is_changed_and_taken_away(vultr: Vultr) -> None:
    made = reserved(vultr, label="old")
    for label in ("new", ""):
        changed = vultr.patch(f"/reserved-ips/{made['id']}", {"label": label}, 200)
        assert changed == {"reserved_ip": made | {"label": label}}
    told = vultr.refused("PATCH", f"/reserved-ips/{made['id']}", {})
    assert told.startswith("label")


def test_an_attached_address_goes_off_its_instance_when_it_goes(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    made = reserved(vultr, instance_id=instance["id"])
    path = f"/reserved-ips/{made['id']}"
    vultr.delete(path)
    assert made["subnet"] not in addresses_of(vultr, instance)
    assert vultr.refused("GET", path, status=404) == "Invalid reserved-ip ID"
    assert vultr.get("/reserved-ips")["reserved_ips"] == []


def test_an_instance_s_second_address_is_converted_where_it_is(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api)
    added = vultr.post(f"/instances/{instance['id']}/ipv4", None, 202)["ipv4"]["ip"]
    body = {"ip_address": added, "label": "kept"}
    made = vultr.post("/reserved-ips/convert", body)["reserved_ip"]
    assert (made["subnet"], made["label"]) == (added, "kept")
    assert made["instance_id"] == instance["id"]
    assert vultr.get("/reserved-ips")["reserved_ips"] == [made]
    assert added in addresses_of(vultr, instance)


def test_a_main_address_and_an_unknown_one_are_not_converted(vultr: Vultr, api: Api) -> None:
    for address in (instance_of(vultr, api)["main_ip"], "192.0.2.1", "nonsense"):
        told = vultr.refused("POST", "/reserved-ips/convert", {"ip_address": address})
        assert told.startswith(f"ip_address: {address} is not an additional address")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"ip_type": "v6"}, "ip_type"),
        ({"ip_type": None}, "ip_type"),
        ({"region": "mars"}, "region"),
        ({"label": "x" * 254}, "label"),
        ({"instance_id": "nonsense"}, "instance_id"),
        ({"instance_id": NOBODY}, "instance_id"),
        ({"ip_address": "192.0.2.1"}, "ip_address"),
    ],
)
def test_a_wrong_value_names_its_field(vultr: Vultr, more: Json, field: str) -> None:
    body = {"region": "ewr", "ip_type": "v4"} | more
    told = vultr.refused("POST", "/reserved-ips", body)
    assert field in told.lower()
    assert "spec." not in told
    assert vultr.get("/reserved-ips")["meta"]["total"] == 0


@pytest.mark.parametrize("reserved_ip", ["nonsense", NOBODY])
def test_an_address_that_is_not_there_is_called_so(vultr: Vultr, reserved_ip: str) -> None:
    path = f"/reserved-ips/{reserved_ip}"
    for method, rest, body in (
        ("GET", "", None), ("PATCH", "", {"label": "x"}), ("DELETE", "", None),
        ("POST", "/attach", {"instance_id": NOBODY}), ("POST", "/detach", None),
    ):  # fmt: skip
        told = vultr.refused(method, path + rest, body, status=404)
        assert told == "Invalid reserved-ip ID"


def test_pages_lead_to_the_end_and_back(vultr: Vultr) -> None:
    made = [reserved(vultr)["id"] for _ in range(3)]
    pages = list(vultr.pages("/reserved-ips", "reserved_ips", 2))
    assert [[one["id"] for one in page] for page in pages] == [made[:2], made[2:]]
    second = vultr.get("/reserved-ips?per_page=2")["meta"]["links"]["next"]
    before = vultr.get(f"/reserved-ips?per_page=2&cursor={second}")["meta"]["links"]["prev"]
    first = vultr.get(f"/reserved-ips?per_page=2&cursor={before}")["reserved_ips"]
    assert [one["id"] for one in first] == made[:2]


def test_a_natively_made_floating_ip_is_a_reserved_ip(vultr: Vultr, api: Api) -> None:
    made = api.post("/v1/floating-ips", {"metadata": {"name": "front"}, "spec": {}})
    (found,) = vultr.get("/reserved-ips")["reserved_ips"]
    assert (found["label"], found["region"]) == ("front", "local")
    assert found["subnet"] == made["status"]["address"]
