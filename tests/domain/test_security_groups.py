"""Which rules are allowed."""

import pytest

from atoll.domain.errors import Invalid
from atoll.domain.security_groups import (
    DEFAULT_RULES,
    Direction,
    Protocol,
    Rule,
    number_rules,
    require_rules,
)

TCP, UDP, ICMP, ALL = Protocol.TCP, Protocol.UDP, Protocol.ICMP, Protocol.ALL


@pytest.mark.parametrize(
    "rule",
    [
        Rule(protocol=TCP),
        Rule(protocol=TCP, port=1, port_max=65_535),
        Rule(protocol=UDP, port=53),
        Rule(protocol=ICMP),
        Rule(protocol=ALL, direction=Direction.EGRESS, cidr="10.0.0.0/8"),
        Rule(protocol=TCP, port=22, cidr="192.0.2.7/32"),
        Rule(protocol=TCP, port=22, cidr="2001:db8::/32"),
    ],
)
def test_a_sound_rule_is_allowed(rule: Rule) -> None:
    require_rules((*DEFAULT_RULES, rule))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Rule(protocol=TCP, port=0), "port"),
        (Rule(protocol=TCP, port=65_536), "port"),
        (Rule(protocol=TCP, port=2, port_max=1), "port"),
        (Rule(protocol=TCP, port=1, port_max=65_536), "port"),
        (Rule(protocol=TCP, port_max=1), "port_max"),
        (Rule(protocol=ICMP, port=1), "port"),
        (Rule(protocol=ALL, port=1), "port"),
        (Rule(protocol=TCP, cidr="10.0.0.1/8"), "cidr"),
        (Rule(protocol=TCP, cidr="2001:db8::1/32"), "cidr"),
    ],
)
def test_a_wrong_rule_is_named_by_its_place(rule: Rule, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_rules((*DEFAULT_RULES, rule))
    assert refused.value.field == f"rules.3.{field}"


def test_there_is_an_end_to_rules() -> None:
    require_rules((Rule(protocol=TCP),) * 100)
    with pytest.raises(Invalid, match="at most 100"):
        require_rules((Rule(protocol=TCP),) * 101)


def test_a_rule_keeps_its_number_as_long_as_it_is_there() -> None:
    ssh, web, dns = (Rule(protocol=TCP, port=port) for port in (22, 80, 53))
    first = number_rules((ssh, web))
    assert [rule.number for rule in first] == [1, 2]
    assert [rule.number for rule in number_rules((web, dns), first)] == [2, 3]
    assert [rule.number for rule in number_rules((dns, *first))] == [3, 1, 2]
    assert [rule.number for rule in number_rules((ssh, ssh))] == [1, 2]
