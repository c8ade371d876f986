"""Deletion of old rows: a few per statement, found by an index."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from atoll.store.sql import Query, Write
from atoll.store.unit import Unit

LIMIT: sa.BindParameter[int] = sa.bindparam("limit", type_=sa.Integer())
# Servers that share a database take turns: each finds what the previous one left.
LOCK = "forget"


def oldest(
    table: sa.Table, old: sa.ColumnElement[bool], order: sa.ColumnElement[Any] | None = None
) -> sa.Select[Any]:
    """Return the keys of the first old rows, in the order of `order` or of the keys."""
    keys = list(table.primary_key.columns)
    return sa.select(*keys).where(old).order_by(keys[0] if order is None else order).limit(LIMIT)


def forgetting(
    table: sa.Table, old: sa.ColumnElement[bool], order: sa.ColumnElement[Any] | None = None
) -> sa.ClauseElement:
    keys = list(table.primary_key.columns)
    key = keys[0] if len(keys) == 1 else sa.tuple_(*keys)
    return table.delete().where(key.in_(oldest(table, old, order))).returning(*keys)


async def thrown_away(
    unit: Unit, query: Query, values: Mapping[str, Any], *, before: Query | None = None
) -> int:
    """Delete immediately, not with the unit. `before` is executed first, in the same
    transaction."""
    queries = [query] if before is None else [before, query]
    writes = [Write(one, one.place(values), lock=LOCK) for one in queries]
    return len(await unit.database.commit_returning(writes))
