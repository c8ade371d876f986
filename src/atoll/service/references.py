"""Finds what a caller means by an id or by a name that is unique in the project."""

from typing import Any, Protocol, TypeVar

from atoll.domain import ids
from atoll.domain.errors import AlreadyExists, Busy, Conflict, Invalid, NotFound
from atoll.domain.images import CATALOGUE, Image, ImageState
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.ports import Rows, Transaction

ALIASES_MAX = 5
NAME_MAX = 253


class Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Owned(Named, Protocol):
    @property
    def project_id(self) -> str: ...


T = TypeVar("T", bound=Owned)


async def find(rows: Rows[T], project_id: str, reference: str, noun: str) -> T | None:
    """Raises Conflict where several things bear the name."""
    if is_id(reference):
        thing = await rows.find(reference)
        if thing is not None and thing.project_id == project_id:
            return thing
    named = await rows.named(project_id, reference)
    if len(named) > 1:
        raise Conflict(f"{len(named)} or more are called {reference}: name the {noun} by its id")
    return named[0] if named else None


async def get(rows: Rows[T], project_id: str, reference: str, noun: str) -> T:
    """Of a path: raises NotFound."""
    thing = await find(rows, project_id, reference, noun)
    if thing is None:
        raise NotFound(f"{noun} not found: {reference}")
    return thing


async def meant(rows: Rows[T], project_id: str, reference: str, noun: str, field: str) -> T:
    """Of a field: raises Invalid that names it."""
    thing = await find(rows, project_id, reference, noun)
    if thing is None:
        raise Invalid(f"{field}: no {noun} has the id or name {reference!r}", field=field)
    return thing


async def image(tx: Transaction, project_id: str, reference: str, field: str) -> Image:
    """The project's own images come before the catalogue's; aliases are followed."""
    found = await image_called(tx, project_id, reference)
    return await behind_aliases(tx, project_id, reference, found, field)


async def image_called(tx: Transaction, project_id: str, reference: str) -> Image | None:
    own = await find(tx.images, project_id, reference, "image")
    return own or await find(tx.images, CATALOGUE, reference, "image")


async def behind_aliases(
    tx: Transaction, project_id: str, reference: str, found: Image | None, field: str
) -> Image:
    wanted = reference
    for _ in range(ALIASES_MAX):
        if found is None:
            raise Invalid(f"{field}: no image has the id or name {wanted!r}", field=field)
        if found.alias_of is None:
            return found
        wanted = found.alias_of
        found = await image_called(tx, project_id, wanted)
    raise Invalid(f"{field}: {reference!r} is an alias of an alias too often", field=field)


async def source(
    tx: Transaction, project_id: str, reference: str, field: str
) -> tuple[Image, Snapshot | None]:
    """What a root volume is made from: an image, or a snapshot and the image behind it."""
    snapshot = named = None
    if not reference.startswith(f"{ids.SNAPSHOT}-"):
        named = await image_called(tx, project_id, reference)
    if named is None:
        snapshot = await find(tx.snapshots, project_id, reference, "snapshot")
    if snapshot is None and reference.startswith(f"{ids.SNAPSHOT}-"):
        raise Invalid(f"{field}: no snapshot has the id {reference!r}", field=field)
    if snapshot is None:
        found = await behind_aliases(tx, project_id, reference, named, field)
        return require_usable_image(found, field), None
    if snapshot.state is not SnapshotState.COMPLETE or snapshot.doing is not None:
        raise Invalid(
            f"{field}: snapshot {snapshot.name} is {snapshot.doing or snapshot.state}, "
            "only a complete one can be used",
            field=field,
        )
    return await tx.images.get(snapshot.image_id), snapshot


def require_usable_image(found: Image, field: str) -> Image:
    if found.state is ImageState.ERROR or found.doing == "image.delete":
        why = found.reason or found.doing or found.state
        raise Invalid(f"{field}: {found.name} cannot be used: {why}", field=field)
    return found


async def require_free_name(rows: Rows[T], project_id: str, name: str, noun: str) -> None:
    require_name(name)
    if await rows.named(project_id, name):
        raise AlreadyExists(f"{noun} already exists: {name}", field="metadata.name")
    # Two that ask at the same time both come this far; the commit lets one of them pass.
    rows.claim_name(project_id, name)


async def free_name(project_id: str, wanted: str, tail: str, *of: Rows[Any]) -> str:
    """The wanted name, for dialects in which names need not be unique: with the tail behind it
    where one of these things has it already."""
    for rows in of:
        if await rows.named(project_id, wanted):
            return f"{wanted[: NAME_MAX - len(tail) - 1]}-{tail}"
    return wanted


class Worked(Named, Protocol):
    """What operations go on about, one at a time."""

    @property
    def doing(self) -> str | None: ...
    @property
    def operation_id(self) -> str | None: ...


def require_idle(thing: Worked, noun: str) -> None:
    if thing.doing is not None:
        raise Busy(f"{thing.doing} goes on about {noun} {called(thing)}", thing.operation_id)


def called(thing: Named) -> str:
    """By its id where its name is empty."""
    return thing.name or thing.id


def require_name(name: str, field: str = "metadata.name", *, lowest: int = 1) -> None:
    if not lowest <= len(name) <= NAME_MAX:
        raise Invalid(f"{field}: {lowest} to {NAME_MAX} characters are allowed", field=field)
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid(f"{field}: control characters are not allowed", field=field)


def require_label(name: str) -> None:
    """Of what is known by its id: its name may be anything, and nothing."""
    require_name(name, lowest=0)


def is_id(reference: str) -> bool:
    try:
        ids.bits_of(reference)
    except ValueError:
        return False
    return True
