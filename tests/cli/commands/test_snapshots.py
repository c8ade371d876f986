"""`atoll snapshot …`."""

from typing import Any

from tests.cli.cloud import (
    INSTANCE_ID,
    OPERATION_ID,
    SNAPSHOT_ID,
    Cloud,
    accepted,
    failed_operation,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

SNAPSHOT = f"/v1/snapshots/{SNAPSHOT_ID}"
OPERATION = f"/v1/operations/{OPERATION_ID}"


def snapshot(state: str = "complete", **facts: Any) -> dict[str, Any]:
    thing = named(SNAPSHOT_ID, "before", instance_id=INSTANCE_ID, description="")
    return {**thing, "status": {"state": state, "kind": "manual", "disk_gb": 10}, **facts}


def test_a_snapshot_is_made_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    begun = snapshot("pending", operation_id=OPERATION_ID)
    cloud.answers("POST", "/v1/snapshots", begun, status=201)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    cloud.answers("GET", SNAPSHOT, snapshot())
    words = ("snapshot", "create", "before", "--instance", "demo", "--description", "as it was")
    ended = atoll(*words, "--label", "a=b")
    assert (ended.code, ended.out) == (0, f"before created: {SNAPSHOT_ID}\n")
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "before", "labels": {"a": "b"}},
        "spec": {"instance_id": INSTANCE_ID, "description": "as it was"},
    }
    assert atoll(*words, "--json").json == snapshot()


def test_a_snapshot_that_fails_ends_with_4(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    begun = snapshot("pending", operation_id=OPERATION_ID)
    cloud.answers("POST", "/v1/snapshots", begun, status=201)
    cloud.answers("GET", OPERATION, failed_operation())
    assert atoll("snapshot", "create", "before", "--instance", "demo").code == 4


def test_a_snapshot_is_copied_to_another_region(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/snapshots", snapshot())
    cloud.answers("POST", f"{SNAPSHOT}/clone", {**accepted(), "resource_id": "snap-2"}, status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    for words, body, name in (
        ((), {"region": "far"}, "before"),
        (("--name", "there"), {"region": "far", "name": "there"}, "there"),
    ):
        ended = atoll("snapshot", "clone", "before", "--region", "far", *words)
        assert (ended.code, ended.out) == (0, f"{name} created: snap-2\n")
        assert cloud.all_of("POST")[-1].body == body


def test_a_snapshot_of_nothing_is_a_usage_error(atoll: Atoll, cloud: Cloud) -> None:
    ended = atoll("snapshot", "create", "before")
    assert ended.code == 2
    assert "--instance" in ended.err
    assert cloud.asked == []
