"""`atoll events`."""

import pytest

from tests.cli.cloud import INSTANCE_ID, Cloud
from tests.cli.conftest import Atoll

STREAM = (
    "id: 7\nevent: instance.running\n"
    'data: {"resource_id": "inst-1", "operation_id": "op-1", "at": "2026-01-01", "data": {}}\n\n'
    ": a comment\n\n"
    'id: 8\nevent: instance.ready\ndata: {"resource_id": "inst-1", "at": "2026-01-02"}\n\n'
)


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
    monkeypatch.setattr("atoll.cli.commands.events.PAUSE_S", 0.0)
    cloud.answers("GET", "/v1/events", STREAM, Content_Type="text/event-stream")
    cloud.answers("GET", "/v1/events", {"error": "revoked"}, status=401)
    assert atoll("events", "--follow").code == 1
    assert [asked.query.get("after") for asked in cloud.asked] == [None, ["8"]]


def test_events_are_filtered(atoll: Atoll, running: Cloud) -> None:
    running.answers("GET", "/v1/events", STREAM, Content_Type="text/event-stream")
    filters = ("--instance", "demo", "-e", "instance.*", "-e", "volume.*")
    assert atoll("events", *filters, "--since", "2026-01-01T01:00:00+01:00").code == 0
    assert running.all_of("GET")[-1].query == {
        "resource_id": [INSTANCE_ID], "event": ["instance.*", "volume.*"],
        "since": ["2026-01-01T00:00:00Z"], "follow": ["false"],
    }  # fmt: skip
