"""What changes an instance as a whole: disk, size, life, backups; and how it is looked at."""

import base64
from pathlib import Path
from typing import Any

import pytest

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

PATH = f"/v1/instances/{INSTANCE_ID}"
OPERATION = f"/v1/operations/{OPERATION_ID}"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff"
UNTIL = "2026-01-02T00:00:00Z"


@pytest.fixture
def running(cloud: Cloud) -> Cloud:
    """A cloud with the instance `demo`, whose operations end well."""
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/snapshots", named(SNAPSHOT_ID, "before"))
    cloud.answers("GET", OPERATION, operation("running"), operation())
    for verb in ("reinstall", "restore", "resize", "recover"):
        cloud.answers("POST", f"{PATH}/{verb}", accepted(), status=202)
    return cloud


@pytest.mark.parametrize(
    ("words", "body", "sentence"),
    [
        (("reinstall", "demo", "--yes"), {}, "demo is reinstalled"),
        (
            ("reinstall", "demo", "--yes", "--image", "debian-12", "--hostname", "shop",
             "--key", "laptop", "--key", "desk"),
            {"image": "debian-12", "hostname": "shop", "ssh_key_ids": ["laptop", "desk"]},
            "demo is reinstalled",
        ),
        (
            ("restore", "demo", "before", "--yes"),
            {"snapshot_id": SNAPSHOT_ID},
            "demo is as it was at before",
        ),
        (
            ("resize", "demo", "--type", "cx21", "--vcpus", "2", "--memory-mb", "512",
             "--disk-gb", "20"),
            {"type": "cx21", "vcpus": 2, "memory_mb": 512, "disk_gb": 20},
            "demo is resized",
        ),
    ],
)  # fmt: skip
def test_a_change_is_sent_and_waited_for(
    words: tuple[str, ...], body: object, sentence: str, atoll: Atoll, running: Cloud
) -> None:
    ended = atoll("instance", *words)
    assert (ended.code, ended.out, ended.err) == (0, sentence + "\n", "")
    assert running.all_of("POST")[0].body == body
    assert running.asked[-1].path == OPERATION


def test_a_new_password_is_asked_for_and_shown(atoll: Atoll, running: Cloud) -> None:
    running.forgets("GET", PATH)
    running.answers("GET", PATH, instance(default_password="nLk7"))
    ended = atoll("instance", "reinstall", "demo", "--yes", "--password")
    assert running.all_of("POST")[0].body == {"generate_password": True}
    assert ended.out == "demo is reinstalled; root's password, shown for ten minutes: nLk7\n"


def test_a_chosen_password_comes_from_a_file(atoll: Atoll, running: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")
    ended = atoll("instance", "reinstall", "demo", "--yes", "--password-file", str(file))
    assert running.all_of("POST")[0].body == {"password": "correct horse battery staple"}
    assert ended.out == "demo is reinstalled\n"
    both = ("--password", "--password-file", str(file))
    assert atoll("instance", "reinstall", "demo", "--yes", *both).code == 2
    absent = ("--password-file", str(tmp_path / "absent"))
    assert atoll("instance", "reinstall", "demo", "--yes", *absent).code == 2


def test_user_data_goes_with_a_reinstallation(atoll: Atoll, running: Cloud, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\n")
    atoll("instance", "reinstall", "demo", "--yes", "--user-data", str(script))
    sent = running.all_of("POST")[0].body
    assert sent == {"user_data": base64.b64encode(script.read_bytes()).decode()}


@pytest.mark.parametrize("words", [("reinstall", "demo"), ("restore", "demo", "before")])
def test_what_destroys_a_root_disk_asks_first(
    words: tuple[str, ...], atoll: Atoll, running: Cloud
) -> None:
    ended = atoll("instance", *words)
    assert ended.code == 2
    assert "lose all that is on its root disk" in ended.err
    assert "--yes" in ended.err
    assert not running.all_of("POST")


def test_a_dry_run_of_a_reinstallation_asks_nothing(atoll: Atoll, running: Cloud) -> None:
    running.forgets("POST", f"{PATH}/reinstall")
    plan = {"plan": {"kind": "instance.reinstall", "impact": "all on the root disk is lost"}}
    running.answers("POST", f"{PATH}/reinstall", plan)
    ended = atoll("instance", "reinstall", "demo", "--dry-run")
    assert "all on the root disk is lost" in ended.out
    assert running.all_of("POST")[0].query == {"dry_run": ["true"]}


def test_a_fresh_disk_means_fresh_host_keys_for_ssh(
    atoll: Atoll, running: Cloud, home: Path
) -> None:
    known = home / ".config/atoll/known_hosts" / INSTANCE_ID
    known.parent.mkdir(parents=True)
    known.write_text("the old key\n")
    running.forgets("GET", OPERATION)
    running.answers("GET", OPERATION, failed_operation(), operation())
    assert atoll("instance", "reinstall", "demo", "--yes").code == 4
    assert known.exists()
    assert atoll("instance", "reinstall", "demo", "--yes").code == 0
    assert not known.exists()


def test_a_snapshot_that_is_not_there_cannot_be_restored(atoll: Atoll, running: Cloud) -> None:
    ended = atoll("instance", "restore", "demo", "after", "--yes")
    assert ended.code == 1
    assert "there is no snapshot called 'after': see `atoll snapshot list`" in ended.err
    assert not running.all_of("POST")


def test_a_smaller_disk_is_refused(atoll: Atoll, running: Cloud) -> None:
    running.forgets("POST", f"{PATH}/resize")
    refusal = "spec.disk_gb is 5, the disk has 10: it never shrinks"
    body = {"error": refusal, "code": "INVALID", "field": "spec.disk_gb"}
    running.answers("POST", f"{PATH}/resize", body, status=422)
    ended = atoll("instance", "resize", "demo", "--disk-gb", "5")
    assert (ended.code, ended.err) == (1, f"atoll: {refusal}\n")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("resize", "demo"), "--type, --vcpus, --memory-mb or --disk-gb"),
        (("update", "demo"), "--security-group, --key or --user-data"),
        (("expire", "demo", "soon"), "write it as 90m"),
        (("expire", "demo", "2027-01-31T18:00:00"), "end it with Z"),
        (("backup", "set", "demo"), "--cron"),
    ],
)
def test_a_change_that_says_nothing_is_a_usage_error(
    words: tuple[str, ...], advice: str, atoll: Atoll, running: Cloud
) -> None:
    ended = atoll("instance", *words)
    assert (ended.code, ended.out) == (2, "")
    assert advice in ended.err
    assert running.asked == []


