"""The common queries of all nouns: rows as structs, reads, and held-back writes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar, cast

import msgspec
import sqlalchemy as sa

from atoll.domain.errors import AlreadyExists, AtollError, Lost, NotFound
from atoll.domain.reasons import Reason
from atoll.ports import Filter
from atoll.store import tables, uses
from atoll.store.decoded import Decoded
from atoll.store.mappings import Mapping
from atoll.store.sql import Query, Write, bind
from atoll.store.unit import Unit, Unwritten

T = TypeVar("T", bound=msgspec.Struct)
SAME_NAME_MAX = 10
NONE: frozenset[str] = frozenset()
# The table of labels, joined once for each label of a selector.
LABELS: dict[int, Any] = {}


class NounRows(Generic[T]):
    """The rows of one noun within one transaction: `ports.Rows`."""

    # Columns that other statements change, without a new version.
    counted: frozenset[str] = frozenset()

    def __init__(self, unit: Unit, mapping: Mapping[T]) -> None:
        self.unit = unit
        self.mapping = mapping

    async def get(self, thing_id: str) -> T:
        found = await self.find(thing_id)
        if found is None:
            raise NotFound(Reason.NOT_FOUND, noun=self.mapping.singular, reference=thing_id)
        return found

    async def find(self, thing_id: str) -> T | None:
        written: T | Unwritten | None = self.unit.written(self.mapping.table.name, thing_id)
        if not isinstance(written, Unwritten):
            return written
        column = self.mapping.table.c.id
        query = self._query(
            "find", lambda: sa.select(*self.mapping.columns).where(column == bind("id", column))
        )
        found = await self._things(query, {"id": thing_id})
        return found[0] if found else None

    async def named(self, project_id: str | None, name: str) -> list[T]:
        return await self.page(Filter(project_id=project_id, name=name, limit=SAME_NAME_MAX))

    async def holder(self, project_id: str, name: str) -> T | None:
        table = self.mapping.table
        if "held_name" not in table.c:
            return next(iter(await self.named(project_id, name)), None)
        for written in self.unit.all_written(table.name):
            if (written.project_id, written.held_name) == (project_id, name):
                return cast("T", written)
        query = self._query(
            "holder",
            lambda: sa.select(*self.mapping.columns).where(
                table.c.project_id == bind("project_id", table.c.project_id),
                table.c.held_name == bind("name", table.c.held_name),
            ),
        )
        rows = await self.unit.fetch(query, {"project_id": project_id, "name": name})
        still = [one for one in map(self._thing, rows) if self._is_unwritten(one)]
        return still[0] if still else None

    def _is_unwritten(self, thing: T) -> bool:
        thing_id: str = thing.id  # type: ignore[attr-defined]
        return isinstance(self.unit.written(self.mapping.table.name, thing_id), Unwritten)

    async def page(self, wanted: Filter) -> list[T]:
        wanted = in_few_shapes(wanted)
        shape, values = shape_of(wanted), page_values(wanted)
        if heads := self.mapping.heads:
            query = self._query(
                ("heads", *shape), lambda: page_of(self.mapping.table, heads, wanted)
            )
            known = self._decoded.all_of(await self.unit.fetch(query, values))
            if known is not None:
                return known
        query = self._query(
            ("page", *shape),
            lambda: page_of(self.mapping.table, self.mapping.columns, wanted),
        )
        return await self._things(query, values)

    async def count(self, wanted: Filter) -> int:
        wanted = in_few_shapes(wanted)
        query = self._query(("count", *shape_of(wanted)), lambda: count_of(self.mapping, wanted))
        rows = await self.unit.fetch(query, page_values(wanted))
        return int(rows[0][0])

    async def _things(self, query: Query, values: dict[str, Any]) -> list[T]:
        if self.unit.fresh or not self.mapping.kept:
            return [self._thing(row) for row in await self.unit.fetch(query, values)]
        kept, table = self.unit.database.kept, self.mapping.table.name
        key = (query.text, query.place(values))
        things: list[T] | None = kept.find(table, key)
        if things is None:
            forgotten = kept.forgotten(table)
            things = [self.mapping.thing(row) for row in await self.unit.fetch(query, values)]
            kept.keep(table, key, things, forgotten)
        return list(things)

    def _thing(self, row: Any) -> T:
        if not self.mapping.heads:
            return self.mapping.thing(row)
        thing_id, version, document = row
        thing: T | None = self._decoded.find(thing_id, version)
        if thing is None:
            thing = self.mapping.thing(row)
            self._decoded.keep(thing_id, version, thing, len(document))
        return thing

    @property
    def _decoded(self) -> Decoded:
        return self.unit.database.decoded[self.mapping.table.name]

    def claim_name(self, project_id: str, name: str, *, chosen: bool = False) -> None:
        table, singular = self.mapping.table, self.mapping.singular
        taken = sa.exists().where(
            table.c.project_id == bind("project_id", table.c.project_id),
            table.c.name == bind("name", table.c.name),
        )
        query = self._query("claim_name", lambda: sa.select(sa.literal(1)).where(~taken))
        self.unit.write(
            Write(
                query,
                query.place({"project_id": project_id, "name": name}),
                missing=lambda: (
                    Lost(f"{singular} {name} was made by somebody else meanwhile")
                    if chosen
                    else already_exists(singular, name)
                ),
                lock=f"{table.name}/{project_id}/{name}",
            )
        )

    def add(self, thing: T) -> None:
        query = self._query("add", lambda: self.mapping.table.insert())
        values = self.mapping.values(thing)
        singular, thing_id = self.mapping.singular, values["id"]
        exists = partial(already_exists, singular, thing_id)
        self._write(query, values, **self._claim_of(None, thing, or_else=exists))
        self._add_labels(thing)
        self._change_uses(values["id"], NONE, uses_of(thing))
        self.unit.note_written(self.mapping.table.name, values["id"], thing)

    def change(self, thing: T, **changes: Any) -> T:
        version = thing.version  # type: ignore[attr-defined]
        changed = msgspec.structs.replace(thing, version=version + 1, **changes)
        table = self.mapping.table
        query = self._query(
            "change",
            lambda: (
                table.update()
                .where(table.c.id == bind("of_id", table.c.id))
                .where(table.c.version == bind("of_version", table.c.version))
                .values(
                    {
                        n: bind(n, table.c[n])
                        for n in self.mapping.names
                        if n not in {"id", *self.counted}
                    }
                )
            ),
        )
        values = self.mapping.values(changed)
        values["of_id"], values["of_version"] = values["id"], version
        claim = self._claim_of(thing, changed)
        self._write(query, values, missing=self._lost(values["id"]), **claim)
        if "labels" in changes:
            self._drop_labels(values["id"])
            self._add_labels(changed)
        self._change_uses(values["id"], uses_of(thing), uses_of(changed))
        self.unit.note_written(self.mapping.table.name, values["id"], changed)
        return changed

    def remove(self, thing: T) -> None:
        table = self.mapping.table
        query = self._query(
            "remove",
            lambda: (
                table.delete()
                .where(table.c.id == bind("id", table.c.id))
                .where(table.c.version == bind("version", table.c.version))
            ),
        )
        values = self.mapping.values(thing)
        self._write(query, values, missing=self._lost(values["id"]))
        if getattr(thing, "labels", None):
            self._drop_labels(values["id"])
        self._change_uses(values["id"], uses_of(thing), NONE)
        if table in uses.USED.values():
            self.unit.write(uses.unused(self.unit.statements, values["id"]))
        self.unit.note_written(self.mapping.table.name, values["id"], None)

    def confirm(self, thing: T) -> None:
        table = self.mapping.table

        def build() -> sa.ClauseElement:
            unchanged = sa.select(sa.literal(1)).select_from(table)
            unchanged = unchanged.where(
                table.c.id == bind("id", table.c.id),
                table.c.version == bind("version", table.c.version),
            )
            return unchanged.with_for_update(read=True)

        query = self._query("confirm", build)
        values = {"id": thing.id, "version": thing.version}  # type: ignore[attr-defined]
        self.unit.write(Write(query, query.place(values), missing=self._lost(values["id"])))

    async def users_of(self, thing_id: str, limit: int) -> list[str]:
        rows = await self.unit.fetch(
            uses.users(self.unit.statements), {"used_id": thing_id, "limit": limit}
        )
        return [row[0] for row in rows]

    def _claim_of(
        self, before: T | None, after: T, or_else: Callable[[], AtollError] | None = None
    ) -> dict[str, Any]:
        """Return what a write needs whose resource takes or releases a name, which a unique index
        checks. `or_else` is the error of an id that is taken."""
        old, new = getattr(before, "held_name", None), getattr(after, "held_name", None)
        if old == new:
            return {"duplicate": or_else}
        singular, project_id = self.mapping.singular, after.project_id  # type: ignore[attr-defined]
        claim: dict[str, Any] = {"lock": f"{self.mapping.table.name}/{project_id}/{new or old}"}
        if new is not None:
            claim["duplicate"] = lambda: Lost(f"{singular} {new} was made by somebody else")
        return claim

    def _add_labels(self, thing: T) -> None:
        query = self.unit.statements.get("labels.add", lambda: tables.labels.insert())
        thing_id = thing.id  # type: ignore[attr-defined]
        project_id = getattr(thing, "project_id", "")
        for key, value in getattr(thing, "labels", {}).items():
            row = {"project_id": project_id, "key": key, "value": value, "resource_id": thing_id}
            self.unit.write(Write(query, query.place(row)))

    def _drop_labels(self, thing_id: str) -> None:
        column = tables.labels.c.resource_id
        query = self.unit.statements.get(
            "labels.drop", lambda: tables.labels.delete().where(column == bind("id", column))
        )
        self.unit.write(Write(query, query.place({"id": thing_id})))

    def _change_uses(self, user_id: str, before: frozenset[str], after: frozenset[str]) -> None:
        for used_id in sorted(before - after):
            self.unit.write(uses.drop(self.unit.statements, used_id, user_id))
        for used_id in sorted(after - before):
            self.unit.write(uses.add(self.unit.statements, used_id, user_id))

    def _lost(self, thing_id: str) -> Callable[[], Lost]:
        singular = self.mapping.singular
        return lambda: Lost(f"{singular} {thing_id} was changed by somebody else meanwhile")

    def _query(self, key: Any, build: Callable[[], sa.ClauseElement]) -> Query:
        return self.unit.statements.get((self.mapping.table.name, key), build)

    def _write(self, query: Query, values: dict[str, Any], **problems: Any) -> None:
        kept = self.mapping.table.name if self.mapping.kept else None
        self.unit.write(
            Write(query, query.place(values), topic=values["id"], kept=kept, **problems)
        )


def already_exists(singular: str, name: str) -> AlreadyExists:
    return AlreadyExists(Reason.ALREADY_EXISTS, field="name", noun=singular, name=name)


def uses_of(thing: Any) -> frozenset[str]:
    return getattr(thing, "uses", NONE)


def in_few_shapes(wanted: Filter) -> Filter:
    """Bring the lists of allowed values to few lengths, because a statement is compiled for each:
    without duplicates, and filled up to the next power of two."""
    if not wanted.any_of:
        return wanted
    clauses = tuple(
        tuple((column, filled_up(values)) for column, values in clause) for clause in wanted.any_of
    )
    return msgspec.structs.replace(wanted, any_of=clauses)


def filled_up(values: Sequence[str]) -> tuple[str, ...]:
    different = tuple(dict.fromkeys(values))
    if len(different) < 2:
        return different
    return different + different[-1:] * ((1 << (len(different) - 1).bit_length()) - len(different))


def shape_of(wanted: Filter) -> tuple[Any, ...]:
    """Return the key of the cached statement: everything that changes its text."""
    return (
        wanted.project_id is None,
        wanted.name is None,
        wanted.given_name is None,
        len(wanted.labels),
        wanted.uses is None,
        tuple(tuple((c, len(v)) for c, v in every) for every in wanted.any_of),
        tuple(column for column, _ in wanted.equals),
        wanted.after is None,
        wanted.descending,
        wanted.offset > 0,
    )


def page_of(table: sa.Table, columns: Sequence[sa.Column[Any]], wanted: Filter) -> sa.Select[Any]:
    """Return one page in order of id. The rows of an offset are skipped in an index, and only the
    rows of the page are read."""
    if not wanted.offset:
        return ordered(table, sa.select(*columns), wanted)
    ids = ordered(table, sa.select(table.c.id), wanted)
    ids = ids.offset(sa.bindparam("offset", type_=sa.Integer()))
    page = table.alias("page")
    shown = [page.c[column.name] for column in columns]
    order = page.c.id.desc() if wanted.descending else page.c.id
    return sa.select(*shown).where(page.c.id.in_(ids)).order_by(order)


def ordered(table: sa.Table, query: sa.Select[Any], wanted: Filter) -> sa.Select[Any]:
    """Order by the index that is walked: that of a label, if there is one."""
    query = filtered(table, query, wanted)
    column = label_of(0).c.resource_id if wanted.labels else table.c.id
    order = column.desc() if wanted.descending else column
    return query.order_by(order).limit(sa.bindparam("limit", type_=sa.Integer()))


def label_of(place: int) -> Any:
    return LABELS.setdefault(place, tables.labels.alias(f"l{place}"))


def count_of(mapping: Mapping[Any], wanted: Filter) -> sa.Select[Any]:
    counted = sa.select(sa.func.count()).select_from(mapping.table)
    return filtered(mapping.table, counted, wanted)


def filtered(table: sa.Table, query: sa.Select[Any], wanted: Filter) -> sa.Select[Any]:
    """Each label is a join on its own index; the cursor is repeated on the label's column, because
    otherwise PostgreSQL merges its whole index. SQLite is prevented from walking all resources of a
    project in search of a rare label."""
    after = bind("after", table.c.id)
    for place in range(len(wanted.labels)):
        label = label_of(place)
        query = query.join(label, label.c.resource_id == table.c.id).where(
            label.c.key == bind(f"key_{place}", label.c.key),
            label.c.value == bind(f"value_{place}", label.c.value),
        )
        if wanted.project_id is not None:
            query = query.where(label.c.project_id == bind("project_id", label.c.project_id))
        if wanted.after is not None:
            beyond = label.c.resource_id
            query = query.where(beyond < after if wanted.descending else beyond > after)
    if wanted.labels:
        query = query.with_hint(table, "NOT INDEXED", "sqlite")
    if wanted.uses is not None:
        user, used = tables.uses.c.user_id, tables.uses.c.used_id
        query = query.join(tables.uses, user == table.c.id).where(used == bind("uses", used))
        if wanted.after is not None:
            query = query.where(user < after if wanted.descending else user > after)
    if wanted.project_id is not None:
        query = query.where(table.c.project_id == bind("project_id", table.c.project_id))
    query = query.where(*names_of(table, wanted))
    for name, _ in wanted.equals:
        query = query.where(table.c[name] == bind(f"equal_{name}", table.c[name]))
    if wanted.any_of:
        query = query.where(sa.or_(*[every_of(table, i, e) for i, e in enumerate(wanted.any_of)]))
    elif "deleted_at_ms" in table.c and wanted.uses is None:
        query = query.where(table.c.deleted_at_ms.is_(None))
    if wanted.after is not None:
        query = query.where(table.c.id < after if wanted.descending else table.c.id > after)
    return query


def names_of(table: sa.Table, wanted: Filter) -> list[sa.ColumnElement[bool]]:
    """Each side of the OR has its own index."""
    clauses: list[sa.ColumnElement[bool]] = []
    if wanted.name is not None:
        clauses.append(table.c.name == bind("name", table.c.name))
    if wanted.given_name is not None:
        given, requested = bind("given_name", table.c.name), table.c.requested_name
        unchanged = sa.and_(table.c.name == given, requested.is_(None))
        clauses.append(sa.or_(unchanged, requested == given))
    return clauses


def every_of(
    table: sa.Table, place: int, clause: tuple[tuple[str, tuple[str, ...]], ...]
) -> sa.ColumnElement[bool]:
    return sa.and_(
        *[
            table.c[column].in_(
                [bind(f"any_{place}_{column}_{i}", table.c[column]) for i in range(len(values))]
            )
            for column, values in clause
        ]
    )


def page_values(wanted: Filter) -> dict[str, Any]:
    values: dict[str, Any] = {
        "project_id": wanted.project_id,
        "name": wanted.name,
        "given_name": wanted.given_name,
        "uses": wanted.uses,
        "after": wanted.after,
        "limit": wanted.limit,
        "offset": wanted.offset,
    }
    for name, wanted_value in wanted.equals:
        values[f"equal_{name}"] = wanted_value
    for place, (key, value) in enumerate(wanted.labels):
        values[f"key_{place}"], values[f"value_{place}"] = key, value
    for place, clause in enumerate(wanted.any_of):
        for column, allowed in clause:
            for i, word in enumerate(allowed):
                values[f"any_{place}_{column}_{i}"] = word
    return values
