"""Named sets of firewall rules."""

from enum import StrEnum

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.networks import cidr_of

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
    """`port` to `port_max`, both included; none of both means every port. `group` is the id of a
    security group: the rule is then for its members in the same network, and `cidr` is nothing."""

    direction: Direction = Direction.INGRESS
    protocol: Protocol
    port: int | None = None
    port_max: int | None = None
    cidr: str = "0.0.0.0/0"
    group: str | None = None


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    rules: tuple[Rule, ...] = ()
    labels: dict[str, str] = {}
    version: int = 1
    created_at_ms: int


DEFAULT_GROUP = "default"
STANDARD_GROUP = "standard"
ALL_MAY_GO_OUT = Rule(direction=Direction.EGRESS, protocol=Protocol.ALL)
DEFAULT_RULES = (
    Rule(protocol=Protocol.TCP, port=22, port_max=22),
    Rule(protocol=Protocol.ICMP),
    ALL_MAY_GO_OUT,
)
WEB_RULES = tuple(Rule(protocol=Protocol.TCP, port=port, port_max=port) for port in (80, 443))
# Every project has these. Instances whose author names no group are in `default`, or in what their
# dialect says instead.
BUILT_IN = {DEFAULT_GROUP: DEFAULT_RULES, STANDARD_GROUP: (*WEB_RULES, *DEFAULT_RULES)}


def require_rules(rules: tuple[Rule, ...]) -> None:
    """Raises Invalid, naming the rule by its place."""
    if len(rules) > RULES_MAX:
        raise Invalid(f"{len(rules)} rules, at most {RULES_MAX} are allowed", field="spec.rules")
    for index, rule in enumerate(rules):
        field = f"spec.rules.{index}"
        if rule.cidr != "0.0.0.0/0":
            cidr_of(rule.cidr, f"{field}.cidr")
        if rule.port is None:
            if rule.port_max is not None:
                raise Invalid(f"{field}.port_max stands without port", field=f"{field}.port_max")
            continue
        if rule.protocol not in {Protocol.TCP, Protocol.UDP}:
            raise Invalid(f"{field}: {rule.protocol} has no ports", field=f"{field}.port")
        last = rule.port if rule.port_max is None else rule.port_max
        if not 1 <= rule.port <= last <= 65_535:
            raise Invalid(
                f"{field}: ports {rule.port} to {last}, allowed are 1 to 65535 in rising order",
                field=f"{field}.port",
            )
