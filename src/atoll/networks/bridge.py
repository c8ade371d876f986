"""The network `bridge`: real networks for the guests of a Linux host. Requires root.

Each user network is a namespace with a bridge, nftables rules, a metadata server and one
unprivileged process (slirp4netns) as its uplink. The links, routes, rules and settings of the
machine are never changed: it only sees sockets that listen at the public loopback addresses of the
guests. Everything outlives this process, and `open` resumes it. `LIMITS` lists the limitations.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence, Set
from hashlib import sha256
from pathlib import Path

import structlog
from msgspec.structs import replace
from pyroute2.netlink.exceptions import NetlinkError

from atoll.domain.errors import DriverBusy, DriverError, DriverRefused, DriverUnavailable
from atoll.messages import GuestSpec, NicCounters, NicSpec
from atoll.networks import bridge_links, namespaces
from atoll.networks.bridge_records import Port, Records
from atoll.networks.bridge_rules import nftables
from atoll.networks.bridge_wire import Wire, close
from atoll.networks.metadata import Metadata, Resident
from atoll.networks.metadata_server import FindResident
from atoll.networks.public_ports import (
    PORTS_MAX,
    Door,
    addresses_of,
    can_bind,
    outer_ports_of,
    shown,
)
from atoll.networks.uplink import CIDR, RESOLVER
from atoll.ports import Clock, PortWiring

LIMITS = (
    "Guests of other hosts are not reached, and members of a group there do not count.",
    "Public and floating addresses are this machine's loopback: only this machine reaches them.",
    "Guests reach one another by private addresses only.",
    "Callers of a public address all come from 100.127.255.2, as a guest sees it.",
    "Every such caller is of this host: a rule for a range without 127.0.0.0/8 lets none in.",
    "ICMP is not forwarded: a ping of the public address is answered by the host's loopback.",
    f"At most {PORTS_MAX} ports are forwarded to a NIC, at each of its addresses.",
    "Connections that were let in go on when the rule that let them in is taken away.",
    "Broadcast and multicast reach nobody: guests meet through their gateway, which routes.",
    "There is no DHCP: a guest takes its addresses from its seed.",
    "IPv6 leads from guest to guest of a network and no further.",
    "Rules for 0.0.0.0/0 and for groups are for IPv6 too; rules for other ranges are not.",
    "A guest reaches what this host reaches, its loopback and link-local addresses excepted.",
)

TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
    "setsid": "util-linux",
}
NETDEV = "tap,fd={fd},vhost=off"
WATCH_S = 2.0
log = structlog.get_logger()


class BridgeNetwork:
    """Implements `ports.Network`. `folder` contains its records, in the state directory."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._records = Records(folder.absolute())
        self._clock = clock
        self._prefix = ""
        self._metadata = Metadata(b"", clock.now_ms)
        self._ports: dict[str, Port] = {}
        self._wires: dict[str, Wire] = {}
        self._changing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    @property
    def prefix(self) -> str:
        """The prefix of the names of our namespaces; known after `open`."""
        return self._prefix

    @property
    def limits(self) -> tuple[str, ...]:
        return LIMITS

    async def open(self) -> None:
        """Resume all networks. Namespaces without a port are from an interrupted removal."""
        with only_driver_errors():
            identity = await asyncio.to_thread(self._records.identity)
            self._prefix = f"atoll-{identity.name}-"
            await asyncio.to_thread(require_able_machine, self._prefix)
            self._metadata = Metadata(identity.secret, self._clock.now_ms)
            self._ports = await asyncio.to_thread(self._records.load)
            needed = {port.namespace for port in self._ports.values()}
            for namespace in await asyncio.to_thread(namespaces.names, self._prefix):
                if namespace in needed:
                    await self._take_up(namespace)
                else:
                    await self._wire(namespace).demolish()
                    del self._wires[namespace]
        self._watch = asyncio.create_task(self._keep_uplinks(), name="network uplinks")

    async def _take_up(self, namespace: str) -> None:
        """Resume one network. A failure does not block the guests of other networks."""
        try:
            with only_driver_errors():
                await self._wire(namespace).match(self._in(namespace))
        except DriverError as error:
            log.warning("network_not_whole", namespace=namespace, error=error.message)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        async with self._changing:
            for wire in self._wires.values():
                await wire.let_go()
            self._wires.clear()
            self._ports.clear()

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        async with self._changing:
            with only_driver_errors():
                port = await self._register(guest, nic)
                wire = self._wire(port.namespace)
                tap = await wire.match(self._in(port.namespace), plug=port.tap if plug else None)
                require_forwards(port, wire, tap)
        return PortWiring(netdev=NETDEV, tap=tap, ports=shown(nic, dict(port.outer_ports)))

    async def _register(self, guest: GuestSpec, nic: NicSpec) -> Port:
        """Write the record before anything is built."""
        wish = Port(guest=without_password(guest), nic=nic, namespace=self._namespace(guest, nic))
        self._require_alone(wish)
        known = self._ports.get(wish.tap)
        if known is not None and known.namespace != wish.namespace:
            await self._remove([known])
            known = None
        await self._take_addresses(wish)
        outer_ports = await asyncio.to_thread(self._outer_ports, wish, known)
        port = replace(wish, outer_ports=tuple(outer_ports.items()))
        if port != known:
            await asyncio.to_thread(self._records.save, port)
            self._ports[port.tap] = port
        return port

    def _require_alone(self, wish: Port) -> None:
        for other in self._in(wish.namespace):
            same = {other.nic.private_ip, other.nic.mac} & {wish.nic.private_ip, wish.nic.mac}
            if same and other.tap != wish.tap:
                raise DriverBusy(
                    f"{' and '.join(sorted(same))} in this network belongs to {other.guest.id} "
                    "until that guest is removed"
                )

    async def _take_addresses(self, wish: Port) -> None:
        """Assign addresses: the last NIC to get an address keeps it."""
        wanted = set(addresses_of(wish.nic))
        for other in list(self._ports.values()):
            if other.tap == wish.tap or not wanted & set(addresses_of(other.nic)):
                continue
            port = without_addresses(other, wanted)
            await asyncio.to_thread(self._records.save, port)
            self._ports[port.tap] = port
            if port.namespace in self._wires:
                await self._wires[port.namespace].match(self._in(port.namespace))

    def _outer_ports(self, wish: Port, known: Port | None) -> dict[Door, int]:
        """Choose outer ports. Assigned ports stay, unless another program took one meanwhile."""
        held = {forward.outer for forward in self._wire(wish.namespace).forwards()}
        before = dict(known.outer_ports) if known is not None else {}
        kept = {
            door: port
            for door, port in before.items()
            if (place := Door(door.address, door.protocol, port)) in held or can_bind(place)
        }
        return outer_ports_of(wish.nic, kept, adopted=False)

    async def remove_port(self, guest_id: str, mac: str | None = None) -> None:
        async with self._changing:
            with only_driver_errors():
                gone = [
                    port
                    for port in self._ports.values()
                    if port.guest.id == guest_id and mac in {None, port.nic.mac}
                ]
                await self._remove(gone)

    async def _remove(self, gone: Sequence[Port]) -> None:
        """Remove records last: an interrupted removal is requested again."""
        taps = {port.tap for port in gone}
        for namespace in {port.namespace for port in gone}:
            left = [port for port in self._in(namespace) if port.tap not in taps]
            wire = self._wire(namespace)
            if left:
                await wire.match(left)
            else:
                await wire.demolish()
                del self._wires[namespace]
        for tap in taps:
            await asyncio.to_thread(self._records.remove, tap)
            del self._ports[tap]

    async def counters(self, guest_id: str) -> tuple[NicCounters, ...]:
        ports = [port for port in self._ports.values() if port.guest.id == guest_id]
        counted: list[NicCounters] = []
        with only_driver_errors():
            for namespace in {port.namespace for port in ports} & self._wires.keys():
                own = [port for port in ports if port.namespace == namespace]
                counted += await self._wires[namespace].counters(own)
        return tuple(sorted(counted, key=lambda one: one.mac))

    async def _keep_uplinks(self) -> None:
        """Restart killed uplinks; connections through them are lost."""
        while True:
            await self._clock.sleep(WATCH_S)
            for namespace in [name for name, wire in self._wires.items() if not wire.has_uplink]:
                try:
                    await self._repair(namespace)
                except DriverError as error:
                    log.warning("uplink_lost", namespace=namespace, error=error.message)

    async def _repair(self, namespace: str) -> None:
        async with self._changing:
            with only_driver_errors():
                if self._in(namespace):
                    await self._wire(namespace).match(self._in(namespace))

    def _namespace(self, guest: GuestSpec, nic: NicSpec) -> str:
        """Name the namespace. A NIC without a network has its own."""
        network = nic.network or f"{guest.id} {nic.mac}"
        return self._prefix + sha256(network.encode()).hexdigest()[:8]

    def _wire(self, namespace: str) -> Wire:
        if namespace not in self._wires:
            find = self._find_in(namespace)
            self._wires[namespace] = Wire(namespace, self._records.folder, self._metadata, find)
        return self._wires[namespace]

    def _in(self, namespace: str) -> list[Port]:
        return [port for port in self._ports.values() if port.namespace == namespace]

    def _find_in(self, namespace: str) -> FindResident:
        def find(address: str) -> Resident | None:
            for port in self._in(namespace):
                if port.nic.private_ip == address:
                    return Resident(port.guest, port.nic)
            return None

        return find


