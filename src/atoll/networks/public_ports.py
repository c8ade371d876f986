"""Decides which ports of a guest are forwarded from the loopback of this host, and their numbers.

Both networks use it. The public addresses of a guest are loopback addresses of this host that
nothing else uses; a port has the same number there, or a fixed offset if this host does not give
us that number. An assigned port never changes.
"""

import errno
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from ipaddress import IPv4Address, IPv4Network

import msgspec
import psutil

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.security_groups import Direction, Protocol, Rule
from atoll.messages import NicSpec

LOOPBACK = IPv4Network("127.0.0.0/8")
PORTS_MAX = 100
# The ports most likely needed by users who open all ports, in order.
WELL_KNOWN_PORTS = (22, 80, 443, 3389, 8080, 8443, 53, 21, 25, 3306, 5432, 6379, 8000, 51_820)
FALLBACK_OFFSET = 10_000
FALLBACKS_MAX = 5

SOCKET_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
Opening = tuple[Protocol, int]
Rank = tuple[bool, int, int, int, Protocol]


class Door(msgspec.Struct, frozen=True, order=True):
    """A port of the guest, and its public address."""

    address: str
    protocol: Protocol
    port: int


OuterPorts = Mapping[Door, int]


def outer_ports_of(nic: NicSpec, known: OuterPorts, *, adopted: bool) -> dict[Door, int]:
    """Assign an outer port to each open port of the guest. Ports in `known` are kept.

    `adopted`: the process of the guest is older than this one and may already hold ports. Only the
    guest listens on exactly its addresses, so ports in use there are its own.
    """
    openings = openings_of(nic.rules)
    addresses = [checked(address) for address in addresses_of(nic)]
    doors = [Door(address, *opening) for address in addresses for opening in openings]
    outer_ports = {door: known[door] for door in doors if door in known}
    new = [door for door in doors if door not in known]
    held = listeners(set(addresses)) if adopted and new else set()
    used = {Door(door.address, door.protocol, port) for door, port in known.items()}
    for door in new:
        outer_ports[door] = port_for(door, set(openings), used, held)
        used.add(Door(door.address, door.protocol, outer_ports[door]))
    return {door: outer_ports[door] for door in doors}


def addresses_of(nic: NicSpec) -> tuple[str, ...]:
    """List the addresses, the public one first, because it is the one shown."""
    return (*((nic.public_ip,) if nic.public_ip else ()), *nic.floating_ips)


def shown(nic: NicSpec, outer_ports: OuterPorts) -> dict[str, str]:
    """Format for `PortWiring.ports`."""
    first = next(iter(addresses_of(nic)), None)
    ports = {}
    for door, outer in outer_ports.items():
        at = "" if door.address == first else f"@{door.address}"
        ports[f"{door.protocol}/{door.port}{at}"] = f"{door.address}:{outer}"
    return ports


def checked(address: str) -> str:
    if IPv4Address(address) not in LOOPBACK:
        raise DriverRefused(
            f"{address} is not a loopback address: the public range must be within 127.0.0.0/8"
        )
    return address


def openings_of(rules: Iterable[Rule]) -> tuple[Opening, ...]:
    """List the ports of the guest that are open to this host, in ascending order. If there are
    more than can be forwarded, always select the same ones: those of the lowest ranks."""
    ranks: dict[Opening, Rank] = {}
    for rule in filter(opens_to_host, rules):
        for opening in ports_of(rule):
            rank = rank_of(rule, opening)
            ranks[opening] = min(rank, ranks.get(opening, rank))
    return tuple(sorted(sorted(ranks, key=ranks.__getitem__)[:PORTS_MAX]))


def rank_of(rule: Rule, opening: Opening) -> Rank:
    """Rank ports: single and well-known ports come before those of ranges, and narrow ranges
    before wide ones."""
    protocol, port = opening
    known = port in WELL_KNOWN_PORTS
    place = WELL_KNOWN_PORTS.index(port) if known else len(WELL_KNOWN_PORTS)
    width = len(range_of(rule))
    return not known and width > 1, width, place, port, protocol


def opens_to_host(rule: Rule) -> bool:
    """Whether a rule applies to this host. Rules for groups apply to guests only."""
    return (
        rule.direction is Direction.INGRESS
        and rule.protocol is not Protocol.ICMP
        and rule.group is None
        and ":" not in rule.cidr
        and IPv4Network(rule.cidr).overlaps(LOOPBACK)
    )


def ports_of(rule: Rule) -> Iterator[Opening]:
    """List the ports of a rule, as many as can have low ranks."""
    protocols = SOCKET_KINDS if rule.protocol is Protocol.ALL else [rule.protocol]
    ports = range_of(rule)
    known = [port for port in WELL_KNOWN_PORTS if port in ports]
    return ((protocol, port) for port in (*known, *ports[:PORTS_MAX]) for protocol in protocols)


def range_of(rule: Rule) -> range:
    """Return the range of a rule; without a port, all ports."""
    first = rule.port or 1
    last = (rule.port_max or rule.port) if rule.port else 65_535
    return range(first, last + 1)


def port_for(door: Door, openings: Set[Opening], used: Set[Door], held: Set[Door]) -> int:
    """Return the wanted port or, if this host does not give it to us, that plus 10,000 or more.

    An unprivileged user gets no port below 1024, and a server of the host that listens on 0.0.0.0
    occupies its port on all loopback addresses. A fallback never takes a port wanted by another.
    """
    above = [port for port in fallbacks(door.port) if (door.protocol, port) not in openings]
    places = [Door(door.address, door.protocol, port) for port in (door.port, *above)]
    free = [place for place in places if place not in used]
    for place in free:
        if place in held:
            return place.port
    for place in free:
        if can_bind(place):
            return place.port
    tried = ", ".join(str(place.port) for place in places)
    raise DriverUnavailable(
        f"no {door.protocol} port of {door.address} is free for the guest's port {door.port} "
        f"(tried {tried}): stop the program that listens there, or remove the rule from the "
        "security group"
    )


def fallbacks(wished: int) -> Sequence[int]:
    offsets = range(FALLBACK_OFFSET, FALLBACK_OFFSET * (FALLBACKS_MAX + 1), FALLBACK_OFFSET)
    return [wished + offset for offset in offsets if wished + offset <= 65_535]


def can_bind(place: Door) -> bool:
    """Whether a forwarder could listen there: tries it with the same socket option."""
    with socket.socket(socket.AF_INET, SOCKET_KINDS[place.protocol]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.address, place.port))
            if place.protocol is Protocol.TCP:
                probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
                return False
            where = f"{place.address}:{place.port}"
            raise DriverUnavailable(f"{where} cannot be tested: {error.strerror}") from error
    return True


def listeners(addresses: Set[str]) -> set[Door]:
    """List the ports in use at exactly these addresses, not at 0.0.0.0."""
    waiting = {
        Protocol.TCP: [
            one for one in psutil.net_connections("tcp4") if one.status == psutil.CONN_LISTEN
        ],
        Protocol.UDP: [one for one in psutil.net_connections("udp4") if not one.raddr],
    }
    return {
        Door(one.laddr.ip, protocol, one.laddr.port)
        for protocol, found in waiting.items()
        for one in found
        if one.laddr and one.laddr.ip in addresses
    }
