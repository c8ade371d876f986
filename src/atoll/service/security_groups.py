"""Handles commands on security groups."""

import msgspec

from atoll.domain import ids
from atoll.domain.commands import (
    AddRule,
    CreateSecurityGroup,
    DeleteSecurityGroup,
    Reference,
    RemoveRule,
    UpdateSecurityGroup,
)
from atoll.domain.errors import AlreadyExists, Conflict, NotFound
from atoll.domain.instances import require_labels
from atoll.domain.reasons import Reason
from atoll.domain.security_groups import (
    BUILT_IN,
    Rule,
    SecurityGroup,
    bare,
    number_rules,
    require_rules,
)
from atoll.ports import Filter
from atoll.service import instances, owned, references
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import SECURITY_GROUPS

FIELD = "security_group"
PAGE = 1000

replace = msgspec.structs.replace


async def create(case: Case, command: CreateSecurityGroup) -> Done[SecurityGroup]:
    name = await owned.name_of_new(case, SECURITY_GROUPS, name=command.name, free=command.free_name)
    require_labels(command.labels)
    require_rules(command.rules)
    group = SecurityGroup(
        id=case.ids.new(ids.SECURITY_GROUP),
        project_id=case.project_id,
        name=name,
        description=command.description,
        labels=command.labels,
        annotations=command.annotations,
        rules=number_rules(await with_group_ids(case, command.rules)),
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    return await owned.add(case, SECURITY_GROUPS, group)


async def update(case: Case, command: UpdateSecurityGroup) -> Done[SecurityGroup]:
    """Update a group. Every running guest in the group gets new rules."""
    if command.rules is not None:
        require_rules(command.rules)
    group = await get(case, command.security_group)
    if command.name is not None:
        require_own(group)
    return await change(case, group, command)


async def change(
    case: Case, group: SecurityGroup, command: UpdateSecurityGroup
) -> Done[SecurityGroup]:
    wanted = None
    if command.rules is not None:
        wanted = number_rules(await with_group_ids(case, command.rules), group.rules)
    done = await owned.update(
        case, SECURITY_GROUPS, group, command,
        rules=wanted, description=command.description, updated_at_ms=case.now_ms,
    )  # fmt: skip
    if wanted is not None:
        await update_members(case, group.id)
    return done


async def add_rule(case: Case, command: AddRule) -> Done[SecurityGroup]:
    """Add a rule at the end of the group's rules."""
    group = await get(case, command.security_group)
    require_rules((command.rule,))
    wanted = bare(command.rule)
    for one in number_rules(group.rules):
        if bare(one) == wanted:
            raise AlreadyExists(
                Reason.RULE_EXISTS, number=one.number, noun=SECURITY_GROUPS.name, name=group.name
            )
    return await with_rules(case, group, (*number_rules(group.rules), command.rule))


async def remove_rule(case: Case, command: RemoveRule) -> Done[SecurityGroup]:
    group = await get(case, command.security_group)
    rest = tuple(rule for rule in number_rules(group.rules) if rule.number != command.number)
    if len(rest) == len(group.rules):
        raise NotFound(
            Reason.NO_SUCH_RULE, noun=SECURITY_GROUPS.name, name=group.name,
            reference=command.number,
        )  # fmt: skip
    return await with_rules(case, group, rest)


async def with_rules(
    case: Case, group: SecurityGroup, rules: tuple[Rule, ...]
) -> Done[SecurityGroup]:
    require_rules(rules)
    return await change(case, group, UpdateSecurityGroup(security_group=group.id, rules=rules))


async def delete(case: Case, command: DeleteSecurityGroup) -> Done[SecurityGroup]:
    group = await get(case, command.security_group)
    require_own(group)
    return await owned.delete(case, SECURITY_GROUPS, group, command.version)


async def get(case: Case, reference: Reference) -> SecurityGroup:
    return await owned.get(case, SECURITY_GROUPS, reference, FIELD)


async def find_built_in(view: View) -> list[SecurityGroup]:
    """Return the built-in groups of the project."""
    view.require("read")
    return [
        group
        for name in BUILT_IN
        for group in await view.tx.security_groups.named(view.project_id, name)
    ]


def require_own(group: SecurityGroup) -> None:
    """Raises Conflict for a built-in group."""
    if group.name in BUILT_IN:
        raise Conflict(Reason.BUILT_IN_GROUP, name=group.name)


async def update_members(case: Case, group_id: str) -> None:
    after: str | None = None
    while True:
        page = await case.tx.instances.page(Filter(uses=group_id, after=after, limit=PAGE))
        for instance in page:
            if instances.has_guest(instance):
                instances.configure(case, instance)
        if len(page) < PAGE:
            return
        after = page[-1].id


async def with_group_ids(case: Case, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Resolve the groups in rules to ids. A rule that has its number was in the group before, and
    stays even if the group it refers to is deleted. Raises Invalid."""
    resolved = []
    for index, rule in enumerate(rules):
        if rule.group is not None and not rule.number:
            field = f"rules.{index}.group"
            group = await references.resolve(case, SECURITY_GROUPS, rule.group, field)
            rule = replace(rule, group=group.id)  # noqa: PLW2901
        resolved.append(rule)
    return tuple(resolved)
