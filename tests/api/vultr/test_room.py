"""Plans that no host can hold: not offered, and refused before anything is accepted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.domain.hosts import Capacity
from atoll.roots import simulated_hosts
from tests.api.client import Api, Json
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of

SMALL, LARGER, LARGE = "vc2-1c-1gb", "vc2-2c-4gb", "vc2-24c-96gb"
METAL = "vbm-4c-32gb"
NEW: Json = {"region": "ewr", "os_id": 2284, "label": "web"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A cloud of one host that holds two small instances, or one larger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_hosts, "CAPACITY", Capacity(vcpus=4, memory_mib=4608, disk_gib=200))
        running = RunningCloud(
            Path(tmp_path_factory.mktemp("narrow")), simulator_hosts=1, vultr_per_second=0
        )
        running.start()
    yield running
    running.stop()


@pytest.fixture
def api(admin: Api) -> Api:
    """Of one project for all tests here: some go on with what the one before made."""
    return admin


def test_only_plans_that_a_host_could_hold_are_offered(vultr: Vultr) -> None:
    plans = {one["id"]: one for one in vultr.get("/plans?per_page=500")["plans"]}
    assert "ewr" in plans[SMALL]["locations"]
    assert "ewr" in plans[LARGER]["locations"]
    assert plans[LARGE]["locations"] == []
    metal = {one["id"]: one for one in vultr.get("/plans-metal")["plans_metal"]}
    assert metal[METAL]["locations"] == []
    available = vultr.get("/regions/ewr/availability?type=all")["available_plans"]
    assert {SMALL, LARGER} <= set(available)
    assert not {LARGE, METAL} & set(available)


@pytest.mark.parametrize(("path", "plan"), [("/instances", LARGE), ("/bare-metals", METAL)])
def test_a_plan_that_no_host_holds_is_refused(vultr: Vultr, api: Api, path: str, plan: str) -> None:
    text = vultr.refused("POST", path, NEW | {"plan": plan})
    assert text.startswith("plan: no host in region ewr has room: sim-1")
    assert "are free" in text
    assert api.items("/v1/instances") == []


def test_what_a_host_has_no_room_for_now_is_refused(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api, plan=SMALL)
    text = vultr.refused("POST", "/instances", NEW | {"plan": LARGER})
    assert "MiB of memory are free, 4096 are wanted" in text
    text = vultr.refused("PATCH", f"/instances/{made['id']}", {"plan": LARGE})
    assert text.startswith("plan: no host in region ewr has room: sim-1")
    shown = vultr.get(f"/instances/{made['id']}")["instance"]
    assert (shown["plan"], shown["server_status"]) == (SMALL, "ok")
    changed = vultr.patch(f"/instances/{made['id']}", {"plan": LARGER}, 202)
    assert changed["job_ids"], "the difference fits"


def test_a_kind_of_plan_has_a_path_of_its_own(vultr: Vultr, api: Api) -> None:
    (made,) = vultr.get("/instances")["instances"]
    path = f"/instances/{made['id']}"
    told = "Invalid plan chosen. See /v2/plans"
    assert vultr.refused("POST", "/instances", NEW | {"plan": METAL}) == told
    assert vultr.refused("PATCH", path, {"plan": METAL}) == told
    assert vultr.refused("POST", "/bare-metals", NEW | {"plan": SMALL}) == f"{told}-metal"


def test_a_plan_with_a_smaller_disk_is_refused(vultr: Vultr) -> None:
    (made,) = vultr.get("/instances")["instances"]
    text = vultr.refused("PATCH", f"/instances/{made['id']}", {"plan": "vc2-1c-0.5gb"})
    assert text.startswith("plan: vc2-1c-0.5gb has a disk of 10 GB")
    upgrades = vultr.get(f"/instances/{made['id']}/upgrades?type=plans")["upgrades"]["plans"]
    assert "vc2-1c-0.5gb" not in upgrades
