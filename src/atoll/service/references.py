"""Resolves references: ids, or names that are unique in the project."""

from typing import Any, Protocol, TypeVar

from atoll.domain import ids
from atoll.domain.errors import AlreadyExists, Busy, Conflict, Invalid, NotFound
from atoll.domain.images import CATALOGUE, EMPTY_DISK, Image, ImageState
from atoll.domain.names import NAME_MAX
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.operations.snapshot_copies import is_going
from atoll.service.desk import View
from atoll.service.nouns import IMAGES, SNAPSHOTS, Noun, Owned

ALIASES_MAX = 5
UNNAMED = "unnamed-"
TAIL = 6
T = TypeVar("T", bound=Owned)


class Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


async def find(view: View, noun: Noun[T], reference: str, project_id: str = "") -> T | None:
    """Find a resource in the caller's project, or in another one. The one that has the name now
    precedes those that are being deleted. Raises Conflict if several have the name."""
    thing = await find_by_id(view, noun, reference, project_id)
    if thing is not None:
        return thing
    rows, owner = noun.rows(view.tx), project_id or view.project_id
    if (holder := await rows.holder(owner, reference)) is not None:
        return holder
    named = await rows.named(owner, reference)
    if len(named) > 1:
        raise Conflict(Reason.AMBIGUOUS, count=len(named), reference=reference, noun=noun.name)
    return named[0] if named else None


async def find_by_id(view: View, noun: Noun[T], reference: str, project_id: str = "") -> T | None:
    """Find a resource by its id, not by its name."""
    if not is_id(reference):
        return None
    thing = await noun.rows(view.tx).find(reference)
    owner = project_id or view.project_id
    return thing if thing is not None and thing.project_id == owner else None


async def get(
    view: View, noun: Noun[T], reference: str, field: str | None = None, project_id: str = ""
) -> T:
    """Get the resource of a command. Raises NotFound, with the command's field."""
    thing = await find(view, noun, reference, project_id)
    if thing is None:
        raise NotFound(Reason.NOT_FOUND, field=field, noun=noun.name, reference=reference)
    return thing


async def resolve(view: View, noun: Noun[T], reference: str, field: str) -> T:
    """Resolve the resource of a field. Raises Invalid."""
    thing = await find(view, noun, reference)
    if thing is None:
        raise Invalid(Reason.NO_SUCH_THING, field=field, noun=noun.name, reference=reference)
    return thing


async def resolve_image(view: View, reference: str, field: str) -> Image:
    """Images of the project take precedence over those of the catalogue; aliases are followed."""
    return await behind_aliases(view, reference, await find_image(view, reference), field)


async def find_image(view: View, reference: str) -> Image | None:
    own = await find(view, IMAGES, reference)
    return own or await find(view, IMAGES, reference, CATALOGUE)


async def behind_aliases(view: View, reference: str, found: Image | None, field: str) -> Image:
    wanted = reference
    for _ in range(ALIASES_MAX):
        if found is None:
            raise Invalid(Reason.NO_SUCH_THING, field=field, noun=IMAGES.name, reference=wanted)
        if found.alias_of is None:
            return found
        wanted = found.alias_of
        found = await find_image(view, wanted)
    raise Invalid(Reason.ALIAS_CHAIN, field=field, reference=reference, highest=ALIASES_MAX)


async def resolve_source(view: View, reference: str, field: str) -> tuple[Image, Snapshot | None]:
    """Resolve the source of a root volume: an image, or a snapshot and its image."""
    snapshot = named = None
    if not reference.startswith(f"{ids.SNAPSHOT}-"):
        named = await find_image(view, reference)
    if named is None:
        snapshot = await find(view, SNAPSHOTS, reference)
    if snapshot is None and reference.startswith(f"{ids.SNAPSHOT}-"):
        raise Invalid(Reason.NO_SUCH_THING, field=field, noun=SNAPSHOTS.name, reference=reference)
    if snapshot is None:
        found = await behind_aliases(view, reference, named, field)
        return require_usable_image(found, field), None
    require_usable_snapshot(snapshot, field)
    if not snapshot.image_id:
        return EMPTY_DISK, snapshot
    return await view.tx.images.get(snapshot.image_id), snapshot


def require_usable_snapshot(snapshot: Snapshot, field: str) -> None:
    """A snapshot that is being created can be used: the operation waits for it."""
    if (state := problem_of(snapshot)) is not None:
        raise Invalid(
            Reason.SNAPSHOT_UNUSABLE, field=field, snapshot=display_name(snapshot), state=state
        )


def problem_of(snapshot: Snapshot) -> str | None:
    """Return why a snapshot cannot be used."""
    if is_going(snapshot):
        return "being deleted"
    return "in state error" if snapshot.state is SnapshotState.ERROR else None


def require_usable_image(found: Image, field: str) -> Image:
    if found.state is ImageState.ERROR or found.doing == "image.delete":
        why = found.reason or found.doing or found.state
        raise Invalid(Reason.IMAGE_UNUSABLE, field=field, image=found.name, why=why)
    return found


async def require_free_name(view: View, noun: Noun[Any], name: str, project_id: str = "") -> None:
    """Raises AlreadyExists."""
    require_name(name)
    rows, owner = noun.rows(view.tx), project_id or view.project_id
    if await rows.named(owner, name):
        raise AlreadyExists(Reason.ALREADY_EXISTS, field="name", noun=noun.name, name=name)
    # Two concurrent requests may both pass this check; the commit allows one of them.
    rows.claim_name(owner, name)


async def choose_name(view: View, wish: str, *nouns: Noun[Any]) -> str:
    """Return the requested name if it is free among these nouns, otherwise with a suffix; for
    dialects in which names need not be unique, and may be empty. If the name is taken concurrently,
    the commit raises Lost and another name is chosen."""
    require_label(wish)
    tail = view.deployment.new_secret().hex()[:TAIL]
    name = wish or f"{UNNAMED}{tail}"
    for noun in nouns:
        if await noun.rows(view.tx).named(view.project_id, name):
            name = f"{wish[: NAME_MAX - TAIL - 1]}-{tail}"
            break
    for noun in nouns:
        noun.rows(view.tx).claim_name(view.project_id, name, chosen=True)
    return name


class Worked(Named, Protocol):
    """A resource on which one operation at a time works."""

    @property
    def doing(self) -> str | None: ...
    @property
    def operation_id(self) -> str | None: ...


def require_idle(thing: Worked, noun: Noun[Any]) -> None:
    """Raises Busy."""
    if thing.doing is not None:
        raise Busy(
            noun=noun.name, name=display_name(thing), doing=thing.doing,
            operation_id=thing.operation_id,
        )  # fmt: skip


def display_name(thing: Named) -> str:
    """Return its name, or its id if the name is empty."""
    return thing.name or thing.id


def require_name(name: str, field: str = "name", *, lowest: int = 1) -> None:
    if not lowest <= len(name) <= NAME_MAX:
        raise Invalid(Reason.LENGTH, field=field, lowest=lowest, highest=NAME_MAX)
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid(Reason.CONTROL_CHARACTERS, field=field)


def require_label(name: str) -> None:
    """Check the name of a resource that is identified by its id: any name, may be empty."""
    require_name(name, lowest=0)


def is_id(reference: str) -> bool:
    try:
        ids.bits_of(reference)
    except ValueError:
        return False
    return True
