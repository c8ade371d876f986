"""A guest of the network `bridge` cannot pass for another, nor hear what is not for it."""

import socket

import pytest

from atoll.domain.security_groups import Protocol, Rule
from tests.networks.city import City
from tests.networks.fake_guests import SHOUT_PORT, FakeGuest, caller_of
from tests.networks.specs import tcp

pytestmark = pytest.mark.anyio
PUBLIC = "127.99.7.9"
EVERYBODY = "ff:ff:ff:ff:ff:ff"
ARP, REPLY = 0x0806, b"\0\2"


def bytes_of(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def send_arp(guest: FakeGuest, mac: str, claimed: str) -> None:
    """To everybody: `claimed` is at `mac`."""
    sender = bytes_of(mac) + socket.inet_aton(claimed)
    frame = (
        bytes_of(EVERYBODY) + bytes_of(mac) + ARP.to_bytes(2) + b"\0\1\x08\0\6\4" + REPLY
        + sender + sender
    )  # fmt: skip
    raw = guest.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    with raw:
        raw.bind(("eth0", ARP))
        raw.send(frame)


async def test_what_is_sent_from_anothers_address_goes_nowhere(city: City) -> None:
    trusted, rogue = await city.add(9), await city.add(10)
    server = await city.add(11, Rule(protocol=Protocol.UDP, port=SHOUT_PORT, cidr="10.1.0.9/32"))
    rogue.fake.ip("addr", "add", f"{trusted.ip}/32", "dev", "eth0")
    with server.fake.hearing() as heard:
        rogue.fake.shout(server.ip, b"let me in", source=trusted.ip)
        with pytest.raises(TimeoutError):
            heard.recv(100)
        trusted.fake.shout(server.ip, b"it is me", source=trusted.ip)
        assert heard.recv(100) == b"it is me"


async def test_what_is_sent_with_anothers_mac_goes_nowhere(city: City) -> None:
    victim, rogue = await city.add(9, tcp(22), public_ip=PUBLIC), await city.add(10)
    victim.fake.serve(22)
    assert rogue.fake.reaches(victim.ip, 22)
    rogue.fake.ip("link", "set", "eth0", "address", victim.spec.nic.mac)
    assert not rogue.fake.reaches("10.1.0.9", 22)
    assert caller_of(f"{PUBLIC}:22").startswith(victim.ip)
    rogue.fake.ip("link", "set", "eth0", "address", rogue.spec.nic.mac)
    assert rogue.fake.reaches(victim.ip, 22)


async def test_nobody_claims_anothers_address_by_arp(city: City) -> None:
    victim, rogue = await city.add(9, tcp(22), public_ip=PUBLIC), await city.add(10, tcp(22))
    for one in (victim, rogue):
        one.fake.serve(22)
    rogue.fake.ip("addr", "add", f"{victim.ip}/32", "dev", "eth0")
    for _ in range(3):
        send_arp(rogue.fake, rogue.spec.nic.mac, victim.ip)
    assert caller_of(f"{PUBLIC}:22").startswith(victim.ip)
    assert victim.spec.nic.mac in city.ip("neigh", "show", victim.ip)


async def test_who_knows_anothers_mac_gets_past_no_rule(city: City) -> None:
    victim, rogue = await city.add(9), await city.add(10)
    mac = victim.spec.nic.mac
    rogue.fake.ip("neigh", "replace", victim.ip, "lladdr", mac, "dev", "eth0", "nud", "permanent")
    with victim.fake.hearing() as heard:
        rogue.fake.shout(victim.ip, b"through the wall")
        with pytest.raises(TimeoutError):
            heard.recv(100)


async def test_no_guest_hears_what_another_broadcasts(city: City) -> None:
    listener, speaker = await city.add(9, tcp(22)), await city.add(10)
    raw = listener.fake.inside(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
    )
    with raw:
        raw.settimeout(0.5)
        send_arp(speaker.fake, speaker.spec.nic.mac, speaker.ip)
        with pytest.raises(TimeoutError):
            raw.recv(1000)
