"""The nftables rules of a network of the driver `bridge`. Pure.

`nftables` returns all rules of one namespace, in the JSON of libnftables, as one transaction: it
replaces the existing rules atomically, and established connections continue. User input is never
formatted into text here.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Interface
from typing import Any

import msgspec

from atoll.domain.security_groups import Direction, Protocol, Rule
from atoll.messages import NicSpec
from atoll.networks.public_ports import opens_to_host

BRIDGE = "br0"
UPLINK = "out0"
TABLE = "atoll"
METADATA_ADDRESS = "169.254.169.254"
METADATA_PORT = 80
# The metadata address of a cloud in which this host may run.
LINK_LOCAL = "169.254.0.0/16"
ANYWHERE = "0.0.0.0/0"
BEFORE_ALL = -300
Json = dict[str, Any]
# Addresses of the members of each group in this network, by IP version.
Groups = Mapping[str, Mapping[str, list[str]]]
ACCEPT: Json = {"accept": None}
DROP: Json = {"drop": None}


class Member(msgspec.Struct, frozen=True):
    """A NIC in the network, and its tap."""

    tap: str
    nic: NicSpec


def nftables(members: Sequence[Member], loopback: str, resolver: str) -> Json:
    """Build the rules. `loopback` is the range that represents the loopback of this host beyond
    the uplink; `resolver` is the one address in it that guests can use, by the name servers."""
    commands = [*fresh_table("bridge"), *identity(members), *fresh_table("inet")]
    commands += [
        *name_servers(members, resolver),
        *to_the_gateway(),
        *no_short_cuts(),
        *passage(members, loopback, resolver),
    ]
    return {"nftables": commands}


def fresh_table(family: str) -> list[Json]:
    """Add the table first, so that the following delete cannot fail."""
    table = {"table": {"family": family, "name": TABLE}}
    return [{"add": table}, {"delete": table}, {"add": table}]


def identity(members: Sequence[Member]) -> list[Json]:
    """Drop frames of a guest with another MAC or address than its own: all later rules rely on
    this."""
    addresses = [(m.tap, m.nic.mac, m.nic.private_ip) for m in members]
    probes = [(m.tap, m.nic.mac, "0.0.0.0") for m in members]  # noqa: S104  (of ARP)
    sixes = [(m.tap, m.nic.mac, address) for m in members for address in ipv6_sources(m.nic)]
    chain = base_chain("bridge", "identity", "prerouting", "filter", BEFORE_ALL, "drop")
    frame = [meta("iifname"), payload("ether", "saddr")]
    sender = [meta("iifname"), payload("arp", "saddr ether"), payload("arp", "saddr ip")]
    commands = [chain]
    if addresses:
        commands += [
            rule("bridge", "identity", among([*frame, payload("ip", "saddr")], addresses), ACCEPT),
            rule("bridge", "identity", among(sender, addresses + probes), ACCEPT),
        ]
    commands += [
        rule(
            "bridge",
            "identity",
            equals(meta("iifname"), tap),
            equals(payload("ether", "saddr"), mac),
            equals(payload("ip6", "saddr"), address),
            ACCEPT,
        )
        for tap, mac, address in sixes
    ]
    return commands


def ipv6_sources(nic: NicSpec) -> list[Any]:
    """Allow its address and its link-local address, for neighbour discovery. Not the unspecified
    address: the gateway would answer each duplicate address detection."""
    return [] if nic.ipv6 is None else [ipv6_of(nic.ipv6), prefix("fe80::/10")]


def ipv6_of(text: str) -> str:
    return str(IPv6Interface(text).ip)


def name_servers(members: Sequence[Member], resolver: str) -> list[Json]:
    """Redirect queries to the name server of a subnet, its third address, to that of the host."""
    chain = base_chain("inet", "names", "prerouting", "nat", -100, "accept")
    servers = sorted({str(IPv4Network(m.nic.subnet_cidr)[3]) for m in members})
    if not servers:
        return [chain]
    return [
        chain,
        rule(
            "inet",
            "names",
            equals(meta("iifname"), BRIDGE),
            equals(payload("ip", "daddr"), {"set": servers}),
            *dns_only(),
            {"dnat": {"family": "ip", "addr": resolver}},
        ),
    ]


def to_the_gateway() -> list[Json]:
    """Allow requests to the namespace itself: ping and metadata."""
    return [
        base_chain("inet", "to_gateway", "input", "filter", 0, "drop"),
        *known_connections("to_gateway"),
        rule("inet", "to_gateway", equals(meta("iifname"), "lo"), ACCEPT),
        rule(
            "inet",
            "to_gateway",
            equals(meta("iifname"), BRIDGE),
            equals(payload("ip", "daddr"), METADATA_ADDRESS),
            equals(payload("tcp", "dport"), METADATA_PORT),
            ACCEPT,
        ),
        rule("inet", "to_gateway", equals(meta("iifname"), BRIDGE), *icmp_only(), ACCEPT),
    ]


def no_short_cuts() -> list[Json]:
    """Drop IPv6 redirects: guests of one link cannot communicate directly here."""
    redirect = equals(payload("icmpv6", "type"), "nd-redirect")
    chain = base_chain("inet", "from_gateway", "output", "filter", 0, "accept")
    return [chain, rule("inet", "from_gateway", redirect, DROP)]


def passage(members: Sequence[Member], loopback: str, resolver: str) -> list[Json]:
    """Filter forwarded traffic: first the egress rules of the sender, then the ingress rules of
    the receiver. DNS is always allowed."""
    groups = addresses_of_groups(members)
    chains = [
        base_chain("inet", "passage", "forward", "filter", 0, "drop"),
        *(plain_chain(name) for name in ("leaving", "entering")),
    ]
    own = [command for member in members for command in rules_of(member, groups)]
    of_host = {"set": [prefix(loopback), prefix(LINK_LOCAL)]}
    from_guest, to_guest = (equals(meta(key), BRIDGE) for key in ("iifname", "oifname"))
    names = equals(payload("ip", "daddr"), resolver)
    return [
        *chains,
        *own,
        *known_connections("passage"),
        rule("inet", "passage", from_guest, names, *dns_only(), ACCEPT),
        rule("inet", "passage", from_guest, equals(payload("ip", "daddr"), of_host), DROP),
        rule("inet", "passage", from_guest, {"jump": {"target": "leaving"}}),
        rule("inet", "passage", equals(meta("oifname"), UPLINK), from_guest, ACCEPT),
        rule("inet", "passage", to_guest, {"jump": {"target": "entering"}}),
        *dispatch("leaving", "saddr", "from", members),
        rule("inet", "leaving", DROP),
        *dispatch("entering", "daddr", "to", members),
    ]


def dispatch(chain: str, field: str, way: str, members: Sequence[Member]) -> list[Json]:
    """Jump to the chain of the guest that sends or receives the packet. It returns to the caller
    of `chain`."""
    fours = [(m.nic.private_ip, f"{way}_{m.tap}") for m in members]
    sixes = [(ipv6_of(m.nic.ipv6), f"{way}_{m.tap}") for m in members if m.nic.ipv6]
    return [
        rule("inet", chain, verdicts(payload(protocol, field), pairs))
        for protocol, pairs in (("ip", fours), ("ip6", sixes))
        if pairs
    ]


def verdicts(key: Json, targets: Iterable[tuple[str, str]]) -> Json:
    pairs = [[address, {"goto": {"target": chain}}] for address, chain in targets]
    return {"vmap": {"key": key, "data": {"set": pairs}}}


def addresses_of_groups(members: Sequence[Member]) -> Groups:
    groups: dict[str, dict[str, list[str]]] = {}
    for nic in (member.nic for member in members):
        for group in nic.groups:
            addresses = groups.setdefault(group, {"ip": [], "ip6": []})
            addresses["ip"].append(nic.private_ip)
            addresses["ip6"] += [ipv6_of(nic.ipv6)] if nic.ipv6 else []
    return groups


def rules_of(member: Member, groups: Groups) -> list[Json]:
    """Build the two chains of a guest: allowed egress returns, allowed ingress is accepted."""
    leaving, entering = f"from_{member.tap}", f"to_{member.tap}"
    commands = [plain_chain(leaving), plain_chain(entering)]
    for wish in member.nic.rules:
        ingress = wish.direction is Direction.INGRESS
        chain, verdict = (entering, ACCEPT) if ingress else (leaving, {"return": None})
        for peers in peers_of(wish, groups):
            commands.append(rule("inet", chain, *peers, *traffic(wish), verdict))
    return [*commands, rule("inet", leaving, DROP), rule("inet", entering, DROP)]


def peers_of(wish: Rule, groups: Groups) -> list[list[Json]]:
    """Build the conditions for the peers of a rule: one list per kind."""
    ingress = wish.direction is Direction.INGRESS
    field = "saddr" if ingress else "daddr"
    guests = [equals(meta("iifname"), BRIDGE)] if ingress else []
    if wish.group is not None:
        return [
            [*guests, equals(payload(protocol, field), {"set": addresses})]
            for protocol, addresses in groups.get(wish.group, {}).items()
            if addresses
        ]
    callers = [[equals(meta("iifname"), UPLINK)]] if opens_to_host(wish) else []
    if wish.cidr == ANYWHERE:
        return [*callers, guests]
    protocol = "ip6" if ":" in wish.cidr else "ip"
    return [*callers, [*guests, equals(payload(protocol, field), prefix(wish.cidr))]]


def traffic(wish: Rule) -> list[Json]:
    """Build the conditions for protocol and ports."""
    if wish.protocol is Protocol.ALL:
        return []
    if wish.protocol is Protocol.ICMP:
        return icmp_only()
    if wish.port is None:
        return [equals(meta("l4proto"), str(wish.protocol))]
    last = wish.port if wish.port_max is None else wish.port_max
    ports: Any = wish.port if last == wish.port else {"range": [wish.port, last]}
    return [equals(payload(str(wish.protocol), "dport"), ports)]


def known_connections(chain: str) -> list[Json]:
    """Accept established connections, even if their rule was removed."""
    return [
        rule("inet", chain, states("established", "related"), ACCEPT),
        rule("inet", chain, states("invalid"), DROP),
    ]


def states(*wanted: str) -> Json:
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": list(wanted)}}


def icmp_only() -> list[Json]:
    return [equals(meta("l4proto"), {"set": ["icmp", "ipv6-icmp"]})]


def dns_only() -> list[Json]:
    return [
        equals(meta("l4proto"), {"set": ["tcp", "udp"]}),
        equals(payload("th", "dport"), 53),
    ]


def base_chain(family: str, name: str, hook: str, kind: str, priority: int, policy: str) -> Json:
    chain = {"family": family, "table": TABLE, "name": name}
    place = {"type": kind, "hook": hook, "prio": priority, "policy": policy}
    return {"add": {"chain": chain | place}}


def plain_chain(name: str) -> Json:
    return {"add": {"chain": {"family": "inet", "table": TABLE, "name": name}}}


def rule(family: str, chain: str, *expressions: Json) -> Json:
    place = {"family": family, "table": TABLE, "chain": chain}
    return {"add": {"rule": place | {"expr": list(expressions)}}}


def equals(left: Json, right: Any) -> Json:
    return {"match": {"op": "==", "left": left, "right": right}}


def among(left: Sequence[Json], allowed: Iterable[tuple[str, ...]]) -> Json:
    """Match a combination of values against the allowed combinations."""
    elements = [{"concat": list(values)} for values in sorted(set(allowed))]
    return equals({"concat": list(left)}, {"set": elements})


def prefix(cidr: str) -> Json:
    address, _, length = cidr.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}}


def meta(key: str) -> Json:
    return {"meta": {"key": key}}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}
