"""Reinstall, resize, networks and what else changes an instance as a whole."""

import re
from pathlib import Path

import pytest

from tests.api.client import Api, Json, instance_body
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud


def done(api: Api, path: str, body: Json | None = None) -> None:
    api.ended(api.post(path, body, 202)["operation_id"], "completed")


def test_a_reinstalled_instance_keeps_what_is_its_own(api: Api) -> None:
    before = api.running("web")
    volume = api.named("volumes", "data", size_gb=1, instance_id=before["id"])
    api.ended(volume["operation_id"], "completed")
    path = f"/v1/instances/{before['id']}"
    done(api, f"{path}/reinstall")
    after = api.get(path)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["name"] == "web"
    assert after["status"]["volume_ids"] == [volume["id"]]
    for part in ("private_ip", "public_ip", "host_id", "state", "ready"):
        assert after["status"][part] == before["status"][part]


def test_a_reinstallation_may_bring_another_name_image_and_user_data(api: Api) -> None:
    path = f"/v1/instances/{api.running('web', memory_mb=512, disk_gb=2)['id']}"
    done(api, f"{path}/reinstall", {"hostname": "db", "image": "debian-12", "user_data": "aGk="})
    shown = api.get(path)
    assert (shown["metadata"]["name"], shown["status"]["hostname"]) == ("web", "db")
    assert (shown["spec"]["image"], shown["spec"]["user_data"]) == ("debian-12", "aGk=")


def test_a_password_is_generated_and_a_reinstallation_makes_another(api: Api) -> None:
    created = api.running("web", generate_password=True)
    path = f"/v1/instances/{created['id']}"
    first = api.get(path)["status"]["default_password"]
    assert re.fullmatch("[a-zA-Z2-9]{20}", first)
    done(api, f"{path}/reinstall")
    assert api.get(path)["status"]["default_password"] == first
    done(api, f"{path}/reinstall", {"generate_password": True})
    second = api.get(path)["status"]["default_password"]
    assert re.fullmatch("[a-zA-Z2-9]{20}", second)
    assert second != first


def test_only_reading_one_instance_shows_its_password(api: Api) -> None:
    created = api.create("web", generate_password=True)
    (listed,) = api.items("/v1/instances")
    plain = api.get(f"/v1/instances/{api.running('db')['id']}")
    for shown in (created, listed, plain):
        assert shown["status"]["default_password"] is None


def test_no_password_is_kept_in_clear(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    path = f"/v1/instances/{api.running('web', generate_password=True)['id']}"
    password = api.get(path)["status"]["default_password"]
    done(api, f"{path}/reinstall", {"hostname": "kept-in-clear"})
    api.close()
    own_cloud.stop()
    kept = b"".join(file.read_bytes() for file in own_cloud.directory.rglob("*") if file.is_file())
    own_cloud.start()
    assert b"kept-in-clear" in kept
    assert password.encode() not in kept


def test_a_reinstallation_that_fails_brings_the_old_system_back(api: Api) -> None:
    before = api.running("web")
    path = f"/v1/instances/{before['id']}"
    api.fault(verb="ensure_running", error="refused", message="the image does not boot")
    operation = api.post(f"{path}/reinstall", {"hostname": "db"}, 202)
    api.ended(operation["operation_id"], "failed")
    after = api.get(f"{path}?wait=30&until=ready")
    assert (after["status"]["hostname"], after["status"]["state"]) == ("web", "running")
    assert after["status"]["reason"] == "the image does not boot"


def test_a_reinstallation_can_be_tried_without_being_done(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    plan = api.post(f"{path}/reinstall?dry_run=true", {"hostname": "db"}, 200)["plan"]
    assert plan["kind"] == "instance.reinstall"
    assert "root disk" in plan["impact"]
    assert api.items(f"/v1/operations?kind={plan['kind']}") == []


def test_another_type_restarts_the_guest_with_it(api: Api) -> None:
    before = api.running(type="mini")
    path = f"/v1/instances/{before['id']}"
    done(api, f"{path}/resize", {"type": "cx31"})
    after = api.get(path)
    assert (after["spec"]["type"], after["spec"]["memory_mb"]) == ("cx31", 8192)
    assert after["status"]["state"] == "running"
    quota = api.get("/v1/quota")["used"]
    assert (quota["memory_mb"], quota["disk_gb"]) == (8192, after["spec"]["disk_gb"])


def test_a_larger_disk_alone_leaves_the_guest_running(api: Api) -> None:
    before = api.running()
    path = f"/v1/instances/{before['id']}"
    done(api, f"{path}/resize", {"disk_gb": before["spec"]["disk_gb"] + 5})
    after = api.get(path)
    assert after["spec"]["disk_gb"] == before["spec"]["disk_gb"] + 5
    assert after["status"]["ready_at"] == before["status"]["ready_at"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"disk_gb": 1}, "disk_gb"),
        ({"type": "huge"}, "type"),
        ({"memory_mb": 64}, "memory_mb"),
        ({"vcpus": 0}, "vcpus"),
    ],
)
def test_a_size_that_cannot_be_is_refused_by_its_field(api: Api, body: Json, field: str) -> None:
    path = f"/v1/instances/{api.running(disk_gb=6)['id']}/resize"
    refused(api.call("POST", path, body), 422, "INVALID", field)


