"""The other groups of commands: images, keys, operations, API keys, hosts, types, regions."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cloud import (
    API_KEY_ID,
    FLOATING_IP_ID,
    GROUP_ID,
    HOST_ID,
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
    failed_operation,
    named,
    operation,
)
from tests.cli.conftest import Atoll

OPERATION = f"/v1/operations/{OPERATION_ID}"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample me@desk"
SUM = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("image", "/v1/images"),
        ("key", "/v1/ssh-keys"),
        ("apikey", "/v1/api-keys"),
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
    thing = named(KEY_ID, "first")
    cloud.has(path, thing)
    head, row = atoll(group, "list").out.splitlines()
    assert head.startswith("NAME")
    assert row.startswith("first")
    assert atoll(group, "list", "--json").json == {"items": [thing], "next": None}


def test_an_image_is_built_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "debian-12"))
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    ended = atoll("image", "build", "debian-12")
    assert (ended.code, ended.out, ended.err) == (0, "debian-12 is available\n", "")


def test_a_build_that_fails_ends_with_4(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "debian-12"))
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, failed_operation())
    assert atoll("image", "build", "debian-12").code == 4


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (
            ("--from-url", "https://example.org/a.qcow2", "--checksum", SUM),
            {"kind": "url", "location": "https://example.org/a.qcow2", "checksum": SUM},
        ),
        (("--file", "/srv/a.qcow2"), {"kind": "file", "location": "/srv/a.qcow2"}),
    ],
)
def test_an_image_is_imported(
    words: tuple[str, ...], source: dict[str, str], atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "mine"), status=201)
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert atoll("image", "import", "mine", *words, "--os", "debian").code == 0
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "mine"},
        "spec": {"os": "debian", "source": source},
    }


@pytest.mark.parametrize("words", [("build", "mine"), ("import", "mine", "--file", "/srv/a")])
def test_an_import_that_is_under_way_is_waited_for_and_not_begun_again(
    words: tuple[str, ...], atoll: Atoll, cloud: Cloud
) -> None:
    busy = {**named(IMAGE_ID, "mine"), "operation_id": OPERATION_ID}
    busy["status"] = {"state": "importing"}
    cloud.has("/v1/images", busy)
    cloud.answers("POST", "/v1/images", busy, status=201)
    cloud.answers("GET", OPERATION, operation())
    ended = atoll("image", *words)
    assert (ended.code, ended.out) == (0, "mine is available\n")
    assert not [asked for asked in cloud.asked if asked.path.endswith("/import")]


def test_of_two_images_of_one_name_the_servers_choice_is_taken(atoll: Atoll, cloud: Cloud) -> None:
    own = named(IMAGE_ID, "debian")
    cloud.has("/v1/images", named(IMAGE_ID[:-1] + "z", "debian"), own)
    cloud.answers("GET", "/v1/images/debian", own)
    assert atoll("image", "show", "debian", "--json").json == own


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ((), "give either"),
        (("--file", "a", "--from-url", "b"), "give either"),
        (("--from-url", "https://example.org/a", "--checksum", "md5:1"), "sha512"),
    ],
)
def test_an_import_without_a_sound_source_is_a_usage_error(
    words: tuple[str, ...], advice: str, atoll: Atoll, cloud: Cloud
) -> None:
    ended = atoll("image", "import", "mine", *words)
    assert ended.code == 2
    assert advice in ended.err
    assert cloud.asked == []


def test_an_alias_changes_an_image_or_makes_one(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "ubuntu"))
    cloud.answers("PATCH", f"/v1/images/{IMAGE_ID}", named(IMAGE_ID, "ubuntu"))
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "latest"), status=201)
    assert atoll("image", "alias", "ubuntu", "debian-12").code == 0
    assert atoll("image", "alias", "latest", "debian-12").code == 0
    assert cloud.all_of("PATCH")[0].body == {"spec": {"alias_of": "debian-12"}}
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "latest"},
        "spec": {"alias_of": "debian-12"},
    }


def test_a_key_is_added_under_its_comment(atoll: Atoll, cloud: Cloud, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/id_rsa.pub").write_text("ssh-rsa AAAAold old\n")
    (home / ".ssh/id_ed25519.pub").write_text(PUBLIC_KEY + "\n")
    cloud.answers("POST", "/v1/ssh-keys", named(KEY_ID, "me@desk"), status=201)
    ended = atoll("key", "add")
    assert ended.code == 0
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "me@desk"},
        "spec": {"public_key": PUBLIC_KEY},
    }


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "private key"),
        ("hello", "not a public key"),
        ("ssh-rsa A a\nssh-rsa B b\n", "not a public key"),
    ],
)
def test_only_a_public_key_leaves_the_machine(
    text: str, advice: str, atoll: Atoll, cloud: Cloud, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    ended = atoll("key", "add", str(file))
    assert ended.code == 2
    assert advice in ended.err
    assert cloud.asked == []


def test_without_a_public_key_the_user_is_told_to_make_one(atoll: Atoll) -> None:
    ended = atoll("key", "add")
    assert ended.code == 2
    assert "ssh-keygen" in ended.err


def test_a_startup_script_is_kept_shown_and_replaced(
    atoll: Atoll, cloud: Cloud, tmp_path: Path
) -> None:
    file = tmp_path / "greet.sh"
    file.write_text("#!/bin/sh\necho hello\n")
    encoded = base64.b64encode(file.read_bytes()).decode()
    kept = named(SCRIPT_ID, "greet", script=encoded)
    cloud.has("/v1/startup-scripts", kept)
    cloud.answers("POST", "/v1/startup-scripts", kept, status=201)
    cloud.answers("PATCH", f"/v1/startup-scripts/{SCRIPT_ID}", kept)
    assert atoll("startup-script", "create", "greet", str(file)).code == 0
    assert atoll("startup-script", "show", "greet").out == file.read_text()
    assert atoll("startup-script", "update", "greet", str(file)).out == "greet is updated\n"
    assert cloud.all_of("POST")[0].body["spec"] == {"script": encoded}
    assert cloud.all_of("PATCH")[0].body == {"spec": {"script": encoded}}


def test_a_startup_script_that_cannot_be_read_is_a_usage_error(atoll: Atoll, cloud: Cloud) -> None:
    ended = atoll("startup-script", "create", "greet", "/missing/greet.sh")
    assert ended.code == 2
    assert "cannot read the script /missing/greet.sh: No such file" in ended.err
    assert cloud.asked == []


def test_a_new_api_key_is_alone_on_stdout(atoll: Atoll, cloud: Cloud) -> None:
    made = {**named(API_KEY_ID, "ci", role="member"), "status": {"key": "ak_live_secret"}}
    cloud.answers("POST", "/v1/api-keys", made, status=201)
    limits = ("--limit-class", "standard", "--project", "team")
    ended = atoll("apikey", "create", "ci", "--role", "viewer", *limits)
    assert ended.out == "ak_live_secret\n"
    assert "shown only now" in ended.err
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "ci"},
        "spec": {"role": "viewer", "limit_class": "standard", "project": "team"},
    }


@pytest.mark.parametrize(
    ("group", "path", "thing_id"),
    [
        ("key", "/v1/ssh-keys", KEY_ID),
        ("apikey", "/v1/api-keys", API_KEY_ID),
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
    assert (ended.code, ended.out) == (0, "old is deleted\n")
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
    assert atoll(group, "rename", "old", "new").out == "old is now new\n"
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
    assert "called 'data'" in ended.err
    assert f"`atoll {group} list`" in ended.err


@pytest.mark.parametrize(("verb", "enabled"), [("enable", True), ("disable", False)])
def test_a_host_is_enabled_and_disabled(
    verb: str, enabled: bool, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    cloud.answers("PATCH", f"/v1/hosts/{HOST_ID}", named(HOST_ID, "sim-1"))
    assert atoll("host", verb, "sim-1").code == 0
    assert cloud.all_of("PATCH")[0].body == {"spec": {"enabled": enabled}}


def lost(count: int, *names: str) -> dict[str, Any]:
    return {"count": count, "first": [{"id": "x", "name": n, "project_id": "p"} for n in names]}


REMOVAL = {
    "kind": "host.remove", "host": "sim-1", "steps": ["end_instances"], "impact": "all is lost",
    "instances": lost(7, "a", "b", "c", "d", "e", "f", "g"), "volumes": lost(1, "data"),
    "snapshots": lost(0),
}  # fmt: skip


def test_a_lost_host_is_removed_with_yes_only_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    plan = {"plan": REMOVAL}
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", plan, plan, status=200)
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    assert atoll("host", "remove", "sim-1").code == 2
    ended = atoll("host", "remove", "sim-1", "--yes")
    assert (ended.code, ended.out) == (0, "sim-1 is removed\n")
    assert [asked.query for asked in cloud.all_of("DELETE")] == [
        {"dry_run": ["true"]}, {"dry_run": ["true"]}, {},
    ]  # fmt: skip


def test_a_dry_run_names_what_would_be_lost_with_a_host(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/hosts", named(HOST_ID, "sim-1"))
    cloud.answers("DELETE", f"/v1/hosts/{HOST_ID}", {"plan": REMOVAL}, status=200)
    ended = atoll("host", "remove", "sim-1", "--dry-run")
    assert ended.code == 0
    assert "lost: 7 instances (a, b, c, d, e, …), 1 volume (data), 0 snapshots\n" in ended.out
    assert len(cloud.all_of("DELETE")) == 1


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
    monkeypatch.setattr("atoll.cli.operations.WATCH_PAUSE_S", 0.0)
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
    assert (ended.code, ended.out) == (0, f"{OPERATION_ID} is cancelled\n")


def test_an_operation_that_was_too_fast_to_cancel_says_so(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", f"{OPERATION}/cancel", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert "before it could be cancelled" in atoll("operation", "cancel", OPERATION_ID).out


def test_a_retry_is_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", f"{OPERATION}/retry", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert atoll("operation", "retry", OPERATION_ID, "--json").json == operation()


def test_a_type_is_added_with_accelerators(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/types", named("gpu", "gpu"), status=201)
    size = ("--vcpus", "8", "--memory-mb", "65536", "--disk-gb", "80")
    ended = atoll("type", "create", "gpu", *size, "--accelerator", "nvidia-rtx-3090=2")
    assert (ended.code, ended.out) == (0, "gpu is created\n")
    spec = cloud.asked[-1].body["spec"]
    assert spec["accelerators"] == {"kind": "nvidia-rtx-3090", "count": 2}
    assert atoll("type", "create", "gpu", *size, "--accelerator", "a=many").code == 2


def test_the_devices_of_hosts_are_in_their_list(atoll: Atoll, cloud: Cloud) -> None:
    devices = [{"kind": "nvidia-a16", "address": f"0000:{n}:00.0", "used": False} for n in (17, 65)]
    host = {**named(HOST_ID, "sim-1"), "status": {"devices": devices}}
    cloud.has("/v1/hosts", host)
    assert "nvidia-a16, nvidia-a16" in atoll("host", "list").out
