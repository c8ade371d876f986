"""Plans, regions and systems, which are shown to anybody."""

import pytest

from atoll.api.vultr import catalogue
from tests.api.client import Api, Json, fresh
from tests.api.vultr.client import Vultr, types_of
from tests.api.vultr.things import instance_of, native

PLAN = {
    "id": str, "vcpu_count": int, "ram": int, "disk": int, "disk_count": int, "bandwidth": int,
    "monthly_cost": int, "type": str, "locations": list, "gpu_vram_gb": int, "gpu_type": str,
}  # fmt: skip
METAL = {
    "id": str, "cpu_count": int, "cpu_model": str, "cpu_threads": int, "ram": int, "disk": int,
    "disk_count": int, "bandwidth": int, "monthly_cost": int, "type": str, "locations": list,
}  # fmt: skip
REGION = {"id": str, "city": str, "country": str, "continent": str, "options": list}
SYSTEM = {"id": int, "name": str, "arch": str, "family": str}
NAMES = catalogue.read(catalogue.PACKAGED)


def ids_of(things: list[Json]) -> list[str]:
    return [thing["id"] for thing in things]


def plans_of(vultr: Vultr, query: str = "") -> dict[str, Json]:
    return {plan["id"]: plan for plan in vultr.get(f"/plans?per_page=500{query}")["plans"]}


@pytest.mark.parametrize(
    ("path", "key", "shape", "of"),
    [
        ("/plans", "plans", PLAN, "vc2-1c-1gb"),
        ("/plans-metal", "plans_metal", METAL, "vbm-4c-32gb"),
        ("/regions", "regions", REGION, "ewr"),
        ("/os", "os", SYSTEM, 2136),
    ],
)
def test_offers_look_as_vultr_documents_them_and_need_no_key(
    anybody: Vultr, path: str, key: str, shape: Json, of: str | int
) -> None:
    shown = anybody.get(f"{path}?per_page=500")
    assert shown.keys() == {key, "meta"}
    assert shown["meta"] == {"total": len(shown[key]), "links": {"next": "", "prev": ""}}
    [one] = [thing for thing in shown[key] if thing["id"] == of]
    assert types_of(one) == shape
    assert [one for page in anybody.pages(path, key, 7) for one in page] == shown[key]
    last = list(anybody.pages(path, key, 2))[-1]
    assert last == shown[key][-len(last) :]


def test_a_page_before_is_found_again(anybody: Vultr) -> None:
    first = anybody.get("/plans?per_page=5")
    second = anybody.get(f"/plans?per_page=5&cursor={first['meta']['links']['next']}")
    back = anybody.get(f"/plans?per_page=5&cursor={second['meta']['links']['prev']}")
    assert back == first
    assert second["meta"]["links"]["next"]


@pytest.mark.parametrize(
    ("path", "key"),
    [("/applications?&type=one-click", "applications"), ("/iso-public", "public_isos")],
)
def test_what_there_is_none_of_is_an_empty_list(anybody: Vultr, path: str, key: str) -> None:
    meta = {"total": 0, "links": {"next": "", "prev": ""}}
    assert anybody.get(path) == {key: [], "meta": meta}


@pytest.mark.parametrize("word", ["vc2", "vhf", "vhp", "voc", "voc-g", "vcg", "vdc", "none"])
def test_plans_are_found_by_their_type(anybody: Vultr, word: str) -> None:
    every = plans_of(anybody)
    found = plans_of(anybody, f"&type={word}")
    named = {plan.id for plan in NAMES.plans if plan.id.startswith(f"{word}-")}
    assert named <= found.keys()
    assert all(plan["type"] == word or plan["id"].startswith(word) for plan in found.values())
    assert plans_of(anybody, "&type=all") == every
    assert plans_of(anybody, "&type=") == every


def test_no_plan_runs_windows(anybody: Vultr) -> None:
    assert plans_of(anybody, "&os=windows") == {}


def test_costs_are_whole_where_they_are(anybody: Vultr) -> None:
    shown = plans_of(anybody)
    known = {plan.id: plan.monthly_cost for plan in NAMES.plans}
    assert {id: shown[id]["monthly_cost"] for id in known} == known
    whole = [id for id, cost in known.items() if cost == int(cost)]
    assert whole
    assert {type(shown[id]["monthly_cost"]) for id in whole} == {int}


