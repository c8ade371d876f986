"""`atoll instance ssh` and `logs`, and a guest looked at from outside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.cli.commands.instance_guest import news, ssh_address
from tests.cli.cloud import (
    INSTANCE_ID,
    Cloud,
    instance,
)
from tests.cli.conftest import Atoll

PATH = f"/v1/instances/{INSTANCE_ID}"

LOG = f"{PATH}/log"

PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff"
UNTIL = "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("ports", "address"),
    [
        (None, ("127.16.0.1", 22)),
        ({}, None),
        ({"tcp/22": "127.16.0.1:2201"}, ("127.16.0.1", 2201)),
        ({"tcp/22": "[::1]:22"}, ("::1", 22)),
        ({"tcp/80": "127.16.0.1:80"}, None),
    ],
)
def test_the_way_in_is_the_open_port_or_else_the_public_address(
    ports: dict[str, str] | None, address: tuple[str, int] | None
) -> None:
    assert ssh_address(instance(ports=ports)) == address


def test_without_a_public_address_there_is_no_way_in() -> None:
    assert ssh_address(instance(public_ip="")) is None


def run_with_fake_ssh(
    home: Path, cloud: Cloud, *words: str, exit_code: int = 0
) -> subprocess.CompletedProcess[str]:
    """The real entry point, with an `ssh` that prints its arguments a line each."""
    programs = home / "bin"
    programs.mkdir()
    fake = programs / "ssh"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@"\nexit {exit_code}\n')
    fake.chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "ATOLL_URL": cloud.url,
        "ATOLL_API_KEY": "ak_test",
    }
    call = [sys.executable, "-c", "from atoll.cli.main import main; main()", "instance", "ssh"]
    return subprocess.run(
        [*call, *words], env=environment, capture_output=True, text=True, check=False
    )


def test_ssh_goes_to_the_instance_with_a_known_hosts_file_of_its_own(
    home: Path, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance(ports={"tcp/22": "127.16.0.1:2222"}))
    ended = run_with_fake_ssh(home, cloud, "demo", "--", "uname", "-a", "--json")
    known_hosts = home / ".config/atoll/known_hosts" / INSTANCE_ID
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "-p", "2222",
        "-o", f'UserKnownHostsFile="{known_hosts}"',
        "-o", f"HostKeyAlias={INSTANCE_ID}",
        "-o", "StrictHostKeyChecking=accept-new",
        "-o", "LogLevel=ERROR",
        "--", "root@127.16.0.1",
        "uname", "-a", "--json",
    ]  # fmt: skip
    assert known_hosts.parent.stat().st_mode & 0o777 == 0o700


def test_the_exit_code_is_that_of_ssh(home: Path, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    assert run_with_fake_ssh(home, cloud, "demo", "--", "false", exit_code=42).returncode == 42


def test_ssh_as_json_prints_the_words_and_starts_nothing(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "ssh", "demo", "--json", "--user", "debian", "--identity", "/k")
    assert ended.json["argv"][-4:] == ["-i", "/k", "--", "debian@127.16.0.1"]


@pytest.fixture
def server_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atoll.cli.reach.is_here", lambda _url: False)


@pytest.mark.usefixtures("server_elsewhere")
def test_ssh_never_goes_to_the_callers_own_machine(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance(ports={"tcp/22": "127.80.0.4:22"}))
    ended = atoll("instance", "ssh", "demo", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "127.80.0.4" in ended.err
    assert "your own machine" in ended.err


@pytest.mark.usefixtures("server_elsewhere")
def test_ssh_goes_to_other_addresses_of_a_server_elsewhere(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance(public_ip="203.0.113.5"))
    assert atoll("instance", "ssh", "demo", "--json").json["argv"][-1] == "root@203.0.113.5"


def test_ssh_gives_the_first_boot_time(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance(ready=False))
    cloud.answers("GET", PATH, instance())
    assert atoll("instance", "ssh", "demo", "--json").code == 0
    assert cloud.asked[-1].query["until"] == ["ready"]


def test_ssh_into_a_stopped_instance_says_how_to_start_it(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance("stopped", ready=False))
    ended = atoll("instance", "ssh", "demo")
    assert ended.code == 2
    assert "atoll instance start demo" in ended.err


@pytest.mark.parametrize("ports", [{}, {"tcp/80": "127.16.0.1:80"}])
def test_ssh_where_no_port_is_open_names_the_security_group(
    ports: dict[str, str], atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance(ports=ports))
    ended = atoll("instance", "ssh", "demo")
    assert ended.code == 2
    assert "security group" in ended.err


def test_logs_print_the_end_of_the_console(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("GET", LOG, "boot\r\n\x1b[1mlogin:\x1b[0m \n")
    ended = atoll("instance", "logs", "demo", "--bytes", "100")
    assert ended.out == "boot\nlogin: \n"
    assert cloud.asked[-1].query["bytes"] == ["100"]


def test_logs_as_json_keep_every_character(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.answers("GET", LOG, "\x1b[1mlogin:")
    assert atoll("instance", "logs", "demo", "--json").json == {"log": "\x1b[1mlogin:"}


def test_logs_follow_until_the_instance_is_gone(
    atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atoll.cli.commands.instance_guest.LOG_PAUSE_S", 0.0)
    cloud.has("/v1/instances", instance())
    cloud.answers("GET", LOG, "one\n", "one\ntwo\n", "one\ntwo\n", "two\nthree\n")
    cloud.answers("GET", LOG, {"error": "gone", "code": "NOT_FOUND"}, status=404)
    assert atoll("instance", "logs", "demo", "--follow").out.startswith("one\ntwo\n")


@pytest.mark.parametrize(
    ("seen", "now", "new"),
    [
        ("ab", "abcd", "cd"),
        ("ab", "ab", ""),
        ("", "x", "x"),
        ("x" * 5000 + "end", "x" * 4900 + "end" + "more", "more"),
        ("old", "quite other", "quite other"),
    ],
)
def test_only_what_is_new_is_printed_of_a_log_that_slides(seen: str, now: str, new: str) -> None:
    assert news(seen, now) == new


def test_the_address_of_the_screen_is_alone_on_stdout(atoll: Atoll, running: Cloud) -> None:
    url = "http://127.0.0.1:8080/console/vnc#token=abc"
    ticket = {"instance_id": INSTANCE_ID, "type": "vnc", "url": url, "expires_at": UNTIL}
    running.answers("POST", f"{PATH}/console", ticket, status=201)
    ended = atoll("instance", "vnc", "demo")
    assert ended.out == url + "\n"
    assert "works once" in ended.err
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
    assert ["cpu", "seconds", "1.5"] in lines
    assert ["disks", "volume", "id=vol-1,", "read=4", "KiB"] in lines


@pytest.mark.parametrize("words", [("screenshot", "demo", "/dev/null"), ("metrics", "demo")])
def test_a_guest_that_does_not_run_cannot_be_looked_at(
    words: tuple[str, ...], atoll: Atoll, running: Cloud
) -> None:
    refusal = {
        "error": f"instance {INSTANCE_ID} is not running: start it first",
        "code": "CONFLICT",
    }
    running.answers("GET", f"{PATH}/{words[0]}", refusal, status=409)
    ended = atoll("instance", *words)
    assert ended.code == 1
    assert "start it first" in ended.err
