"""What dialects of other clouds share: their names for resources, ids as UUIDs.

A type or region of a vendor's catalogue is added to the database at its first use.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from atoll.api.http import Call
from atoll.api.serving import Asked, view_of
from atoll.api.wording import Said, Wording
from atoll.domain import ids
from atoll.domain.errors import AtollError, Invalid, NotFound
from atoll.domain.reasons import Reason
from atoll.domain.regions import Region
from atoll.service import queries
from atoll.service.desk import View
from atoll.service.nouns import REGIONS, Noun, Owned

LOCAL = "local"
# The first of the 26 digits has three bits.
NATIVE_ID = re.compile(rf"[a-z]+-[0-7][{ids.ALPHABET}]{{{ids.LENGTH - 1}}}")
# Fields of commands that are headers.
HEADERS = {"idempotency_key": "Idempotency-Key"}
# Clients of other clouds do not know operations.
BUSY = "{noun} {name} is busy ({doing} in progress): retry later"


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
OwnedT = TypeVar("OwnedT", bound=Owned)


def read(path: Path, form: type[T], whose: str) -> T:
    """Read a catalogue. Raises RuntimeError with a sentence if the file does not have that form."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), form)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuntimeError(f"the {whose} catalogue {path} cannot be used: {error}") from error


def uuid_of(native_id: str | None) -> str:
    """Return an id as a UUID; empty for None, and the resource's own UUID for a part of a
    resource."""
    return ids.to_uuid(native_id.partition("/")[0]) if native_id else ""


def show_id(text: str) -> str:
    """Show a fact of an error: an id as a UUID, any other text unchanged."""
    return uuid_of(text) if NATIVE_ID.fullmatch(text) else text


def name_of(thing: Named) -> str:
    """Return the name as it was given, also if Atoll has appended a suffix to it."""
    name: str = getattr(thing, "given_name", thing.name)
    return name


def native_id(prefix: str, text: str) -> str:
    """Parse an id in a path. Raises NotFound."""
    try:
        return ids.from_uuid(prefix, text)
    except ValueError as error:
        raise NotFound(f"{text!r} is not an id") from error


def native_id_in(prefix: str, text: str, field: str) -> str:
    """Parse an id in a field. Raises Invalid."""
    try:
        return ids.from_uuid(prefix, text)
    except ValueError as error:
        raise Invalid(f"{field}: {text!r} is not an id", field=field) from error


def not_found_as_invalid(error: AtollError, asked: Asked | None) -> AtollError:
    """Convert NotFound to Invalid if a field of the body names the missing resource. An instance
    that is gone stays NotFound wherever it is named: clients take that for done."""
    if not isinstance(error, NotFound) or asked is None or error.field not in asked.fields:
        return error
    if error.reason is Reason.DELETED_ALREADY:
        return error
    return Invalid(Reason.NO_SUCH_THING, **error.facts)


def say(error: AtollError, asked: Asked | None, wording: Wording) -> Said:
    """Render an error. `asked` takes precedence over the dialect's table of field names."""
    if asked is not None and asked.fields:
        wording = msgspec.structs.replace(wording, fields={**wording.fields, **asked.fields})
    return wording.say(error)


async def get(request: Call, noun: Noun[OwnedT], prefix: str, given: str) -> OwnedT:
    """Get the resource whose id is in the path. Raises NotFound."""
    return await queries.get(view_of(request), noun, native_id(prefix, given))


async def resolve_region(
    view: View, region: str, there: Callable[[str], Region | None], refused: str
) -> Region | None:
    """Resolve a region that may be missing in the database: `there` creates a region from the
    catalogue's entry, served by the hosts of the given one. None if it exists. Raises Invalid."""
    if await queries.find_by_ids(view, REGIONS, [region]):
        return None
    found = there(await own_region(view))
    if found is None:
        raise Invalid(refused, field="region")
    return found


async def own_region(view: View) -> str:
    """Return the region whose hosts serve a catalogue's regions: `local`, or the first with
    hosts."""
    known: Sequence[Region] = await queries.find_every(view, REGIONS)
    own = [region.id for region in known if region.served_by is None]
    return LOCAL if LOCAL in own or not own else own[0]
