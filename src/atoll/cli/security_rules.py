"""The rules of security groups as people write them, and as they are shown."""

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
    """Who is at the other end. Without any of it a rule is for what comes in, from everywhere."""

    source: Annotated[
        str | None, Parameter(name="--from", help="What comes in from these addresses: 10.0.0.0/8.")
    ] = None
    from_group: Annotated[
        str | None, Parameter(help="What comes in from the members of this group.")
    ] = None
    egress: Annotated[bool, Parameter(negative=(), help="What goes out, to everywhere.")] = False
    target: Annotated[
        str | None, Parameter(name="--to", help="What goes out to these addresses.")
    ] = None
    to_group: Annotated[
        str | None, Parameter(help="What goes out to the members of this group.")
    ] = None


ANYBODY = Peer()


def rule_from(client: Client, protocol: Protocol, ports: str | None, peer: Peer) -> Json:
    """The rule as the server takes it. Raises Usage."""
    given = [one for one in (peer.source, peer.from_group, peer.target, peer.to_group) if one]
    if len(given) > 1:
        raise Usage("give one of --from, --from-group, --to and --to-group: a rule has one peer")
    out = peer.egress or bool(peer.target or peer.to_group)
    if out and (peer.source or peer.from_group):
        raise Usage("--egress is about what goes out: say where to by --to or --to-group")
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
    """The first and the last port; no port means every one. Raises Usage."""
    if text is None:
        return None, None
    if protocol not in WITH_PORTS:
        raise Usage(f"{protocol} has no ports: leave {text} away, or say tcp or udp")
    first, dash, last = text.partition("-")
    numbers = (first, last if dash else first)
    if not all(one.isascii() and one.isdigit() for one in numbers):
        raise Usage(f"{text!r} is no port: write it as 80, or a range as 8000-8100")
    lowest, highest = int(numbers[0]), int(numbers[1])
    if not 1 <= lowest <= highest <= PORT_MAX:
        raise Usage(f"ports {text}: they go from 1 to {PORT_MAX}, the lower one first")
    return lowest, highest


def cidr_from(option: str, text: str) -> str:
    """A range of addresses, or one address as the range that it is. Raises Usage."""
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        raise Usage(f"{option} {text}: {error}; write it as 10.0.0.0/8 or 10.0.0.7") from error


def group_id(client: Client, reference: str | None) -> str | None:
    """An id is not looked up, so that a rule for a deleted group can be taken away."""
    if reference is None or NATIVE_ID.match(reference):
        return reference
    return str(client.find(GROUPS, reference)["id"])


def same_rule(one: Json, other: Json) -> bool:
    return identity(one) == identity(other)


def identity(rule: Json) -> tuple[object, ...]:
    """What tells two rules apart. A single port may be written with or without its end."""
    port, group = rule.get("port"), rule.get("group")
    peer = group or rule.get("cidr", EVERYWHERE)
    return rule["direction"], rule["protocol"], port, rule.get("port_max") or port, peer


def ports_of(rule: Json) -> str:
    first, last = rule.get("port"), rule.get("port_max")
    if first is None:
        return ""
    return str(first) if last in {None, first} else f"{first}-{last}"


def peer_of(rule: Json, names: dict[str, str]) -> str:
    """Its addresses, or its group: by name where `names` knows the id."""
    group = rule.get("group")
    return f"group {names.get(group, group)}" if group else str(rule.get("cidr", EVERYWHERE))


def words_of(rule: Json, names: dict[str, str]) -> str:
    """As in `in tcp 80 from 0.0.0.0/0`."""
    out = rule["direction"] == "egress"
    ports = ports_of(rule)
    what = f"{rule['protocol']} {ports}" if ports else str(rule["protocol"])
    return f"{'out' if out else 'in'} {what} {'to' if out else 'from'} {peer_of(rule, names)}"
