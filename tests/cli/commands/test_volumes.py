"""`atoll volume …` and `atoll snapshot …`."""

from typing import Any

import pytest

from tests.cli.cloud import (
    INSTANCE_ID,
    OPERATION_ID,
    VOLUME_ID,
    Cloud,
    accepted,
    failed_operation,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

PATH = f"/v1/volumes/{VOLUME_ID}"

OPERATION = f"/v1/operations/{OPERATION_ID}"

DEVICE = "/dev/disk/by-id/virtio-0123456789"


def volume(state: str = "available", instance_id: str = "", **facts: Any) -> dict[str, Any]:
    thing = named(VOLUME_ID, "data", size_gb=10, region="local")
    status = {"state": state, "instance_id": instance_id, "device": "virtio-0123456789"}
    return {**thing, "status": status, "operation_id": "", **facts}


def test_a_volume_is_created_at_once(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/volumes", volume(), status=201)
    ended = atoll("volume", "create", "data", "--size-gb", "10", "--label", "a=b")
    assert (ended.code, ended.out) == (0, f"data created: {VOLUME_ID}\n")
    assert cloud.asked[0].body == {
        "metadata": {"name": "data", "labels": {"a": "b"}},
        "spec": {"size_gb": 10},
    }


def test_a_volume_is_created_for_an_instance_and_the_attachment_is_waited_for(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    begun = volume("attaching", INSTANCE_ID, operation_id=OPERATION_ID)
    cloud.answers("POST", "/v1/volumes", begun, status=201)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    cloud.answers("GET", PATH, volume("attached", INSTANCE_ID))
    words = ("volume", "create", "data", "--size-gb", "10", "--region", "local")
    ended = atoll(*words, "--attach-to", "demo")
    assert ended.out == f"data created and attached; device in a guest with udev: {DEVICE}\n"
    assert cloud.all_of("POST")[0].body["spec"] == {
        "size_gb": 10,
        "region": "local",
        "instance_id": INSTANCE_ID,
    }
    assert atoll(*words, "--attach-to", "demo", "--json").json["status"]["state"] == "attached"


def test_a_volume_for_an_instance_that_is_not_there_is_not_created(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("volume", "create", "data", "--size-gb", "10", "--attach-to", "dmeo")
    assert ended.code == 1
    assert "no instance named 'dmeo'" in ended.err
    assert not cloud.all_of("POST")


def test_without_waiting_the_volume_and_its_operation_are_named(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    begun = volume("attaching", INSTANCE_ID, operation_id=OPERATION_ID)
    cloud.answers("POST", "/v1/volumes", begun, status=201)
    words = ("volume", "create", "data", "--size-gb", "10", "--attach-to", "demo", "--no-wait")
    assert atoll(*words).out == f"{VOLUME_ID} accepted: {OPERATION_ID}\n"
    assert atoll(*words, "--json").json == begun


@pytest.mark.parametrize(
    ("words", "path", "body", "sentence"),
    [
        (
            ("attach", "data", "demo"),
            "attach",
            {"instance_id": INSTANCE_ID},
            f"data attached to demo; device in a guest with udev: {DEVICE}",
        ),
        (("detach", "data"), "detach", None, "data detached"),
        (("resize", "data", "20"), "resize", {"size_gb": 20}, "data resized to 20 GB"),
    ],
)
def test_an_action_on_a_volume_is_sent_and_waited_for(
    words: tuple[str, ...], path: str, body: object, sentence: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/volumes", volume())
    cloud.answers("POST", f"{PATH}/{path}", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    ended = atoll("volume", *words)
    assert (ended.code, ended.out) == (0, sentence + "\n")
    assert cloud.all_of("POST")[0].body == body
    assert cloud.asked[-1].path == OPERATION


@pytest.mark.parametrize(
    ("words", "status", "refusal"),
    [
        (("attach", "data", "demo"), 409, "volume data attached to instance demo already"),
        (("detach", "data"), 409, "volume data is not attached to an instance"),
        (("resize", "data", "5"), 422, "size_gb must be 11 to 65536, not 5"),
        (("delete", "data", "--yes"), 409, "volume data attached to instance demo"),
    ],
)
def test_what_the_server_refuses_of_a_volume_is_said_as_it_says_it(
    words: tuple[str, ...], status: int, refusal: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/volumes", volume())
    body = {"error": refusal, "code": "CONFLICT"}
    cloud.answers("POST", f"{PATH}/{words[0]}", body, status=status)
    cloud.answers("DELETE", PATH, body, status=status)
    ended = atoll("volume", *words)
    assert (ended.code, ended.out, ended.err) == (1, "", f"atoll: {refusal}\n")


def test_a_volume_that_cannot_be_attached_ends_with_4(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/volumes", volume())
    cloud.answers("POST", f"{PATH}/attach", accepted(), status=202)
    cloud.answers("GET", OPERATION, failed_operation())
    ended = atoll("volume", "attach", "data", "demo")
    assert (ended.code, ended.out) == (4, "")
    assert "the disk is full" in ended.err


@pytest.mark.parametrize("group", ["volume", "snapshot", "floating-ip"])
def test_a_list_can_be_of_one_instance(group: str, atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has(f"/v1/{group}s")
    assert atoll(group, "list", "--instance", "demo", "--label", "a=b").code == 0
    assert cloud.asked[-1].path == f"/v1/{group}s"
    assert cloud.asked[-1].query["instance_id"] == [INSTANCE_ID]
    assert cloud.asked[-1].query["label"] == ["a=b"]


def test_a_volume_is_shown_with_its_device(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/volumes", volume())
    assert "virtio-0123456789" in atoll("volume", "show", "data").out
