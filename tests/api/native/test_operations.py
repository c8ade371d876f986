"""Operations: what is said of them while they go on, how they are waited for, taken back and
carried out anew."""

import time

from tests.api.client import Api
from tests.api.native.test_errors import refused
from tests.api.native.test_instances import until


def test_a_completed_operation_tells_all_its_steps(api: Api) -> None:
    created = api.running()
    shown = api.get(f"/v1/operations/{created['operation_id']}")
    assert shown["id"] == created["operation_id"]
    assert shown["resource_id"] == created["id"]
    assert (shown["kind"], shown["type"]) == ("instance.create", "create")
    assert shown["result"] == {"resource_id": created["id"]}
    assert shown["progress"]["percent"] == 100
    assert shown["created_at"] <= shown["started_at"] <= shown["completed_at"]
    assert shown["deadline"] > shown["created_at"]
    assert [step["name"] for step in shown["steps"]] == [
        "take_addresses", "pick_host", "prepare_volume", "start_guest", "wait_until_running",
    ]  # fmt: skip
    assert {step["direction"] for step in shown["steps"]} == {"do"}


def test_a_failed_operation_tells_what_it_took_back(api: Api) -> None:
    api.fault(verb="ensure_volume", error="refused", message="the disk is full")
    created = api.create()
    shown = api.ended(created["operation_id"], "failed")
    assert shown["result"] == {"error": "the disk is full", "code": "DRIVER_REFUSED"}
    undone = {step["name"] for step in shown["steps"] if step["direction"] == "undo"}
    assert undone == {"prepare_volume", "pick_host", "take_addresses"}


def test_what_passes_by_itself_is_tried_again(api: Api) -> None:
    api.fault(verb="ensure_running", error="unavailable", when="after", times=2)
    created = api.create()
    shown = api.ended(created["operation_id"], "completed")
    attempts = {step["name"]: step["attempts"] for step in shown["steps"]}
    assert attempts["start_guest"] == 3


def test_an_operation_tells_its_progress_and_what_it_waits_for(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000, message="too many starts")
    created = api.create()
    path = f"/v1/operations/{created['operation_id']}"
    shown = until(lambda: api.get(path), lambda o: o["waiting_for"] == "too many starts")
    assert shown["status"] == "running"
    assert (shown["result"], shown["completed_at"]) == (None, None)
    assert (shown["progress"]["name"], shown["progress"]["step"]) == ("start_guest", 3)
    behind = api.post(f"/v1/instances/{created['id']}/stop", status=202)
    waits = api.get(f"/v1/operations/{behind['operation_id']}")
    assert waits["status"] == "pending"
    assert created["operation_id"] in waits["waiting_for"]


def test_a_long_poll_is_answered_when_the_operation_ends(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=3)
    created = api.create()
    began = time.monotonic()
    assert api.get(f"/v1/operations/{created['operation_id']}?wait=60")["status"] == "completed"
    assert time.monotonic() - began < 30


def test_a_long_poll_is_answered_as_it_is_when_the_time_is_up(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000)
    created = api.create()
    path = f"/v1/operations/{created['operation_id']}"
    assert api.get(f"{path}?wait=0.1")["completed_at"] is None


def test_a_cancelled_create_leaves_nothing(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000)
    created = api.create()
    path = f"/v1/operations/{created['operation_id']}"
    until(lambda: api.get(path), lambda o: o["progress"]["step"] == 3)
    api.post(f"{path}/cancel", status=202)
    shown = api.ended(created["operation_id"], "failed")
    assert shown["result"]["code"] == "CANCELLED"
    assert shown["cancel_requested"] is True
    assert api.items("/v1/instances") == []
    assert api.get(f"/v1/instances/{created['id']}")["status"]["state"] == "terminated"


def test_what_has_ended_is_not_cancelled(api: Api) -> None:
    path = f"/v1/operations/{api.running()['operation_id']}/cancel"
    assert "has already ended" in refused(api.call("POST", path), 409, "CONFLICT")["error"]


def test_a_deletion_is_not_cancelled(api: Api) -> None:
    created = api.running()
    api.fault(verb="remove", error="busy", times=1_000)
    operation = api.delete(f"/v1/instances/{created['id']}", 202)["operation_id"]
    refused(api.call("POST", f"/v1/operations/{operation}/cancel"), 409, "CONFLICT")


def test_a_failed_create_is_carried_out_anew(api: Api) -> None:
    api.fault(verb="ensure_running", error="refused")
    created = api.create("second try", {"a": "b"})
    api.ended(created["operation_id"], "failed")
    path = f"/v1/operations/{created['operation_id']}"
    assert api.post(f"{path}/retry", status=202)["status"] == "pending"
    shown = api.ended(created["operation_id"], "completed")
    assert {step["run"] for step in shown["steps"]} == {1, 2}
    again = api.get(f"/v1/instances/{created['id']}?wait=30&until=ready")
    assert again["status"]["state"] == "running"
    assert again["status"]["reason"] == ""
    assert len(api.items("/v1/instances?label=a=b")) == 1


def test_only_what_failed_is_carried_out_anew(api: Api) -> None:
    path = f"/v1/operations/{api.running()['operation_id']}/retry"
    refused(api.call("POST", path), 409, "CONFLICT")


def test_a_failed_stop_leaves_it_running_and_can_be_repeated(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.fault(verb="ensure_stopped", error="refused", message="the guest hangs")
    operation = api.post(f"{path}/stop", status=202)["operation_id"]
    assert api.ended(operation, "failed")["result"]["error"] == "the guest hangs"
    shown = api.get(path)["status"]
    assert (shown["state"], shown["reason"]) == ("running", "the guest hangs")
    api.post(f"/v1/operations/{operation}/retry", status=202)
    api.ended(operation, "completed")
    assert api.get(path)["status"]["state"] == "stopped"


def test_a_failed_delete_can_be_repeated(api: Api) -> None:
    created = api.running()
    api.fault(verb="remove", error="refused", message="it does not let go")
    operation = api.delete(f"/v1/instances/{created['id']}", 202)["operation_id"]
    assert api.ended(operation, "failed")["result"]["error"] == "it does not let go"
    api.post(f"/v1/operations/{operation}/retry", status=202)
    api.ended(operation, "completed")
    assert api.items("/v1/instances") == []


def test_operations_are_found_by_state_and_resource(api: Api) -> None:
    good = api.running()
    api.fault(verb="ensure_running", error="refused")
    bad = api.create()
    api.ended(bad["operation_id"], "failed")
    found = {
        state: [one["id"] for one in api.items(f"/v1/operations?state={state}")]
        for state in ("pending", "running", "completed", "failed")
    }
    assert found == {
        "pending": [], "running": [], "completed": [good["operation_id"]],
        "failed": [bad["operation_id"]],
    }  # fmt: skip
    assert len(api.items("/v1/operations?state=completed&state=failed")) == 2
    mine = api.items(f"/v1/operations?resource_id={bad['id']}&state=failed")
    assert [one["id"] for one in mine] == [bad["operation_id"]]
    assert "steps" not in mine[0]
