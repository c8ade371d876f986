"""A real guest, created through the API and looked at from inside."""

import base64
import re
import socket
from typing import Any

import pytest

from tests.e2e.guests import Login, qemu_processes, until_ready
from tests.e2e.servers import ServerProcess

pytestmark = pytest.mark.qemu
# As an editor on Windows saves it.
SCRIPT = b"\xef\xbb\xbf#!/bin/sh\r\necho it ran as $(id -un) > /root/mark\r\n"
SPEC = {
    "type": "mini", "image": "atoll-mini", "vcpus": 2, "memory_mb": 192, "disk_gb": 7,
    "ssh_key_ids": ["me"], "user_data": base64.b64encode(SCRIPT).decode(),
}  # fmt: skip


@pytest.fixture(scope="module")
def guest(qemu_server: ServerProcess, login: Login) -> Any:
    body = {"metadata": {"name": "Web Server_01"}, "spec": SPEC}
    status, instance = qemu_server.ask("POST", "/v1/instances", body)
    assert status == 201, instance
    assert qemu_server.ended(instance["operation_id"])["status"] == "completed"
    return until_ready(qemu_server, instance["id"])


def test_its_hostname_comes_from_its_name(guest: Any, login: Login) -> None:
    assert login.run(guest, "hostname") == "web-server-01"


def test_power_came_before_boot_and_boot_before_readiness(guest: Any) -> None:
    times = {one["type"]: one["at"] for one in guest["status"]["conditions"]}
    assert times["power"] <= times["boot"] <= times["ready"]


def test_its_user_data_script_ran_as_root(guest: Any, login: Login) -> None:
    assert login.run(guest, "cat /root/mark") == "it ran as root"


def test_its_root_disk_has_the_size_asked_for(guest: Any, login: Login) -> None:
    assert int(login.run(guest, "cat /sys/block/vda/size")) * 512 == 7 * 2**30
    kib = int(login.run(guest, "df -k / | tail -1 | awk '{print $2}'"))
    assert 0.95 * 7 * 2**20 < kib <= 7 * 2**20


def test_it_has_the_memory_and_vcpus_asked_for(guest: Any, login: Login) -> None:
    assert login.run(guest, "nproc") == "2"
    kib = int(login.run(guest, "awk '/MemTotal/{print $2}' /proc/meminfo"))
    assert 0.75 * 192 * 1024 < kib <= 192 * 1024


def test_it_fetches_by_name_within_a_time_limit(guest: Any, login: Login) -> None:
    """Debian's busybox crashes with that limit."""
    login.run(guest, "httpd -p 127.0.0.1:8000 -h /etc; echo 127.0.0.1 shop.test >> /etc/hosts")
    fetched = login.run(guest, "wget -T 3 -q -O - http://shop.test:8000/hostname")
    assert fetched == "web-server-01"


def test_it_has_its_private_address(guest: Any, login: Login) -> None:
    assert f"inet {guest['status']['private_ip']}/" in login.run(guest, "ip -4 addr")


def test_it_is_reached_at_a_loopback_address_of_its_own(guest: Any) -> None:
    assert re.fullmatch(r"127\.\d+\.\d+\.\d+", guest["status"]["public_ip"])


def test_a_floating_ip_says_where_the_guest_is_reached_by_it(
    qemu_server: ServerProcess, guest: Any
) -> None:
    body = {"metadata": {"name": "front"}, "spec": {"instance_id": guest["id"]}}
    status, made = qemu_server.ask("POST", "/v1/floating-ips", body)
    assert (status, made["status"]["ports"]) == (201, None)
    assert qemu_server.ended(made["operation_id"])["status"] == "completed"
    shown = qemu_server.get(f"/v1/floating-ips/{made['id']}")
    assert qemu_server.get("/v1/floating-ips")["items"] == [shown]
    address, _, port = shown["status"]["ports"]["tcp/22"].rpartition(":")
    assert address == shown["status"]["address"]
    with socket.create_connection((address, int(port)), timeout=30) as connection:
        assert connection.recv(4) == b"SSH-"
    own = qemu_server.get(f"/v1/instances/{guest['id']}")["status"]["ports"]
    assert own == guest["status"]["ports"]


def test_its_serial_log_can_be_read(qemu_server: ServerProcess, guest: Any) -> None:
    status, text = qemu_server.ask("GET", f"/v1/instances/{guest['id']}/log")
    assert status == 200
    assert "Linux" in text or "login" in text


def test_it_runs_on_when_the_server_dies_and_is_managed_again(
    qemu_server: ServerProcess, guest: Any, login: Login
) -> None:
    before = qemu_processes(qemu_server.state)[guest["id"]]
    boot = login.run(guest, "cat /proc/sys/kernel/random/boot_id")
    qemu_server.kill()
    qemu_server.start()
    assert qemu_processes(qemu_server.state)[guest["id"]] == before
    assert login.run(guest, "cat /proc/sys/kernel/random/boot_id") == boot
    again = qemu_server.get(f"/v1/instances/{guest['id']}")
    assert (again["status"]["state"], again["status"]["ready"]) == ("running", True)


def test_reset_stop_and_start_keep_its_disk(
    qemu_server: ServerProcess, guest: Any, login: Login
) -> None:
    login.run(guest, "echo kept > /root/kept; sync")
    boot = login.run(guest, "cat /proc/sys/kernel/random/boot_id")
    for action, body in (("reset", None), ("stop", {"timeout_seconds": 30}), ("start", None)):
        status, answer = qemu_server.ask("POST", f"/v1/instances/{guest['id']}/{action}", body)
        assert status == 202, answer
        operation = qemu_server.ended(answer["operation_id"])
        assert operation["status"] == "completed", operation
    again = until_ready(qemu_server, guest["id"])
    assert login.run(again, "cat /root/kept") == "kept"
    assert login.run(again, "cat /proc/sys/kernel/random/boot_id") != boot
    assert again["status"]["public_ip"] == guest["status"]["public_ip"]


def test_deleting_it_leaves_no_process_and_no_disk(qemu_server: ServerProcess, guest: Any) -> None:
    _, answer = qemu_server.ask("DELETE", f"/v1/instances/{guest['id']}")
    assert qemu_server.ended(answer["operation_id"])["status"] == "completed"
    assert qemu_processes(qemu_server.state) == {}
    assert list((qemu_server.state / "volumes").iterdir()) == []
    assert list((qemu_server.state / "guests").iterdir()) == []


@pytest.mark.long
def test_a_debian_guest_takes_its_wishes_through_the_api(
    qemu_server: ServerProcess, login: Login
) -> None:
    spec = SPEC | {"type": "small", "image": "debian-12", "memory_mb": 512, "disk_gb": 9}
    body = {"metadata": {"name": "box"}, "spec": spec}
    status, accepted = qemu_server.ask("POST", "/v1/instances", body)
    assert status == 201, accepted
    while qemu_server.get(f"/v1/operations/{accepted['operation_id']}?wait=60")["result"] is None:
        pass
    box = until_ready(qemu_server, accepted["id"])
    assert login.run(box, "hostname; cat /root/mark; nproc") == "box\nit ran as root\n2"
    kib = int(login.run(box, "df -k / | tail -1 | awk '{print $2}'"))
    assert 0.9 * 9 * 2**20 < kib <= 9 * 2**20
    _, answer = qemu_server.ask("DELETE", f"/v1/instances/{box['id']}")
    assert qemu_server.ended(answer["operation_id"])["status"] == "completed"
