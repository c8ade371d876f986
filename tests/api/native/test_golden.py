"""The document that this dialect follows, request by request and field by field."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import Api, instance_body
from tests.api.keys import public_key

HERE = Path(__file__).parent
OURS = {
    "metadata": {"updated_at", "version", "protected", "expires_at"},
    "spec": {"region", "startup_script_id", "accelerators"},
    "status": {
        "ports",
        "floating_ips",
        "volume_ids",
        "iso_id",
        "networks",
        "devices",
        "conditions",
        "default_password",
        "hostname",
        "ready",
        "ready_at",
        "ipv6",
        "recoverable_until",
        "reason",
    },
}


def golden(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((HERE / f"golden_{name}.json").read_text())
    return document


@pytest.fixture
def prepared(api: Api) -> Api:
    """The things that the documented request names exist under these names."""
    api.named("vpcs", "vpc-abc123", cidr="10.0.0.0/16")
    api.named("subnets", "subnet-def456", vpc_id="vpc-abc123", cidr="10.0.1.0/24")
    api.named("security-groups", "sg-web", rules=[{"protocol": "tcp", "port": 80}])
    api.named("security-groups", "sg-ssh", rules=[{"protocol": "tcp", "port": 22}])
    api.named("ssh-keys", "key-001", public_key=public_key(1))
    return api


def test_the_documented_create_is_answered_in_the_documented_shape(prepared: Api) -> None:
    expected = golden("create_response")
    response = prepared.call("POST", "/v1/instances", golden("create_request"))
    actual = response.json()
    assert response.status_code == 201
    assert list(actual) == list(expected)
    assert re.fullmatch(r"inst-[0-9a-z]+", actual["id"])
    assert re.fullmatch(r"op-[0-9a-z]+", actual["operation_id"])
    for part in ("metadata", "spec", "status"):
        assert set(actual[part]) - set(expected[part]) <= OURS[part]
    created_at = actual["metadata"].pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created_at)
    del expected["metadata"]["created_at"]
    for part in ("metadata", "spec", "status"):
        assert {key: actual[part][key] for key in expected[part]} == expected[part]


def test_the_documented_list_has_what_the_document_shows(prepared: Api) -> None:
    created = prepared.post("/v1/instances", golden("create_request"))
    prepared.ended(created["operation_id"], "completed")
    expected = golden("list_response")["items"][0]
    actual = prepared.get("/v1/instances")["items"]
    assert [one["id"] for one in actual] == [created["id"]]
    for part in ("metadata", "spec"):
        assert {key: actual[0][part][key] for key in expected[part]} == expected[part]
    assert actual[0]["status"]["state"] == "running"
    assert re.fullmatch(r"10\.0\.1\.\d+", actual[0]["status"]["private_ip"])
    assert re.fullmatch(r"127\.16\.\d+\.\d+", actual[0]["status"]["public_ip"])


def test_the_documented_delete_is_answered_202_with_an_operation(prepared: Api) -> None:
    created = prepared.post("/v1/instances", golden("create_request"))
    response = prepared.call("DELETE", f"/v1/instances/{created['id']}")
    expected = golden("delete_response")
    actual = response.json()
    assert response.status_code == 202
    assert set(expected) <= set(actual)
    assert actual["resource_id"] == created["id"]
    assert actual["status"] == expected["status"]
    prepared.ended(actual["operation_id"], "completed")


def test_a_sixth_field_of_the_request_may_be_left_out(api: Api) -> None:
    """Only type and image are required by the document."""
    created = api.post("/v1/instances", instance_body("short"))
    assert created["spec"]["vcpus"] == 1
    assert created["spec"]["memory_mb"] == 128
    assert created["spec"]["disk_gb"] == 1
    assert created["spec"]["security_groups"] == ["default"]


def test_the_answer_to_an_unknown_instance_is_the_documented_error(api: Api) -> None:
    response = api.call("GET", "/v1/instances/inst-abc123")
    assert response.status_code == 404
    assert response.json()["error"] == "instance not found: inst-abc123"
