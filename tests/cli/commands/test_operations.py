"""`atoll operation …`."""

from typing import Any

import pytest

from tests.cli.cloud import (
    OPERATION_ID,
    Cloud,
    accepted,
    failed_operation,
    operation,
)
from tests.cli.conftest import Atoll

OPERATION = f"/v1/operations/{OPERATION_ID}"


def test_operations_are_listed_newest_first(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", "/v1/operations", {"items": [operation()], "next": None})
    assert "prepare_volume" in atoll("operation", "list", "--state", "running").out
    assert cloud.asked[0].query["order"] == ["desc"]
    assert cloud.asked[0].query["state"] == ["running"]


@pytest.mark.parametrize(
    ("end", "code"), [(operation(), 0), (failed_operation(), 4), (operation("running"), 5)]
)
def test_waiting_for_an_operation_ends_as_it_does(
    end: dict[str, Any], code: int, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("GET", OPERATION, end)
    assert atoll("operation", "wait", OPERATION_ID, "--timeout", "0").code == code


def test_watching_prints_a_line_a_change_until_the_end(
    atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atoll.cli.commands.operations.WATCH_PAUSE_S", 0.0)
    half = operation("running", progress={"name": "start_guest", "percent": 80.0})
    cloud.answers("GET", OPERATION, operation("running"), operation("running"), half, operation())
    ended = atoll("operation", "watch", OPERATION_ID)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert len(lines) == 3
    assert "40 %" in lines[0]
    assert "start_guest" in lines[1]
    assert "completed" in lines[2]


def test_a_cancelled_operation_is_a_success_of_cancel(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", f"{OPERATION}/cancel", accepted(), status=202)
    cloud.answers("GET", OPERATION, failed_operation("CANCELLED"))
    ended = atoll("operation", "cancel", OPERATION_ID)
    assert (ended.code, ended.out) == (0, f"{OPERATION_ID} cancelled\n")


def test_an_operation_that_was_too_fast_to_cancel_says_so(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", f"{OPERATION}/cancel", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert "before it could be cancelled" in atoll("operation", "cancel", OPERATION_ID).out


def test_a_retry_is_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", f"{OPERATION}/retry", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert atoll("operation", "retry", OPERATION_ID, "--json").json == operation()
