"""The query of a list, read once for all lists: page, order, name and labels."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from litestar.di import Provide
from litestar.params import FromQuery, QueryParameter

from atoll.api.http import Call
from atoll.domain.errors import Invalid
from atoll.service.queries import Query

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
LABELS_MAX = 16
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)]
Order = Literal["asc", "desc"]


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """`wanted` asks for one row more than `limit`: it tells whether there is a next page."""

    wanted: Query
    limit: int

    def changed(self, **changes: object) -> "Paging":
        """Return the query with another filter."""
        wanted = msgspec.structs.replace(self.wanted, **changes)
        return Paging(wanted=wanted, limit=self.limit)


async def plain(
    request: Call,
    limit: Limit = LIMIT_DEFAULT,
    cursor: FromQuery[str | None] = None,
    order: FromQuery[Order | None] = None,
) -> Paging:
    """Raises Invalid."""
    if cursor is not None and (not cursor.isascii() or not cursor.isprintable()):
        raise Invalid("cursor must be the value of next in a response of this list", field="cursor")
    wanted = Query(
        after=cursor,
        limit=limit + 1,
        descending=order == "desc",
    )
    return Paging(wanted=wanted, limit=limit)


async def named(
    request: Call,
    limit: Limit = LIMIT_DEFAULT,
    cursor: FromQuery[str | None] = None,
    order: FromQuery[Order | None] = None,
    name: FromQuery[str | None] = None,
) -> Paging:
    paging = await plain(request, limit, cursor, order)
    return paging.changed(name=name)


async def labelled(
    request: Call,
    limit: Limit = LIMIT_DEFAULT,
    cursor: FromQuery[str | None] = None,
    order: FromQuery[Order | None] = None,
    name: FromQuery[str | None] = None,
    label: FromQuery[list[str] | None] = None,
) -> Paging:
    paging = await named(request, limit, cursor, order, name)
    return paging.changed(labels=selector(label or ()))


def selector(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`key=value` each. Raises Invalid."""
    if len(given) > LABELS_MAX:
        raise Invalid(f"label may be given at most {LABELS_MAX} times", field="label")
    pairs = [one.partition("=") for one in given]
    if not all(key and found for key, found, _ in pairs):
        raise Invalid("label must have the form key=value", field="label")
    for key, _, value in pairs:
        if key.endswith("!") and value:
            raise Invalid(
                f"label: != is not supported in {key}={value}: list without it, and leave out what "
                "has the label",
                field="label",
            )
    return tuple((key, value) for key, _, value in pairs)


PLAIN = {"paging": Provide(plain)}
NAMED = {"paging": Provide(named)}
LABELLED = {"paging": Provide(labelled)}
