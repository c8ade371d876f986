"""Parses and formats the rules of security groups."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from atoll.cli.client import NATIVE_ID, Client, Json
from atoll.cli.errors import Usage

Protocol = Literal["tcp", "udp", "icmp", "all"]
EVERYWHERE = "0.0.0.0/0"
WITH_PORTS = frozenset({"tcp", "udp"})
PORT_MAX = 65_535
GROUPS = "/v1/security-groups"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Peer:
    """The peer of a rule. Default: incoming traffic from everywhere."""

    source: Annotated[
        str | None,
        Parameter(name="--from", help="Incoming traffic from this range, such as 10.0.0.0/8."),
    ] = None
    from_group: Annotated[
        str | None, Parameter(help="Incoming traffic from members of this group.")
    ] = None
    egress: Annotated[bool, Parameter(negative=(), help="Outgoing traffic to everywhere.")] = False
    target: Annotated[
        str | None, Parameter(name="--to", help="Outgoing traffic to this range.")
    ] = None
    to_group: Annotated[
        str | None, Parameter(help="Outgoing traffic to members of this group.")
    ] = None


ANYBODY = Peer()


def rule_from(client: Client, protocol: Protocol, ports: str | None, peer: Peer) -> Json:
    """Build the rule for the API. Raises Usage."""
    given = [one for one in (peer.source, peer.from_group, peer.target, peer.to_group) if one]
    if len(given) > 1:
        raise Usage(
            "use only one of --from, --from-group, --to and --to-group: a rule has one peer"
        )
    out = peer.egress or bool(peer.target or peer.to_group)
    if out and (peer.source or peer.from_group):
        raise Usage("--egress is for outgoing traffic: use --to or --to-group for its destination")
    first, last = ports_from(protocol, ports)
    option, cidr = ("--to", peer.target) if out else ("--from", peer.source)
    return {
        "direction": "egress" if out else "ingress",
        "protocol": protocol,
        "port": first,
        "port_max": last,
        "cidr": cidr_from(option, cidr) if cidr else EVERYWHERE,
        "group": group_id(client, peer.from_group or peer.to_group),
    }


def ports_from(protocol: Protocol, text: str | None) -> tuple[int | None, int | None]:
    """Parse the first and the last port; no port means all ports. Raises Usage."""
    if text is None:
        return None, None
    if protocol not in WITH_PORTS:
        raise Usage(f"{protocol} has no ports: omit {text}, or use tcp or udp")
    first, dash, last = text.partition("-")
    numbers = (first, last if dash else first)
    if not all(one.isascii() and one.isdigit() for one in numbers):
        raise Usage(
            f"{text!r} is not a port: use a number such as 80, or a range such as 8000-8100"
        )
    lowest, highest = int(numbers[0]), int(numbers[1])
    if not 1 <= lowest <= highest <= PORT_MAX:
        raise Usage(f"invalid ports {text}: use 1 to {PORT_MAX}, with the lower port first")
    return lowest, highest


def cidr_from(option: str, text: str) -> str:
    """Parse a range of addresses, or a single address. Raises Usage."""
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        raise Usage(
            f"invalid {option} {text}: {error}; use a form such as 10.0.0.0/8 or 10.0.0.7"
        ) from error


def group_id(client: Client, reference: str | None) -> str | None:
    """Resolve a group to its id. Ids are not looked up: a rule may name a deleted group."""
    if reference is None or NATIVE_ID.match(reference):
        return reference
    return str(client.find(GROUPS, reference)["id"])


def same_rule(one: Json, other: Json) -> bool:
    return identity(one) == identity(other)


def identity(rule: Json) -> tuple[object, ...]:
    """Build a key to compare rules. A single port may be given with or without its end."""
    port, group = rule.get("port"), rule.get("group")
    peer = group or rule.get("cidr", EVERYWHERE)
    return rule["direction"], rule["protocol"], port, rule.get("port_max") or port, peer


def ports_of(rule: Json) -> str:
    first, last = rule.get("port"), rule.get("port_max")
    if first is None:
        return ""
    return str(first) if last in {None, first} else f"{first}-{last}"


def peer_of(rule: Json, names: dict[str, str]) -> str:
    """Format the peer: a range, or a group by its name if `names` has it."""
    group = rule.get("group")
    return f"group {names.get(group, group)}" if group else str(rule.get("cidr", EVERYWHERE))


def words_of(rule: Json, names: dict[str, str]) -> str:
    """Format a rule, as in `in tcp 80 from 0.0.0.0/0`."""
    out = rule["direction"] == "egress"
    ports = ports_of(rule)
    what = f"{rule['protocol']} {ports}" if ports else str(rule["protocol"])
    return f"{'out' if out else 'in'} {what} {'to' if out else 'from'} {peer_of(rule, names)}"
