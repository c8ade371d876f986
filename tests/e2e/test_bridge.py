"""Real guests in the network `bridge`: looked at from inside, and from this host."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atoll.networks import namespaces
from atoll.networks.uplink import Uplink
from tests.e2e.guests import Login, kill_guests, qemu_processes, until_ready
from tests.e2e.servers import ServerProcess

pytestmark = pytest.mark.qemu
SPEC = {"type": "mini", "image": "atoll-mini", "memory_mb": 128, "ssh_key_ids": ["me"]}
METADATA = "nc -w 5 169.254.169.254 80"
TTL = "X-aws-ec2-metadata-token-ttl-seconds: 60"
TOKEN = "X-aws-ec2-metadata-token"


def namespaces_of(state: Path) -> list[str]:
    identity = json.loads((state / "networks/identity.json").read_text())
    return namespaces.names(f"atoll-{identity['name']}-")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("QEMU is not installed: apt-get install qemu-system-x86 qemu-utils")
    state = tmp_path_factory.mktemp("bridged") / "state"
    built = ServerProcess(
        state, "--driver", "qemu", "--network", "bridge", "--public-cidr", "127.23.0.0/16"
    )
    built.start()
    try:
        yield built
        delete_all(built)
        assert namespaces_of(state) == []
    finally:
        built.kill()
        kill_guests(state)
        for name in namespaces_of(state):
            Uplink(name, state / "networks").stop()
            namespaces.remove(name)


def delete_all(server: ServerProcess) -> None:
    for instance in server.all("/v1/instances"):
        _, answer = server.ask("DELETE", f"/v1/instances/{instance['id']}")
        assert server.ended(answer["operation_id"])["status"] == "completed"


@pytest.fixture(scope="module")
def login(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Login:
    made = Login(Path(tmp_path_factory.mktemp("bridged-login")))
    body = {"metadata": {"name": "me"}, "spec": {"public_key": made.public_key}}
    assert server.ask("POST", "/v1/ssh-keys", body)[0] == 201
    return made


@pytest.fixture(scope="module")
def guests(server: ServerProcess, login: Login) -> list[Any]:
    made = []
    for name in ("one", "two"):
        body = {"metadata": {"name": name}, "spec": SPEC}
        status, instance = server.ask("POST", "/v1/instances", body)
        assert status == 201, instance
        made.append(instance["id"])
    return [until_ready(server, one) for one in made]


def test_each_has_its_address_and_is_reached_by_ssh_at_port_22(
    guests: list[Any], login: Login
) -> None:
    for guest in guests:
        status = guest["status"]
        assert status["ports"]["tcp/22"] == f"{status['public_ip']}:22"
        assert f"inet {status['private_ip']}/" in login.run(guest, "ip -4 addr")


def test_they_reach_one_another_by_private_addresses(guests: list[Any], login: Login) -> None:
    for here, there in (guests, guests[::-1]):
        pinged = login.run(here, f"ping -c 3 -W 2 {there['status']['private_ip']}")
        assert " 0% packet loss" in pinged
        banner = login.run(
            here, f"nc -w 5 {there['status']['private_ip']} 22 < /dev/null | head -1"
        )
        assert banner.startswith("SSH-2.0-")


def test_metadata_tells_each_who_it_is(guests: list[Any], login: Login) -> None:
    ask = (
        rf"printf 'PUT /latest/api/token HTTP/1.1\r\nHost: m\r\n{TTL}\r\n\r\n' | {METADATA}"
        " | tail -1 > /tmp/token; "
        rf"printf 'GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: m\r\n{TOKEN}: %s\r\n\r\n'"
        f" $(cat /tmp/token) | {METADATA} | tail -1"
    )
    for guest in guests:
        assert login.run(guest, ask) == guest["id"]


def test_names_are_asked_of_the_host(guests: list[Any], login: Login) -> None:
    """Whether the name is known or not: an answer comes."""
    answer = login.run(guests[0], "nslookup atoll.invalid 2>&1 || true")
    assert "timed out" not in answer


def test_they_run_on_and_are_reached_while_the_server_is_away(
    server: ServerProcess, guests: list[Any], login: Login
) -> None:
    one, two = guests
    before = qemu_processes(server.state)
    server.kill()
    assert login.run(one, f"ping -c 1 -W 2 {two['status']['private_ip']} | grep -c ' 0%'") == "1"
    server.start()
    assert qemu_processes(server.state) == before
    again = server.get(f"/v1/instances/{one['id']}")
    assert again["status"]["ports"] == one["status"]["ports"]
    assert login.run(again, "hostname") == "one"


def test_a_reboot_and_a_stop_keep_the_network(
    server: ServerProcess, guests: list[Any], login: Login
) -> None:
    one = guests[0]
    for verb in ("stop", "start"):
        status, answer = server.ask("POST", f"/v1/instances/{one['id']}/{verb}", {})
        assert status in {200, 202}, answer
        assert server.ended(answer["operation_id"])["status"] == "completed"
    again = until_ready(server, one["id"])
    pinged = login.run(again, f"ping -c 1 -W 2 {guests[1]['status']['private_ip']}")
    assert " 0% packet loss" in pinged