def test_a_size_that_no_host_has_room_for_fails_and_says_so(api: Api) -> None:
    before = api.running()
    path = f"/v1/instances/{before['id']}"
    refused(api.call("POST", f"{path}/resize", {}), 409, "CONFLICT")
    assert api.get(path)["spec"] == before["spec"]


def test_an_instance_joins_a_further_network_and_leaves_it(api: Api) -> None:
    vpc = api.named("vpcs", "net", cidr="10.7.0.0/16")
    subnet = api.named("subnets", "sub", vpc_id=vpc["id"], cidr="10.7.3.0/24")
    instance = api.running()
    path = f"/v1/instances/{instance['id']}"
    done(api, f"{path}/networks", {"subnet_id": "sub"})
    (network,) = api.get(path)["status"]["networks"]
    assert (network["vpc_id"], network["subnet_id"]) == (vpc["id"], subnet["id"])
    assert network["private_ip"].startswith("10.7.3.")
    assert network["mac"].startswith("52:54:00:")
    refused(api.call("POST", f"{path}/networks", {"subnet_id": "sub"}), 409, "CONFLICT")
    refused(api.call("DELETE", "/v1/subnets/sub"), 409, "IN_USE")
    operation = api.delete(f"{path}/networks/sub", 202)
    api.ended(operation["operation_id"], "completed")
    assert api.get(path)["status"]["networks"] == []
    refused(api.call("DELETE", f"{path}/networks/sub"), 409, "CONFLICT")
    api.delete("/v1/subnets/sub")


def test_new_groups_and_keys_are_told_to_a_running_guest(api: Api) -> None:
    api.named("security-groups", "web")
    api.named("ssh-keys", "laptop")
    instance = api.running()
    path = f"/v1/instances/{instance['id']}"
    spec = {"security_groups": ["default", "web"], "ssh_key_ids": ["laptop"]}
    changed = api.patch(path, {"spec": spec})
    assert changed["spec"]["security_groups"] == ["default", "web"]
    told = api.ended(changed["operation_id"], "completed")
    assert told["kind"] == "instance.configure"
    refused(api.call("DELETE", "/v1/security-groups/web"), 409, "IN_USE")


def test_a_changed_rule_is_told_to_every_guest_in_the_group(api: Api) -> None:
    group = api.named("security-groups", "web")
    inside = [api.running(security_groups=["web"]) for _ in range(2)]
    api.running()
    rules = [{"protocol": "tcp", "port": 8080}]
    api.patch(f"/v1/security-groups/{group['id']}", {"spec": {"rules": rules}})
    told = api.items("/v1/operations?kind=instance.configure")
    assert {one["resource_id"] for one in told} == {one["id"] for one in inside}


def test_a_rule_may_name_another_group(api: Api) -> None:
    front = api.named("security-groups", "front")
    rule = {"protocol": "tcp", "port": 5432, "group": "front"}
    made = api.named("security-groups", "db", rules=[rule])
    assert made["spec"]["rules"][0]["group"] == front["id"]
    body = {"metadata": {"name": "x"}, "spec": {"rules": [rule | {"group": "nobody"}]}}
    field = "spec.rules.0.group"
    refused(api.call("POST", "/v1/security-groups", body), 422, "INVALID", field)


