"""Vultr's plans with a GPU, on a cloud where one region has hosts with such devices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.domain.accelerators import Device
from atoll.settings import Offered
from tests.api.client import Api
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, native

PLAN = "vcg-a16-2c-8gb-2vram"
LARGER = "vcg-a16-6c-64gb-16vram"
ABSENT = "vcg-a40-1c-5gb-2vram"
CARD = Device(kind="nvidia-a16", address="0000:17:00.0")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    directory = Path(tmp_path_factory.mktemp("gpus"))
    with RunningCloud(
        directory,
        accelerators=(Offered(device=CARD, host="sim-1"),),
        simulator_hosts=2,
        simulator_regions=("local", "far"),
        vultr_per_second=0,
    ) as running:
        yield running


def test_a_plan_with_a_gpu_is_where_a_host_has_one(vultr: Vultr) -> None:
    plans = {one["id"]: one for one in vultr.get("/plans?per_page=500")["plans"]}
    assert {"ewr", "local"} <= set(plans[PLAN]["locations"])
    assert "far" not in plans[PLAN]["locations"]
    assert plans[ABSENT]["locations"] == []
    ids = {"ewr": {PLAN, LARGER}, "local": {PLAN, LARGER}, "far": set()}
    for region, wanted in ids.items():
        path = f"/regions/{region}/availability?type=vcg"
        assert set(vultr.get(path)["available_plans"]) == wanted


def test_an_instance_of_such_a_plan_has_the_device(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api, plan=PLAN)
    shown = native(api, "instances", made["id"])
    assert shown["status"]["devices"] == [{"kind": CARD.kind, "address": CARD.address}]
    upgrades = vultr.get(f"/instances/{made['id']}/upgrades?type=plans")["upgrades"]["plans"]
    assert upgrades == [LARGER]
    told = vultr.refused(
        "POST", "/instances", {"region": "far", "plan": PLAN, "os_id": 2284, "label": "no"}
    )
    assert told == "no host in region far has a nvidia-a16"


def test_what_no_host_has_is_refused_as_before(vultr: Vultr) -> None:
    order = {"region": "ewr", "plan": ABSENT, "os_id": 2284, "label": "no"}
    assert "No host has a NVIDIA_A40" in vultr.refused("POST", "/instances", order)


def test_own_types_with_accelerators_are_shown_as_such(vultr: Vultr, api: Api) -> None:
    spec = {"vcpus": 1, "memory_mb": 128, "disk_gb": 1, "accelerators": {"kind": CARD.kind}}
    api.post("/v1/types", {"metadata": {"name": "own-gpu"}, "spec": spec})
    plans = {one["id"]: one for one in vultr.get("/plans?per_page=500")["plans"]}
    assert (plans["own-gpu"]["type"], plans["own-gpu"]["gpu_type"]) == ("vcg", "NVIDIA_A16")
    assert "far" not in plans["own-gpu"]["locations"]
