"""The query that only timers have: what is due."""

import sqlalchemy as sa

from atoll.domain.timers import Timer
from atoll.store import tables
from atoll.store.rows import DocumentMapping, NounRows
from atoll.store.sql import bind
from atoll.store.unit import Unit

TIMERS = DocumentMapping(Timer, tables.timers, "timer")
timer = tables.timers.c


class TimerRows(NounRows[Timer]):
    """`ports.Timers`."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, TIMERS)

    async def due(self, now_ms: int, limit: int) -> list[Timer]:
        query = self._query(
            "due",
            lambda: (
                sa.select(*TIMERS.columns)
                .where(timer.due_at_ms <= bind("now_ms", timer.due_at_ms))
                .order_by(timer.due_at_ms)
                .limit(sa.bindparam("limit", type_=sa.Integer()))
            ),
        )
        return await self._things(query, {"now_ms": now_ms, "limit": limit})
