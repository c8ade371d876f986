"""The life of an instance as its user sees it."""

import base64
import time
from collections.abc import Callable

import pytest

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.native.test_errors import refused


def test_a_created_instance_becomes_running_and_ready(api: Api) -> None:
    created = api.create("web")
    shown = api.get(f"/v1/instances/{created['id']}?wait=30&until=ready")
    assert shown["status"]["state"] == "running"
    assert shown["status"]["ready"] is True
    assert shown["status"]["ready_at"] >= created["metadata"]["created_at"]
    assert shown["status"]["host_id"].startswith("host-")
    assert shown["status"]["private_ip"].startswith("10.")
    assert shown["status"]["public_ip"].startswith("127.16.")
    assert shown["status"]["reason"] == ""


def test_an_instance_can_be_named_by_its_name(api: Api) -> None:
    created = api.create("web")
    assert api.get("/v1/instances/web")["id"] == created["id"]
    api.delete("/v1/instances/web", 202)


def test_a_name_is_not_taken_for_an_id_of_somebody_else(api: Api) -> None:
    """A thing may be called what looks like an id."""
    name = "inst-00000000000000000000000000"
    assert api.get(f"/v1/instances/{api.create(name)['metadata']['name']}")["id"] != name


def test_sizes_of_the_spec_come_before_those_of_the_type(api: Api) -> None:
    spec = api.create("big", type="cx31", vcpus=1, disk_gb=10)["spec"]
    assert (spec["vcpus"], spec["memory_mb"], spec["disk_gb"]) == (1, 8192, 10)


def test_no_groups_is_something_else_than_groups_left_out(api: Api) -> None:
    assert api.create(security_groups=[])["spec"]["security_groups"] == []
    assert api.create(security_groups=None)["spec"]["security_groups"] == ["default"]


def test_empty_strings_mean_what_is_left_out(api: Api) -> None:
    spec = api.create(region="", vpc_id="", subnet_id="", user_data="")["spec"]
    assert (spec["region"], spec["vpc_id"], spec["subnet_id"]) == ("local", "", "")


def test_user_data_comes_back_as_it_was_given(api: Api) -> None:
    text = base64.b64encode(bytes(range(256)) * 200).decode()
    created = api.create(user_data=text)
    assert api.get(f"/v1/instances/{created['id']}")["spec"]["user_data"] == text


def test_a_vpc_alone_means_its_only_subnet(api: Api) -> None:
    vpc = api.named("vpcs")["id"]
    refused(
        api.call("POST", "/v1/instances", instance_body("a", vpc_id=vpc)),
        422, "INVALID", "spec.subnet_id",
    )  # fmt: skip
    api.named("subnets", vpc_id=vpc, cidr="10.0.7.0/24")
    assert api.running(vpc_id=vpc)["status"]["private_ip"].startswith("10.0.7.")
    api.named("subnets", vpc_id=vpc, cidr="10.0.8.0/24")
    told = api.call("POST", "/v1/instances", instance_body("b", vpc_id=vpc))
    assert "several subnets" in refused(told, 422, "INVALID", "spec.subnet_id")["error"]


def test_a_subnet_must_be_of_the_vpc(api: Api) -> None:
    one, two = api.named("vpcs")["id"], api.named("vpcs")["id"]
    subnet = api.named("subnets", vpc_id=one, cidr="10.0.7.0/24")["id"]
    body = instance_body("a", vpc_id=two, subnet_id=subnet)
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.subnet_id")


def test_addresses_of_a_subnet_are_given_once_and_again_after_deletion(api: Api) -> None:
    vpc = api.named("vpcs")["id"]
    subnet = api.named("subnets", vpc_id=vpc, cidr="10.0.7.0/29")["id"]
    first = [api.running(subnet_id=subnet) for _ in range(3)]
    assert len({one["status"]["private_ip"] for one in first}) == 3
    full = api.create(subnet_id=subnet)
    result = api.ended(full["operation_id"], "failed")["result"]
    assert result["code"] == "CAPACITY_EXHAUSTED"
    gone = api.delete(f"/v1/instances/{first[1]['id']}", 202)
    api.ended(gone["operation_id"], "completed")
    again = api.running(subnet_id=subnet)
    assert again["status"]["private_ip"] == first[1]["status"]["private_ip"]


