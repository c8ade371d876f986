"""Use cases of security groups."""

from collections.abc import Awaitable, Callable

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateSecurityGroup, Update
from atoll.domain.errors import Conflict
from atoll.domain.instances import require_labels
from atoll.domain.security_groups import BUILT_IN, Rule, SecurityGroup, require_rules
from atoll.ports import Filter
from atoll.service import instances, owned, references
from atoll.service.desk import Accepted, Case

NOUN = "security group"
PAGE = 1000


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
            rules=await with_groups(case, command.rules),
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, group, NOUN)
        return Accepted(group)

    return use_case


def update(
    reference: str, command: Update, rules: tuple[Rule, ...] | None
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    """New rules are told to every guest that runs in the group."""
    if rules is not None:
        require_rules(rules)

    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        if command.name is not None:
            await require_own(case, reference)
        meant = None if rules is None else await with_groups(case, rules)
        rename = owned.update(lambda tx: tx.security_groups, NOUN, reference, command, rules=meant)
        accepted = await rename(case)
        if rules is not None:
            await tell_members(case, accepted.thing.id)
        return accepted

    return use_case


def delete(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        await require_own(case, reference)
        return await owned.delete(lambda tx: tx.security_groups, NOUN, reference, version)(case)

    return use_case


async def require_own(case: Case, reference: str) -> None:
    """Not one that every project has."""
    rows, project_id = case.tx.security_groups, case.caller.project_id
    group = await references.get(rows, project_id, reference, NOUN)
    if group.name in BUILT_IN:
        raise Conflict(
            f"every project has a security group {group.name}, which keeps its name: "
            "change its rules"
        )


async def tell_members(case: Case, group_id: str) -> None:
    after: str | None = None
    while True:
        page = await case.tx.instances.page(Filter(uses=group_id, after=after, limit=PAGE))
        for instance in page:
            if instances.runs(instance):
                instances.configure(case, instance)
        if len(page) < PAGE:
            return
        after = page[-1].id


async def with_groups(case: Case, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules, with the groups that they name by id. Raises Invalid."""
    meant = []
    rows, project_id = case.tx.security_groups, case.caller.project_id
    for index, rule in enumerate(rules):
        if rule.group is not None:
            field = f"spec.rules.{index}.group"
            group = await references.meant(rows, project_id, rule.group, NOUN, field)
            rule = msgspec.structs.replace(rule, group=group.id)  # noqa: PLW2901
        meant.append(rule)
    return tuple(meant)
