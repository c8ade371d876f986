"""A guest that is powered on and does not execute, in the words of each dialect."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from atoll.domain import ids
from atoll.domain.instances import HALTS, Halt
from tests.api.client import Api, Json
from tests.api.genesis.client import Genesis
from tests.api.native.test_instances import until
from tests.api.vultr.client import Vultr


@pytest.fixture
def vultr(api: Api) -> Iterator[Vultr]:
    with closing(Vultr(api.url, api.key)) as client:
        yield client


@pytest.fixture
def genesis(api: Api) -> Iterator[Genesis]:
    with closing(Genesis(api.url, api.key)) as client:
        yield client


def is_ready(shown: Json) -> bool:
    return bool(shown["status"]["ready"])


def test_every_dialect_says_that_a_guest_does_not_execute_until_it_is_started(
    api: Api, vultr: Vultr, genesis: Genesis
) -> None:
    native_id = api.running()["id"]
    uuid = ids.to_uuid(native_id)
    path, there = f"/v1/instances/{native_id}", f"/instances/{uuid}"
    assert genesis.get(there)["instance"]["status"] == "active"

    api.post("/v1/simulator/faults", {"halt": "panicked", "instance_id": native_id})
    shown = until(lambda: api.get(path), lambda now: not is_ready(now))
    assert shown["status"]["state"] == "running"
    assert shown["status"]["reason"] == HALTS[Halt.PANICKED]
    assert api.get(f"{path}/explain")["reason"] == HALTS[Halt.PANICKED]
    told = vultr.get(there)["instance"]
    assert (told["status"], told["power_status"], told["server_status"]) == (
        "active", "stopped", "ok",
    )  # fmt: skip
    assert genesis.get(there)["instance"]["status"] == "error"
    assert genesis.get(f"{there}/actions") == {"actions": ["start", "reset", "stop"]}

    vultr.post(f"{there}/start", status=204)
    shown = until(lambda: api.get(path), is_ready)
    assert shown["status"]["reason"] == ""
    api.ended(shown["operation_id"], "completed")
    assert vultr.get(there)["instance"]["power_status"] == "running"
    assert genesis.get(there)["instance"]["status"] == "active"


def test_a_full_disk_lasts_until_its_fault_is_deleted(api: Api) -> None:
    native_id = api.running()["id"]
    path = f"/v1/instances/{native_id}"
    fault = api.fault(halt="disk-full", instance_id=native_id)
    until(lambda: api.get(path), lambda now: not is_ready(now))
    operation = api.post(f"{path}/start", status=202)["operation_id"]
    shown = f"/v1/operations/{operation}"
    waiting = until(lambda: api.get(shown), lambda now: bool(now["progress"]["message"]))
    assert waiting["progress"]["message"] == HALTS[Halt.DISK_FULL]
    api.delete(f"/v1/simulator/faults/{fault}")
    api.ended(operation, "completed")
    until(lambda: api.get(path), is_ready)
