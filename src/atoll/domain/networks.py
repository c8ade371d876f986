"""Private networks of a project: VPCs and subnets; addresses and MACs of an instance."""

import functools
import hashlib
import ipaddress
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

SUBNET_PREFIX_MIN, SUBNET_PREFIX_MAX = 8, 29
RESERVED_AT_START = 4
# Where a VPC without a given range is placed.
CHOSEN_FROM, CHOSEN_PREFIX = "10.0.0.0/8", 20


class VpcKind(StrEnum):
    """The list in which a dialect with several kinds of VPCs has one."""

    VPC = "vpc"
    VPC2 = "vpc2"


class Vpc(msgspec.Struct, frozen=True, kw_only=True):
    """Without a `region`, it exists in all regions."""

    id: str
    project_id: str
    name: str
    description: str = ""
    region: str = ""
    cidr: str
    labels: dict[str, str] = {}
    kind: VpcKind = VpcKind.VPC
    version: int = 1
    created_at_ms: int


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    vpc_id: str
    cidr: str
    labels: dict[str, str] = {}
    version: int = 1
    created_at_ms: int


def cidr_of(text: str, field: str) -> ipaddress.IPv4Network:
    """Parse an IPv4 network without host bits. Raises Invalid."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        raise Invalid(Reason.NOT_AN_IPV4_RANGE, field=field, why=str(error)) from error


def range_of(text: str, field: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse an IPv4 or IPv6 network without host bits. Raises Invalid."""
    if ":" not in text:
        return cidr_of(text, field)
    try:
        return ipaddress.IPv6Network(text)
    except ValueError as error:
        raise Invalid(Reason.NOT_AN_IPV6_RANGE, field=field, why=str(error)) from error


def private_cidr_of(text: str) -> ipaddress.IPv4Network:
    """Parse the range of a VPC or subnet: private, and of a bounded size. Raises Invalid."""
    field = "cidr"
    network = cidr_of(text, field)
    if not SUBNET_PREFIX_MIN <= network.prefixlen <= SUBNET_PREFIX_MAX:
        raise Invalid(
            Reason.PREFIX_LENGTH, field=field, value=network.prefixlen,
            lowest=SUBNET_PREFIX_MIN, highest=SUBNET_PREFIX_MAX,
        )  # fmt: skip
    if not network.is_private or network.is_loopback or network.is_link_local:
        raise Invalid(Reason.NOT_A_PRIVATE_RANGE, field=field, cidr=str(network))
    return network


def free_cidrs(taken: Iterable[str]) -> list[str]:
    """Yield ranges for a new VPC that do not overlap the given ones."""
    others = [ipaddress.IPv4Network(cidr) for cidr in taken]
    return [
        str(network)
        for network in ipaddress.IPv4Network(CHOSEN_FROM).subnets(new_prefix=CHOSEN_PREFIX)
        if not any(network.overlaps(other) for other in others)
    ]


def mac_of(bits: int) -> str:
    """Make a MAC address from a 24-bit number; 52:54:00 is the usual prefix of QEMU guests."""
    low = bits & 0xFFFFFF
    return f"52:54:00:{low >> 16:02x}:{low >> 8 & 255:02x}:{low & 255:02x}"


def ipv6_of(network: str, private_ip: str) -> str:
    """Make the IPv6 address that belongs to a private address: unique local, the network's own /64,
    and the IPv4 address at its end (RFC 4193 section 3.2, with a hash of the network for the random
    bits)."""
    first, second, third, last = map(int, private_ip.split("."))
    return f"{ipv6_prefix_of(network)}{first << 8 | second:x}:{third << 8 | last:x}"


@functools.lru_cache(maxsize=8192)
def ipv6_prefix_of(network: str) -> str:
    """Return all but the last two groups, as text. No private IPv4 address begins with two zero
    bytes, so the same groups are zero for all addresses."""
    prefix = int.from_bytes(hashlib.blake2b(network.encode(), digest_size=7).digest(), "big")
    return str(ipaddress.IPv6Address(0xFD << 120 | prefix << 64 | 0xFFFFFFFF))[: -len("ffff:ffff")]
