"""Use cases of security groups."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateSecurityGroup, Update
from atoll.domain.instances import Instance, require_labels
from atoll.domain.security_groups import Rule, SecurityGroup, require_rules
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case

NOUN = "security group"


def create(command: CreateSecurityGroup) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        case.require("write")
        rows, project_id = case.tx.security_groups, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, NOUN)
        require_labels(command.labels)
        require_rules(command.rules)
        group = SecurityGroup(
            id=case.ids.new(ids.SECURITY_GROUP),
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            rules=command.rules,
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, group, NOUN)
        return Accepted(group)

    return use_case


def update(
    reference: str, command: Update, rules: tuple[Rule, ...] | None
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    """New rules apply to a guest when it is started the next time."""
    if rules is not None:
        require_rules(rules)
    return owned.update(lambda tx: tx.security_groups, NOUN, reference, command, rules=rules)


def guards(instance: Instance, group_id: str) -> bool:
    return group_id in instance.resolved.security_group_ids
