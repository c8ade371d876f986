"""Requests that are wrong, and what they are told."""

from typing import Any

import httpx2
import pytest

from tests.api.client import Api, Json, instance_body
from tests.api.conftest import KeyFor
from tests.api.server import RunningCloud

LISTS = (
    "instances", "operations", "images", "types", "regions", "ssh-keys", "vpcs", "subnets",
    "security-groups", "hosts", "api-keys", "projects", "audit",
)  # fmt: skip


def refused(response: httpx2.Response, status: int, code: str, field: str = "") -> Json:
    """Asserts on the form of an error as well as on its meaning."""
    body: Json = response.json()
    assert (response.status_code, body["code"], body.get("field", "")) == (status, code, field)
    assert response.headers["content-type"] == "application/json"
    assert set(body) <= {"error", "code", "field", "errors"}
    assert body["error"]
    return body


def sent(api: Api, content: bytes, kind: str = "application/json") -> httpx2.Response:
    return api.http.post("/v1/instances", content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "content",
    [b"{", b"not json", b'{"a": "\xff"}', b'"\\ud800"', b"{} {}", b'{"metadata": NaN}'],
)
def test_a_body_that_is_not_json_is_a_400(api: Api, content: bytes) -> None:
    refused(sent(api, content), 400, "MALFORMED")


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'"text"', b"{}", b""])
def test_json_of_another_shape_is_a_422(api: Api, content: bytes) -> None:
    field = "metadata" if content == b"{}" else ""
    refused(sent(api, content), 422, "INVALID", field)


def test_json_is_read_whatever_its_content_type_says(api: Api) -> None:
    """curl -d without a header calls it a form."""
    content = b'{"metadata": {"name": "a"}, "spec": {"type": "mini", "image": "atoll-mini"}}'
    assert sent(api, content, "application/x-www-form-urlencoded").status_code == 201


def test_all_that_is_wrong_is_listed_with_its_path_and_what_is_allowed(api: Api) -> None:
    body = {
        "metadata": {"labels": {"a": 1}},
        "spec": {"image": "atoll-mini", "memory_mb": 1, "vcpus": "2", "security_groups": ["a", 1],
                 "tpye": "mini", "user_data": 5},
    }  # fmt: skip
    told = refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "metadata.labels.a")
    errors = {problem["field"]: problem["message"] for problem in told["errors"]}
    assert errors == {
        "metadata.labels.a": "must be of type string, not 1",
        "metadata.name": "this field is required",
        "spec.type": "this field is required",
        "spec.memory_mb": "must be 64 to 4194304, not 1",
        "spec.vcpus": 'must be of type integer, not "2"',
        "spec.security_groups.1": "must be of type string, not 1",
        "spec.tpye": "there is no such field",
        "spec.user_data": "must be of type string",
    }


