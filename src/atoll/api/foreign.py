"""What dialects of other clouds share: their names for what is here, ids as UUIDs, whole lists.

A type or region that a vendor's catalogue names becomes known here the first time that it is used.
"""

import asyncio
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from atoll.api.http import Call, caller_of
from atoll.domain import ids
from atoll.domain.errors import AtollError, Busy, Invalid, NotFound, Refused
from atoll.domain.regions import Region
from atoll.ports import Filter, Rows, Transaction
from atoll.service import references
from atoll.service.desk import Case, UseCase, require

ROWS_MAX = 1000
EVERY_MAX = 10_000
PAGE = 500
LOCAL = "local"
# The first of the 26 letters has three bits.
NATIVE_ID = re.compile(rf"\b[a-z]+-[0-7][{ids.ALPHABET}]{{{ids.LENGTH - 1}}}\b")


class Known(Protocol):
    @property
    def id(self) -> str: ...


class Called(Known, Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
K = TypeVar("K", bound=Known)
Owned = TypeVar("Owned", bound=references.Owned)


def read(path: Path, form: type[T], whose: str) -> T:
    """A catalogue. Raises RuntimeError with a sentence where the file is not of that form."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), form)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuntimeError(f"the {whose} catalogue {path} cannot be used: {error}") from error


def uuid_of(native_id: str | None) -> str:
    """Empty where there is none; of what is a part of a thing, the thing's."""
    return ids.to_uuid(native_id.partition("/")[0]) if native_id else ""


def native_id(prefix: str, text: str) -> str:
    """Of a path. Raises NotFound."""
    try:
        return ids.from_uuid(prefix, text)
    except ValueError as error:
        raise NotFound(f"{text!r} is not an id") from error


def native_id_in(prefix: str, text: str, field: str) -> str:
    """Of a field. Raises Invalid."""
    try:
        return ids.from_uuid(prefix, text)
    except ValueError as error:
        raise Invalid(f"{field}: {text!r} is not an id", field=field) from error


def text_of(error: AtollError, fields: Mapping[str, str]) -> str:
    """An error's text with ids as UUIDs, and the field that it names as the dialect calls it."""
    message = f"{error.what}: try again" if isinstance(error, Busy) else error.message
    text = NATIVE_ID.sub(lambda found: uuid_of(found.group()), message)
    field = error.field if isinstance(error, Refused) else None
    for ours, theirs in fields.items():
        if field == ours or (field or "").startswith(f"{ours}."):
            return text.replace(ours, theirs, 1)
    return text


def about(field: str, use_case: UseCase[T], ours: str = "") -> UseCase[T]:
    """The use case as a part of a request, in which `field` says what the service calls `ours`:
    what is wrong with that is wrong with the field. Without `ours`, the field names the thing that
    the whole use case is about, which may not be there."""

    async def named(case: Case) -> T:
        try:
            return await use_case(case)
        except NotFound as error:
            if ours:
                raise
            raise Invalid(f"{field}: {error.message}", field=field) from error
        except Invalid as error:
            given = error.field or ""
            if ours and given != ours and not given.startswith(f"{ours}."):
                raise
            text = error.message.removeprefix(f"{given}: ")
            raise Invalid(f"{field}: {text}", field=field) from error

    return named


async def one(request: Call, rows: Rows[Owned], prefix: str, given: str, noun: str) -> Owned:
    """What the id in a path means, of the caller's project. Raises NotFound."""
    caller = caller_of(request)
    require(caller, "read")
    return await references.get(rows, caller.project_id, native_id(prefix, given), noun)


async def every(request: Call, rows: Rows[K], wanted: Filter) -> list[K]:
    """All of the caller's project, for filters that the database knows nothing of."""
    caller = caller_of(request)
    require(caller, "read")
    found: list[K] = []
    after: str | None = None
    while len(found) < EVERY_MAX:
        page = await rows.page(
            msgspec.structs.replace(wanted, project_id=caller.project_id, after=after, limit=PAGE)
        )
        found += page
        if len(page) < PAGE:
            break
        after = page[-1].id
        await asyncio.sleep(0)  # others have their turn
    return found


async def by_id(rows: Rows[K], wanted: Iterable[str | None]) -> dict[str, K]:
    """Those of these ids that there are."""
    some = tuple({one for one in wanted if one})
    if not some:
        return {}
    found = await rows.page(Filter(any_of=((("id", some),),), limit=len(some)))
    return {thing.id: thing for thing in found}


async def region_meant(
    tx: Transaction, region: str, there: Callable[[str], Region | None], refused: str
) -> Region | None:
    """What is not known here yet: `there` makes a region of Atoll out of one that the catalogue
    names, given whose hosts are to carry it. Raises Invalid."""
    if await tx.regions.find(region) is not None:
        return None
    meant = there(await own_region(tx))
    if meant is None:
        raise Invalid(refused, field="region")
    return meant


async def own_region(tx: Transaction) -> str:
    """Whose hosts carry a catalogue's regions: `local`, or the first of those that have hosts."""
    own = [r.id for r in await tx.regions.page(Filter(limit=ROWS_MAX)) if r.served_by is None]
    return LOCAL if LOCAL in own or not own else own[0]
