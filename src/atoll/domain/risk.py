"""The risk of a command: the risk of its kind, raised by facts about its target.

Pure: the facts are arguments. What a caller says about itself never lowers a risk.
"""

from ipaddress import ip_network

import msgspec

from atoll.domain.actions import Action, Risk, action_of
from atoll.domain.commands import (
    AddRule,
    Command,
    CreateSecurityGroup,
    UpdateInstance,
    UpdateSecurityGroup,
)
from atoll.domain.security_groups import Direction, Rule

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
WEB_PORTS = frozenset({80, 443})
RAISING_LABELS = (("env", "production"),)
RAISED = {Risk.SAFE: Risk.MODERATE, Risk.MODERATE: Risk.DANGEROUS, Risk.DANGEROUS: Risk.DANGEROUS}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The resource that a command changes, before the change."""

    labels: dict[str, str] = {}
    protected: bool = False


UNKNOWN = Target()


def risk_of(command: Command, target: Target = UNKNOWN) -> Risk:
    """A production label or protection raises the risk by one level. Rules that admit everyone, and
    the removal of protection, are dangerous."""
    action: Action = action_of(command)
    if opens_to_everybody(command) or ends_protection(command):
        return Risk.DANGEROUS
    if target.protected or any(target.labels.get(key) == value for key, value in RAISING_LABELS):
        return RAISED[action.risk]
    return action.risk


def opens_to_everybody(command: Command) -> bool:
    return any(lets_everybody_in(rule) for rule in rules_of(command))


def rules_of(command: Command) -> tuple[Rule, ...]:
    match command:
        case CreateSecurityGroup(rules=rules):
            return rules
        case UpdateSecurityGroup(rules=rules):
            return rules or ()
        case AddRule(rule=rule):
            return (rule,)
    return ()


def lets_everybody_in(rule: Rule) -> bool:
    """Tell whether a rule opens a port other than 80 and 443 to everyone."""
    if rule.direction is not Direction.INGRESS or rule.group is not None:
        return False
    if not is_everywhere(rule.cidr):
        return False
    last = rule.port if rule.port_max is None else rule.port_max
    return rule.port is None or rule.port != last or rule.port not in WEB_PORTS


def is_everywhere(cidr: str) -> bool:
    """A range has many spellings. One that is none at all is refused later."""
    try:
        return str(ip_network(cidr)) in EVERYWHERE
    except ValueError:
        return False


def ends_protection(command: Command) -> bool:
    return isinstance(command, UpdateInstance) and command.protected is False