@pytest.mark.parametrize(
    ("spec", "field", "told"),
    [
        ({"vcpus": 0}, "spec.vcpus", "1 to 512"),
        ({"vcpus": 513}, "spec.vcpus", "1 to 512"),
        ({"vcpus": 10**30}, "spec.vcpus", "1 to 512"),
        ({"vcpus": 1.5}, "spec.vcpus", "integer"),
        ({"memory_mb": 63}, "spec.memory_mb", "64 to 4194304"),
        ({"memory_mb": 80}, "spec.memory_mb", "needs at least 96"),
        ({"disk_gb": 0}, "spec.disk_gb", "1 to 65536"),
        ({"image": ""}, "spec.image", "1 to 253"),
        ({"image": "debian-12"}, "spec.disk_gb", "2 to 65536"),
        ({"image": "absent"}, "spec.image", "absent"),
        ({"type": "absent"}, "spec.type", "absent"),
        ({"region": "absent"}, "spec.region", "absent"),
        ({"vpc_id": "absent"}, "spec.vpc_id", "absent"),
        ({"subnet_id": "absent"}, "spec.subnet_id", "absent"),
        ({"security_groups": ["default", "absent"]}, "spec.security_groups.1", "absent"),
        ({"ssh_key_ids": ["absent"]}, "spec.ssh_key_ids.0", "absent"),
        ({"security_groups": ["default"] * 51}, "spec.security_groups", "50"),
        ({"user_data": "not base64!"}, "spec.user_data", "base64"),
        ({"user_data": "AAAA" * 22_000}, "spec.user_data", "65536"),
        ({"user_data": "A" * 90_001}, "spec.user_data", "90000"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(
    api: Api, spec: Json, field: str, told: str
) -> None:
    response = api.call("POST", "/v1/instances", instance_body("a", **spec))
    assert told in refused(response, 422, "INVALID", field)["error"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": ""},
        {"name": "a" * 254},
        {"name": "a\nb"},
        {"name": "a", "labels": {f"k{n}": "" for n in range(65)}},
        {"name": "a", "labels": {"": "x"}},
        {"name": "a", "labels": {"k" * 64: "x"}},
        {"name": "a", "labels": {"k": "v" * 256}},
    ],
)
def test_names_and_labels_are_bounded(api: Api, metadata: Json) -> None:
    body = {"metadata": metadata, "spec": {"type": "mini", "image": "atoll-mini"}}
    told = api.call("POST", "/v1/instances", body)
    assert told.status_code == 422
    assert told.json()["field"].startswith("metadata.")


def test_a_name_of_all_scripts_is_taken_as_it_is(api: Api) -> None:
    name = "häuschen 東京 🏝 \u00ad' \"<b>"
    created = api.create(name)
    assert created["metadata"]["name"] == name
    found = api.items(f"/v1/instances?{httpx2.QueryParams({'name': name})}")
    assert [one["id"] for one in found] == [created["id"]]


def test_a_body_over_one_mebibyte_is_a_413(api: Api) -> None:
    refused(sent(api, b'"' + b"a" * 1024 * 1024 + b'"'), 413, "TOO_LARGE")


NUL_REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/instances/a%00b", None),
    ("GET", "/v1/operations/a%00b", None),
    ("GET", "/v1/types/a%00b", None),
    ("GET", "/v1/hosts/%00", None),
    ("DELETE", "/v1/ssh-keys/a%00b", None),
    ("GET", "/v1/instances?name=a%00b", None),
    ("GET", "/v1/instances?label=a%00=b", None),
    ("GET", "/v1/operations?resource_id=%00", None),
    ("GET", "/v1/instances?cursor=%00", None),
    ("GET", "/v1/events?follow=false&after=%00", None),
    ("POST", "/v1/instances", instance_body("a\0b")),
    ("POST", "/v1/instances", instance_body("a", {"k\0": "v"})),
    ("POST", "/v1/instances", instance_body("a", {"k": "\0"})),
    ("POST", "/v1/instances", instance_body("a", image="a\0")),
    ("POST", "/v1/types", {"metadata": {"name": "n"}, "spec": {
        "vcpus": 1, "memory_mb": 64, "disk_gb": 1, "description": "\0"}}),
]  # fmt: skip


def status_of_nul(path: str) -> int:
    """A path with it leads nowhere; elsewhere it is a wrong value."""
    return 404 if "%00" in path.partition("?")[0] else 422


@pytest.mark.parametrize(("method", "path", "body"), NUL_REQUESTS)
def test_the_character_nul_is_refused_everywhere(
    api: Api, method: str, path: str, body: Any
) -> None:
    """PostgreSQL's texts cannot hold it, so no store is asked to."""
    assert api.call(method, path, body).status_code == status_of_nul(path)


def test_a_backslash_before_u0000_is_no_nul(api: Api) -> None:
    assert api.create("a\\u0000b")["metadata"]["name"] == "a\\u0000b"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/instances/%ff%fe", "/v1/instances/a%2Fb", "/v1/instances/%F0%9F%8F%9D",
        "/v1/instances/..%2f..%2fetc", "/v1/instances/" + "a" * 4000, "/v1/instances/%",
        "/v1/instances/inst-zzzzzzzzzzzzzzzzzzzzzzzzzz", "/v1/nothing", "/v1",
        "/v1/hosts/" + "%20" * 200, "/v1/types/%E2%80%AE",
    ],
)  # fmt: skip
def test_strange_paths_lead_nowhere(api: Api, path: str) -> None:
    assert api.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-5", "limit"),
        ("limit=1.5", "limit"),
        ("limit=many", "limit"),
        (f"limit={10**30}", "limit"),
        ("limit=", "limit"),
        ("cursor=%C3%A4", "cursor"),
        ("order=random", "order"),
    ],
)
def test_a_wrong_parameter_of_a_list_is_named(api: Api, query: str, field: str) -> None:
    refused(api.call("GET", f"/v1/instances?{query}"), 422, "INVALID", field)


