"""`atoll instance …`, as a user and a script see it."""

import base64
from pathlib import Path
from typing import Any

import pytest

from atoll.cli.client import Client
from tests.cli.cloud import (
    IMAGE_ID,
    INSTANCE_ID,
    KEY_ID,
    OPERATION_ID,
    Cloud,
    accepted,
    failed_operation,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

PATH = f"/v1/instances/{INSTANCE_ID}"
CREATE = ("instance", "create", "demo", "--type", "cx11", "--image", "atoll-mini")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample me@desk"
PLAN = {
    "plan": {
        "kind": "instance.create",
        "host": "sim-1",
        "steps": ["pick_host", "start_guest"],
        "undo": ["release_host"],
        "impact": "a new guest",
        "hosts": [{"host": "sim-1", "fits": True, "reason": ""}],
    }
}


def created(cloud: Cloud, *, ended: dict[str, Any], then: dict[str, Any]) -> None:
    cloud.has("/v1/ssh-keys")
    cloud.answers("POST", "/v1/instances", instance("provisioning", ready=False), status=201)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation("running"), ended)
    cloud.answers("GET", PATH, then)


def test_create_waits_and_prints_the_addresses_and_the_way_in(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=operation(), then=instance())
    ended = atoll(*CREATE)
    assert ended.code == 0
    assert "demo is ready" in ended.out
    assert "127.16.0.1" in ended.out
    assert "10.128.0.4" in ended.out
    assert "ssh root@127.16.0.1" in ended.out


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        (f"/v1/operations/{OPERATION_ID}", f"atoll operation cancel {OPERATION_ID}"),
        (PATH, "atoll instance show demo"),
    ],
)
def test_ctrl_c_while_waiting_says_that_it_goes_on(
    where: str, advice: str, atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(cloud, ended=operation(), then=instance())
    really_get = Client.get

    def interrupted(client: Client, path: str, *given: Any, **named: Any) -> Any:
        if path == where:
            raise KeyboardInterrupt
        return really_get(client, path, *given, **named)

    monkeypatch.setattr(Client, "get", interrupted)
    ended = atoll(*CREATE)
    assert ended.code == 130
    assert "goes on" in ended.err
    assert advice in ended.err


def test_who_does_not_wait_is_told_where_the_password_will_be(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=operation(), then=instance())
    assert "`atoll instance show demo`" in atoll(*CREATE, "--password", "--no-wait").err
    assert "password" not in atoll(*CREATE, "--no-wait").err


def test_create_prints_no_ssh_command_that_leads_to_the_callers_machine(
    atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atoll.cli.reach.is_here", lambda _url: False)
    created(cloud, ended=operation(), then=instance())
    ended = atoll(*CREATE)
    assert "root@" not in ended.out
    assert "only on the machine of the server" in ended.out


def test_create_waits_by_long_polls(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=operation(), then=instance())
    atoll(*CREATE)
    polls = [asked for asked in cloud.all_of("GET") if "wait" in asked.query]
    assert [asked.query["wait"] for asked in polls] == [["10"]] * 3
    assert polls[-1].query["until"] == ["ready"]


def test_create_sends_what_was_asked_for_and_nothing_else(
    atoll: Atoll, cloud: Cloud, tmp_path: Path
) -> None:
    created(cloud, ended=operation(), then=instance())
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho hello\n")
    size = ("--vcpus", "2", "--memory-mb", "512", "--disk-gb", "10")
    place = ("--region", "home", "--vpc", "v", "--subnet", "s", "--security-group", "web")
    boot = ("--key", "laptop", "--key", "desk", "--user-data", str(script), "--label", "a=b=c")
    once = ("--idempotency-key", "once", "--startup-script", "greet")
    atoll(*CREATE, *size, *place, *boot, "--security-group", "db", "--protected", *once)
    (post,) = cloud.all_of("POST")
    assert post.headers["Idempotency-Key"] == "once"
    assert post.body == {
        "metadata": {"name": "demo", "labels": {"a": "b=c"}, "protected": True},
        "spec": {
            "type": "cx11",
            "image": "atoll-mini",
            "vcpus": 2,
            "memory_mb": 512,
            "disk_gb": 10,
            "region": "home",
            "vpc_id": "v",
            "subnet_id": "s",
            "security_groups": ["web", "db"],
            "ssh_key_ids": ["laptop", "desk"],
            "startup_script_id": "greet",
            "user_data": base64.b64encode(script.read_bytes()).decode(),
        },
    }


def test_create_uses_the_users_own_key_if_it_is_registered(
    atoll: Atoll, cloud: Cloud, home: Path
) -> None:
    created(cloud, ended=operation(), then=instance())
    (home / ".ssh").mkdir()
    (home / ".ssh/id_ed25519.pub").write_text(PUBLIC_KEY + "\n")
    other = named(KEY_ID[:-1] + "a", "other", public_key="ssh-ed25519 AAAAother x")
    mine = named(KEY_ID, "mine", public_key=PUBLIC_KEY.replace("me@desk", "another comment"))
    cloud.has("/v1/ssh-keys", other, mine)
    ended = atoll(*CREATE)
    assert cloud.all_of("POST")[0].body["spec"]["ssh_key_ids"] == [KEY_ID]
    assert "hint" not in ended.err


def test_an_instance_that_starts_from_a_disc_is_not_waited_for_to_be_ready(
    atoll: Atoll, cloud: Cloud
) -> None:
    created(cloud, ended=operation(), then=instance(ready=False))
    cloud.has("/v1/images", named(IMAGE_ID, "atoll-mini", kind="iso"))
    ended = atoll(*CREATE)
    assert (ended.code, ended.out.split(":")[0]) == (0, "demo is running from its disc")
    assert not any("until" in asked.query for asked in cloud.asked)


def test_create_names_the_registered_keys_if_none_of_them_is_in_the_home(
    atoll: Atoll, cloud: Cloud
) -> None:
    created(cloud, ended=operation(), then=instance())
    cloud.has("/v1/ssh-keys", named(KEY_ID, "me", public_key=PUBLIC_KEY))
    assert "--key (me)" in atoll(*CREATE).err


def test_create_without_a_registered_key_says_how_to_add_one(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=operation(), then=instance())
    ended = atoll(*CREATE)
    assert ended.code == 0
    assert "atoll key add" in ended.err
    assert "hint" not in ended.out


def test_a_create_that_is_refused_is_not_told_of_keys_too(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/ssh-keys")
    refusal = {"error": "spec.image: no image has the id or name 'debain'", "code": "INVALID"}
    cloud.answers("POST", "/v1/instances", refusal, status=422)
    ended = atoll(*CREATE)
    assert (ended.code, ended.err) == (1, f"atoll: {refusal['error']}\n")


def test_create_as_json_prints_the_ready_instance_and_nothing_else(
    atoll: Atoll, cloud: Cloud
) -> None:
    created(cloud, ended=operation(), then=instance())
    assert atoll(*CREATE, "--json").json == instance()


def test_create_without_waiting_prints_the_first_answer(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=operation(), then=instance())
    ended = atoll(*CREATE, "--no-wait", "--json")
    assert ended.json == instance("provisioning", ready=False)
    assert not [asked for asked in cloud.asked if asked.path.startswith("/v1/operations")]


def test_a_create_that_fails_ends_with_4_and_the_reason(atoll: Atoll, cloud: Cloud) -> None:
    created(cloud, ended=failed_operation(), then=instance())
    ended = atoll(*CREATE, "--json")
    assert (ended.code, ended.out) == (4, "")
    assert "the disk is full" in ended.err
    assert f"atoll operation retry {OPERATION_ID}" in ended.err


def test_a_create_that_takes_too_long_ends_with_5_and_the_way_on(
    atoll: Atoll, cloud: Cloud
) -> None:
    created(cloud, ended=operation("running"), then=instance())
    ended = atoll(*CREATE, "--timeout", "0")
    assert ended.code == 5
    assert f"atoll operation wait {OPERATION_ID}" in ended.err


def test_a_guest_that_does_not_get_ready_ends_with_5_and_names_the_log(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/ssh-keys")
    cloud.answers("POST", "/v1/instances", instance("provisioning"), status=201)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    cloud.answers("GET", PATH, instance(ready=False))
    ended = atoll(*CREATE, "--timeout", "0")
    assert ended.code == 5
    assert "atoll instance logs demo" in ended.err


def test_a_guest_that_stops_before_it_is_ready_is_a_failure(atoll: Atoll, cloud: Cloud) -> None:
    gone = instance("stopped", ready=False, reason="the guest shut down")
    created(cloud, ended=operation(), then=gone)
    ended = atoll(*CREATE)
    assert ended.code == 4
    assert "the guest shut down" in ended.err


def test_a_refused_create_ends_with_1_and_names_the_field(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/ssh-keys")
    body = {"error": "there is no type cx11", "code": "INVALID", "field": "spec.type"}
    cloud.answers("POST", "/v1/instances", body, status=422)
    ended = atoll(*CREATE)
    assert (ended.code, ended.out) == (1, "")
    assert "there is no type cx11" in ended.err
    assert "spec.type" in ended.err


def test_a_dry_run_shows_the_plan_and_changes_nothing(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/ssh-keys")
    cloud.answers("POST", "/v1/instances", PLAN)
    ended = atoll(*CREATE, "--dry-run")
    assert ended.code == 0
    assert cloud.all_of("POST")[0].query["dry_run"] == ["true"]
    for words in ("a new guest", "on host sim-1", "1. pick_host", "undone by: release_host"):
        assert words in ended.out
    assert atoll(*CREATE, "--dry-run", "--json").json == PLAN


def test_the_list_is_a_table(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    head, row = atoll("instance", "list").out.splitlines()
    titles = [title.strip() for title in head.split("  ") if title.strip()]
    assert titles == ["NAME", "STATE", "READY", "PUBLIC IP", "PRIVATE IP", "TYPE", "IMAGE", "ID"]
    assert row.split() == [
        "demo", "running", "yes", "127.16.0.1", "10.128.0.4", "cx11", "atoll-mini", INSTANCE_ID,
    ]  # fmt: skip


def test_the_list_as_json_is_the_servers(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "list", "--json")
    assert ended.json == {"items": [instance()], "next": None}


def test_the_lists_filters_are_the_servers(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances")
    atoll("instance", "list", "--label", "a=b", "--label", "c=d", "--state", "running")
    query = cloud.asked[0].query
    assert (query["label"], query["state"]) == (["a=b", "c=d"], ["running"])


def test_names_cannot_drive_the_terminal(atoll: Atoll, cloud: Cloud) -> None:
    evil = instance()
    evil["metadata"]["name"] = "\x1b]0;owned\x07\x1b[31mred[/bold]"
    cloud.has("/v1/instances", evil)
    ended = atoll("instance", "list")
    assert "\x1b" not in ended.out
    assert "red[/bold]" in ended.out


def test_show_prints_what_is_known_in_words(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    lines = [line.split() for line in atoll("instance", "show", "demo").out.splitlines()]
    assert ["labels", "tier=web"] in lines
    assert ["public", "ip", "127.16.0.1"] in lines
    assert atoll("instance", "show", INSTANCE_ID, "--json").json == instance()


def test_a_wrong_name_is_said_with_the_noun(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "show", "dmeo")
    assert (ended.code, ended.out) == (1, "")
    assert "no instance named 'dmeo'" in ended.err


def test_a_name_that_two_things_have_lists_their_ids(atoll: Atoll, cloud: Cloud) -> None:
    twin = {**instance(), "id": INSTANCE_ID[:-1] + "z"}
    cloud.has("/v1/instances", instance(), twin)
    ended = atoll("instance", "delete", "demo", "--yes")
    assert ended.code == 1
    assert INSTANCE_ID in ended.err
    assert twin["id"] in ended.err
    assert not cloud.all_of("DELETE")


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("start",), None),
        (("stop",), {"force": False, "timeout_seconds": 60}),
        (("stop", "--force"), {"force": True, "timeout_seconds": 60}),
        (("stop", "--grace", "5"), {"force": False, "timeout_seconds": 5}),
        (("reboot",), None),
        (("reset",), None),
    ],
)
def test_an_action_is_sent_and_waited_for(
    words: tuple[str, ...], body: object, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("POST", f"{PATH}/{words[0]}", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("instance", words[0], "demo", *words[1:])
    assert ended.code == 0
    assert ended.out.startswith("demo ")
    assert cloud.all_of("POST")[0].body == body
    assert cloud.asked[-1].path == f"/v1/operations/{OPERATION_ID}"


def test_an_action_without_waiting_prints_the_operation(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("POST", f"{PATH}/start", accepted(), status=202)
    assert OPERATION_ID in atoll("instance", "start", "demo", "--no-wait").out
    assert atoll("instance", "start", "demo", "--no-wait", "--json").json == accepted()


def test_delete_asks_and_without_a_terminal_refuses(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "delete", "demo")
    assert ended.code == 2
    assert "--yes" in ended.err
    assert not cloud.all_of("DELETE")


def test_delete_with_yes_waits_until_it_is_gone(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("DELETE", PATH, accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation("running"), operation())
    ended = atoll("instance", "delete", "demo", "--yes")
    assert (ended.code, ended.out) == (0, "demo deleted\n")


def test_a_protected_instance_says_so(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    refusal = {"error": "demo is protected", "code": "PROTECTED", "field": "metadata.protected"}
    cloud.answers("DELETE", PATH, refusal, status=409)
    ended = atoll("instance", "delete", "demo", "--yes")
    assert ended.code == 1
    assert "demo is protected" in ended.err
    assert "`atoll instance unprotect`" in ended.err


@pytest.mark.parametrize(
    ("words", "metadata"),
    [
        (("rename", "demo", "shop"), {"name": "shop"}),
        (("protect", "demo"), {"protected": True}),
        (("unprotect", "demo"), {"protected": False}),
        (("label", "demo", "a=b", "tier-"), {"labels": {"a": "b"}}),
    ],
)
def test_metadata_is_patched(
    words: tuple[str, ...], metadata: object, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("PATCH", PATH, instance())
    assert atoll("instance", *words).code == 0
    assert cloud.all_of("PATCH")[0].body == {"metadata": metadata}


def test_labels_that_changed_meanwhile_are_read_again(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    moved = {"error": "it moved", "code": "VERSION_MISMATCH"}
    cloud.answers("PATCH", PATH, moved, status=412)
    cloud.answers("PATCH", PATH, instance())
    assert atoll("instance", "label", "demo", "a=b").code == 0
    assert [asked.headers["If-Match"] for asked in cloud.all_of("PATCH")] == ['"3"', '"3"']


def test_a_label_that_is_not_there_cannot_be_removed(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "label", "demo", "colour-")
    assert ended.code == 2
    assert "no label 'colour'" in ended.err


def test_explain_prints_what_was_said_of_each_host(atoll: Atoll, cloud: Cloud) -> None:
    answer = {
        "waiting_for": "a host with room",
        "hosts": [{"host": "sim-1", "fits": False, "reason": "no memory"}],
    }
    cloud.has("/v1/instances", instance())
    cloud.answers("GET", f"{PATH}/explain", answer)
    out = atoll("instance", "explain", "demo").out
    assert "a host with room" in out
    assert "no memory" in out
    assert atoll("instance", "explain", "demo", "--json").json == answer