def test_a_patch_changes_what_it_names_and_nothing_else(api: Api) -> None:
    created = api.create("old", {"a": "1"})
    path = f"/v1/instances/{created['id']}"
    changed = api.patch(path, {"metadata": {"name": "new"}})
    assert changed["metadata"]["name"] == "new"
    assert changed["metadata"]["labels"] == {"a": "1"}
    changed = api.patch(path, {"metadata": {"labels": {"b": "2"}, "protected": True}})
    assert changed["metadata"]["name"] == "new"
    assert changed["metadata"]["labels"] == {"b": "2"}
    assert changed["metadata"]["protected"] is True
    assert api.items("/v1/instances?label=a=1") == []
    assert len(api.items("/v1/instances?label=b=2")) == 1


def test_a_patch_goes_through_only_with_the_present_version(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    response = api.call("GET", path)
    etag = response.headers["etag"]
    assert etag == f'"{response.json()["metadata"]["version"]}"'
    body: Json = {"metadata": {"labels": {"a": "b"}}}
    assert api.patch(path, body, If_Match=etag)["metadata"]["labels"] == {"a": "b"}
    refused(api.call("PATCH", path, body, If_Match=etag), 412, "VERSION_MISMATCH", "If-Match")
    refused(api.call("DELETE", path, If_Match=etag), 412, "VERSION_MISMATCH", "If-Match")
    api.patch(path, body, If_Match="*")


def test_a_protected_instance_is_not_deleted(api: Api) -> None:
    body = instance_body("safe")
    body["metadata"]["protected"] = True
    path = f"/v1/instances/{api.post('/v1/instances', body)['id']}"
    refused(api.call("DELETE", path), 409, "PROTECTED", "metadata.protected")
    refused(api.call("DELETE", f"{path}?dry_run=true"), 409, "PROTECTED", "metadata.protected")
    api.patch(path, {"metadata": {"protected": False}})
    api.delete(path, 202)


def test_a_deleted_instance_is_shown_by_its_id_and_its_state_only(api: Api) -> None:
    created = api.running("gone")
    operation = api.delete(f"/v1/instances/{created['id']}", 202)
    api.ended(operation["operation_id"], "completed")
    assert api.items("/v1/instances") == []
    assert api.items("/v1/instances?name=gone") == []
    assert [one["id"] for one in api.items("/v1/instances?state=terminated")] == [created["id"]]
    shown = api.get(f"/v1/instances/{created['id']}")
    assert shown["status"]["state"] == "terminated"
    assert shown["status"]["private_ip"] == shown["status"]["host_id"] == ""
    assert api.call("GET", "/v1/instances/gone").status_code == 404
    assert api.call("DELETE", f"/v1/instances/{created['id']}").status_code == 404
    path = f"/v1/instances/{created['id']}"
    assert api.call("PATCH", path, {"metadata": {"name": "a"}}).status_code == 404
    assert api.call("POST", f"{path}/start").status_code == 404


def test_deleting_twice_is_answered_by_the_same_operation(api: Api) -> None:
    created = api.running()
    api.fault(verb="remove", error="busy", times=1_000)
    path = f"/v1/instances/{created['id']}"
    first = api.delete(path, 202)
    assert api.delete(path, 202)["operation_id"] == first["operation_id"]
    assert api.get(path)["status"]["state"] == "stopping"
    api.delete("/v1/simulator/faults")
    api.ended(first["operation_id"], "completed")


@pytest.mark.parametrize("body", [None, {}, {"force": True}, {"timeout_seconds": 0}])
def test_stop_and_start_go_through_their_words(api: Api, body: Json | None) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    stopped = api.post(f"{path}/stop", body, 202)
    assert stopped["type"] == "update"
    api.ended(stopped["operation_id"], "completed")
    shown = api.get(path)["status"]
    assert (shown["state"], shown["ready"], shown["ready_at"]) == ("stopped", False, None)
    api.ended(api.post(f"{path}/start", status=202)["operation_id"], "completed")
    assert api.get(f"{path}?wait=30&until=ready")["status"]["state"] == "running"


def test_an_instance_is_stopping_while_its_guest_shuts_down(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.fault(verb="ensure_stopped", error="busy", times=1_000)
    operation = api.post(f"{path}/stop", status=202)["operation_id"]
    assert api.get(path)["status"]["state"] == "stopping"
    assert len(api.items("/v1/instances?state=stopping")) == 1
    assert api.items("/v1/instances?state=running") == []
    api.delete("/v1/simulator/faults")
    api.ended(operation, "completed")


def test_an_instance_is_provisioning_until_its_guest_runs(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000)
    created = api.create()
    assert created["status"]["state"] == "provisioning"
    assert len(api.items("/v1/instances?state=provisioning")) == 1
    assert api.items("/v1/instances?state=running&state=stopped") == []
    api.delete("/v1/simulator/faults")
    api.ended(created["operation_id"], "completed")
    assert len(api.items("/v1/instances?state=running&state=stopped")) == 1


@pytest.mark.parametrize("verb", ["reboot", "reset"])
def test_a_reboot_leaves_it_running_and_ready_anew(api: Api, verb: str) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.ended(api.post(f"{path}/{verb}", status=202)["operation_id"], "completed")
    shown = api.get(f"{path}?wait=30&until=ready")["status"]
    assert (shown["state"], shown["ready"]) == ("running", True)


@pytest.mark.parametrize("verb", ["reboot", "reset"])
def test_a_stopped_instance_is_started_not_rebooted(api: Api, verb: str) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.ended(api.post(f"{path}/stop", status=202)["operation_id"], "completed")
    assert "start it" in refused(api.call("POST", f"{path}/{verb}"), 409, "CONFLICT")["error"]


@pytest.mark.parametrize("body", [{"timeout_seconds": 3601}, {"timeout_seconds": -1}])
def test_the_grace_of_a_stop_is_bounded(api: Api, body: Json) -> None:
    path = f"/v1/instances/{api.create()['id']}/stop"
    told = refused(api.call("POST", path, body), 422, "INVALID", "timeout_seconds")
    assert "0 to 3600" in told["error"]


def test_actions_queue_behind_one_another(api: Api) -> None:
    created = api.create()
    path = f"/v1/instances/{created['id']}"
    last = [api.post(f"{path}/{verb}", status=202) for verb in ("stop", "start", "stop")][-1]
    api.ended(last["operation_id"], "completed")
    assert api.get(path)["status"]["state"] == "stopped"
    mine = api.items(f"/v1/operations?resource_id={created['id']}")
    assert [one["kind"].split(".")[1] for one in mine] == ["create", "stop", "start", "stop"]


def test_deleting_while_it_is_created_takes_the_creation_back(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000)
    created = api.create()
    operation = api.delete(f"/v1/instances/{created['id']}", 202)
    api.delete("/v1/simulator/faults")
    api.ended(operation["operation_id"], "completed")
    cancelled = api.ended(created["operation_id"], "failed")
    assert cancelled["result"]["code"] == "CANCELLED"
    assert api.get(f"/v1/instances/{created['id']}")["status"]["state"] == "terminated"


def test_a_dry_run_of_a_create_answers_the_plan_and_does_nothing(api: Api) -> None:
    plan = api.post("/v1/instances?dry_run=true", instance_body("maybe"), 200)["plan"]
    assert plan["kind"] == "instance.create"
    assert plan["host"].startswith("sim-")
    assert plan["host_id"].startswith("host-")
    assert plan["steps"][0] == "take_addresses"
    assert plan["undo"][-1] == "release_addresses"
    assert plan["impact"] and plan["reverted_by"]
    assert {host["host"] for host in plan["hosts"]} == {"sim-1", "sim-2", "sim-3"}
    assert all(host["fits"] and not host["reason"] for host in plan["hosts"])
    for noun in ("instances", "operations", "audit"):
        assert [one for one in api.items(f"/v1/{noun}") if "name" not in one] == []
    assert "instance" not in api.call("GET", "/v1/events?follow=false").text


def test_a_dry_run_refuses_what_the_request_itself_would_be_refused_for(api: Api) -> None:
    body = instance_body("maybe", image="absent")
    response = api.call("POST", "/v1/instances?dry_run=true", body)
    refused(response, 422, "INVALID", "spec.image")


@pytest.mark.parametrize("verb", ["stop", "reboot", "reset"])
def test_a_dry_run_of_an_action_answers_the_plan(api: Api, verb: str) -> None:
    created = api.running()
    path = f"/v1/instances/{created['id']}"
    plan = api.post(f"{path}/{verb}?dry_run=true", status=200)["plan"]
    assert plan["kind"] == f"instance.{verb}"
    assert plan["resource_id"] == created["id"]
    assert plan["host_id"] == created["status"]["host_id"]
    assert api.delete(f"{path}?dry_run=true", 200)["plan"]["kind"] == "instance.delete"
    assert api.get(path)["status"]["state"] == "running"
    assert len(api.items("/v1/operations")) == 1


def test_explain_says_what_an_instance_waits_for(api: Api) -> None:
    message = "the disk is being copied"
    api.fault(verb="ensure_volume", error="busy", times=1_000, message=message)
    created = api.create()
    api.get("/v1/operations?state=running")
    path = f"/v1/instances/{created['id']}/explain"
    told = until(lambda: api.get(path), lambda told: message in told["waiting_for"])
    assert told["state"] == "provisioning"
    assert told["goal"] == "running"
    assert told["doing"] == "instance.create"
    assert told["operation_id"] == created["operation_id"]
    api.delete("/v1/simulator/faults")
    api.ended(created["operation_id"], "completed")
    assert api.get(path)["waiting_for"] == ""


def test_a_failed_create_says_why_and_keeps_nothing(api: Api) -> None:
    before = [usage(api, host) for host in ("sim-1", "sim-2", "sim-3")]
    api.fault(verb="ensure_running", error="refused", message="the host has no such machine")
    created = api.create("doomed")
    result = api.ended(created["operation_id"], "failed")["result"]
    assert result == {"error": "the host has no such machine", "code": "DRIVER_REFUSED"}
    shown = api.get(f"/v1/instances/{created['id']}")["status"]
    assert shown["state"] == "terminated"
    assert shown["reason"] == "the host has no such machine"
    assert (shown["host_id"], shown["private_ip"], shown["public_ip"]) == ("", "", "")
    assert [usage(api, host) for host in ("sim-1", "sim-2", "sim-3")] == before


def test_waiting_ends_at_once_where_it_cannot_help(api: Api) -> None:
    api.fault(verb="ensure_running", error="refused")
    created = api.create()
    began = time.monotonic()
    shown = api.get(f"/v1/instances/{created['id']}?wait=30&until=ready")
    assert shown["status"]["state"] == "terminated"
    assert time.monotonic() - began < 10


def test_waiting_ends_when_the_time_is_up(api: Api) -> None:
    api.fault(verb="ensure_running", error="busy", times=1_000)
    path = f"/v1/instances/{api.create()['id']}"
    assert api.get(f"{path}?wait=0.1&until=running")["status"]["state"] == "provisioning"
    assert api.get(f"{path}?wait=0&until=running")["status"]["state"] == "provisioning"


def test_the_log_is_plain_text_and_its_end_is_asked_for(api: Api) -> None:
    name = fresh("chatty")
    created = api.running(name)
    response = api.call("GET", f"/v1/instances/{created['id']}/log")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.endswith(f"{name} login: ")
    assert api.call("GET", f"/v1/instances/{created['id']}/log?bytes=7").text == "login: "


def test_a_log_whose_host_does_not_answer_is_a_503(api: Api) -> None:
    created = api.running()
    api.fault(verb="read_log", error="unavailable", message="the host is away")
    told = refused(api.call("GET", f"/v1/instances/{created['id']}/log"), 503, "DRIVER_UNAVAILABLE")
    assert told["error"] == "the host is away"


def usage(api: Api, host: str) -> Json:
    status = api.get(f"/v1/hosts/{host}")["status"]
    return {key: value for key, value in status.items() if key.endswith("_used")}


def until(ask: Callable[[], Json], holds: Callable[[Json], bool], patience_s: float = 10) -> Json:
    """Asks again until it is so: for what has no wait of its own."""
    end = time.monotonic() + patience_s
    while True:
        answer = ask()
        if holds(answer):
            return answer
        assert time.monotonic() < end, answer


def test_power_boot_and_readiness_are_conditions_of_their_own(api: Api) -> None:
    created = api.create("web")
    shown = api.get(f"/v1/instances/{created['id']}?wait=ready")
    conditions = {one["type"]: one for one in shown["status"]["conditions"]}
    assert list(conditions) == ["power", "boot", "ready"]
    assert all(one["status"] and one["at"] for one in conditions.values())
    path = f"/v1/instances/{created['id']}"
    api.ended(api.post(f"{path}/stop", None, 202)["operation_id"], "completed")
    stopped = api.get(path)["status"]["conditions"]
    assert [(one["status"], one["at"]) for one in stopped] == [(False, None)] * 3


@pytest.mark.parametrize("wait", ["soon", "-1", "61", "1e9"])
def test_a_wait_that_is_none_is_refused(api: Api, wait: str) -> None:
    path = f"/v1/instances/{api.create()['id']}?wait={wait}"
    refused(api.call("GET", path), 422, "INVALID", "wait")