def test_groups_keys_and_user_data_are_replaced(
    atoll: Atoll, running: Cloud, tmp_path: Path
) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\n")
    running.answers("PATCH", PATH, instance())
    groups = ("--security-group", "web", "--security-group", "db")
    more = ("--key", "laptop", "--user-data", str(script))
    assert atoll("instance", "update", "demo", *groups, *more).out == "demo is updated\n"
    assert running.all_of("PATCH")[0].body == {
        "spec": {
            "security_groups": ["web", "db"],
            "ssh_key_ids": ["laptop"],
            "user_data": base64.b64encode(script.read_bytes()).decode(),
        }
    }


@pytest.mark.parametrize(
    ("when", "moment", "sentence"),
    [
        ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z", "demo expires at 2027-01-31T18:00:00Z"),
        ("never", None, "demo does not expire"),
    ],
)
def test_an_instance_can_be_made_to_expire(
    when: str, moment: str | None, sentence: str, atoll: Atoll, running: Cloud
) -> None:
    running.answers("PATCH", PATH, instance())
    assert atoll("instance", "expire", "demo", when).out == sentence + "\n"
    assert running.all_of("PATCH")[0].body == {"metadata": {"expires_at": moment}}


def test_an_instance_is_created_from_a_snapshot_and_with_an_end(
    atoll: Atoll, running: Cloud
) -> None:
    running.has("/v1/ssh-keys")
    running.answers("POST", "/v1/instances", instance("provisioning"), status=201)
    words = ("instance", "create", "demo", "--type", "cx11", "--image", "before")
    ended = atoll(*words, "--expires-at", "2027-01-31T18:00:00+01:00", "--no-wait")
    assert ended.code == 0
    sent = running.all_of("POST")[0].body
    assert sent["spec"]["image"] == "before"
    assert sent["metadata"]["expires_at"] == "2027-01-31T17:00:00Z"


def terminated(**status: Any) -> dict[str, Any]:
    return instance("terminated", ready=False, **status)


def test_a_deletion_that_can_be_taken_back_says_until_when(atoll: Atoll, running: Cloud) -> None:
    running.answers("DELETE", PATH, accepted(), status=202)
    running.forgets("GET", PATH)
    running.answers("GET", PATH, terminated(recoverable_until=UNTIL))
    out = atoll("instance", "delete", "demo", "--yes").out
    assert UNTIL in out
    assert "`atoll instance recover demo` brings it back" in out


