"""How risky a command is: its kind's risk, raised by what it is about.

Pure: what is known of the target comes in as an argument. Nothing that a caller says of itself
lowers a risk.
"""

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
    """What a command is about, as it is before."""

    labels: dict[str, str] = {}
    protected: bool = False


UNKNOWN = Target()


def risk_of(command: Command, target: Target = UNKNOWN) -> Risk:
    """A label of production, or protection, raises the risk by one level. Rules that let everybody
    in, and the end of a protection, are dangerous."""
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
    """By any other port than those of the web."""
    if rule.direction is not Direction.INGRESS or rule.group is not None:
        return False
    if rule.cidr not in EVERYWHERE:
        return False
    last = rule.port if rule.port_max is None else rule.port_max
    return rule.port is None or rule.port != last or rule.port not in WEB_PORTS


def ends_protection(command: Command) -> bool:
    return isinstance(command, UpdateInstance) and command.protected is False
