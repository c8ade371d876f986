"""`atoll status`, `atoll events` and `atoll up`."""

import os
import sys

import pytest

from tests.cli.cloud import HOST_ID, Cloud, instance, named, operation
from tests.cli.conftest import Atoll

STREAM = (
    "id: 7\nevent: instance.running\n"
    'data: {"resource_id": "inst-1", "operation_id": "op-1", "at": "2026-01-01", "data": {}}\n\n'
    ": a comment\n\n"
    'id: 8\nevent: instance.ready\ndata: {"resource_id": "inst-1", "at": "2026-01-02"}\n\n'
)


def a_server(cloud: Cloud) -> None:
    twin = {**instance("stopped"), "id": "inst-06c00000000000000000000002"}
    cloud.has("/v1/instances", instance(), twin)
    cloud.answers("GET", "/openapi.json", {"info": {"version": "0.1.0"}})
    cloud.answers("GET", "/v1/operations", {"items": [operation("running")], "next": None})
    host = named(HOST_ID, "sim-1", enabled=True)
    cloud.has("/v1/hosts", {**host, "status": {"driver": "simulator", "emulated": True}})


def test_status_shows_server_hosts_counts_and_operations(atoll: Atoll, cloud: Cloud) -> None:
    a_server(cloud)
    out = atoll("status").out
    for words in (cloud.url, "0.1.0", "1 running, 1 stopped", "sim-1", "simulator", "40"):
        assert words in out


def test_status_as_json_is_one_object(atoll: Atoll, cloud: Cloud) -> None:
    a_server(cloud)
    seen = atoll("status", "--json").json
    assert seen["instances"] == {"running": 1, "stopped": 1}
    assert seen["hosts"][0]["id"] == HOST_ID
    assert [one["status"] for one in seen["operations"]] == ["running"]


def test_status_does_without_hosts_where_the_key_may_not_see_them(
    bare_atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances")
    cloud.answers("GET", "/openapi.json", {"info": {"version": "0.1.0"}})
    cloud.has("/v1/operations")
    cloud.answers("GET", "/v1/hosts", {"error": "no", "code": "FORBIDDEN"}, status=403)
    ended = bare_atoll("status", "--url", cloud.url, "--api-key", "ak_1")
    assert ended.code == 0
    assert "this key may not see them" in ended.out


def test_a_server_that_is_not_running_ends_with_3_and_says_how_to_start_it(
    bare_atoll: Atoll,
) -> None:
    ended = bare_atoll("status", "--url", "http://127.0.0.1:1", "--api-key", "ak_1")
    assert (ended.code, ended.out) == (3, "")
    assert "cannot reach http://127.0.0.1:1: is it running? start it with: atoll up" in ended.err


def test_events_are_a_line_each(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", "/v1/events", STREAM, Content_Type="text/event-stream")
    first, second = atoll("events", "--after", "6").out.splitlines()
    assert first.split() == ["2026-01-01", "instance.running", "inst-1"]
    assert second.split() == ["2026-01-02", "instance.ready", "inst-1"]
    assert cloud.asked[0].query == {"after": ["6"], "follow": ["false"]}


def test_events_as_json_are_an_object_a_line(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", "/v1/events", STREAM, Content_Type="text/event-stream")
    lines = atoll("events", "--json").out.splitlines()
    assert len(lines) == 2
    assert '"id": "7"' in lines[0]


def test_followed_events_go_on_after_the_last_one_when_the_stream_breaks(
    atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atoll.cli.events.PAUSE_S", 0.0)
    cloud.answers("GET", "/v1/events", STREAM, Content_Type="text/event-stream")
    cloud.answers("GET", "/v1/events", {"error": "revoked"}, status=401)
    assert atoll("events", "--follow").code == 1
    assert [asked.query.get("after") for asked in cloud.asked] == [None, ["8"]]


def test_up_becomes_the_server_with_the_options_as_given(
    bare_atoll: Atoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: became.append(words))
    bare_atoll("up", "--state", "here", "--port", "9000", "--driver", "simulator")
    options = ["--state", "here", "--port", "9000", "--driver", "simulator"]
    assert became == [[sys.executable, "-m", "atoll", "serve", *options]]


def test_up_hands_on_what_only_the_server_knows(
    bare_atoll: Atoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: became.append(words))
    bare_atoll("up")
    bare_atoll("up", "--region", "home", "--allow-private-urls", "--port", "9000")
    assert [words[4:] for words in became] == [
        [],
        ["--port", "9000", "--region", "home", "--allow-private-urls"],
    ]
