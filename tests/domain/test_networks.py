"""Which networks are allowed, and the MAC of an instance."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain.errors import Invalid
from atoll.domain.networks import cidr_of, free_cidrs, ipv6_of, mac_of, private_cidr_of


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "10.0.0.0/29", "172.16.0.0/12", "192.168.7.0/24", "10.255.255.248/29"]
)
def test_private_ranges_are_allowed(text: str) -> None:
    assert str(private_cidr_of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/30", "10.0.0.0/32", "0.0.0.0/0", "8.8.8.0/24", "127.0.0.0/8", "169.254.0.0/16",
        "10.0.0.1/8", "10.0.0.0/33", "::/64", "", "ten", "10.0.0.0/-1", "100.64.0.0/10",
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        private_cidr_of(text)
    assert refused.value.field == "cidr"
    assert refused.value.message.startswith("cidr")


@given(st.text(max_size=40))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        network = cidr_of(text, "f")
    except Invalid:
        return
    assert isinstance(network, ipaddress.IPv4Network)


@given(st.integers(0, 2**128 - 1))
def test_a_mac_is_one_that_qemu_uses(bits: int) -> None:
    assert re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", mac_of(bits))


def test_free_ranges_overlap_nothing_that_is_taken() -> None:
    assert len(free_cidrs([])) == 4096
    free = free_cidrs(["10.128.0.0/9", "10.0.1.0/24", "192.168.0.0/16"])
    assert (free[0], free[-1], len(free)) == ("10.0.16.0/20", "10.127.240.0/20", 2047)
    assert free_cidrs(["10.0.0.0/8"]) == []


@given(st.text(min_size=1, max_size=40), st.integers(0, 2**24 - 1))
def test_an_ipv6_address_ends_with_the_private_one(network: str, host: int) -> None:
    private = ipaddress.IPv4Address((10 << 24) + host)
    address = ipaddress.IPv6Address(ipv6_of(network, str(private)))
    assert str(address) == ipv6_of(network, str(private))
    assert int(address) & (2**64 - 1) == int(private)
    assert address in ipaddress.IPv6Network("fd00::/8")


def test_a_network_has_one_prefix_and_another_network_another() -> None:
    first, second, other = (
        ipaddress.IPv6Network((int(ipaddress.IPv6Address(ipv6_of(network, ip))) >> 64 << 64, 64))
        for network, ip in (("vpc-1", "10.0.0.1"), ("vpc-1", "192.168.0.0"), ("vpc-2", "10.0.0.1"))
    )
    assert first == second != other
