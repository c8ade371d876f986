"""History: events in the order in which readers see them, audit records, first outcomes."""

from typing import Any

import msgspec
import sqlalchemy as sa

from atoll.domain import ids
from atoll.domain.errors import Invalid, Lost
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.reasons import Reason
from atoll.store import tables
from atoll.store.forget import LIMIT, forgetting, thrown_away
from atoll.store.mappings import ColumnMapping, DocumentMapping, encode_json
from atoll.store.rows import NounRows
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

AUDIT = DocumentMapping(AuditRecord, tables.audit, "audit record")
ANSWERS = ColumnMapping(IdempotencyRecord, tables.idempotency, "first answer")
event = tables.events.c
EVENT_COLUMNS = (
    event.project_id, event.kind, event.resource_id, event.operation_id, event.data, event.at_ms,
)  # fmt: skip
EVENTS_TOPIC = "events"
POSTGRES_XID: sa.ColumnElement[int] = sa.literal_column("pg_current_xact_id()::text::bigint")
POSTGRES_OLDEST: sa.ColumnElement[int] = sa.literal_column(
    "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
)


class EventRows:
    """`ports.Events`. A position is `<transaction>.<number>`; SQLite's transaction is 0."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._postgres = unit.statements.dialect.name == "postgresql"

    async def after(self, project_id: str | None, seq: str, limit: int) -> list[Event]:
        key = ("events.after", project_id is None)
        query = self.unit.statements.get(key, lambda: self._after(project_id is None))
        xid, number = position_of(seq)
        values = {"project_id": project_id, "xid": xid, "seq": number, "limit": limit}
        rows = await self.unit.fetch(query, values)
        return [event_of(row) for row in rows]

    async def last(self) -> str:
        def build() -> sa.Select[Any]:
            query = sa.select(event.xid, event.seq)
            if self._postgres:
                query = query.where(event.xid < POSTGRES_OLDEST)
            return query.order_by(event.xid.desc(), event.seq.desc()).limit(1)

        rows = await self.unit.fetch(self.unit.statements.get("events.last", build), {})
        return f"{rows[0][0]}.{rows[0][1]}" if rows else "0.0"

    def add(self, added: Event) -> None:
        columns = [*EVENT_COLUMNS]
        query = self.unit.statements.get("events.add", lambda: tables.events.insert().values(
            {c.name: bind(c.name, c) for c in columns}
            | {"xid": POSTGRES_XID if self._postgres else sa.literal_column("0")}
        ))  # fmt: skip
        values = {c.name: getattr(added, c.name) for c in columns}
        values["data"] = encode_json(added.data)
        self.unit.write(Write(query, query.place(values), topic=EVENTS_TOPIC))

    async def forget(self, before_ms: int, limit: int) -> int:
        """Events are nearly in the order of their times, so only the first ones are checked."""

        def build() -> sa.ClauseElement:
            oldest = sa.select(event.seq).order_by(event.seq).limit(LIMIT)
            return (
                tables.events.delete()
                .where(event.seq.in_(oldest), event.at_ms < bind("before", event.at_ms))
                .returning(event.seq)
            )

        query = self.unit.statements.get("events.forget", build)
        return await thrown_away(self.unit, query, {"before": before_ms, "limit": limit})

    def _after(self, everywhere: bool) -> sa.Select[Any]:
        beyond = sa.tuple_(event.xid, event.seq) > sa.tuple_(
            bind("xid", event.xid), bind("seq", event.seq)
        )
        query = sa.select(event.xid, event.seq, *EVENT_COLUMNS).where(beyond)
        if not everywhere:
            query = query.where(event.project_id == bind("project_id", event.project_id))
        if self._postgres:
            query = query.where(event.xid < POSTGRES_OLDEST)
        return query.order_by(event.xid, event.seq).limit(sa.bindparam("limit", type_=sa.Integer()))


def position_of(seq: str) -> tuple[int, int]:
    """Parse a position. Raises Invalid if it is not valid."""
    xid, _, number = seq.partition(".")
    if not (xid.isdecimal() and number.isdecimal() and len(xid) < 19 and len(number) < 19):
        raise Invalid(Reason.NO_EVENT_ID, field="after")
    return int(xid), int(number)


def event_of(row: Any) -> Event:
    xid, number, project_id, kind, resource_id, operation_id, data, at_ms = row
    return Event(
        seq=f"{xid}.{number}", project_id=project_id, kind=kind, resource_id=resource_id,
        operation_id=operation_id, data=msgspec.json.decode(data), at_ms=at_ms,
    )  # fmt: skip


class AuditRows(NounRows[AuditRecord]):
    """`ports.Audit`."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, AUDIT)

    async def forget(self, before_ms: int, limit: int) -> int:
        record = tables.audit.c
        old = record.id < bind("before", record.id)
        query = self._query("forget", lambda: forgetting(tables.audit, old))
        before = ids.first_of(ids.AUDIT, before_ms)
        return await thrown_away(self.unit, query, {"before": before, "limit": limit})


class AnswerRows:
    """`ports.Idempotency`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    async def find(self, key_id: str, key: str) -> IdempotencyRecord | None:
        answer = tables.idempotency.c
        query = self.unit.statements.get("answers.find", lambda: sa.select(*ANSWERS.columns).where(
            answer.key_id == bind("key_id", answer.key_id), answer.key == bind("key", answer.key)
        ))  # fmt: skip
        rows = await self.unit.fetch(query, {"key_id": key_id, "key": key})
        return ANSWERS.thing(rows[0]) if rows else None

    def add(self, record: IdempotencyRecord) -> None:
        query = self.unit.statements.get("answers.add", lambda: tables.idempotency.insert())
        self.unit.write(
            Write(
                query,
                query.place(ANSWERS.values(record)),
                duplicate=lambda: Lost("the same Idempotency-Key was used at the same time"),
            )
        )

    async def forget(self, before_ms: int, limit: int) -> int:
        at_ms = tables.idempotency.c.at_ms
        old = at_ms < bind("before", at_ms)
        query = self.unit.statements.get(
            "answers.forget", lambda: forgetting(tables.idempotency, old, order=at_ms)
        )
        return await thrown_away(self.unit, query, {"before": before_ms, "limit": limit})
