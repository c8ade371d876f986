"""The links of one network of the driver `bridge`: a bridge, and a tap for each guest's NIC.

Everything here is called inside of the namespace of the network (see `namespaces.inside`) and can
be repeated: existing links are not changed. The ports of the bridge are isolated from each other,
so that all traffic of guests passes the routing and the rules of the namespace, even between two
guests of one subnet; the namespace answers ARP requests for other guests itself.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.rtnl.ndmsg import NTF_MASTER, NTF_PROXY, states

from atoll.domain.errors import DriverBusy, DriverUnavailable
from atoll.networks.bridge_rules import BRIDGE, METADATA_ADDRESS, UPLINK, Member, ipv6_of

SYSCTLS = Path("/proc/sys/net")
TUN_DEVICE = "/dev/net/tun"
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
TAP_PREFIX = "g"
GATEWAY_IPV6 = "fe80::1"
MTU = 1500
MAIN_TABLE = 254
UP = 1

# Taps have no addresses.
BEFORE_LINKS = {"ipv6/conf/default/accept_dad": 0, "ipv6/conf/default/disable_ipv6": 1}
# Only the table of the bridge filters bridged frames, regardless of br_netfilter.
UNBRIDGED = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables")
ON_BRIDGE = {
    f"ipv6/conf/{BRIDGE}/disable_ipv6": 0,
    f"ipv6/conf/{BRIDGE}/proxy_ndp": 1,
    f"ipv6/neigh/{BRIDGE}/proxy_delay": 0,
    f"ipv4/conf/{BRIDGE}/proxy_arp_pvlan": 1,
    f"ipv4/neigh/{BRIDGE}/proxy_delay": 0,
    f"ipv4/conf/{BRIDGE}/send_redirects": 0,
    "ipv4/conf/all/send_redirects": 0,
}
# The stack of the uplink resolves guests by ARP.
ON_UPLINK = {
    f"ipv4/conf/{UPLINK}/proxy_arp": 1,
    f"ipv4/neigh/{UPLINK}/proxy_delay": 0,
}
FORWARDING = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}


def tap_name(guest_id: str, mac: str) -> str:
    """Name a tap. Interface names have at most 15 characters."""
    return TAP_PREFIX + sha256(f"{guest_id} {mac}".encode()).hexdigest()[:12]


def ensure_bridge(alias: str) -> None:
    """Create the bridge. `alias` identifies the network for operators. The MAC must not change,
    because guests cache the MAC of their gateway."""
    with IPRoute() as ip:
        if find(ip, BRIDGE) is None:
            write_sysctls(BEFORE_LINKS)
            mac = "02:" + sha256(alias.encode()).hexdigest()[:10]
            ip.link("add", ifname=BRIDGE, kind="bridge", address=with_colons(mac))
        ip.link("set", index=index_of(ip, BRIDGE), ifalias=alias, mtu=MTU, state="up")
        ip.link("set", index=index_of(ip, "lo"), state="up")
    write_sysctls(dict.fromkeys([f"bridge/{name}" for name in UNBRIDGED], 0))
    write_sysctls(ON_BRIDGE)


def with_colons(mac: str) -> str:
    digits = mac.replace(":", "")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def stand() -> bool:
    """Whether the bridge and the uplink exist."""
    with IPRoute() as ip:
        return all(find(ip, name) is not None for name in (BRIDGE, UPLINK))


def open_to_forwarding() -> None:
    """Enable forwarding. Call it only after the rules and the uplink exist."""
    write_sysctls(ON_UPLINK | FORWARDING)


def write_sysctls(values: Mapping[str, int]) -> None:
    """Write sysctls. Those of br_netfilter or IPv6 may be missing, and are then not needed."""
    for name, value in values.items():
        path = SYSCTLS / name
        if path.exists() or name.startswith("ipv4/"):
            path.write_text(f"{value}\n")


def plug_in(tap: str) -> int:
    """Open a new tap. The tap stays when QEMU ends, until it is plugged in again."""
    descriptor = open_tap(tap)
    try:
        fcntl.ioctl(descriptor, TUNSETPERSIST, 0)
    finally:
        os.close(descriptor)
    descriptor = open_tap(tap)
    try:
        fcntl.ioctl(descriptor, TUNSETPERSIST, 1)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def ensure_taps(members: Iterable[Member]) -> None:
    """Create missing taps. A QEMU may be using the existing ones."""
    with IPRoute() as ip:
        present = {link.get("ifname") for link in ip.get_links()}
    for tap in {member.tap for member in members} - present:
        os.close(plug_in(tap))


def open_tap(tap: str) -> int:
    """Open a tap as QEMU expects it; QEMU detects the virtio-net header itself."""
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", tap.encode(), flags))
    except OSError as error:
        os.close(descriptor)
        if error.errno == errno.EBUSY:
            raise DriverBusy(
                f"tap {tap} is still in use by the previous process of the guest"
            ) from error
        raise
    return descriptor


def clear() -> None:
    with IPRoute() as ip:
        for link in ip.get_links():
            if link.get("ifname") == BRIDGE or link.get("ifname").startswith(TAP_PREFIX):
                ip.link("del", index=link["index"])


def match_links(members: Sequence[Member]) -> None:
    """Connect the taps of the members, configure the location of each guest, and disconnect all
    other taps."""
    wanted = {member.tap: member for member in members}
    with IPRoute() as ip:
        bridge = index_of(ip, BRIDGE)
        links = {link.get("ifname"): link for link in ip.get_links()}
        for name in links:
            if name.startswith(TAP_PREFIX) and name not in wanted:
                ip.link("del", index=links[name]["index"])
        match_addresses(ip, bridge, members)
        match_neighbours(ip, bridge, members)
        for name, member in wanted.items():
            if not is_connected(links[name], bridge):
                connect(ip, links[name]["index"], bridge, member)


def is_connected(link: Any, bridge: int) -> bool:
    """Whether a tap is connected: its flag is set last."""
    return bool(link.get("master") == bridge and link["flags"] & UP)


def connect(ip: IPRoute, tap: int, bridge: int, member: Member) -> None:
    """Connect a tap without learning and flooding: the location of each guest is configured."""
    ip.link("set", index=tap, master=bridge, mtu=MTU, ifalias=f"{member.nic.mac}")
    ip.brport(
        "set", index=tap, isolated=1, learning=0, unicast_flood=0, mcast_flood=0, bcast_flood=0
    )
    static = states["noarp"]  # "permanent" would mean an address of the bridge itself
    ip.fdb("replace", ifindex=tap, lladdr=member.nic.mac, flags=NTF_MASTER, state=static)
    ip.link("set", index=tap, state="up")


def match_addresses(ip: IPRoute, bridge: int, members: Sequence[Member]) -> None:
    """Set the addresses of gateways, name servers and the metadata server."""
    wanted = {(METADATA_ADDRESS, 32)} | (
        {(GATEWAY_IPV6, 64)} if (SYSCTLS / "ipv6").exists() else set()
    )
    for subnet in {IPv4Network(member.nic.subnet_cidr) for member in members}:
        wanted |= {(str(subnet[2]), subnet.prefixlen), (str(subnet[3]), 32)}
    present = {
        (one.get("address"), one["prefixlen"])
        for one in ip.get_addr(index=bridge)
        if not (one.get("address") or "").startswith("fe80:") or one.get("address") == GATEWAY_IPV6
    }
    for address, prefix in present - wanted:
        ip.addr("del", index=bridge, address=address, prefixlen=prefix)
    for address, prefix in wanted - present:
        ip.addr("replace", index=bridge, address=address, prefixlen=prefix)


def match_neighbours(ip: IPRoute, bridge: int, members: Sequence[Member]) -> None:
    """Set neighbours statically, so that no guest can impersonate another."""
    permanent = states["permanent"]
    wanted = {(member.nic.private_ip, member.nic.mac) for member in members}
    wanted |= {(ipv6_of(m.nic.ipv6), m.nic.mac) for m in members if m.nic.ipv6}
    present = {
        (one.get("dst"), one.get("lladdr"))
        for one in ip.get_neighbours(ifindex=bridge)
        if one["state"] == permanent
    }
    for address, mac in present - wanted:
        ip.neigh("del", ifindex=bridge, dst=address, lladdr=mac)
    for address, mac in wanted - present:
        ip.neigh("replace", ifindex=bridge, dst=address, lladdr=mac, state=permanent)
    match_sixes(ip, bridge, {address for address, _ in wanted if ":" in address})


def match_sixes(ip: IPRoute, bridge: int, wanted: Set[str]) -> None:
    """Route each IPv6 address to its guest, and answer neighbour requests for it."""
    present = {
        route.get("dst")
        for route in ip.get_routes(family=socket.AF_INET6, oif=bridge, table=MAIN_TABLE)
        if route["dst_len"] == 128
    }
    for address in present - wanted:
        ip.neigh("del", ifindex=bridge, dst=address, flags=NTF_PROXY)
        ip.route("del", dst=f"{address}/128", oif=bridge)
    for address in wanted - present:
        ip.neigh("replace", ifindex=bridge, dst=address, flags=NTF_PROXY)
        ip.route("replace", dst=f"{address}/128", oif=bridge)


def count(taps: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Read the counters of each tap (by its name, with a MAC), from the view of the host."""
    with IPRoute() as ip:
        for link in ip.get_links():
            if link.get("ifname") in taps:
                yield taps[link.get("ifname")], link.get("stats64")


def find(ip: IPRoute, name: str) -> int | None:
    found = ip.link_lookup(ifname=name)
    return int(found[0]) if found else None


def index_of(ip: IPRoute, name: str) -> int:
    index = find(ip, name)
    if index is None:
        raise DriverUnavailable(f"link {name} is missing in its network: retry")
    return index
