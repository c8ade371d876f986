"""Values as people and other tools write them: taken, or refused with the reason."""

import pytest

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.native.test_errors import refused


def image_of(**source: str) -> Json:
    given = {"kind": "url", "location": "https://images.example.com/a.qcow2"} | source
    return {"metadata": {"name": fresh("image")}, "spec": {"source": given}}


@pytest.mark.parametrize(
    "source",
    [
        {"checksum": "sha256:" + "AB" * 32},
        {"checksum": "SHA256:" + "ab" * 32},
        {"checksum": "Sha512:" + "aB" * 64},
        {"location": "HTTPS://images.example.com/a.qcow2"},
    ],
)
def test_digits_and_schemes_may_be_in_capitals(api: Api, source: dict[str, str]) -> None:
    """As PowerShell's Get-FileHash prints them."""
    made = api.post("/v1/images", image_of(**source))
    assert made["spec"]["source"] | source == made["spec"]["source"]


def test_the_address_of_a_webhook_may_be_in_capitals(api: Api) -> None:
    body = {"metadata": {"name": fresh("hook")}, "spec": {"url": "HTTPS://example.com/hook"}}
    assert api.post("/v1/webhooks", body)["spec"]["url"] == "HTTPS://example.com/hook"


@pytest.mark.parametrize("name", ["a/b", "/", ".", "..", "web/"])
@pytest.mark.parametrize("noun", ["ssh-keys", "vpcs", "security-groups", "instances", "projects"])
def test_a_name_that_no_path_can_have_is_refused(api: Api, noun: str, name: str) -> None:
    body = instance_body("x")
    body["metadata"]["name"] = name
    told = refused(api.call("POST", f"/v1/{noun}", body), 422, "INVALID", "metadata.name")
    assert "a name must not contain a slash, nor consist of dots alone" in told["error"]


def test_a_name_with_other_signs_is_found_by_it(api: Api) -> None:
    made = api.named("vpcs", "a.b c?d#e%2F", cidr="10.9.0.0/16")
    assert api.get("/v1/vpcs/a.b%20c%3Fd%23e%252F")["id"] == made["id"]
    answer = api.call("PATCH", f"/v1/vpcs/{made['id']}", {"metadata": {"name": "a/b"}})
    refused(answer, 422, "INVALID", "metadata.name")


def test_a_label_that_could_not_be_selected_is_refused(api: Api) -> None:
    body = instance_body("web")
    body["metadata"]["labels"] = {"a=b": "c"}
    told = refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "metadata.labels")
    assert "the key 'a=b' contains =" in told["error"]


def test_unequal_labels_are_not_supported_and_say_so(api: Api) -> None:
    told = refused(api.call("GET", "/v1/instances?label=tier!=web"), 422, "INVALID", "label")
    assert "!= is not supported" in told["error"]


def test_an_expiry_may_be_as_far_away_as_there_are_years(api: Api) -> None:
    body = instance_body("web")
    body["metadata"]["expires_at"] = "9999-12-31T23:59:59Z"
    made = api.post("/v1/instances", body)
    assert made["metadata"]["expires_at"] == "9999-12-31T23:59:59Z"
    assert api.get(f"/v1/instances/{made['id']}")["metadata"]["expires_at"].startswith("9999")
    body["metadata"] |= {"name": "old", "expires_at": "2001-01-01T00:00:00Z"}
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "metadata.expires_at")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/instances", "/v1/types", "/v1/events?follow=true", "/v2/instances", "/v2/os",
        "/compute/v1/instances", "/healthz", "/docs", "/v2/openapi.json",
    ],
)  # fmt: skip
def test_head_is_answered_as_get_without_a_body(api: Api, path: str) -> None:
    """Also of a stream, which a GET would read for ever."""
    answer = api.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    if "follow" not in path:
        got = api.http.get(path)
        assert answer.headers["content-type"] == got.headers["content-type"]
        assert int(answer.headers["content-length"]) == len(got.content)


def test_head_is_refused_as_get_is(api: Api) -> None:
    for path, status in (("/v1/instances/absent", 404), ("/v2/instances/x", 404), ("/x", 404)):
        answer = api.http.head(path)
        assert (answer.status_code, answer.content) == (status, b"")
