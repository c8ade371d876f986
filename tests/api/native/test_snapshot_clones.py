"""Snapshots that go to another region, and what is made of them there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.client import Api, Json
from tests.api.native.test_errors import refused
from tests.api.native.test_snapshots import snapshot_of
from tests.api.server import RunningCloud


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """Three hosts in two regions: the middle one is far away."""
    directory = Path(tmp_path_factory.mktemp("wide"))
    with RunningCloud(directory, simulator_regions=("near", "far")) as cloud:
        yield cloud


@pytest.fixture
def api(wide: RunningCloud) -> Iterator[Api]:
    api = wide.api()
    yield api
    api.delete("/v1/simulator/faults")
    api.close()


@pytest.fixture
def snapshot(api: Api) -> Json:
    return snapshot_of(api, api.running(region="near"))


def region_of(api: Api, thing: Json) -> str:
    return str(api.get(f"/v1/hosts/{thing['status']['host_id']}")["spec"]["region"])


def clone(api: Api, snapshot: Json, body: Json) -> Json:
    """The copy, once it is complete."""
    operation = api.post(f"/v1/snapshots/{snapshot['id']}/clone", body, 202)
    api.ended(operation["operation_id"], "completed")
    made: Json = api.get(f"/v1/snapshots/{operation['resource_id']}")
    return made


def test_hosts_are_in_the_regions_in_turn(api: Api) -> None:
    hosts = api.items("/v1/hosts")
    regions = {host["metadata"]["name"]: host["spec"]["region"] for host in hosts}
    assert regions == {"sim-1": "near", "sim-2": "far", "sim-3": "near"}
    assert {region["metadata"]["name"] for region in api.items("/v1/regions")} == {"near", "far"}


def test_a_clone_is_a_snapshot_of_its_own_in_the_other_region(api: Api, snapshot: Json) -> None:
    made = clone(api, snapshot, {"region": "far", "name": "over there"})
    assert made["id"] != snapshot["id"]
    assert (made["metadata"]["name"], made["spec"]["region"]) == ("over there", "far")
    assert made["metadata"]["labels"] == snapshot["metadata"]["labels"]
    assert (made["status"]["state"], region_of(api, made)) == ("complete", "far")
    for same in ("image_id", "disk_gb", "kind"):
        assert made["status"][same] == snapshot["status"][same]
    api.ended(api.delete(f"/v1/snapshots/{snapshot['id']}", 202)["operation_id"], "completed")
    instance = api.running(image=made["id"], region="far")
    assert instance["status"]["host_id"] == made["status"]["host_id"]


def test_a_clone_without_a_name_is_called_as_the_first(api: Api, snapshot: Json) -> None:
    made = clone(api, snapshot, {"region": "far"})
    assert made["metadata"]["name"] == snapshot["metadata"]["name"]


def test_each_clone_counts_towards_the_quota(api: Api, snapshot: Json) -> None:
    before = api.get("/v1/quota")["used"]["snapshots"]
    made = clone(api, snapshot, {"region": "far"})
    assert api.get("/v1/quota")["used"]["snapshots"] == before + 1
    api.ended(api.delete(f"/v1/snapshots/{made['id']}", 202)["operation_id"], "completed")
    assert api.get("/v1/quota")["used"]["snapshots"] == before


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"region": "near"}, "already in region near"),
        ({"region": "mars"}, "no region 'mars'"),
    ],
)
def test_a_clone_to_nowhere_else_is_refused(
    api: Api, snapshot: Json, body: Json, word: str
) -> None:
    path = f"/v1/snapshots/{snapshot['id']}/clone"
    assert word in refused(api.call("POST", path, body), 422, "INVALID", "region")["error"]


def test_a_name_that_is_none_is_refused(api: Api, snapshot: Json) -> None:
    path = f"/v1/snapshots/{snapshot['id']}/clone"
    response = api.call("POST", path, {"region": "far", "name": "a\nb"})
    refused(response, 422, "INVALID", "name")


def test_a_failed_clone_says_why_and_can_be_deleted(api: Api, snapshot: Json) -> None:
    api.fault(verb="write_import", host="sim-2", error="refused", message="the disk is full")
    operation = api.post(f"/v1/snapshots/{snapshot['id']}/clone", {"region": "far"}, 202)
    api.ended(operation["operation_id"], "failed")
    path = f"/v1/snapshots/{operation['resource_id']}"
    status = api.get(path)["status"]
    assert (status["state"], status["reason"]) == ("error", "the disk is full")
    told = refused(api.call("POST", f"{path}/clone", {"region": "near"}), 409, "CONFLICT")
    assert told["error"].endswith("cannot be copied: it is in state error")
    api.ended(api.delete(path, 202)["operation_id"], "completed")


def test_an_instance_is_made_from_a_snapshot_in_any_region(api: Api, snapshot: Json) -> None:
    far = api.running(image=snapshot["id"], region="far")
    assert region_of(api, far) == "far"
    near = api.running(image=snapshot["id"], region="near")
    assert near["status"]["host_id"] == snapshot["status"]["host_id"]
    restored = api.post(f"/v1/instances/{far['id']}/restore", {"snapshot_id": snapshot["id"]}, 202)
    api.ended(restored["operation_id"], "completed")
    api.ended(api.delete(f"/v1/snapshots/{snapshot['id']}", 202)["operation_id"], "completed")


def test_a_volume_follows_to_an_instance_on_another_host_of_its_region(api: Api) -> None:
    first, volume = api.running(region="near"), api.named("volumes", size_gb=2, region="near")
    path = f"/v1/volumes/{volume['id']}"
    done = {"instance_id": first["id"]}
    api.ended(api.post(f"{path}/attach", done, 202)["operation_id"], "completed")
    api.ended(api.post(f"{path}/detach", status=202)["operation_id"], "completed")
    old = first["status"]["host_id"]
    api.patch(f"/v1/hosts/{old}", {"spec": {"enabled": False}})
    second = api.running(region="near")
    api.patch(f"/v1/hosts/{old}", {"spec": {"enabled": True}})
    assert second["status"]["host_id"] != old
    attach = api.post(f"{path}/attach", {"instance_id": second["id"]}, 202)
    api.ended(attach["operation_id"], "completed")
    shown = api.get(path)["status"]
    assert (shown["state"], shown["host_id"]) == ("attached", second["status"]["host_id"])


def test_a_volume_does_not_follow_to_another_region(api: Api) -> None:
    far, volume = api.running(region="far"), api.named("volumes", size_gb=1, region="near")
    path = f"/v1/volumes/{volume['id']}/attach"
    body = {"instance_id": far["id"]}
    told = refused(api.call("POST", path, body), 422, "INVALID", "instance_id")
    assert "region far" in told["error"]
