"""Named sets of firewall rules."""

from collections.abc import Iterable
from enum import StrEnum
from ipaddress import ip_network
from itertools import count

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.networks import range_of
from atoll.domain.reasons import Reason

RULES_MAX = 100


class Direction(StrEnum):
    INGRESS = "ingress"
    EGRESS = "egress"


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ALL = "all"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`port` to `port_max` is an inclusive range; neither means every port. `cidr` is an IPv4
    range, with 0.0.0.0/0 for everyone, or an IPv6 range, as it was given. `group` is the id of a
    security group: the rule then allows its members in the same network, and `cidr` is None.
    `number` identifies the rule within the group, from 1, and does not change."""

    direction: Direction = Direction.INGRESS
    protocol: Protocol
    port: int | None = None
    port_max: int | None = None
    cidr: str = "0.0.0.0/0"
    group: str | None = None
    notes: str = ""
    number: int = 0


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    """`annotations` belong to a dialect."""

    id: str
    project_id: str
    name: str
    description: str = ""
    rules: tuple[Rule, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    version: int = 1
    created_at_ms: int
    updated_at_ms: int = 0


DEFAULT_GROUP = "default"
STANDARD_GROUP = "standard"
ALL_MAY_GO_OUT = Rule(direction=Direction.EGRESS, protocol=Protocol.ALL)
DEFAULT_RULES = (
    Rule(protocol=Protocol.TCP, port=22, port_max=22),
    Rule(protocol=Protocol.ICMP),
    ALL_MAY_GO_OUT,
)
WEB_RULES = tuple(Rule(protocol=Protocol.TCP, port=port, port_max=port) for port in (80, 443))
# Built-in groups of every project. Instances without given groups are in `default`, or in the group
# that their dialect chooses.
BUILT_IN = {DEFAULT_GROUP: DEFAULT_RULES, STANDARD_GROUP: (*WEB_RULES, *DEFAULT_RULES)}


def bare(rule: Rule) -> Rule:
    """Return the rule without number and notes, and with the canonical spelling of its range: two
    rules that allow the same are equal."""
    cidr = rule.cidr if rule.group else str(ip_network(rule.cidr))
    return msgspec.structs.replace(rule, number=0, notes="", cidr=cidr)


def number_rules(rules: Iterable[Rule], before: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Number rules: unchanged rules keep their numbers, new ones get the next."""
    known = {msgspec.structs.replace(rule, number=0): rule.number for rule in before}
    given = [
        rule if rule.number else msgspec.structs.replace(rule, number=known.pop(rule, 0))
        for rule in rules
    ]
    highest = max([0, *known.values(), *(rule.number for rule in given)])
    following = count(highest + 1)
    return tuple(
        rule if rule.number else msgspec.structs.replace(rule, number=next(following))
        for rule in given
    )


def require_rules(rules: tuple[Rule, ...]) -> None:
    """Check rules. Raises Invalid, with the position of the rule."""
    if len(rules) > RULES_MAX:
        raise Invalid(Reason.TOO_MANY, field="rules", count=len(rules), highest=RULES_MAX)
    for index, rule in enumerate(rules):
        field = f"rules.{index}"
        if rule.cidr != "0.0.0.0/0":
            range_of(rule.cidr, f"{field}.cidr")
        if rule.port is None:
            if rule.port_max is not None:
                raise Invalid(Reason.PORT_MAX_ALONE, field=f"{field}.port_max")
            continue
        if rule.protocol not in {Protocol.TCP, Protocol.UDP}:
            raise Invalid(
                Reason.PROTOCOL_WITHOUT_PORTS, field=f"{field}.port", protocol=rule.protocol
            )
        last = rule.port if rule.port_max is None else rule.port_max
        if not 1 <= rule.port <= last <= 65_535:
            raise Invalid(Reason.PORT_ORDER, field=f"{field}.port", first=rule.port, last=last)
