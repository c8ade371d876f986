"""The query for due rows, of nouns with a due time."""

from typing import TypeVar

import msgspec
import sqlalchemy as sa

from atoll.store.rows import NounRows
from atoll.store.sql import bind

T = TypeVar("T", bound=msgspec.Struct)


class DueRows(NounRows[T]):
    """`ports.Due`, for a noun whose table has a column `due_at_ms`."""

    async def due(self, now_ms: int, limit: int) -> list[T]:
        due_at_ms = self.mapping.table.c.due_at_ms
        query = self._query(
            "due",
            lambda: (
                sa.select(*self.mapping.columns)
                .where(due_at_ms <= bind("now_ms", due_at_ms))
                .order_by(due_at_ms)
                .limit(sa.bindparam("limit", type_=sa.Integer()))
            ),
        )
        return await self._things(query, {"now_ms": now_ms, "limit": limit})
