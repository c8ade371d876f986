"""Commands on security groups."""

from atoll.domain.commands.base import Command, Reference
from atoll.domain.security_groups import Rule


class CreateSecurityGroup(Command, frozen=True, kw_only=True):
    """`free_name`: if the name is taken, a free name is derived from it."""

    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    description: str = ""
    rules: tuple[Rule, ...] = ()
    free_name: bool = False


class UpdateSecurityGroup(Command, frozen=True, kw_only=True):
    """New rules replace all existing ones. `free_name`: if the name is taken, a free name is
    derived from it."""

    security_group: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    description: str | None = None
    rules: tuple[Rule, ...] | None = None
    free_name: bool = False


class AddRule(Command, frozen=True, kw_only=True):
    security_group: Reference
    rule: Rule


class RemoveRule(Command, frozen=True, kw_only=True):
    security_group: Reference
    number: int


class DeleteSecurityGroup(Command, frozen=True, kw_only=True):
    security_group: Reference