@pytest.mark.parametrize("noun", LISTS)
def test_every_list_names_a_wrong_parameter(api: Api, noun: str) -> None:
    refused(api.call("GET", f"/v1/{noun}?limit=0"), 422, "INVALID", "limit")
    refused(api.call("GET", f"/v1/{noun}?order=random"), 422, "INVALID", "order")
    refused(api.call("GET", f"/v1/{noun}?cursor=%C3%A4"), 422, "INVALID", "cursor")


def test_of_a_parameter_that_is_given_twice_the_last_counts(api: Api) -> None:
    api.create("a")
    api.create("b")
    assert len(api.items("/v1/instances?limit=9&limit=1")) == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/instances?state=rotten", "state"),
        ("/v1/operations?state=accepted", "state"),
        ("/v1/instances?label=nothing", "label"),
        ("/v1/instances?label==value", "label"),
        ("/v1/instances?" + "label=a=b&" * 17, "label"),
        ("/v1/instances/x?wait=nan", "wait"),
        ("/v1/instances/x?wait=-1", "wait"),
        ("/v1/instances/x?wait=61", "wait"),
        ("/v1/instances/x?wait=inf", "wait"),
        ("/v1/instances/x?until=ready", "wait"),
        ("/v1/instances/x?wait=1&until=doomsday", "until"),
        ("/v1/operations/x?wait=nan", "wait"),
        ("/v1/operations/x?wait=61", "wait"),
        ("/v1/instances/x/log?bytes=0", "bytes"),
        ("/v1/instances/x/log?bytes=1048577", "bytes"),
        ("/v1/events?follow=perhaps", "follow"),
        ("/v1/events?follow=false&after=yesterday", "after"),
        ("/v1/events?follow=false&after=1.99999999999999999999", "after"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, path: str, field: str) -> None:
    refused(api.call("GET", path), 422, "INVALID", field)


@pytest.mark.parametrize("noun", LISTS)
def test_behind_a_very_long_cursor_there_is_nothing(api: Api, noun: str) -> None:
    assert api.get(f"/v1/{noun}?cursor={'z' * 20_000}") == {"items": [], "next": None}


@pytest.mark.parametrize("value", ["x", '"-1"', '"1.5"', f'"{"9" * 30}"', '"3", "4"', '""'])
def test_an_if_match_that_is_no_version_is_refused(api: Api, value: str) -> None:
    vpc = api.named("vpcs")
    response = api.call("PATCH", f"/v1/vpcs/{vpc['id']}", {"metadata": {}}, If_Match=value)
    refused(response, 422, "INVALID", "If-Match")


@pytest.mark.parametrize("value", ["3", '"3"'])
def test_an_if_match_of_another_version_is_a_412(api: Api, value: str) -> None:
    vpc = api.named("vpcs")
    response = api.call("PATCH", f"/v1/vpcs/{vpc['id']}", {"metadata": {}}, If_Match=value)
    refused(response, 412, "VERSION_MISMATCH", "If-Match")


