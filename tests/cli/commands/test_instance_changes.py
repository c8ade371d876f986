"""What changes an instance as a whole: its disk, its size, its record, its networks and disc."""

import base64
from pathlib import Path

import pytest

from tests.cli.cloud import (
    IMAGE_ID,
    INSTANCE_ID,
    OPERATION_ID,
    SNAPSHOT_ID,
    SUBNET_ID,
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

NETWORKS = f"/v1/instances/{INSTANCE_ID}/networks"

DRIVE = f"/v1/instances/{INSTANCE_ID}/iso"


@pytest.mark.parametrize(
    ("words", "body", "sentence"),
    [
        (("reinstall", "demo", "--yes"), {}, "demo reinstalled"),
        (
            ("reinstall", "demo", "--yes", "--image", "debian-12", "--hostname", "shop",
             "--key", "laptop", "--key", "desk"),
            {"image": "debian-12", "hostname": "shop", "ssh_key_ids": ["laptop", "desk"]},
            "demo reinstalled",
        ),
        (
            ("restore", "demo", "before", "--yes"),
            {"snapshot_id": SNAPSHOT_ID},
            "demo restored from before",
        ),
        (
            ("resize", "demo", "--type", "cx21", "--vcpus", "2", "--memory-mb", "512",
             "--disk-gb", "20"),
            {"type": "cx21", "vcpus": 2, "memory_mb": 512, "disk_gb": 20},
            "demo resized",
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
    assert ended.out == "demo reinstalled; password for root, shown for ten minutes: nLk7\n"


def test_a_chosen_password_comes_from_a_file(atoll: Atoll, running: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")
    ended = atoll("instance", "reinstall", "demo", "--yes", "--password-file", str(file))
    assert running.all_of("POST")[0].body == {"password": "correct horse battery staple"}
    assert ended.out == "demo reinstalled\n"
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
    assert "on its root disk" in ended.err
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
    assert "no snapshot named 'after'; list them with `atoll snapshot list`" in ended.err
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
        (("expire", "demo", "soon"), "use a duration such as 90m"),
        (("expire", "demo", "2027-01-31T18:00:00"), "append Z"),
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
    assert atoll("instance", "update", "demo", *groups, *more).out == "demo updated\n"
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
        ("never", None, "demo never expires"),
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


def test_an_instance_joins_and_leaves_a_further_subnet(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/subnets", named(SUBNET_ID, "front"))
    cloud.answers("POST", NETWORKS, accepted(), status=202)
    cloud.answers("DELETE", f"{NETWORKS}/{SUBNET_ID}", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    assert atoll("instance", "attach-network", "demo", "front").out == "demo attached to front\n"
    assert cloud.all_of("POST")[0].body == {"subnet_id": SUBNET_ID}
    assert atoll("instance", "detach-network", "demo", "front").out == "demo detached from front\n"
    assert len(cloud.all_of("DELETE")) == 1


def test_the_first_network_of_an_instance_cannot_be_left(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/subnets", named(SUBNET_ID, "front"))
    refusal = {"error": "instance demo was not attached to subnet front later", "code": "CONFLICT"}
    cloud.answers("DELETE", f"{NETWORKS}/{SUBNET_ID}", refusal, status=409)
    ended = atoll("instance", "detach-network", "demo", "front")
    assert ended.code == 1
    assert "not attached to subnet front later" in ended.err


def test_a_disc_is_put_in_and_taken_out(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/images", named(IMAGE_ID, "alpine"))
    cloud.answers("POST", DRIVE, accepted(), status=202)
    cloud.answers("DELETE", DRIVE, accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("instance", "attach-iso", "demo", "alpine")
    assert ended.out == "demo now has alpine attached\n"
    assert cloud.all_of("POST")[0].body == {"image": IMAGE_ID}
    assert atoll("instance", "detach-iso", "demo").out == "demo now has no ISO image\n"


def test_a_disc_that_is_not_there_changes_nothing(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/images")
    ended = atoll("instance", "attach-iso", "demo", "alpine")
    assert ended.code == 1
    assert "no image named 'alpine'" in ended.err
    assert not cloud.all_of("POST")