@pytest.mark.parametrize("reference", ["demo", INSTANCE_ID])
def test_a_deleted_instance_is_recovered(reference: str, atoll: Atoll, running: Cloud) -> None:
    gone = {**terminated(recoverable_until=None), "id": INSTANCE_ID[:-1] + "z"}
    running.has("/v1/instances", gone, terminated(recoverable_until=UNTIL))
    ended = atoll("instance", "recover", reference)
    assert (ended.code, ended.out) == (0, "demo is back and runs\n")
    assert running.all_of("POST")[0].path == f"{PATH}/recover"


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
    assert (ended.code, ended.out) == (0, "demo is deleted\n")
    assert running.all_of("DELETE")[0].query == {"purge": ["true"]}


@pytest.mark.parametrize(("keep", "kept"), [(3, "3 backups are"), (1, "backup is")])
def test_a_backup_schedule_is_set_shown_and_stopped(
    keep: int, kept: str, atoll: Atoll, running: Cloud
) -> None:
    schedule = {"instance_id": INSTANCE_ID, "cron": "30 3 * * *", "keep": keep, "next_at": UNTIL}
    running.answers("PUT", f"{PATH}/backups", schedule)
    running.answers("GET", f"{PATH}/backups", schedule)
    running.answers("DELETE", f"{PATH}/backups", "", status=204)
    words = ("instance", "backup", "set", "demo", "--cron", "30 3 * * *", "--keep", str(keep))
    said = f"demo is backed up next at {UNTIL}; the newest {kept} kept\n"
    assert atoll(*words).out == said
    assert running.all_of("PUT")[0].body == {"cron": "30 3 * * *", "keep": keep}
    assert "30 3 * * *" in atoll("instance", "backup", "show", "demo").out
    assert atoll("instance", "backup", "stop", "demo").out == "demo is backed up no more\n"


def test_a_schedule_that_is_none_is_refused_with_an_example(atoll: Atoll, running: Cloud) -> None:
    refusal = "cron: 'daily at 3' is none; five fields are: minute, hour, day of the month"
    running.answers("PUT", f"{PATH}/backups", {"error": refusal, "field": "cron"}, status=422)
    ended = atoll("instance", "backup", "set", "demo", "--cron", "daily at 3")
    assert (ended.code, ended.err) == (1, f"atoll: {refusal}\n")


def test_the_address_of_the_screen_is_alone_on_stdout(atoll: Atoll, running: Cloud) -> None:
    url = "http://127.0.0.1:8080/console/vnc#token=abc"
    ticket = {"instance_id": INSTANCE_ID, "type": "vnc", "url": url, "expires_at": UNTIL}
    running.answers("POST", f"{PATH}/console", ticket, status=201)
    ended = atoll("instance", "vnc", "demo")
    assert ended.out == url + "\n"
    assert "one try" in ended.err
    assert running.all_of("POST")[0].body == {"type": "vnc"}
    assert atoll("instance", "vnc", "demo", "--json").json == ticket


def test_a_screenshot_is_saved_byte_for_byte(atoll: Atoll, running: Cloud, tmp_path: Path) -> None:
    running.answers("GET", f"{PATH}/screenshot", PICTURE)
    file = tmp_path / "screen.png"
    assert atoll("instance", "screenshot", "demo", str(file)).code == 0
    assert file.read_bytes() == PICTURE


def test_a_screenshot_that_cannot_be_saved_says_why(
    atoll: Atoll, running: Cloud, tmp_path: Path
) -> None:
    running.answers("GET", f"{PATH}/screenshot", PICTURE)
    file = tmp_path / "missing" / "screen.png"
    ended = atoll("instance", "screenshot", "demo", str(file))
    assert ended.code == 2
    assert f"cannot write {file}: No such file or directory" in ended.err


def test_metrics_are_shown_a_line_each(atoll: Atoll, running: Cloud) -> None:
    disk = {"volume_id": "vol-1", "read_bytes": 4096}
    measured = {"cpu_seconds": 1.5, "memory_bytes": 1024, "disks": [disk], "nics": []}
    running.answers("GET", f"{PATH}/metrics", measured)
    lines = [line.split() for line in atoll("instance", "metrics", "demo").out.splitlines()]
    assert ["cpu_seconds", "1.5"] in lines
    assert ["disks.1.read_bytes", "4096"] in lines


@pytest.mark.parametrize("words", [("screenshot", "demo", "/dev/null"), ("metrics", "demo")])
def test_a_guest_that_does_not_run_cannot_be_looked_at(
    words: tuple[str, ...], atoll: Atoll, running: Cloud
) -> None:
    refusal = {"error": f"instance {INSTANCE_ID} does not run: start it first", "code": "CONFLICT"}
    running.answers("GET", f"{PATH}/{words[0]}", refusal, status=409)
    ended = atoll("instance", *words)
    assert ended.code == 1
    assert "start it first" in ended.err