@pytest.mark.parametrize("key", ["", "a" * 256, "\u00e9"])
def test_an_idempotency_key_of_wrong_form_is_refused(api: Api, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    body = instance_body("a")
    response = api.http.post("/v1/instances", json=body, headers=headers)
    refused(response, 422, "INVALID", "Idempotency-Key")


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"Authorization": "Basic eDp5"}])
def test_without_a_key_everything_is_a_401(cloud: RunningCloud, headers: dict[str, str]) -> None:
    with httpx2.Client(base_url=cloud.url, headers=headers) as http:
        for path in ("/v1/instances", "/v1/nothing", "/v1"):
            refused(http.get(path), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("text", ["ak_live_wrong", "\u00e9\u00ff", "a" * 5000])
def test_an_unknown_key_is_a_401(cloud: RunningCloud, text: str) -> None:
    with httpx2.Client(base_url=cloud.url) as http:
        response = http.get("/v1/instances", headers={b"X-API-Key": text.encode("latin-1")})
        refused(response, 401, "UNAUTHENTICATED")


def test_a_key_may_come_as_a_bearer_token(cloud: RunningCloud) -> None:
    headers = {"Authorization": f"bearer {cloud.admin_key}"}
    assert httpx2.get(f"{cloud.url}/v1/instances", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/instances", {"GET", "POST"}),
        ("DELETE", "/v1/instances", {"GET", "POST"}),
        ("POST", "/v1/instances/x", {"GET", "PATCH", "DELETE"}),
        ("GET", "/v1/instances/x/stop", {"POST"}),
        ("POST", "/v1/hosts", {"GET"}),
        ("DELETE", "/v1/operations/x", {"GET"}),
        ("TRACE", "/v1/instances", {"GET", "POST"}),
    ],
)
def test_a_wrong_method_is_a_405_that_says_which_are_right(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    response = api.call(method, path)
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert allowed <= set(response.headers["allow"].split(", "))


def test_the_request_id_comes_back_or_is_given(api: Api) -> None:
    assert api.call("GET", "/v1/types", X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    for odd in ("a" * 129, ""):
        given = api.call("GET", "/v1/types", X_Request_Id=odd).headers["x-request-id"]
        assert given.startswith("req-")


def test_errors_carry_the_request_id_too(api: Api, cloud: RunningCloud) -> None:
    assert api.call("GET", "/v1/instances/x", X_Request_Id="e").headers["x-request-id"] == "e"
    answer = httpx2.get(f"{cloud.url}/v1/instances", headers={"X-Request-Id": "u"})
    assert answer.headers["x-request-id"] == "u"


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/instances", instance_body("a")),
    ("PATCH", "/v1/instances/x", {"metadata": {}}),
    ("DELETE", "/v1/instances/x", None),
    ("POST", "/v1/instances/x/stop", None),
    ("POST", "/v1/operations/x/cancel", None),
    ("POST", "/v1/operations/x/retry", None),
    ("POST", "/v1/vpcs", {"metadata": {"name": "a"}, "spec": {"cidr": "10.0.0.0/16"}}),
    ("DELETE", "/v1/ssh-keys/x", None),
    ("POST", "/v1/images/x/import", None),
]
OPERATING: list[tuple[str, str, Any]] = [
    ("PATCH", "/v1/hosts/sim-1", {"spec": {"enabled": True}}),
    ("POST", "/v1/regions", {"metadata": {"name": "a"}}),
    ("DELETE", "/v1/regions/a", None),
    ("POST", "/v1/types", {"metadata": {"name": "a"}, "spec": {
        "vcpus": 1, "memory_mb": 64, "disk_gb": 1}}),
    ("DELETE", "/v1/types/mini", None),
    ("GET", "/v1/audit", None),
    ("PATCH", "/v1/images/atoll-mini", {"metadata": {"labels": {}}}),
]  # fmt: skip
ADMINISTERING: list[tuple[str, str, Any]] = [
    ("GET", "/v1/api-keys", None),
    ("POST", "/v1/api-keys", {"metadata": {"name": "a"}, "spec": {"role": "viewer"}}),
    ("DELETE", "/v1/api-keys/x", None),
    ("GET", "/v1/projects", None),
    ("POST", "/v1/projects", {"metadata": {"name": "a"}}),
    ("GET", "/v1/simulator/faults", None),
    ("POST", "/v1/simulator/faults", {}),
    ("DELETE", "/v1/simulator/faults", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_viewer_changes_nothing(key_for: KeyFor, method: str, path: str, body: Any) -> None:
    refused(key_for("viewer").call(method, path, body), 403, "FORBIDDEN")


@pytest.mark.parametrize("role", ["member", "agent"])
@pytest.mark.parametrize(("method", "path", "body"), OPERATING)
def test_the_catalogue_and_the_hosts_are_for_operators(
    key_for: KeyFor, role: str, method: str, path: str, body: Any
) -> None:
    refused(key_for(role).call(method, path, body), 403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTERING)
def test_keys_projects_and_faults_are_for_admins(
    key_for: KeyFor, method: str, path: str, body: Any
) -> None:
    refused(key_for("operator").call(method, path, body), 403, "FORBIDDEN")


def test_a_viewer_reads_what_the_project_owns(api: Api, key_for: KeyFor) -> None:
    api.create("seen")
    viewer = key_for("viewer", api.project)
    assert [one["metadata"]["name"] for one in viewer.items("/v1/instances")] == ["seen"]


def test_things_of_another_project_do_not_exist(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    instance = api.running("theirs")
    things = {noun: api.named(noun)["id"] for noun in ("ssh-keys", "vpcs", "security-groups")}
    things["subnets"] = api.named("subnets", vpc_id=things["vpcs"], cidr="10.0.1.0/24")["id"]
    image = {"metadata": {"name": "i"}, "spec": {"alias_of": "atoll-mini"}}
    things["images"] = api.post("/v1/images", image)["id"]
    things["instances"] = instance["id"]
    for noun, thing_id in things.items():
        for reference in (thing_id, "theirs"):
            refused(other.call("GET", f"/v1/{noun}/{reference}"), 404, "NOT_FOUND")
        patch = {"metadata": {"name": "mine"}}
        refused(other.call("PATCH", f"/v1/{noun}/{thing_id}", patch), 404, "NOT_FOUND")
        refused(other.call("DELETE", f"/v1/{noun}/{thing_id}"), 404, "NOT_FOUND")
        assert api.get(f"/v1/{noun}/{thing_id}")["id"] == thing_id
    operation = f"/v1/operations/{instance['operation_id']}"
    refused(other.call("GET", operation), 404, "NOT_FOUND")
    for verb in ("cancel", "retry"):
        refused(other.call("POST", f"{operation}/{verb}"), 404, "NOT_FOUND")
    for verb in ("start", "stop", "reboot", "reset"):
        refused(other.call("POST", f"/v1/instances/{instance['id']}/{verb}"), 404, "NOT_FOUND")
    for part in ("log", "explain"):
        refused(other.call("GET", f"/v1/instances/{instance['id']}/{part}"), 404, "NOT_FOUND")
    body = instance_body("a", ssh_key_ids=[things["ssh-keys"]])
    refused(other.call("POST", "/v1/instances", body), 422, "INVALID", "spec.ssh_key_ids.0")


def test_a_list_shows_nothing_of_another_project(api: Api, key_for: KeyFor) -> None:
    api.running(labels={"a": "b"})
    other = key_for("operator")
    for noun in ("instances", "operations", "ssh-keys", "vpcs", "subnets", "audit"):
        assert other.items(f"/v1/{noun}") == []
    assert other.items("/v1/instances?label=a=b") == []
    resource_id = api.items("/v1/instances")[0]["id"]
    assert other.items(f"/v1/operations?resource_id={resource_id}") == []


def test_the_word_null_is_no_number_but_may_be_a_name(api: Api) -> None:
    api.create("a")
    refused(api.call("GET", "/v1/instances?limit=null"), 422, "INVALID", "limit")
    refused(api.call("GET", "/v1/operations/x?wait=null"), 422, "INVALID", "wait")
    assert api.items("/v1/instances?name=null") == []
    assert api.call("GET", "/v1/instances?cursor=null").status_code == 200
