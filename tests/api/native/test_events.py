"""What happened: the stream for whoever watches, the audit for whoever asks."""

import json
import threading
from typing import Any

import pytest

from atoll.api.native import events
from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused


def told(api: Api, query: str = "", **headers: str) -> list[Json]:
    """All events so far, each with its id and kind."""
    response = api.call("GET", f"/v1/events?follow=false{query}", **headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    return [event(block) for block in response.text.split("\n\n") if block]


def event(block: str) -> Json:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    data: Json = json.loads(fields["data"])
    return {"id": fields["id"], "kind": fields["event"]} | data


def test_the_life_of_an_instance_is_told_in_order(api: Api) -> None:
    created = api.running()
    operation = api.delete(f"/v1/instances/{created['id']}", 202)["operation_id"]
    api.ended(operation, "completed")
    mine = [one for one in told(api) if one["resource_id"] == created["id"]]
    kinds = [one["kind"] for one in mine if one["kind"].startswith("instance.")]
    assert kinds.index("instance.running") < kinds.index("instance.deleted")
    assert "instance.ready" in kinds
    assert mine[0]["kind"] == "operation.accepted"
    assert mine[0]["operation_id"] == created["operation_id"]
    assert mine[0]["data"] == {"kind": "instance.create"}
    assert mine[0]["at"].endswith("Z")


def test_a_stream_is_resumed_after_the_last_event_seen(api: Api) -> None:
    api.named("vpcs", "one")
    api.named("vpcs", "two")
    every = told(api)
    assert len({one["id"] for one in every}) == len(every) >= 2
    for place, one in enumerate(every):
        rest = every[place + 1 :]
        assert told(api, f"&after={one['id']}") == rest
        assert told(api, Last_Event_ID=one["id"]) == rest
        assert told(api, "&after=0.0", Last_Event_ID=one["id"]) == rest
    assert told(api, "&after=now") == []


def test_events_of_other_projects_are_not_told(api: Api, key_for: KeyFor) -> None:
    api.named("vpcs")
    assert told(key_for("viewer")) == []


def test_a_followed_stream_tells_what_happens_next(api: Api) -> None:
    api.named("vpcs", "before")
    begun = threading.Event()
    seen: list[Any] = []

    def follow() -> None:
        with api.http.stream("GET", "/v1/events?after=now") as response:
            begun.set()
            lines = (line for line in response.iter_lines() if line.startswith("event: "))
            seen.append(next(lines))

    watcher = threading.Thread(target=follow, daemon=True)
    watcher.start()
    assert begun.wait(10)
    api.named("ssh-keys", "after")
    watcher.join(10)
    assert seen == ["event: ssh_key.created"]


def test_a_position_that_is_none_is_refused_before_the_stream_begins(api: Api) -> None:
    for query in ("after=yesterday", "after=1", "after=-1.0", "follow=false&after=x.y"):
        refused(api.call("GET", f"/v1/events?{query}"), 422, "INVALID", "after")


def test_the_audit_says_who_did_what_with_before_and_after(api: Api) -> None:
    created = api.running("first")
    path = f"/v1/instances/{created['id']}"
    api.patch(path, {"metadata": {"name": "second"}}, X_Request_Id="mine")
    records = api.items(f"/v1/audit?resource_id={created['id']}")
    assert [one["action"] for one in records] == ["instance.create", "instance.update"]
    made, changed = records
    assert made["key_id"] == api.key_id
    assert made["dialect"] == "native"
    assert made["operation_id"] == created["operation_id"]
    assert made["after"] == {"name": "first", "plan": "mini", "image": "atoll-mini"}
    assert made["request_id"].startswith("req-")
    assert changed["request_id"] == "mine"
    assert (changed["before"], changed["after"]) == ({"name": "first"}, {"name": "second"})


@pytest.mark.parametrize("replayed", [False, True])
def test_what_is_refused_or_repeated_is_not_in_the_audit(api: Api, replayed: bool) -> None:
    api.call("POST", "/v1/vpcs", {"metadata": {"name": "v"}, "spec": {"cidr": "8.8.8.0/24"}})
    body = {"metadata": {"name": "v"}, "spec": {"cidr": "10.0.0.0/16"}}
    for _ in range(2 if replayed else 1):
        api.post("/v1/vpcs", body, Idempotency_Key="k")
    assert [one["action"] for one in api.items("/v1/audit")] == ["vpc.create"]


def test_a_stream_ends_when_its_key_is_deleted(
    api: Api, key_for: KeyFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEY_CHECK_S", 0.0)
    viewer = key_for("viewer", api.project)
    api.named("ssh-keys", "first")
    with viewer.http.stream("GET", "/v1/events") as response:
        lines = response.iter_lines()
        assert next(lines).startswith("id: ")
        api.delete(f"/v1/api-keys/{viewer.key_id}")
        later = api.named("ssh-keys", "later")
        rest = "".join(lines)
    assert later["id"] not in rest


def test_events_are_filtered_by_resource_kind_and_time(api: Api) -> None:
    one, two = api.named("vpcs")["id"], api.named("vpcs")["id"]
    api.delete(f"/v1/vpcs/{one}")
    of_one = told(api, f"&resource_id={one}")
    assert [(e["kind"], e["resource_id"]) for e in of_one] == [
        ("vpc.created", one), ("vpc.deleted", one),
    ]  # fmt: skip
    created = told(api, "&event=vpc.created&event=volume.*")
    assert [e["resource_id"] for e in created] == [one, two]
    assert told(api, "&event=volume.*") == []
    at = of_one[0]["at"]
    assert told(api, f"&resource_id={one}&since={at}") == of_one
    assert told(api, "&since=2999-01-01T00:00:00Z") == []


def test_a_filtered_stream_goes_on_behind_what_it_leaves_out(api: Api) -> None:
    """Its pages are all read, and each position is that of the whole stream."""
    for _ in range(3):
        api.named("vpcs")
    wanted = api.named("ssh-keys")["id"]
    (last,) = told(api, "&event=ssh_key.*")
    assert last["resource_id"] == wanted
    assert told(api, f"&event=ssh_key.*&after={last['id']}") == []


@pytest.mark.parametrize(
    ("query", "field"), [("event=nonsense", "event.0"), ("since=yesterday", "since")]
)
def test_a_wrong_filter_of_events_is_named(api: Api, query: str, field: str) -> None:
    answer = api.call("GET", f"/v1/events?follow=false&{query}")
    assert answer.status_code == 422
    assert answer.json()["field"] == field
