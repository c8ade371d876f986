"""Use cases of security groups."""

from collections.abc import Awaitable, Callable

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateSecurityGroup, Update
from atoll.domain.errors import AlreadyExists, Conflict, NotFound
from atoll.domain.instances import require_labels
from atoll.domain.security_groups import (
    BUILT_IN,
    Rule,
    SecurityGroup,
    numbered,
    require_rules,
)
from atoll.ports import Filter
from atoll.service import instances, owned, references
from atoll.service.desk import Accepted, Case

NOUN = "security group"
PAGE = 1000

replace = msgspec.structs.replace


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
            description=command.description,
            labels=command.labels,
            annotations=command.annotations,
            rules=numbered(await with_groups(case, command.rules)),
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        owned.add(case, rows, group, NOUN)
        return Accepted(group)

    return use_case


def update(
    reference: str,
    command: Update,
    rules: tuple[Rule, ...] | None = None,
    description: str | None = None,
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    """New rules are told to every guest that runs in the group."""
    if rules is not None:
        require_rules(rules)

    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        group = await meant(case, reference)
        if command.name is not None:
            require_own(group)
        wanted = None if rules is None else numbered(await with_groups(case, rules), group.rules)
        change = owned.update(
            lambda tx: tx.security_groups, NOUN, reference, command,
            rules=wanted, description=description, updated_at_ms=case.now_ms,
        )  # fmt: skip
        accepted = await change(case)
        if rules is not None:
            await tell_members(case, accepted.thing.id)
        return accepted

    return use_case


def add_rule(reference: str, rule: Rule) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    """The last of the group's rules is then the new one."""

    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        group = await meant(case, reference)
        bare = replace(rule, notes="")
        for one in numbered(group.rules):
            if replace(one, number=0, notes="") == bare:
                raise AlreadyExists(f"rule {one.number} of {NOUN} {group.name} says that already")
        return await update(group.id, Update(), (*numbered(group.rules), rule))(case)

    return use_case


def remove_rule(
    reference: str, number: int
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        group = await meant(case, reference)
        rest = tuple(rule for rule in numbered(group.rules) if rule.number != number)
        if len(rest) == len(group.rules):
            raise NotFound(f"{NOUN} {group.name} has no rule {number}")
        return await update(group.id, Update(), rest)(case)

    return use_case


def delete(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[SecurityGroup]]]:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        require_own(await meant(case, reference))
        return await owned.delete(lambda tx: tx.security_groups, NOUN, reference, version)(case)

    return use_case


async def meant(case: Case, reference: str) -> SecurityGroup:
    rows, project_id = case.tx.security_groups, case.caller.project_id
    return await references.get(rows, project_id, reference, NOUN)


def require_own(group: SecurityGroup) -> None:
    """Not one that every project has."""
    if group.name in BUILT_IN:
        raise Conflict(
            f"every project has a security group {group.name}, which is neither renamed nor "
            "deleted: change its rules"
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
    """The rules, with the groups that they name by id. One that has its number was in the group
    before, and stays though the group that it names may be gone. Raises Invalid."""
    resolved = []
    rows, project_id = case.tx.security_groups, case.caller.project_id
    for index, rule in enumerate(rules):
        if rule.group is not None and not rule.number:
            field = f"spec.rules.{index}.group"
            group = await references.meant(rows, project_id, rule.group, NOUN, field)
            rule = replace(rule, group=group.id)  # noqa: PLW2901
        resolved.append(rule)
    return tuple(resolved)
