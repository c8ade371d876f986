"""`atoll instance delete` and `recover`: how deletions are taken back."""

from typing import Any

import pytest

from tests.cli.cloud import (
    INSTANCE_ID,
    OPERATION_ID,
    Cloud,
    accepted,
    instance,
    operation,
)
from tests.cli.conftest import Atoll

PATH = f"/v1/instances/{INSTANCE_ID}"


UNTIL = "2026-01-02T00:00:00Z"


def terminated(**status: Any) -> dict[str, Any]:
    return instance("terminated", ready=False, **status)


def test_a_deletion_that_can_be_taken_back_says_until_when(atoll: Atoll, running: Cloud) -> None:
    running.answers("DELETE", PATH, accepted(), status=202)
    running.forgets("GET", PATH)
    running.answers("GET", PATH, terminated(recoverable_until=UNTIL))
    out = atoll("instance", "delete", "demo", "--yes").out
    assert UNTIL in out
    assert "with `atoll instance recover demo`" in out


def test_the_command_of_a_recovery_can_be_copied(atoll: Atoll, running: Cloud) -> None:
    running.answers("DELETE", PATH, accepted(), status=202)
    running.forgets("GET", PATH)
    gone = terminated(recoverable_until=UNTIL)
    gone["metadata"]["name"] = "Bad Name"
    running.answers("GET", PATH, gone)
    out = atoll("instance", "delete", "demo", "--yes").out
    assert "with `atoll instance recover 'Bad Name'`" in out


@pytest.mark.parametrize("reference", ["demo", INSTANCE_ID])
def test_a_deleted_instance_is_recovered(reference: str, atoll: Atoll, running: Cloud) -> None:
    gone = {**terminated(recoverable_until=None), "id": INSTANCE_ID[:-1] + "z"}
    running.has("/v1/instances", gone, terminated(recoverable_until=UNTIL))
    ended = atoll("instance", "recover", reference)
    assert (ended.code, ended.out) == (0, "demo recovered and started\n")
    assert running.all_of("POST")[0].path == f"{PATH}/recover"


def test_a_recovered_instance_that_got_another_name_says_so(atoll: Atoll, running: Cloud) -> None:
    running.has("/v1/instances", terminated(recoverable_until=UNTIL))
    back = instance("running")
    back["metadata"]["name"] = "demo-2"
    running.forgets("GET", PATH)
    running.answers("GET", PATH, back)
    ended = atoll("instance", "recover", "demo")
    assert (ended.code, "recovered and started as demo-2" in ended.out) == (0, True)


def test_what_is_gone_for_good_is_not_recovered(atoll: Atoll, running: Cloud) -> None:
    running.has("/v1/instances", terminated(recoverable_until=None))
    ended = atoll("instance", "recover", "demo")
    assert ended.code == 1
    assert "atoll instance list --state terminated" in ended.err
    assert not running.all_of("POST")


def test_two_deleted_instances_of_a_name_are_told_apart_by_id(atoll: Atoll, running: Cloud) -> None:
    twin = {**terminated(recoverable_until=UNTIL), "id": INSTANCE_ID[:-1] + "z"}
    running.has("/v1/instances", twin, terminated(recoverable_until=UNTIL))
    ended = atoll("instance", "recover", "demo")
    assert ended.code == 2
    assert twin["id"] in ended.err
    assert INSTANCE_ID in ended.err


def test_a_deleted_instance_that_is_kept_can_be_purged_by_name(
    atoll: Atoll, running: Cloud
) -> None:
    kept = terminated(recoverable_until=UNTIL)
    running.has("/v1/instances", kept)
    running.forgets("GET", PATH)
    running.answers("GET", PATH, terminated(recoverable_until=None))
    running.answers("DELETE", PATH, accepted(), status=202)
    assert atoll("instance", "delete", "demo", "--yes").code == 1
    ended = atoll("instance", "delete", "demo", "--purge", "--yes")
    assert (ended.code, ended.out) == (0, "demo deleted\n")
    assert running.all_of("DELETE")[0].query == {"purge": ["true"]}


def test_several_instances_are_stopped_at_the_same_time(atoll: Atoll, cloud: Cloud) -> None:
    second = {**instance(), "id": INSTANCE_ID[:-1] + "b"}
    second["metadata"] = {**second["metadata"], "name": "other"}
    cloud.has("/v1/instances", instance(), second)
    for instance_id in (INSTANCE_ID, second["id"]):
        cloud.answers("POST", f"/v1/instances/{instance_id}/stop", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("instance", "stop", "demo", "other")
    assert ended.out == "demo stopped\nother stopped\n"
    methods = [asked.method for asked in cloud.asked if asked.path != "/v1/instances"]
    assert methods == ["POST", "POST", "GET", "GET"]
