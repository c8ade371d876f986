"""What ssh keys, networks and groups have in common: name, labels, version, owner."""

from typing import Any, Protocol, TypeVar

import msgspec

from atoll.domain.commands import Reference
from atoll.domain.errors import AlreadyExists, Busy, InUse, VersionMismatch
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Goal, Instance, InstanceState, require_labels
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.operations import names
from atoll.ports import Filter
from atoll.service import quotas, references
from atoll.service.desk import Case, Done
from atoll.service.nouns import Noun, Owned

T = TypeVar("T", bound=Owned)
# What a user must do first to release a resource from an instance.
REMEDIES = {
    "image": "delete that instance, or reinstall it from another image, first",
    "security group": "remove it from that instance first",
    "subnet": "detach it from that instance, or delete that instance, first",
}
REMEDY = "delete that instance first"
NO_ADDRESS = "0.0.0.0"  # noqa: S104
PURGE = "purge that one first"
USERS_MAX = 10
# The resources of quotas, by the nouns that are added and removed here.
COUNTED = {
    "ssh key": "ssh_keys", "startup script": "startup_scripts", "vpc": "vpcs",
    "subnet": "subnets", "security group": "security_groups",
}  # fmt: skip


class Update(Protocol):
    """A command that changes a name or labels."""

    @property
    def name(self) -> str | None: ...
    @property
    def labels(self) -> dict[str, str] | None: ...
    @property
    def version(self) -> int | None: ...


async def get(case: Case, noun: Noun[T], reference: Reference, field: str) -> T:
    """Get the resource of a command. Raises NotFound."""
    return await references.get(case, noun, case.id_of(reference), field)


async def update(case: Case, noun: Noun[T], thing: T, command: Update, **more: Any) -> Done[T]:
    """Change name, labels, and `more` fields of the noun; None leaves a field unchanged."""
    require_version(thing.version, command.version)
    changes = {key: value for key, value in more.items() if value is not None}
    if command.name is not None:
        changes |= await new_name(case, noun, thing, command)
    if command.labels is not None:
        require_labels(command.labels)
        changes["labels"] = command.labels
    before = msgspec.to_builtins({key: getattr(thing, key) for key in changes})
    changed = noun.rows(case.tx).change(thing, **changes)
    case.note(f"{noun.event}.updated", thing.id)
    return Done(changed, before=before, after=msgspec.to_builtins(changes))


async def new_name(case: Case, noun: Noun[T], thing: T, command: Update) -> dict[str, Any]:
    """Return the changes of a new name. Raises AlreadyExists, unless a free name may be derived."""
    assert command.name is not None, "a thing is only renamed where a name is given"
    free = getattr(command, "free_name", False)
    if noun.is_held:
        return await rename_held(case, noun, thing, command.name, free=free)
    if command.name == thing.name:
        return {}
    if not noun.is_unique:
        references.require_label(command.name)
        return {"name": command.name}
    if free:
        return {"name": await references.choose_name(case, command.name, noun)}
    await references.require_free_name(case, noun, command.name, thing.project_id)
    return {"name": command.name}


async def rename_held(
    case: Case, noun: Noun[Any], thing: Any, wish: str, *, free: bool
) -> dict[str, Any]:
    if wish == (thing.given_name if free else thing.name):
        return {}
    changes = await hold_name(case, noun, wish, free=free, holder_id=thing.id)
    return {key: value for key, value in changes.items() if value != getattr(thing, key)}


async def hold_name(
    case: Case, noun: Noun[Any], wish: str, *, free: bool, holder_id: str = ""
) -> dict[str, Any]:
    """Return the name of a resource that holds it, and the requested name if that is taken. Raises
    AlreadyExists, unless a `free` name may be derived. The commit checks it again."""
    references.require_label(wish)
    rows, project_id = noun.rows(case.tx), case.project_id
    if free:
        name = await names.find_free(rows, case.ids, project_id, wish, holder_id)
        return {"name": name, "requested_name": None if name == wish else wish}
    holder = await rows.holder(project_id, wish) if wish else None
    if holder is not None and holder.id != holder_id:
        raise AlreadyExists(
            Reason.NAME_TAKEN, field="name", name=wish, noun=noun.name, holder=holder.id
        )
    return {"name": wish, "requested_name": None}


