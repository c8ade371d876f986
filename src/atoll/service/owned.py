"""What ssh keys, networks and groups have in common: a name, labels, a version, an owner."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from atoll.domain.commands import Update
from atoll.domain.errors import InUse
from atoll.domain.instances import InstanceState, require_labels
from atoll.ports import Filter, Rows, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import require_version

T = TypeVar("T", bound=Any)
RowsOf = Callable[[Transaction], Rows[T]]
# How a thing gets free of an instance.
FREEING = {
    "image": "delete that instance, or reinstall it from another image, first",
    "security group": "take it off that instance first",
    "subnet": "detach it from that instance, or delete that instance, first",
}
PURGING = "purge that one first"


def update(
    rows_of: RowsOf[T],
    noun: str,
    reference: str,
    command: Update,
    *,
    unique: bool = True,
    **more: Any,
) -> Callable[[Case], Awaitable[Accepted[T]]]:
    """Name and labels; names of the noun may be `unique` in a project. `more` are fields of the
    noun itself, None where they stay."""

    async def use_case(case: Case) -> Accepted[T]:
        case.require("write")
        rows = rows_of(case.tx)
        thing = await references.get(rows, case.caller.project_id, reference, noun)
        require_version(thing.version, command.version)
        changes = {key: value for key, value in more.items() if value is not None}
        if command.name is not None and command.name != thing.name:
            references.require_name(command.name, lowest=1 if unique else 0)
            if unique:
                await references.require_free_name(rows, thing.project_id, command.name, noun)
            changes["name"] = command.name
        if command.labels is not None:
            require_labels(command.labels)
            changes["labels"] = command.labels
        before = msgspec.to_builtins({key: getattr(thing, key) for key in changes})
        changed = rows.change(thing, **changes)
        after = msgspec.to_builtins(changes)
        case.audit(f"{slug(noun)}.update", thing.id, before=before, after=after)
        case.note(f"{slug(noun)}.updated", thing.id)
        return Accepted(changed)

    return use_case


def delete(
    rows_of: RowsOf[T],
    noun: str,
    reference: str,
    version: int | None = None,
) -> Callable[[Case], Awaitable[Accepted[T]]]:
    """Raises InUse where an instance needs it."""

    async def use_case(case: Case) -> Accepted[T]:
        case.require("write")
        rows = rows_of(case.tx)
        thing = await references.get(rows, case.caller.project_id, reference, noun)
        require_version(thing.version, version)
        await require_unused(case, noun, thing)
        remove(case, rows, thing, noun)
        return Accepted(thing)

    return use_case


async def require_unused(case: Case, noun: str, thing: Any) -> None:
    """By instances and snapshots of any project: an image of the catalogue may be anybody's, and
    only those who operate the cloud come here with one. They are told whose it is."""
    what, wanted = f"{noun} {thing.name}", Filter(uses=thing.id, limit=1)
    for user in await case.tx.instances.page(wanted):
        if user.state is InstanceState.DELETED:
            raise used_by(case, what, "a deleted instance that can be recovered,", user, PURGING)
        away = FREEING.get(noun, "delete that instance first")
        raise used_by(case, what, "instance", user, away)
    for snapshot in await case.tx.snapshots.page(wanted):
        raise used_by(case, what, "snapshot", snapshot, "delete that snapshot first")


def used_by(case: Case, what: str, kind: str, user: Any, away: str) -> InUse:
    foreign = user.project_id != case.caller.project_id
    whose = f" of project {user.project_id}" if foreign else ""
    return InUse(f"{what} is in use by {kind} {user.name} ({user.id}){whose}: {away}")


def add(case: Case, rows: Rows[T], thing: T, noun: str) -> None:
    rows.add(thing)
    case.audit(f"{slug(noun)}.create", thing.id, after={"name": thing.name})
    case.note(f"{slug(noun)}.created", thing.id)


def remove(case: Case, rows: Rows[T], thing: T, noun: str) -> None:
    rows.remove(thing)
    case.audit(f"{slug(noun)}.delete", thing.id, before={"name": thing.name})
    case.note(f"{slug(noun)}.deleted", thing.id)


def slug(noun: str) -> str:
    return noun.replace(" ", "_").lower()
