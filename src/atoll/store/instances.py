"""The queries of instances, of which a project may have a million: no list and no total costs more
than its page."""

import asyncio
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql, sqlite

from atoll.domain.instances import Instance
from atoll.ports import Filter
from atoll.store import tables
from atoll.store.rows import NounRows, ordered, page_values, shape_of
from atoll.store.sql import Write, bind

totals = tables.instance_totals.c
KEY = ("project_id", "bare_metal", "region")
# Rows of an index that are skipped before others may use the database.
WALKED_MAX = 2_000
Key = tuple[Any, ...]


class InstanceRows(NounRows[Instance]):
    """Totals of live instances are counted in the transaction that changes them, with the number of
    times that places in a list shifted. Bookmarks of numbered pages are valid until then."""

    def add(self, thing: Instance) -> None:
        super().add(thing)
        self._tally(None, key_of(thing), shifts=0)

    def change(self, thing: Instance, **changes: Any) -> Instance:
        changed = super().change(thing, **changes)
        self._tally(key_of(thing), key_of(changed))
        return changed

    def remove(self, thing: Instance) -> None:
        super().remove(thing)
        self._tally(key_of(thing), None)

    async def count(self, wanted: Filter) -> int:
        if not is_counted(wanted):
            return await super().count(wanted)
        return (await self._total(wanted))[0]

    async def page(self, wanted: Filter) -> list[Instance]:
        if not wanted.offset or wanted.descending or not is_counted(wanted):
            return await super().page(wanted)
        total, shifts = await self._total(wanted)
        if wanted.offset >= total:
            return []
        marks, of = self.unit.database.bookmarks, (wanted.project_id, wanted.equals)
        at, last = marks.find(of, shifts, wanted.offset)
        while wanted.offset - at > WALKED_MAX:
            last = await self._skip(replace(wanted, after=last, offset=WALKED_MAX - 1, limit=1))
            if last is None:
                return []
            at += WALKED_MAX
            marks.keep(of, shifts, at, last)
            await asyncio.sleep(0)
        early = 1 if wanted.offset > at else 0  # one more row, after which the page begins
        begin, limit = wanted.offset - early, wanted.limit + early
        page = await super().page(replace(wanted, after=last, offset=begin - at, limit=limit))
        if page:
            marks.keep(of, shifts, begin + early, page[0].id if early else str(last))
            marks.keep(of, shifts, begin + len(page), page[-1].id)
        return page[early:]

    async def _skip(self, wanted: Filter) -> str | None:
        """Return the id at the offset."""
        query = self._query(
            ("skip", *shape_of(wanted)),
            lambda: ordered(tables.instances, sa.select(tables.instances.c.id), wanted).offset(
                sa.bindparam("offset", type_=sa.Integer())
            ),
        )
        rows = await self.unit.fetch(query, page_values(wanted))
        return str(rows[0][0]) if rows else None

    async def _total(self, wanted: Filter) -> tuple[int, int]:
        """Return the number of instances, and that of the shifts."""
        query = self._query(("total", *shape_of(wanted)), lambda: total_statement(wanted))
        [(live, shifts)] = await self.unit.fetch(query, page_values(wanted))
        return int(live), int(shifts)

    def _tally(self, before: Key | None, after: Key | None, shifts: int = 1) -> None:
        if before == after:
            return
        for key, live in ((before, -1), (after, 1)):
            if key is not None:
                query = self._query("tally", self._tally_statement)
                values = {**dict(zip(KEY, key, strict=True)), "live": live, "shifts": shifts}
                self.unit.write(Write(query, query.place(values), lock=f"usage/{key[0]}"))

    def _tally_statement(self) -> sa.ClauseElement:
        on_sqlite = self.unit.statements.dialect.name == "sqlite"
        insert: Any = sqlite.insert if on_sqlite else postgresql.insert
        row = insert(tables.instance_totals)
        row = row.values({column.name: bind(column.name, column) for column in totals})
        added: sa.ClauseElement = row.on_conflict_do_update(
            index_elements=KEY,
            set_={name: totals[name] + row.excluded[name] for name in ("live", "shifts")},
        )
        return added


def key_of(instance: Instance) -> Key | None:
    """Return where the instance is counted, unless it is deleted."""
    if instance.deleted_at_ms is not None:
        return None
    return instance.project_id, instance.bare_metal, instance.region


def is_counted(wanted: Filter) -> bool:
    """Whether the totals tell how many these are."""
    names = wanted.name, wanted.given_name
    others = *names, wanted.labels, wanted.any_of, wanted.uses, wanted.after
    return not any(others) and all(column in KEY for column, _ in wanted.equals)


def total_statement(wanted: Filter) -> sa.ClauseElement:
    zero = sa.literal_column("0", sa.Integer)
    query = sa.select(
        sa.func.coalesce(sa.func.sum(totals.live), zero),
        sa.func.coalesce(sa.func.sum(totals.shifts), zero),
    )
    if wanted.project_id is not None:
        query = query.where(totals.project_id == bind("project_id", totals.project_id))
    for name, _ in wanted.equals:
        query = query.where(totals[name] == bind(f"equal_{name}", totals[name]))
    return query