def test_plans_are_everywhere_but_those_with_a_gpu(anybody: Vultr) -> None:
    regions = ids_of(anybody.get("/regions?per_page=500")["regions"])
    plans = plans_of(anybody)
    assert plans["vc2-1c-1gb"]["locations"] == regions
    assert plans["vcg-a16-2c-8gb-2vram"]["locations"] == []
    available = anybody.get("/regions/ewr/availability")
    assert available.keys() == {"available_plans"}
    expected = [id for id, plan in plans.items() if plan["locations"]]
    assert available["available_plans"] == expected


def test_what_a_region_has_is_found_by_type(anybody: Vultr) -> None:
    def found(word: str) -> list[str]:
        listed: list[str] = anybody.get(f"/regions/ewr/availability?type={word}")["available_plans"]
        return listed

    metal = [plan.id for plan in NAMES.metal_plans]
    assert found("vbm") == metal
    assert found("all")[-len(metal) :] == metal
    assert found("vcg") == []
    assert all(one.startswith("vhf-") for one in found("vhf"))
    text = anybody.refused("GET", "/regions/moon/availability", status=404)
    assert text == "Invalid region ID"


def test_plans_and_regions_of_the_native_dialect_are_shown(
    anybody: Vultr, vultr: Vultr, admin: Api
) -> None:
    plan, region = fresh("own-plan"), fresh("own-region")
    spec = {"vcpus": 1, "memory_mb": 128, "disk_gb": 1}
    admin.post("/v1/types", {"metadata": {"name": plan}, "spec": spec})
    admin.post("/v1/regions", {"metadata": {"name": region}})
    shown = plans_of(anybody)[plan]
    assert types_of(shown) == PLAN
    assert (shown["vcpu_count"], shown["ram"], shown["disk"]) == (1, 128, 1)
    assert {"ewr", "local"} <= set(shown["locations"])
    assert region in ids_of(anybody.get("/regions?per_page=500")["regions"])
    assert plan in anybody.get("/regions/local/availability")["available_plans"]
    nothing = anybody.get(f"/regions/{region}/availability")["available_plans"]
    assert nothing == [], "no host is there"
    assert region not in shown["locations"]
    admin.delete(f"/v1/regions/{region}")
    admin.delete(f"/v1/types/{plan}")


def test_what_a_native_instance_has_is_listed(anybody: Vultr, vultr: Vultr, api: Api) -> None:
    api.create(image="debian-12-cloud", type="small")
    [shown] = vultr.get("/instances")["instances"]
    assert shown["plan"] in plans_of(anybody)
    assert shown["region"] in ids_of(anybody.get("/regions?per_page=500")["regions"])
    systems = {one["id"]: one["name"] for one in anybody.get("/os?per_page=500")["os"]}
    assert systems[shown["os_id"]] == shown["os"] == "debian-12-cloud"


def test_a_system_without_a_number_of_vultrs_can_be_asked_for(anybody: Vultr, vultr: Vultr) -> None:
    every = anybody.get("/os?per_page=500")["os"]
    assert len({one["id"] for one in every}) == len(every)
    [number] = [one["id"] for one in every if one["name"] == "debian-12-cloud"]
    assert number < 2**31
    body = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": str(number)}
    made = vultr.post("/instances", body, 202)["instance"]
    assert (made["os_id"], made["os"]) == (number, "debian-12-cloud")
    vultr.refused("POST", "/instances", body | {"os_id": number + 1})


def test_a_size_that_an_operator_chose_is_shown(anybody: Vultr, admin: Api) -> None:
    plan = "voc-s-1c-8gb-150s-amd"
    spec = {"vcpus": 3, "memory_mb": 256, "disk_gb": 2}
    admin.post("/v1/types", {"metadata": {"name": plan}, "spec": spec})
    shown = plans_of(anybody)[plan]
    assert (shown["vcpu_count"], shown["ram"], shown["disk"]) == (3, 256, 2)
    assert shown["type"] == "voc"
    admin.delete(f"/v1/types/{plan}")


@pytest.mark.parametrize(
    ("number", "name", "image"),
    [
        (387, "Ubuntu 20.04 LTS x64", "ubuntu-20.04"),
        (477, "Debian 11 x64 (bullseye)", "debian-11-cloud"),
    ],
)
def test_systems_that_examples_of_clients_name_are_there(
    vultr: Vultr, api: Api, number: int, name: str, image: str
) -> None:
    systems = {one["id"]: one["name"] for one in vultr.get("/os?per_page=500")["os"]}
    assert systems[number] == name
    made = instance_of(vultr, api, os_id=number)
    assert (made["os_id"], made["os"]) == (number, name)
    assert native(api, "instances", made["id"])["spec"]["image"] == image
