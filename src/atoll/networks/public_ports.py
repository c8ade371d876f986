"""Which ports of a guest are open to this host's loopback, and where they are reached there.

Both networks use it. A guest's public addresses are loopback addresses of this host that nobody
else uses; a port is reached at the same number, or a fixed step above where this host does not
give us that one. A port that was handed out stays what it is.
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
FALLBACK_OFFSET = 10_000
FALLBACKS_MAX = 5

SOCKET_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
Opening = tuple[Protocol, int]


class Door(msgspec.Struct, frozen=True, order=True):
    """A port of the guest, and the address that leads to it."""

    address: str
    protocol: Protocol
    port: int


OuterPorts = Mapping[Door, int]


def outer_ports_of(
    guest_id: str, nic: NicSpec, known: OuterPorts, *, adopted: bool
) -> dict[Door, int]:
    """Where each of the guest's open ports is reached. What `known` says stays so.

    `adopted`: a process of this guest has been running since before us and may hold ports already.
    Nobody else listens on exactly the guest's own addresses, so what is held there is the guest's.
    """
    openings = openings_of(guest_id, nic.rules)
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
    """The public address first, for that one is shown as the guest's."""
    return (*((nic.public_ip,) if nic.public_ip else ()), *nic.floating_ips)


def shown(nic: NicSpec, outer_ports: OuterPorts) -> dict[str, str]:
    """As `PortWiring.ports`."""
    first = next(iter(addresses_of(nic)), None)
    ports = {}
    for door, outer in outer_ports.items():
        at = "" if door.address == first else f"@{door.address}"
        ports[f"{door.protocol}/{door.port}{at}"] = f"{door.address}:{outer}"
    return ports


def checked(address: str) -> str:
    if IPv4Address(address) not in LOOPBACK:
        raise DriverRefused(
            f"{address} is not a loopback address: guests are reached at 127.0.0.0/8 only; "
            "choose the public range within it"
        )
    return address


def openings_of(guest_id: str, rules: Iterable[Rule]) -> tuple[Opening, ...]:
    """The guest's ports that somebody on this host may reach, each once, in rising order."""
    found = {
        opening for rule in rules if opens_to_host(rule) for opening in ports_of(guest_id, rule)
    }
    if len(found) > PORTS_MAX:
        raise too_many(guest_id, len(found))
    return tuple(sorted(found))


def opens_to_host(rule: Rule) -> bool:
    """A rule for the members of a group is for guests, and we are none."""
    return (
        rule.direction is Direction.INGRESS
        and rule.protocol is not Protocol.ICMP
        and rule.group is None
        and ":" not in rule.cidr
        and IPv4Network(rule.cidr).overlaps(LOOPBACK)
    )


def ports_of(guest_id: str, rule: Rule) -> Iterator[Opening]:
    protocols = SOCKET_KINDS if rule.protocol is Protocol.ALL else [rule.protocol]
    first = rule.port or 1
    last = (rule.port_max or rule.port) if rule.port else 65_535
    if last - first >= PORTS_MAX:
        raise too_many(guest_id, last - first + 1)
    return ((protocol, port) for protocol in protocols for port in range(first, last + 1))


def too_many(guest_id: str, count: int) -> DriverRefused:
    return DriverRefused(
        f"the security groups of {guest_id} open {count} ports, and at most {PORTS_MAX} are "
        "forwarded to a guest: name the ports that are needed in the rules"
    )


def port_for(door: Door, openings: Set[Opening], used: Set[Door], held: Set[Door]) -> int:
    """The wished port; or, where this host does not give it to us, the same plus 10,000 and on.

    An unprivileged user gets no port below 1024, and a server of the host's own that listens on
    0.0.0.0 has its port on the loopback addresses too. A fallback takes no other port's place.
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
        f"(tried {tried}): stop what listens there, or close the port in the security group"
    )


def fallbacks(wished: int) -> Sequence[int]:
    offsets = range(FALLBACK_OFFSET, FALLBACK_OFFSET * (FALLBACKS_MAX + 1), FALLBACK_OFFSET)
    return [wished + offset for offset in offsets if wished + offset <= 65_535]


def can_bind(place: Door) -> bool:
    """Whether a forwarder could listen there: with the same option, and listening, as it would."""
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
            raise DriverUnavailable(f"{where} cannot be tried: {error.strerror}") from error
    return True


def listeners(addresses: Set[str]) -> set[Door]:
    """What somebody on this host listens on at exactly these addresses, not at 0.0.0.0."""
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
