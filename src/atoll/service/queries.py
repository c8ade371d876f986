"""Reads within the caller's rights and project: lists, one resource, resources by their ids."""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from atoll.domain.errors import NotFound
from atoll.domain.images import CATALOGUE
from atoll.domain.reasons import Reason
from atoll.domain.secrets import hide
from atoll.ports import Filter
from atoll.service import references
from atoll.service.desk import View
from atoll.service.nouns import Identified, Noun, Owned

EVERY_MAX = 10_000
PAGE = 500
T = TypeVar("T")
K = TypeVar("K", bound=Identified)
OwnedT = TypeVar("OwnedT", bound=Owned)
# The filters of a list. The project is always that of the caller.
Query = Filter
ALL = Query()


async def find_page(view: View, noun: Noun[T], wanted: Query = ALL) -> list[T]:
    """Return one page, in increasing order of id."""
    view.require("read")
    return seen(view, await noun.rows(view.tx).page(scoped(view, noun, wanted)))


async def count(view: View, noun: Noun[Any], wanted: Query = ALL) -> int:
    view.require("read")
    return await noun.rows(view.tx).count(scoped(view, noun, wanted))


async def find_every(view: View, noun: Noun[K], wanted: Query = ALL) -> list[K]:
    """Return all pages, for filters that the database does not support. At most 10,000
    resources."""
    found: list[K] = []
    after: str | None = None
    while len(found) < EVERY_MAX:
        part = msgspec.structs.replace(wanted, after=after, limit=PAGE)
        page = await find_page(view, noun, part)
        found += page
        if len(page) < PAGE:
            break
        after = page[-1].id
        await asyncio.sleep(0)  # let other requests run
    return found


async def find_by_ids(view: View, noun: Noun[K], wanted: Iterable[str | None]) -> dict[str, K]:
    """Return the existing resources of the project, or of the catalogue, with these ids, by id."""
    view.require("read")
    some = tuple({one for one in wanted if one})
    if not some:
        return {}
    query = Query(any_of=((("id", some),),), limit=len(some))
    found = await noun.rows(view.tx).page(query)
    if noun.is_owned:
        # Not in the query: ids find rows by themselves, and no index of the project is needed.
        allowed = {view.project_id, CATALOGUE}
        found = [thing for thing in found if getattr(thing, "project_id", "") in allowed]
    return {thing.id: thing for thing in seen(view, found)}


async def get(view: View, noun: Noun[OwnedT], reference: str) -> OwnedT:
    """Get a resource of the project by id or name. Raises NotFound."""
    view.require("read")
    return seen(view, [await references.get(view, noun, reference)])[0]


async def find_by_id(view: View, noun: Noun[OwnedT], reference: str) -> OwnedT | None:
    """Find a resource of the project by its id, not by its name."""
    view.require("read")
    thing = await references.find_by_id(view, noun, reference)
    return None if thing is None else seen(view, [thing])[0]


async def get_by_id(view: View, noun: Noun[T], thing_id: str) -> T:
    """Get a resource that belongs to no project: a plan, a region, a project. Raises NotFound."""
    view.require("read")
    thing = await noun.rows(view.tx).find(thing_id)
    if thing is None:
        raise NotFound(Reason.NOT_FOUND, noun=noun.name, reference=thing_id)
    return thing


def seen(view: View, things: list[T]) -> list[T]:
    """Return resources as the caller may see them: secrets are for those who may write."""
    return things if view.may("write") else [hide(thing) for thing in things]


def scoped(view: View, noun: Noun[Any], wanted: Query) -> Filter:
    project_id = view.project_id if noun.is_owned else wanted.project_id
    return msgspec.structs.replace(wanted, project_id=project_id)


def equal(**columns: str | bool | None) -> tuple[tuple[str, str | bool], ...]:
    """A condition for `Query.equals`: each column has its value, if one is given."""
    return tuple((name, value) for name, value in columns.items() if value is not None)
