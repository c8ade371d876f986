"""What dialects of other clouds share: their names for what is here, ids as UUIDs.

A type or region that a vendor's catalogue names becomes known here the first time that it is used.
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
# The first of the 26 letters has three bits.
NATIVE_ID = re.compile(rf"[a-z]+-[0-7][{ids.ALPHABET}]{{{ids.LENGTH - 1}}}")
# Fields of commands that come in headers.
HEADERS = {"idempotency_key": "Idempotency-Key"}
# Clients of other clouds know nothing of operations.
BUSY = "{noun} {name} is busy ({doing} in progress): try again"


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
OwnedT = TypeVar("OwnedT", bound=Owned)


def read(path: Path, form: type[T], whose: str) -> T:
    """A catalogue. Raises RuntimeError with a sentence where the file is not of that form."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), form)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuntimeError(f"the {whose} catalogue {path} cannot be used: {error}") from error


def uuid_of(native_id: str | None) -> str:
    """Empty where there is none; of what is a part of a thing, the thing's."""
    return ids.to_uuid(native_id.partition("/")[0]) if native_id else ""


def show_id(text: str) -> str:
    """A fact of an error: an id as a UUID, any other text as it is."""
    return uuid_of(text) if NATIVE_ID.fullmatch(text) else text


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


def placed(error: AtollError, asked: Asked | None) -> AtollError:
    """A thing that is not found, and that a field of the body names, is the body's mistake."""
    if not isinstance(error, NotFound) or asked is None or error.field not in asked.fields:
        return error
    return Invalid(Reason.NO_SUCH_THING, **error.facts)


def say(error: AtollError, asked: Asked | None, wording: Wording) -> Said:
    """`asked` may know better than the dialect's table which field a command's field came from."""
    if asked is not None and asked.fields:
        wording = msgspec.structs.replace(wording, fields={**wording.fields, **asked.fields})
    return wording.say(error)


async def get(request: Call, noun: Noun[OwnedT], prefix: str, given: str) -> OwnedT:
    """The thing whose id is in the path. Raises NotFound."""
    return await queries.get(view_of(request), noun, native_id(prefix, given))


async def resolve_region(
    view: View, region: str, there: Callable[[str], Region | None], refused: str
) -> Region | None:
    """A region that is not known here yet: `there` makes a region of Atoll out of one that the
    catalogue names, given whose hosts are to carry it. None where it is known. Raises Invalid."""
    if await queries.find_by_ids(view, REGIONS, [region]):
        return None
    found = there(await own_region(view))
    if found is None:
        raise Invalid(refused, field="region")
    return found


async def own_region(view: View) -> str:
    """Whose hosts carry a catalogue's regions: `local`, or the first of those that have hosts."""
    known: Sequence[Region] = await queries.find_every(view, REGIONS)
    own = [region.id for region in known if region.served_by is None]
    return LOCAL if LOCAL in own or not own else own[0]
