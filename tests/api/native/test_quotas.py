"""Quotas: what a project has is counted, and what it may have is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.conftest import KeyFor
from tests.api.keys import ED25519
from tests.api.native.test_errors import refused

NOTHING = {
    "instances": 0, "vcpus": 0, "memory_mb": 0, "disk_gb": 0, "volumes": 0, "snapshots": 0,
    "floating_ips": 0, "images": 0, "startup_scripts": 0, "ssh_keys": 0, "security_groups": 0,
    "vpcs": 0, "subnets": 0,
}  # fmt: skip
DISK = {"kind": "url", "location": "https://images.example/a.qcow2"}


def named(**spec: object) -> Json:
    return {"metadata": {"name": "x"}, "spec": spec}


def limit(api: Api, admin: Api, **limits: int) -> None:
    answer = admin.call("PUT", f"/v1/projects/{api.project}/quota", {"limits": limits})
    assert answer.status_code == 200, answer.text


def test_what_a_project_has_is_counted_and_given_back(api: Api) -> None:
    assert api.get("/v1/quota")["used"] == NOTHING
    instance = api.running(vcpus=2, memory_mb=512, disk_gb=3)
    api.named("volumes", "v", size_gb=4)
    used = api.get("/v1/quota")["used"]
    assert used == NOTHING | {
        "instances": 1, "vcpus": 2, "memory_mb": 512, "disk_gb": 7, "volumes": 1,
    }  # fmt: skip
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")
    api.ended(api.delete("/v1/volumes/v", 202)["operation_id"], "completed")
    assert api.get("/v1/quota")["used"] == NOTHING


@pytest.mark.parametrize(
    ("limits", "path", "body"),
    [
        ({"instances": 0}, "/v1/instances", instance_body("x")),
        ({"memory_mb": 63}, "/v1/instances", instance_body("x", memory_mb=128)),
        ({"vcpus": 1}, "/v1/instances", instance_body("x", vcpus=2)),
        ({"disk_gb": 4}, "/v1/volumes", {"metadata": {"name": "x"}, "spec": {"size_gb": 5}}),
        ({"volumes": 0}, "/v1/volumes", {"metadata": {"name": "x"}, "spec": {"size_gb": 1}}),
        ({"floating_ips": 0}, "/v1/floating-ips", {"metadata": {"name": "x"}}),
        ({"images": 0}, "/v1/images", named(source=DISK)),
        ({"disk_gb": 0}, "/v1/images", named(source=DISK)),
        ({"images": 0}, "/v1/images", named(alias_of="atoll-mini")),
        ({"startup_scripts": 0}, "/v1/startup-scripts", named(script="IyEvYmluL3NoCg==")),
        ({"ssh_keys": 0}, "/v1/ssh-keys", named(public_key=ED25519)),
        ({"security_groups": 0}, "/v1/security-groups", named(rules=[])),
        ({"vpcs": 0}, "/v1/vpcs", named(cidr="10.9.0.0/16")),
    ],
)
def test_more_than_the_limit_is_refused_by_name(
    api: Api, admin: Api, limits: dict[str, int], path: str, body: Json
) -> None:
    limit(api, admin, **limits)
    told = refused(api.call("POST", path, body), 422, "QUOTA_EXCEEDED")
    assert str(next(iter(limits.values()))) in told["error"]
    assert api.get("/v1/quota")["used"] == NOTHING


def test_an_image_counts_as_a_disk_until_it_is_deleted(api: Api) -> None:
    made = api.post("/v1/images", named(source=DISK))
    api.ended(made["operation_id"], "completed")
    used = api.get("/v1/quota")["used"]
    assert used == NOTHING | {"images": 1, "disk_gb": 1}
    api.ended(api.delete("/v1/images/x", 202)["operation_id"], "completed")
    assert api.get("/v1/quota")["used"] == NOTHING


def test_small_things_are_given_back_too(api: Api) -> None:
    key = api.post("/v1/ssh-keys", named(public_key=ED25519))
    vpc = api.post("/v1/vpcs", named(cidr="10.9.0.0/16"))
    used = api.get("/v1/quota")["used"]
    assert used == NOTHING | {"ssh_keys": 1, "vpcs": 1}
    api.delete(f"/v1/ssh-keys/{key['id']}")
    api.delete(f"/v1/vpcs/{vpc['id']}")
    assert api.get("/v1/quota")["used"] == NOTHING


def test_of_many_that_ask_at_once_for_the_last_place_one_gets_it(api: Api, admin: Api) -> None:
    limit(api, admin, instances=1)
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: api.call("POST", "/v1/instances", instance_body(fresh("i"))), range(20)
            )
        )
    assert sorted(one.status_code for one in answers) == [201] + [422] * 19
    assert api.get("/v1/quota")["used"]["instances"] == 1


def test_a_limit_below_what_is_used_stops_only_what_is_new(api: Api, admin: Api) -> None:
    instance = api.running()
    limit(api, admin, instances=0)
    refused(api.call("POST", "/v1/instances", instance_body("x")), 422, "QUOTA_EXCEEDED")
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")


def test_only_an_administrator_sets_limits(api: Api, key_for: KeyFor) -> None:
    member = key_for("member", api.project)
    path, body = f"/v1/projects/{api.project}/quota", {"limits": {"instances": 5}}
    refused(member.call("PUT", path, body), 403, "FORBIDDEN")
    refused(member.call("GET", path), 403, "FORBIDDEN")
    assert api.get(path)["project_id"] == api.project
    refused(api.call("GET", "/v1/projects/proj-none/quota"), 404, "NOT_FOUND")
    refused(api.call("PUT", path, {"limits": {"planets": 5}}), 422, "INVALID", "limits.planets")
