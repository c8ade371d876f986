"""Types, regions and hosts."""

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.native.test_errors import refused


def type_body(name: str) -> Json:
    spec = {"vcpus": 3, "memory_mb": 1000, "disk_gb": 7, "accelerators": None}
    return {"metadata": {"name": name}, "spec": spec | {"description": "odd"}}


def test_a_type_is_added_used_and_removed(api: Api) -> None:
    name = fresh("type")
    created = api.post("/v1/types", type_body(name))
    assert created == {"id": name} | type_body(name)
    assert api.get(f"/v1/types/{name}") == created
    refused(api.call("POST", "/v1/types", type_body(name)), 409, "ALREADY_EXISTS", "metadata.name")
    instance = api.running(type=name)
    assert instance["spec"]["vcpus"] == 3
    api.delete(f"/v1/types/{name}")
    refused(api.call("GET", f"/v1/types/{name}"), 404, "NOT_FOUND")
    refused(api.call("DELETE", f"/v1/types/{name}"), 404, "NOT_FOUND")
    assert api.get(f"/v1/instances/{instance['id']}")["spec"]["memory_mb"] == 1000
    path = f"/v1/instances/{instance['id']}/reboot"
    api.ended(api.post(path, status=202)["operation_id"], "completed")


def test_the_bounds_of_a_type_are_told(api: Api) -> None:
    body = type_body("a")
    body["spec"] |= {"vcpus": 0, "memory_mb": 1, "disk_gb": 70_000}
    told = refused(api.call("POST", "/v1/types", body), 422, "INVALID", "spec.vcpus")
    assert {problem["field"] for problem in told["errors"]} == {
        "spec.vcpus", "spec.memory_mb", "spec.disk_gb",
    }  # fmt: skip


def test_a_region_is_added_and_has_no_hosts_yet(api: Api) -> None:
    name = fresh("region")
    created = api.post("/v1/regions", {"metadata": {"name": name}, "spec": {"description": "far"}})
    assert api.get(f"/v1/regions/{name}") == created
    body = {"metadata": {"name": name}}
    refused(api.call("POST", "/v1/regions", body), 409, "ALREADY_EXISTS", "metadata.name")
    instance = api.create(region=name)
    result = api.ended(instance["operation_id"], "failed")["result"]
    assert result["code"] == "CAPACITY_EXHAUSTED"
    assert "sim-1: it is in local" in result["error"]
    api.delete(f"/v1/regions/{name}")
    refused(api.call("GET", f"/v1/regions/{name}"), 404, "NOT_FOUND")


def test_a_host_shows_what_it_has_and_what_is_promised(api: Api) -> None:
    before = api.get("/v1/hosts/sim-1")
    assert before["metadata"]["name"] == "sim-1"
    assert before["spec"] == {"region": "local", "node_type": "hybrid", "enabled": True}
    assert before["status"]["state"] == "ready"
    assert (before["status"]["driver"], before["status"]["emulated"]) == ("simulator", True)
    instance = api.running()
    path = f"/v1/hosts/{instance['status']['host_id']}"
    used = api.get(path)["status"]["memory_mb_used"]
    assert used >= 128
    operation = api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"]
    api.ended(operation, "completed")
    assert api.get(path)["status"]["memory_mb_used"] == used - 128
    refused(api.call("GET", "/v1/hosts/absent"), 404, "NOT_FOUND")


def test_a_cloud_of_disabled_hosts_takes_nothing_and_says_why(api: Api) -> None:
    """What a disabled host runs goes on."""
    running = api.running()
    names = ["sim-1", "sim-2", "sim-3"]
    for name in names:
        shown = api.patch(f"/v1/hosts/{name}", {"spec": {"enabled": False}})
        assert shown["spec"]["enabled"] is False
    try:
        plan = api.post("/v1/instances?dry_run=true", instance_body("a"), 200)["plan"]
        assert (plan["host"], plan["host_id"]) == ("", "")
        assert {host["reason"] for host in plan["hosts"]} == {"it is disabled"}
        created = api.create()
        result = api.ended(created["operation_id"], "failed")["result"]
        assert result["code"] == "CAPACITY_EXHAUSTED"
        for name in names:
            assert f"{name}: it is disabled" in result["error"]
        told = api.get(f"/v1/instances/{created['id']}/explain")
        assert [host["fits"] for host in told["hosts"]] == [False] * 3
        path = f"/v1/instances/{running['id']}"
        api.ended(api.post(f"{path}/reboot", status=202)["operation_id"], "completed")
    finally:
        for name in names:
            api.patch(f"/v1/hosts/{name}", {"spec": {"enabled": True}})
    api.running()


def test_a_host_is_patched_with_its_version(api: Api) -> None:
    body = {"spec": {"enabled": True}}
    refused(api.call("PATCH", "/v1/hosts/sim-1", body, If_Match='"0"'), 412, "VERSION_MISMATCH",
            "If-Match")  # fmt: skip
    refused(api.call("PATCH", "/v1/hosts/absent", body), 404, "NOT_FOUND")
    refused(api.call("PATCH", "/v1/hosts/sim-1", {"spec": {}}), 422, "INVALID", "spec.enabled")