def require_forwards(port: Port, wire: Wire, tap: int | None) -> None:
    """Raise DriverUnavailable if a port was taken since we found it free.
    A retry finds another port."""
    for forward in port.forwards & wire.refused.keys():
        close(tap)
        raise DriverUnavailable(wire.refused[forward])


def without_password(guest: GuestSpec) -> GuestSpec:
    """Remove the password: metadata does not contain it, so records must not either."""
    return replace(guest, seed=replace(guest.seed, password_hash=None))


def without_addresses(port: Port, lost: Set[str]) -> Port:
    nic = replace(
        port.nic,
        public_ip=None if port.nic.public_ip in lost else port.nic.public_ip,
        floating_ips=tuple(one for one in port.nic.floating_ips if one not in lost),
    )
    doors = tuple((door, outer) for door, outer in port.outer_ports if door.address not in lost)
    return replace(port, nic=nic, outer_ports=doors)


def require_able_machine(prefix: str) -> None:
    """Test in a temporary namespace. Raises DriverRefused with what to do."""
    require_tools()
    try:
        try_out(f"{prefix}probe")
    except (DriverUnavailable, NetlinkError, OSError) as error:
        raise DriverRefused(
            f"the network `bridge` cannot create networks on this machine ({error}): it "
            "requires the kernel modules bridge, tun and nf_tables, and the right to use them"
        ) from error


def require_tools() -> None:
    if os.geteuid() != 0:
        raise DriverRefused(
            "the network `bridge` requires root: start Atoll as root, or choose --network user"
        )
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise DriverRefused(
                f"the network `bridge` requires {tool}, which is not installed: "
                f"apt-get install {package}"
            )
    if not Path(bridge_links.TUN_DEVICE).exists():
        raise DriverRefused(f"{bridge_links.TUN_DEVICE} does not exist: modprobe tun")


def try_out(namespace: str) -> None:
    namespaces.ensure(namespace)
    try:
        namespaces.inside(namespace, build_nothing_much)
    finally:
        namespaces.remove(namespace)


def build_nothing_much() -> None:
    bridge_links.ensure_bridge("probe")
    namespaces.run(["nft", "-j", "-f", "-"], json.dumps(nftables([], CIDR, RESOLVER)))
    os.close(bridge_links.plug_in("probe"))


@contextlib.contextmanager
def only_driver_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, NetlinkError) as error:
        raise DriverUnavailable(f"the host's network could not be changed: {error}") from error