async def delete(case: Case, noun: Noun[T], thing: T, version: int | None) -> Done[T]:
    """Delete a resource. Raises InUse if an instance needs it."""
    require_version(thing.version, version)
    await require_unused(case, noun, thing)
    return remove(case, noun, thing)


async def require_unused(case: Case, noun: Noun[Any], thing: Any) -> None:
    """Check instances and snapshots of all projects: only operators can delete an image of the
    catalogue, and the error names the project that uses it."""
    wanted = Filter(uses=thing.id, limit=1)
    for user in await case.tx.instances.page(wanted):
        if user.state is InstanceState.DELETED:
            raise used_by(case, noun, thing, "recoverable instance", user, PURGE)
        raise used_by_instance(case, noun, thing, user)
    for snapshot in await case.tx.snapshots.page(wanted):
        raise used_by(case, noun, thing, "snapshot", snapshot, "delete that snapshot first")
    for user_id in await noun.rows(case.tx).users_of(thing.id, USERS_MAX):
        await require_no_operation(case, noun, thing, user_id)


async def require_no_operation(case: Case, noun: Noun[Any], thing: Any, user_id: str) -> None:
    """An accepted operation uses what its resource will use when it has ended; what it releases
    can be deleted after it. Raises InUse, or Busy if the operation is about to be cancelled."""
    operation = await case.tx.operations.find(user_id)
    if operation is None or operation.ended:
        return
    user = await case.tx.instances.find(operation.resource_id)
    if user is not None and thing.id in user.releasing:
        return
    if user is None or user.goal is Goal.DELETED or operation.cancel_requested:
        raise Busy(noun=noun.name, name=thing.name, doing=operation.kind, operation_id=operation.id)
    raise used_by_instance(case, noun, thing, user)


def used_by_instance(case: Case, noun: Noun[Any], thing: Any, user: Instance) -> InUse:
    if isinstance(thing, Image) and thing.kind is ImageKind.ISO:
        return InUse(
            Reason.DISC_IN_USE, image=thing.name, instance=user.name, instance_id=user.id,
            address=user.public_ip or NO_ADDRESS,
        )  # fmt: skip
    return used_by(case, noun, thing, "instance", user, REMEDIES.get(noun.name, REMEDY))


def used_by(
    case: Case, noun: Noun[Any], thing: Any, user_noun: str, user: Any, remedy: str
) -> InUse:
    facts = {
        "noun": noun.name, "name": thing.name, "user_noun": user_noun, "user": user.name,
        "user_id": user.id, "remedy": remedy,
    }  # fmt: skip
    if user.project_id != case.project_id:
        return InUse(Reason.USED_BY_OTHER_PROJECT, project=user.project_id, **facts)
    return InUse(Reason.USED_BY, **facts)


async def name_of_new(case: Case, *nouns: Noun[Any], name: str, free: bool) -> str:
    """Claim the name of a new resource among these nouns. Raises AlreadyExists, unless a `free`
    name may be derived."""
    if free:
        return await references.choose_name(case, name, *nouns)
    for noun in nouns:
        await references.require_free_name(case, noun, name)
    return name


def merge_annotations(before: dict[str, str], notes: dict[str, str]) -> dict[str, str] | None:
    """Merge annotations of a dialect; an empty text removes one. None if nothing changes."""
    after = {key: text for key, text in {**before, **notes}.items() if text}
    return None if after == before else after


async def add(case: Case, noun: Noun[T], thing: T) -> Done[T]:
    """Add a resource, counted in the quota. Raises QuotaExceeded."""
    if noun.name in COUNTED:
        await quotas.take(case, Amounts(**{COUNTED[noun.name]: 1}))
    noun.rows(case.tx).add(thing)
    case.note(f"{noun.event}.created", thing.id)
    return Done(thing, after={"name": thing.name})


def remove(case: Case, noun: Noun[T], thing: T) -> Done[T]:
    if noun.name in COUNTED:
        quotas.give_back(case, Amounts(**{COUNTED[noun.name]: 1}))
    noun.rows(case.tx).remove(thing)
    case.note(f"{noun.event}.deleted", thing.id)
    return Done(thing, before={"name": thing.name})


def require_version(version: int, wanted: int | None) -> None:
    """Raises VersionMismatch if the caller has read another version."""
    if wanted is not None and wanted != version:
        raise VersionMismatch(
            Reason.VERSION_DIFFERS, field="version", version=version, wanted=wanted
        )