def test_pulling_the_plug_does_not_wait_for_a_graceful_stop(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.fault(verb="ensure_stopped", error="busy", times=3, message="still shutting down")
    graceful = api.post(f"{path}/stop", {"timeout_seconds": 3600}, 202)
    forced = api.post(f"{path}/stop", {"force": True}, 202)
    api.ended(forced["operation_id"], "completed")
    assert api.get(f"/v1/operations/{graceful['operation_id']}")["status"] == "failed"
    assert api.get(path)["status"]["state"] == "stopped"


def test_a_backup_schedule_is_set_shown_and_ended(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}/backups"
    refused(api.call("GET", path), 404, "NOT_FOUND")
    made = api.call("PUT", path, {"cron": "30 3 * * *", "keep": 2})
    assert made.status_code == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT03:30:00Z", made.json()["next_at"])
    assert api.get(path) == made.json()
    api.delete(path)
    assert api.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    "cron", ["61 * * * *", "every day please now", "* * * * * *", "0 0 31 2 *", "R R * * *", "x"]
)
def test_a_schedule_that_is_none_is_refused_with_an_example(api: Api, cron: str) -> None:
    path = f"/v1/instances/{api.running()['id']}/backups"
    told = refused(api.call("PUT", path, {"cron": cron}), 422, "INVALID", "cron")
    assert "30 3 * * *" in told["error"]


def test_an_expiry_is_shown_changed_and_dropped(api: Api) -> None:
    body = instance_body("web")
    body["metadata"]["expires_at"] = "2099-01-02T03:04:05Z"
    made = api.post("/v1/instances", body)
    assert made["metadata"]["expires_at"] == "2099-01-02T03:04:05Z"
    path = f"/v1/instances/{made['id']}"
    assert api.patch(path, {"metadata": {"name": "x"}})["metadata"]["expires_at"] is not None
    assert api.patch(path, {"metadata": {"expires_at": None}})["metadata"]["expires_at"] is None
    for past in ("2020-01-02T03:04:05Z", "1970-01-01T00:00:00Z"):
        body = {"metadata": {"expires_at": past}}
        refused(api.call("PATCH", path, body), 422, "INVALID", "metadata.expires_at")


def test_without_a_window_a_deleted_instance_is_gone_for_good(api: Api) -> None:
    path = f"/v1/instances/{api.running()['id']}"
    api.ended(api.delete(path, 202)["operation_id"], "completed")
    told = refused(api.call("POST", f"{path}/recover"), 409, "CONFLICT")
    assert re.search(r"it was permanently deleted at 20\S+T\S+Z$", told["error"])


def test_within_its_window_a_deleted_instance_comes_back(tmp_path: Path) -> None:
    with RunningCloud(tmp_path, recoverable_s=3600) as cloud:
        api = cloud.api()
        group = api.named("security-groups", "web")
        path = f"/v1/instances/{api.running(security_groups=['web'])['id']}"
        told = refused(api.call("POST", f"{path}/recover"), 409, "CONFLICT")
        assert told["error"].endswith("is not deleted")
        api.ended(api.delete(path, 202)["operation_id"], "completed")
        told = refused(api.call("DELETE", f"/v1/security-groups/{group['id']}"), 409, "IN_USE")
        assert "in use by recoverable instance " in told["error"]
        assert told["error"].endswith("): purge that one first")
        shown = api.get(path)["status"]
        assert (shown["state"], bool(shown["recoverable_until"])) == ("terminated", True)
        done(api, f"{path}/recover")
        assert api.get(path)["status"]["state"] == "running"
        api.ended(api.delete(f"{path}?purge=true", 202)["operation_id"], "completed")
        assert api.get(path)["status"]["recoverable_until"] is None
        told = refused(api.call("POST", f"{path}/recover"), 409, "CONFLICT")
        assert re.search(
            r"cannot be recovered: its recovery window ended at 20\S+Z$", told["error"]
        )
        api.delete(f"/v1/security-groups/{group['id']}")
        api.close()
