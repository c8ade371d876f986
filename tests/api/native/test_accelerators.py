"""Types with accelerators, hosts that have them, and instances that are given them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.domain.accelerators import Device
from atoll.settings import Offered
from tests.api.client import Api, Json, fresh, instance_body
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

CARD = {"kind": "nvidia-rtx-3090", "address": "0000:65:00.0"}
ON_ALL = Offered(device=Device(**CARD))
ON_ONE = Offered(device=Device(kind="nvidia-a16", address="0000:17:00.0"), host="sim-2")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    directory = Path(tmp_path_factory.mktemp("equipped"))
    with RunningCloud(directory, accelerators=(ON_ALL, ON_ONE), simulator_hosts=2) as running:
        yield running


def type_of(api: Api, accelerators: Json | None) -> str:
    name = fresh("type")
    spec = {"vcpus": 1, "memory_mb": 128, "disk_gb": 1, "accelerators": accelerators}
    body = {"metadata": {"name": name}, "spec": spec | {"description": ""}}
    assert api.post("/v1/types", body) == {"id": name} | body
    return name


def devices_of(api: Api, host: str) -> list[Json]:
    listed: list[Json] = api.get(f"/v1/hosts/{host}")["status"]["devices"]
    return listed


def test_a_device_is_an_instances_own_until_that_is_deleted(api: Api) -> None:
    wanted = {"kind": "nvidia-a16", "count": 1}
    name = type_of(api, wanted)
    unused = {"kind": "nvidia-a16", "address": "0000:17:00.0", "used": False}
    assert devices_of(api, "sim-1") == [CARD | {"used": False}]
    assert devices_of(api, "sim-2") == [CARD | {"used": False}, unused]
    made = api.running(type=name)
    assert made["spec"]["accelerators"] == wanted
    assert made["status"]["devices"] == [{"kind": "nvidia-a16", "address": "0000:17:00.0"}]
    assert devices_of(api, "sim-2")[1] == unused | {"used": True}
    second = api.create(type=name)
    told = api.ended(second["operation_id"], "failed")["result"]
    assert told["code"] == "CAPACITY_EXHAUSTED"
    assert "sim-1: it has no nvidia-a16" in told["error"]
    assert "sim-2: 0 nvidia-a16 are free, 1 are wanted" in told["error"]
    api.ended(api.delete(f"/v1/instances/{made['id']}", 202)["operation_id"], "completed")
    assert devices_of(api, "sim-2")[1] == unused


def test_what_no_host_has_is_refused_at_once(api: Api) -> None:
    body = instance_body(fresh("i"), type=type_of(api, {"kind": "nvidia-h100", "count": 1}))
    told = refused(api.call("POST", "/v1/instances", body), 422, "CAPACITY_EXHAUSTED")
    assert told["error"] == "no host in region local has a nvidia-h100"


def test_a_plan_shows_which_hosts_have_them(api: Api) -> None:
    body = instance_body(fresh("i"), type=type_of(api, {"kind": "nvidia-a16", "count": 1}))
    plan = api.post("/v1/instances?dry_run=true", body, 200)["plan"]
    assert plan["host"] == "sim-2"
    assert plan["hosts"][-1]["reason"] == "it has no nvidia-a16"


def test_an_instance_without_any_shows_none(api: Api) -> None:
    made = api.running()
    assert (made["spec"]["accelerators"], made["status"]["devices"]) == (None, [])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "NVIDIA A16", "count": 1}, "spec.accelerators.kind"),
        ({"kind": "nvidia-a16", "count": 0}, "spec.accelerators.count"),
        ({"count": 1}, "spec.accelerators.kind"),
    ],
)
def test_the_bounds_of_accelerators_are_told(api: Api, wanted: Json, field: str) -> None:
    spec = {"vcpus": 1, "memory_mb": 128, "disk_gb": 1, "accelerators": wanted}
    body = {"metadata": {"name": fresh("type")}, "spec": spec}
    refused(api.call("POST", "/v1/types", body), 422, "INVALID", field)
