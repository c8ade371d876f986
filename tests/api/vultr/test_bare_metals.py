"""Bare metals: instances of the plans `vbm-…`, in a form of their own."""

import pytest

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import NOBODY, instance_of, settled

ORDER = {"region": "ewr", "plan": "vbm-4c-32gb", "os_id": 2284, "label": "metal"}


def metal_of(vultr: Vultr, api: Api) -> Json:
    made = vultr.post("/bare-metals", ORDER, 202)["bare_metal"]
    settled(api, "instances", made["id"])
    shown: Json = vultr.get(f"/bare-metals/{made['id']}")["bare_metal"]
    return shown


def test_a_bare_metal_is_listed_among_its_own_only(vultr: Vultr, api: Api) -> None:
    instance_of(vultr, api)
    made = metal_of(vultr, api)
    assert (made["status"], made["ram"], made["cpu_count"]) == ("active", "32768 MB", 4)
    assert [one["id"] for one in vultr.get("/bare-metals")["bare_metals"]] == [made["id"]]
    assert made["id"] not in [one["id"] for one in vultr.get("/instances")["instances"]]


def test_pages_and_totals_of_both_lists_count_their_own_only(vultr: Vultr, api: Api) -> None:
    made = [instance_of(vultr, api)["id"]]
    metals = [metal_of(vultr, api)["id"] for _ in range(2)]
    made += [instance_of(vultr, api)["id"] for _ in range(2)]
    first = vultr.get("/instances?per_page=2")
    cursor = first["meta"]["links"]["next"]
    second = vultr.get(f"/instances?per_page=2&cursor={cursor}")
    assert [one["id"] for one in first["instances"] + second["instances"]] == made
    assert first["meta"]["total"] == 3
    assert second["meta"]["links"]["next"] == ""
    page = vultr.get("/bare-metals?per_page=1")
    assert ([one["id"] for one in page["bare_metals"]], page["meta"]["total"]) == (metals[:1], 2)


def test_another_instance_is_no_bare_metal(vultr: Vultr, api: Api) -> None:
    path = f"/bare-metals/{instance_of(vultr, api)['id']}"
    assert vultr.refused("GET", path, status=404) == "invalid server"
    told = vultr.refused("POST", "/bare-metals", ORDER | {"plan": "vc2-1c-1gb"})
    assert told == "Invalid plan chosen. See /v2/plans-metal"


@pytest.mark.parametrize("name", ["vpcs", "vpc2"])
def test_its_networks_of_both_kinds_come_and_go(vultr: Vultr, api: Api, name: str) -> None:
    made = metal_of(vultr, api)
    path = f"/bare-metals/{made['id']}/{name}"
    body = {"region": "ewr", "description": fresh("net")}
    vpc_id = vultr.post(f"/{name}", body)["vpc"]["id"]
    vultr.post(f"{path}/attach", {"vpc_id": vpc_id}, 204)
    settled(api, "instances", made["id"])
    assert [one["id"] for one in vultr.get(path)["vpcs"]] == [vpc_id]
    vultr.post(f"{path}/detach", {"vpc_id": vpc_id}, 204)
    settled(api, "instances", made["id"])
    assert vultr.get(path)["vpcs"] == []


def test_nobodys_has_no_networks(vultr: Vultr) -> None:
    for name in ("vpcs", "vpc2"):
        assert vultr.refused("GET", f"/bare-metals/{NOBODY}/{name}", status=404)


@pytest.mark.parametrize("verb", ["start", "halt", "reboot"])
def test_a_viewer_is_refused_what_changes_nothing_too(
    vultr: Vultr, api: Api, key_for: KeyFor, verb: str
) -> None:
    key = key_for("viewer", api.project)
    viewer, none = Vultr(key.url, key.key), {"baremetal_ids": []}
    viewer.refused("POST", f"/bare-metals/{verb}", none, status=403)
    viewer.close()
    assert vultr.post(f"/bare-metals/{verb}", none, 204) is None
