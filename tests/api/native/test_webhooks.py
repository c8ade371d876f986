"""Webhooks: made, changed, and refused where nobody could ever be told."""

import time

import pytest

from tests.api.client import Api, Json
from tests.api.native.test_errors import refused

NOWHERE = "http://127.0.0.1:9/hook"


def failing(api: Api, path: str) -> Json:
    """The webhook after the first try that went wrong."""
    until = time.monotonic() + 20
    while not (shown := api.get(path))["status"]["failures"]:
        assert time.monotonic() < until
    return dict(shown)


def test_a_webhook_shows_its_secret_once_and_says_why_nobody_answers(api: Api) -> None:
    made = api.named("webhooks", "ops", url=NOWHERE, events=["instance.*"])
    assert made["status"]["secret"].startswith("whsec_")
    path = f"/v1/webhooks/{made['id']}"
    assert api.get(path)["status"]["secret"] is None
    api.running()
    assert "only public ones are connected to" in failing(api, path)["status"]["reason"]
    assert api.patch(path, {"spec": {"enabled": False}})["spec"]["enabled"] is False
    api.delete(path)


def test_its_version_rises_with_changes_and_not_with_what_it_is_told(api: Api) -> None:
    path = f"/v1/webhooks/{api.named('webhooks', url=NOWHERE)['id']}"
    assert failing(api, path)["metadata"]["version"] == 1
    assert api.call("GET", path).headers["etag"] == '"1"'
    changed = api.patch(path, {"spec": {"enabled": False}}, If_Match='"1"')
    assert changed["metadata"]["version"] == 2
    body = {"spec": {"enabled": True}}
    refused(api.call("PATCH", path, body, If_Match='"1"'), 412, "VERSION_MISMATCH", "If-Match")
    refused(api.call("DELETE", path, If_Match='"1"'), 412, "VERSION_MISMATCH", "If-Match")
    api.delete(path, If_Match='"2"')


@pytest.mark.parametrize("url", ["ftp://example.com/hook", "ftp://", "", "example.com"])
@pytest.mark.parametrize("metadata", [{"name": "x"}, {}])
def test_a_url_that_cannot_be_told_is_refused_in_words(api: Api, url: str, metadata: Json) -> None:
    response = api.call("POST", "/v1/webhooks", {"metadata": metadata, "spec": {"url": url}})
    assert response.status_code == 422
    assert "must begin with http:// or https://" in response.text
    assert "^" not in response.text


@pytest.mark.parametrize(
    "url", ["http://a b/", "https://example.com/\u00e9", "http://" + "a" * 2042]
)
def test_a_url_of_other_characters_or_too_many_is_refused(api: Api, url: str) -> None:
    body = {"metadata": {"name": "x"}, "spec": {"url": url}}
    refused(api.call("POST", "/v1/webhooks", body), 422, "INVALID", "spec.url")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("foo.bar", "there is no event 'foo.bar'; the events are backup.*, floating_ip.*, "),
        ("foo.bar", "webhook.*, * for all"),
        ("*.deleted", "there is no event '*.deleted'; the events are "),
        ("snapshot.made", "the events are snapshot.updated, snapshot.complete, "),
        ("snapshot", "snapshot.deleted, snapshot.*"),
    ],
)
def test_an_event_that_nobody_sends_is_refused_with_those_there_are(
    api: Api, event: str, told: str
) -> None:
    spec = {"url": NOWHERE, "events": ["instance.*", event]}
    body = {"metadata": {"name": "x"}, "spec": spec}
    said = refused(api.call("POST", "/v1/webhooks", body), 422, "INVALID", "spec.events.1")
    assert told in said["error"]
    path = f"/v1/webhooks/{api.named('webhooks', url=NOWHERE)['id']}"
    refused(api.call("PATCH", path, {"spec": spec}), 422, "INVALID", "spec.events.1")
    api.delete(path)


def test_one_kind_all_of_a_noun_and_everything_can_be_told(api: Api) -> None:
    events = ["operation.failed", "volume.*", "*"]
    made = api.named("webhooks", url=NOWHERE, events=events)
    assert made["spec"]["events"] == events
    api.delete(f"/v1/webhooks/{made['id']}")
