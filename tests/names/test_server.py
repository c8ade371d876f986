"""Names of addresses: given over HTTP, asked for over DNS."""

import socket
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import pytest

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

HOST = "127.0.0.1"


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def dns_port() -> int:
    return free_udp_port()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, dns_port: int) -> Iterator[RunningCloud]:
    with RunningCloud(Path(tmp_path_factory.mktemp("cloud")), dns_port=dns_port) as running:
        yield running


def asked(dns_port: int, name: object, kind: str = "PTR") -> dns.message.Message:
    question = dns.message.make_query(name, kind)  # type: ignore[arg-type]
    return dns.query.udp(question, HOST, timeout=10, port=dns_port)


def pointer(dns_port: int, address: str) -> dns.message.Message:
    return asked(dns_port, dns.reversename.from_address(address))


def named(api: Api, address: str, name: str) -> Json:
    answer = api.call("PUT", f"/v1/reverse-dns/{address}", {"name": name})
    assert answer.status_code == 200, answer.text
    record: Json = answer.json()
    return record


def test_an_address_bears_the_name_that_it_was_given(api: Api, dns_port: int) -> None:
    address = api.running()["status"]["public_ip"]
    assert named(api, address, "Web.Example.com.")["name"] == "web.example.com"
    answer = pointer(dns_port, address)
    assert [str(record) for record in answer.answer[0]] == ["web.example.com."]
    assert answer.flags & dns.flags.AA
    named(api, address, "db.example.com")
    assert "db.example.com." in str(pointer(dns_port, address).answer[0])
    assert [r["address"] for r in api.items("/v1/reverse-dns")] == [address]


def test_a_name_goes_with_the_address(api: Api, dns_port: int) -> None:
    body = {"metadata": {"name": fresh("ip")}}
    floating = api.post("/v1/floating-ips", body)
    address = floating["status"]["address"]
    assert named(api, address, "front.example.com")["holder_id"] == floating["id"]
    api.delete(f"/v1/floating-ips/{floating['id']}")
    assert pointer(dns_port, address).rcode() == dns.rcode.NXDOMAIN
    instance = api.running()
    address = instance["status"]["public_ip"]
    named(api, address, "web.example.com")
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")
    assert pointer(dns_port, address).rcode() == dns.rcode.NXDOMAIN
    assert api.items("/v1/reverse-dns") == []


def test_a_name_can_be_taken_away(api: Api, dns_port: int) -> None:
    address = api.running()["status"]["public_ip"]
    refused(api.call("GET", f"/v1/reverse-dns/{address}"), 404, "NOT_FOUND")
    named(api, address, "web.example.com")
    api.delete(f"/v1/reverse-dns/{address}")
    assert pointer(dns_port, address).rcode() == dns.rcode.NXDOMAIN


def test_a_foreign_address_cannot_be_named(api: Api, key_for: KeyFor) -> None:
    theirs = key_for().running()["status"]["public_ip"]
    for address in (theirs, "127.16.255.1", "8.8.8.8", "nonsense"):
        path = f"/v1/reverse-dns/{address}"
        refused(api.call("PUT", path, {"name": "web.example.com"}), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["web", "-a.example.com", "a b.example.com", "x" * 64 + ".com"])
def test_what_is_no_host_name_is_refused(api: Api, name: str) -> None:
    path = f"/v1/reverse-dns/{api.running()['status']['public_ip']}"
    refused(api.call("PUT", path, {"name": name}), 422, "INVALID", "name")


def test_other_questions_are_answered_as_they_should_be(api: Api, dns_port: int) -> None:
    address = api.running()["status"]["public_ip"]
    named(api, address, "web.example.com")
    reverse = dns.reversename.from_address(address)
    assert asked(dns_port, reverse, "A").rcode() == dns.rcode.NOERROR
    assert asked(dns_port, reverse, "A").answer == []
    assert asked(dns_port, "example.com", "A").rcode() == dns.rcode.REFUSED
    assert pointer(dns_port, "8.8.8.8").rcode() == dns.rcode.REFUSED


def test_noise_is_not_answered_and_harms_nobody(api: Api, dns_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noisy:
        for noise in (b"", b"\x00" * 11, b"\xff" * 600):
            noisy.sendto(noise, (HOST, dns_port))
    address = api.running()["status"]["public_ip"]
    assert pointer(dns_port, address).rcode() == dns.rcode.NXDOMAIN
