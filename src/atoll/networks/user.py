"""The network that needs no privilege: QEMU's own user-mode stack (slirp), one for each guest.

The driver asks it for each guest's wiring before the guest starts. A guest has its private
address, a gateway and a name server at the subnet's second and third address, and reaches out
freely. From outside, the ports that its security groups open are forwarded from the guest's public
address, which is a loopback address (127.16.x.y) of this host. `LIMITS` says what it cannot do.
It never listens on anything but that loopback address.
"""

import asyncio
import errno
import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.security_groups import Direction, Protocol, Rule
from atoll.messages import NicSpec
from atoll.ports import PortWiring

LOOPBACK = IPv4Network("127.0.0.0/8")
PORTS_MAX = 100
FALLBACK_OFFSET = 10_000
FALLBACKS_MAX = 5

LIMITS = (
    "ICMP is not forwarded: a ping of the public address is answered by the host's loopback.",
    "Every caller comes from this host: a rule for a range without 127.0.0.0/8 opens nothing.",
    "Egress rules are not enforced: a guest may reach whatever this host reaches.",
    "A guest reaches this host's own loopback services at its gateway address.",
    "Guests of one subnet do not see one another.",
    f"At most {PORTS_MAX} ports are forwarded to a guest.",
)

SOCKET_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
Opening = tuple[Protocol, int]


class Port(msgspec.Struct, frozen=True):
    nic: NicSpec
    wiring: PortWiring


class UserNetwork:
    """`ports.Network`. It remembers what it handed out, so that to ask again while the guest holds
    its ports gives the same answer."""

    def __init__(self) -> None:
        self._ports: dict[str, Port] = {}

    @property
    def limits(self) -> tuple[str, ...]:
        return LIMITS

    async def ensure_port(self, guest_id: str, nic: NicSpec) -> PortWiring:
        known = self._ports.get(guest_id)
        if known is not None and known.nic == nic:
            return known.wiring
        wiring = await asyncio.to_thread(wire, guest_id, nic)
        self._ports[guest_id] = Port(nic, wiring)
        return wiring

    async def remove_port(self, guest_id: str) -> None:
        self._ports.pop(guest_id, None)


def wire(guest_id: str, nic: NicSpec) -> PortWiring:
    subnet = IPv4Network(nic.subnet_cidr)
    openings = openings_of(guest_id, nic.rules) if nic.public_ip else ()
    public_ip = checked_public_ip(nic.public_ip) if nic.public_ip else ""
    outer_ports = outer_ports_of(public_ip, openings)
    forwards = [
        f"hostfwd={protocol}:{public_ip}:{outer}-{nic.private_ip}:{inner}"
        for (protocol, inner), outer in outer_ports.items()
    ]
    net = f"net={subnet},host={subnet[2]},dns={subnet[3]},dhcpstart={nic.private_ip},ipv6=off"
    return PortWiring(
        netdev=",".join(["user", net, *forwards]),
        ports={
            f"{protocol}/{inner}": f"{public_ip}:{outer}"
            for (protocol, inner), outer in outer_ports.items()
        },
    )


def checked_public_ip(public_ip: str) -> str:
    if IPv4Address(public_ip) not in LOOPBACK:
        raise DriverRefused(
            f"{public_ip} is not a loopback address: the user network serves 127.0.0.0/8 only; "
            "choose the public range within it, or another network"
        )
    return public_ip


def openings_of(guest_id: str, rules: Iterable[Rule]) -> tuple[Opening, ...]:
    """The guest's ports that somebody on this host may reach, each once, in rising order."""
    found = {opening for rule in rules if concerns_us(rule) for opening in ports_of(guest_id, rule)}
    if len(found) > PORTS_MAX:
        raise too_many(guest_id, len(found))
    return tuple(sorted(found))


def concerns_us(rule: Rule) -> bool:
    return (
        rule.direction is Direction.INGRESS
        and rule.protocol is not Protocol.ICMP
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
        f"the security groups of {guest_id} open {count} ports, and the user network forwards at "
        f"most {PORTS_MAX} to a guest: name the ports that are needed in the rules"
    )


def outer_ports_of(public_ip: str, openings: tuple[Opening, ...]) -> dict[Opening, int]:
    """Where each of the guest's ports is reached. A fallback never takes another one's place."""
    taken = {port for _, port in openings}
    outer_ports: dict[Opening, int] = {}
    for opening in openings:
        outer_ports[opening] = free_port(public_ip, *opening, taken)
        taken.add(outer_ports[opening])
    return outer_ports


def free_port(public_ip: str, protocol: Protocol, wished: int, taken: set[int]) -> int:
    """The wished port; or, where this host does not give it to us, the same plus 10,000 and on.

    An unprivileged user gets no port below 1024, and a server of the host's own that listens on
    0.0.0.0 has its port on the loopback addresses too.
    """
    if can_bind(public_ip, protocol, wished):
        return wished
    offsets = range(FALLBACK_OFFSET, FALLBACK_OFFSET * (FALLBACKS_MAX + 1), FALLBACK_OFFSET)
    candidates = [wished + offset for offset in offsets if wished + offset <= 65_535]
    for port in candidates:
        if port not in taken and can_bind(public_ip, protocol, port):
            return port
    tried = ", ".join(map(str, [wished, *candidates]))
    raise DriverUnavailable(
        f"no {protocol} port of {public_ip} is free for the guest's port {wished} (tried {tried}): "
        "stop what listens there, or close the port in the security group"
    )


def can_bind(public_ip: str, protocol: Protocol, port: int) -> bool:
    """Whether QEMU could listen there: with the same option, and listening, as it would."""
    with socket.socket(socket.AF_INET, SOCKET_KINDS[protocol]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((public_ip, port))
            if protocol is Protocol.TCP:
                probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
                return False
            raise DriverUnavailable(
                f"{public_ip}:{port} cannot be tried: {error.strerror}"
            ) from error
    return True
