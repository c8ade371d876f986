"""The network without privileges: the user-mode stack (slirp) of QEMU, one per NIC.

The driver requests the wiring of each guest before the guest starts. A guest has its private
address, a gateway and a name server at the second and third address of the subnet, and unrestricted
outgoing access. Ports that its security groups open are forwarded from its public and floating
addresses, which are loopback addresses (127.16.x.y) of this host. `LIMITS` lists the limitations.
This module never listens itself: QEMU does, as configured by `PortWiring.forwards`.
"""

import asyncio
from ipaddress import IPv4Network

import msgspec

from atoll.messages import GuestSpec, NicCounters, NicSpec
from atoll.networks.public_ports import PORTS_MAX, Door, OuterPorts, outer_ports_of, shown
from atoll.ports import PortWiring

LIMITS = (
    "ICMP is not forwarded: a ping of the public address is answered by the host's loopback.",
    "Every caller comes from this host: a rule for a range without 127.0.0.0/8 opens nothing.",
    "Egress rules are not enforced: a guest may reach whatever this host reaches.",
    "That includes a metadata service of the cloud that this host itself may run in.",
    "A guest reaches this host's own loopback services at its gateway address.",
    "Guests of one subnet do not see one another: a rule for a security group opens nothing.",
    f"At most {PORTS_MAX} ports are forwarded to a NIC, at each of its addresses.",
    "IPv6 is off: an IPv6 address of a guest leads nowhere.",
    "Traffic is not counted.",
)


class Port(msgspec.Struct, frozen=True):
    nic: NicSpec
    outer_ports: OuterPorts


class UserNetwork:
    """Implements `ports.Network`. Remembers assigned ports, so that a repeated request gives the
    same result while the guest holds them."""

    def __init__(self) -> None:
        self._ports: dict[tuple[str, str], Port] = {}

    @property
    def limits(self) -> tuple[str, ...]:
        return LIMITS

    async def open(self) -> None:
        """Nothing to resume: each QEMU contains its network."""

    async def close(self) -> None:
        self._ports.clear()

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        """Ensure a port. An unknown NIC that needs no plug belongs to a QEMU older than us."""
        key = guest.id, nic.mac
        known = self._ports.get(key)
        if known is None or known.nic != nic:
            before = known.outer_ports if known else {}
            adopted = known is None and not plug
            outer_ports = await asyncio.to_thread(outer_ports_of, nic, before, adopted=adopted)
            known = self._ports[key] = Port(nic, outer_ports)
        return wiring_of(known)

    async def remove_port(self, guest_id: str, mac: str | None = None) -> None:
        gone = [key for key in self._ports if key[0] == guest_id and mac in {None, key[1]}]
        for key in gone:
            del self._ports[key]

    async def counters(self, guest_id: str) -> tuple[NicCounters, ...]:
        return ()


def wiring_of(port: Port) -> PortWiring:
    nic, subnet = port.nic, IPv4Network(port.nic.subnet_cidr)
    host = f"net={subnet},host={subnet[2]},dns={subnet[3]}"
    return PortWiring(
        netdev=f"user,{host},dhcpstart={nic.private_ip},ipv6=off",
        forwards=tuple(forward(nic, door, outer) for door, outer in port.outer_ports.items()),
        ports=shown(nic, port.outer_ports),
    )


def forward(nic: NicSpec, door: Door, outer: int) -> str:
    return f"{door.protocol}:{door.address}:{outer}-{nic.private_ip}:{door.port}"
