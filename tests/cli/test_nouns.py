"""What the commands of all nouns have alike: list, show, rename, label, delete."""

import pytest

from tests.cli.cloud import (
    FLOATING_IP_ID,
    GROUP_ID,
    IMAGE_ID,
    KEY_ID,
    OPERATION_ID,
    SCRIPT_ID,
    SNAPSHOT_ID,
    SUBNET_ID,
    VOLUME_ID,
    VPC_ID,
    WEBHOOK_ID,
    Cloud,
    accepted,
    named,
    operation,
)
from tests.cli.conftest import Atoll

OPERATION = f"/v1/operations/{OPERATION_ID}"


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("image", "/v1/images"),
        ("key", "/v1/ssh-keys"),
        ("type", "/v1/types"),
        ("region", "/v1/regions"),
        ("host", "/v1/hosts"),
        ("volume", "/v1/volumes"),
        ("snapshot", "/v1/snapshots"),
        ("floating-ip", "/v1/floating-ips"),
        ("vpc", "/v1/vpcs"),
        ("subnet", "/v1/subnets"),
        ("startup-script", "/v1/startup-scripts"),
        ("webhook", "/v1/webhooks"),
        ("project", "/v1/projects"),
    ],
)
def test_every_list_is_a_table_or_the_servers_json(
    group: str, path: str, atoll: Atoll, cloud: Cloud
) -> None:
    thing = {"id": KEY_ID, "metadata": {"name": "first"}}
    cloud.has(path, thing)
    head, row = atoll(group, "list").out.splitlines()
    assert head.startswith("NAME")
    assert row.startswith("first")
    assert atoll(group, "list", "--json").json == {"items": [thing], "next": None}


@pytest.mark.parametrize(
    ("group", "path", "thing_id"),
    [
        ("key", "/v1/ssh-keys", KEY_ID),
        ("floating-ip", "/v1/floating-ips", FLOATING_IP_ID),
        ("group", "/v1/security-groups", GROUP_ID),
        ("vpc", "/v1/vpcs", VPC_ID),
        ("subnet", "/v1/subnets", SUBNET_ID),
        ("startup-script", "/v1/startup-scripts", SCRIPT_ID),
        ("webhook", "/v1/webhooks", WEBHOOK_ID),
    ],
)
def test_things_are_deleted_by_name_with_yes_only(
    group: str, path: str, thing_id: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has(path, named(thing_id, "old"))
    cloud.answers("DELETE", f"{path}/{thing_id}", "", status=204)
    assert atoll(group, "delete", "old").code == 2
    assert not cloud.all_of("DELETE")
    assert atoll(group, "delete", "old", "--yes").code == 0
    assert cloud.all_of("DELETE")[0].path == f"{path}/{thing_id}"


@pytest.mark.parametrize(
    ("group", "path", "thing_id"),
    [
        ("image", "/v1/images", IMAGE_ID),
        ("volume", "/v1/volumes", VOLUME_ID),
        ("snapshot", "/v1/snapshots", SNAPSHOT_ID),
    ],
)
def test_things_that_hosts_keep_are_deleted_with_yes_only_and_waited_for(
    group: str, path: str, thing_id: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has(path, named(thing_id, "old"))
    cloud.answers("DELETE", f"{path}/{thing_id}", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    assert atoll(group, "delete", "old").code == 2
    assert not cloud.all_of("DELETE")
    ended = atoll(group, "delete", "old", "--yes")
    assert (ended.code, ended.out) == (0, "old deleted\n")
    assert cloud.all_of("DELETE")[0].path == f"{path}/{thing_id}"
    assert cloud.asked[-1].path == OPERATION


NAMED = [
    ("volume", "/v1/volumes", VOLUME_ID),
    ("snapshot", "/v1/snapshots", SNAPSHOT_ID),
    ("floating-ip", "/v1/floating-ips", FLOATING_IP_ID),
    ("group", "/v1/security-groups", GROUP_ID),
    ("vpc", "/v1/vpcs", VPC_ID),
    ("subnet", "/v1/subnets", SUBNET_ID),
    ("startup-script", "/v1/startup-scripts", SCRIPT_ID),
    ("webhook", "/v1/webhooks", WEBHOOK_ID),
]


@pytest.mark.parametrize(("group", "path", "thing_id"), NAMED)
def test_things_get_another_name_and_labels(
    group: str, path: str, thing_id: str, atoll: Atoll, cloud: Cloud
) -> None:
    thing = named(thing_id, "old")
    thing["metadata"]["labels"] = {"tier": "web", "old": "yes"}
    cloud.has(path, thing)
    cloud.answers("PATCH", f"{path}/{thing_id}", thing)
    assert atoll(group, "rename", "old", "new").out == "old renamed to new\n"
    ended = atoll(group, "label", "old", "colour=red", "old-")
    assert ended.out == "labels of old: tier=web, colour=red\n"
    rename, label = cloud.all_of("PATCH")
    assert rename.body == {"metadata": {"name": "new"}}
    assert label.body == {"metadata": {"labels": {"tier": "web", "colour": "red"}}}
    assert label.headers["If-Match"] == '"1"'


@pytest.mark.parametrize(("group", "path", "thing_id"), NAMED)
def test_a_thing_that_is_not_there_is_said_with_the_noun_and_the_way_to_the_list(
    group: str, path: str, thing_id: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has(path)
    ended = atoll(group, "show", "data")
    assert (ended.code, ended.out) == (1, "")
    assert "named 'data'" in ended.err
    assert f"`atoll {group} list`" in ended.err


def test_several_things_are_deleted_after_one_question(atoll: Atoll, cloud: Cloud) -> None:
    second = VPC_ID[:-1] + "n"
    cloud.has("/v1/vpcs", named(VPC_ID, "one"), named(second, "two"))
    for vpc_id in (VPC_ID, second):
        cloud.answers("DELETE", f"/v1/vpcs/{vpc_id}", "", status=204)
    asked = atoll("vpc", "delete", "one", "two")
    assert f"Delete 2 VPCs: one ({VPC_ID}), two ({second})?" in asked.err
    assert atoll("vpc", "delete", "one", "two", "one", "--yes").out == "one deleted\ntwo deleted\n"


def test_of_several_things_none_is_deleted_if_one_is_not_there(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/vpcs", named(VPC_ID, "one"))
    assert atoll("vpc", "delete", "one", "absent", "--yes").code == 1
    assert cloud.all_of("DELETE") == []
