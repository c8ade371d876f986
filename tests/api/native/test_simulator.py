"""Faults are planned, listed and forgotten."""

import pytest

from tests.api.client import Api, Json
from tests.api.native.test_errors import refused
from tests.api.native.test_instances import until


def test_a_fault_is_shown_until_it_has_happened(api: Api) -> None:
    planned = api.post(
        "/v1/simulator/faults",
        {"verb": "ensure_running", "host": "sim-1", "error": "busy", "when": "after", "skip": 1,
         "times": 2, "message": "no"},
    )  # fmt: skip
    assert api.items("/v1/simulator/faults") == [planned]
    assert planned["lost_seconds"] is None
    api.delete(f"/v1/simulator/faults/{planned['id']}")
    assert api.items("/v1/simulator/faults") == []


def test_a_fault_passes_by_as_often_as_it_was_asked_to(api: Api) -> None:
    api.fault(verb="ensure_running", error="refused", skip=1)
    api.running()
    api.ended(api.create()["operation_id"], "failed")
    assert api.items("/v1/simulator/faults") == []
    api.running()


def test_a_lost_host_answers_nothing_until_it_is_found(api: Api) -> None:
    created = api.running()
    api.fault(lost_seconds=1_000)
    path = f"/v1/instances/{created['id']}"
    refused(api.call("GET", f"{path}/log"), 503, "DRIVER_UNAVAILABLE")
    operation = api.post(f"{path}/stop", status=202)["operation_id"]
    until(lambda: api.get(f"/v1/operations/{operation}"), lambda o: o["attempt"] > 0)
    api.delete("/v1/simulator/faults")
    api.ended(operation, "completed")


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"verb": "dance"}, "verb"),
        ({"times": 0}, "times"),
        ({"skip": -1}, "skip"),
        ({"lost_seconds": 0}, "lost_seconds"),
        ({"lost_seconds": 86_401}, "lost_seconds"),
        ({"error": "comic"}, "error"),
        ({"when": "never"}, "when"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_wrong_fault_is_refused(api: Api, fault: Json, field: str) -> None:
    refused(api.call("POST", "/v1/simulator/faults", fault), 422, "INVALID", field)
