"""The rules of a network `bridge` as nftables is told them, without a kernel."""

import json
from typing import Any

from atoll.domain.security_groups import Direction, Protocol, Rule
from atoll.networks.bridge_rules import Member, nftables
from tests.networks.specs import nic_of, tcp

LOOPBACK, RESOLVER = "100.127.255.0/24", "100.127.255.3"
DROP = {"drop": None}


def rules_in(chain: str, *members: Member) -> list[list[dict[str, Any]]]:
    """The expressions of each of the chain's rules."""
    commands = nftables(members, LOOPBACK, RESOLVER)["nftables"]
    added = [command["add"].get("rule") for command in commands if "add" in command]
    return [rule["expr"] for rule in added if rule and rule["chain"] == chain]


def member(number: int, *rules: Rule, **nic: Any) -> Member:
    return Member(f"g{number}", nic_of(number, *rules, **nic))


def test_the_whole_is_one_transaction_that_replaces_what_was_there() -> None:
    commands = nftables([], LOOPBACK, RESOLVER)["nftables"]
    tables = [
        (verb, one[verb]["table"]) for one in commands for verb in one if "table" in one[verb]
    ]
    for family in ("bridge", "inet"):
        verbs = [verb for verb, table in tables if table == {"family": family, "name": "atoll"}]
        assert verbs == ["add", "delete", "add"]


def test_what_no_rule_names_is_dropped() -> None:
    commands = nftables([], LOOPBACK, RESOLVER)["nftables"]
    chains = [one["add"]["chain"] for one in commands if "chain" in one.get("add", {})]
    policies = {chain["name"]: chain["policy"] for chain in chains if "policy" in chain}
    assert {"identity", "to_gateway", "passage"} == {
        name for name, policy in policies.items() if policy == "drop"
    }


def test_a_guest_without_rules_sends_and_gets_nothing_of_its_own_accord() -> None:
    assert rules_in("to_g9", member(9)) == [[DROP]]
    assert rules_in("from_g9", member(9)) == [[DROP]]


def test_a_guest_speaks_to_nobody_at_this_hosts_loopback_or_link_local() -> None:
    before_leaving = rules_in("passage", member(9))
    drops = json.dumps([rule for rule in before_leaving if rule[-1] == DROP])
    assert '"100.127.255.0"' in drops
    assert '"169.254.0.0"' in drops


def test_a_rule_for_a_range_of_ipv6_looks_at_that_protocol() -> None:
    first, last = rules_in("to_g9", member(9, tcp(22, cidr="2001:db8::/32")))
    assert {"payload": {"protocol": "ip6", "field": "saddr"}} in [
        one["match"]["left"] for one in first[:-1]
    ]
    assert json.dumps(first).count('"2001:db8::", "len": 32') == 1
    assert last == [DROP]


def test_a_rule_for_a_group_without_members_here_lets_nobody_in() -> None:
    assert rules_in("to_g9", member(9, tcp(22, group="sg-1"))) == [[DROP]]


def test_members_of_a_group_are_named_by_all_their_addresses() -> None:
    asked = member(9, tcp(22, group="sg-1"))
    others = [member(7, groups=("sg-1",), ipv6="fd00::7"), member(8, groups=("sg-1", "sg-2"))]
    told = json.dumps(rules_in("to_g9", asked, *others))
    assert '{"set": ["10.1.0.7", "10.1.0.8"]}' in told
    assert '{"set": ["fd00::7"]}' in told


def test_a_rule_for_this_hosts_loopback_is_for_callers_alone() -> None:
    rules = rules_in("to_g9", member(9, tcp(22, cidr="127.0.0.0/8")))
    assert '"out0"' in json.dumps(rules[0])
    assert '"127.0.0.0"' in json.dumps(rules[1])  # which no guest sends from


def test_every_port_of_a_protocol_and_every_protocol_can_be_meant() -> None:
    egress = Direction.EGRESS
    everything = Rule(direction=egress, protocol=Protocol.ALL)
    udp = Rule(direction=egress, protocol=Protocol.UDP)
    (all_of_it, all_udp, _) = rules_in("from_g9", member(9, everything, udp))
    assert all_of_it == [{"return": None}]
    assert all_udp[0]["match"]["right"] == "udp"
