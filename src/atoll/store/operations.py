"""The queries of operations: the queue of a resource, claims, the journal."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from atoll.domain import ids
from atoll.domain.errors import Lost
from atoll.domain.operations import BY_REQUEST, FAR_MS, Operation, OperationState, StepRecord
from atoll.store import tables
from atoll.store.forget import forgetting, oldest, thrown_away
from atoll.store.mappings import ColumnMapping
from atoll.store.rows import NONE, NounRows
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

OPERATIONS = ColumnMapping(Operation, tables.operations, "operation")
STEPS = ColumnMapping(StepRecord, tables.operation_steps, "step")
# More than may queue on a resource: see `backlog.QUEUE_MAX`.
LIVE_MAX = 1000
# The share of resumed operations in a claim, besides those whose turn it is.
AGAIN_SHARE = 4
op = tables.operations.c
# The engine writes whole rows under its claim, but never over a concurrent cancellation.
ADVANCED = [n for n in OPERATIONS.names if n not in {"id", "cancel_requested"}]


class OperationRows(NounRows[Operation]):
    """`ports.Operations`."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, OPERATIONS)

    async def live_on(self, resource_id: str) -> list[Operation]:
        query = self._query("live", lambda: sa.select(*OPERATIONS.columns)
            .where(op.resource_id == bind("resource_id", op.resource_id), op.ended_at_ms.is_(None))
            .order_by(op.queued_at_ms, op.id).limit(LIVE_MAX))  # fmt: skip
        rows = await self.unit.fetch(query, {"resource_id": resource_id})
        written = self.unit.all_written(tables.operations.name)
        own = [one for one in written if one.resource_id == resource_id]
        return [*(OPERATIONS.thing(row) for row in rows), *own]

    async def queued(self, resource_id: str, at_most: int) -> int:
        live = op.resource_id == bind("resource_id", op.resource_id), op.ended_at_ms.is_(None)
        query = self._query("queued", lambda: counted(*live))
        rows = await self.unit.fetch(query, {"resource_id": resource_id, "limit": at_most})
        return int(rows[0][0])

    async def waiting(self, project_id: str, at_most: int) -> int:
        begun = op.project_id == bind("project_id", op.project_id), op.turn.is_not(None)
        query = self._query("waiting", lambda: counted(*begun))
        rows = await self.unit.fetch(query, {"project_id": project_id, "limit": at_most})
        return int(rows[0][0])

    async def steps_of(self, operation_id: str) -> list[StepRecord]:
        step = tables.operation_steps.c
        # Done steps come before undone ones, which run in reverse.
        in_time = sa.case((step.direction == "undo", -step.index), else_=step.index)
        query = self._query("steps", lambda: sa.select(*STEPS.columns)
            .where(step.operation_id == bind("id", step.operation_id))
            .order_by(step.run, step.direction, in_time))  # fmt: skip
        return [STEPS.thing(row) for row in await self.unit.fetch(query, {"id": operation_id})]

    async def next_due_ms(self) -> int | None:
        query = self._query("next", next_statement)
        rows = await self.unit.fetch(query, {})
        return None if rows[0][0] is None else int(rows[0][0])

    async def claim(
        self, engine: str, now_ms: int, lease_until_ms: int, limit: int
    ) -> list[Operation]:
        query = self._query("claim", claim_statement)
        values = {"engine": engine, "now": now_ms, "lease": lease_until_ms, "limit": limit}
        values |= {"again": limit // AGAIN_SHARE + 1, "far": now_ms + FAR_MS}
        rows = await self.unit.database.commit_returning([Write(query, query.place(values))])
        return sorted((OPERATIONS.thing(row) for row in rows), key=lambda o: o.id)

    async def extend(self, engine: str, operation_ids: Sequence[str], until_ms: int) -> None:
        query = self._query("extend", lambda: tables.operations.update()
            .where(op.id == bind("of_id", op.id), op.engine == bind("of_engine", op.engine))
            .values(claimable_at_ms=bind("until", op.claimable_at_ms)))  # fmt: skip
        writes = [
            Write(query, query.place({"of_id": i, "of_engine": engine, "until": until_ms}))
            for i in operation_ids
        ]
        await self.unit.database.commit(writes)

    async def abandon(self, engine: str, now_ms: int) -> int:
        freed = self._query("abandon", lambda: tables.operations.update()
            .where(op.engine == bind("of_engine", op.engine), op.ended_at_ms.is_(None))
            .values(claimable_at_ms=bind("now", op.claimable_at_ms), engine=sa.null())
            .returning(op.id))  # fmt: skip
        values = {"of_engine": engine, "now": now_ms}
        rows = await self.unit.database.commit_returning([Write(freed, freed.place(values))])
        heads = self._query("heads", lost_heads_statement)
        await self.unit.database.commit([Write(heads, heads.place({"now": now_ms}))])
        return len(rows)

    def enqueue(
        self, operation: Operation, now_ms: int, uses: frozenset[str] = frozenset()
    ) -> None:
        query = self._query("enqueue", lambda: tables.operations.insert().values(
            {n: bind(n, op[n]) for n in OPERATIONS.names if n != "claimable_at_ms"}
            | due_unless_behind("resource_id", "id")
        ))  # fmt: skip
        values = OPERATIONS.values(operation) | {"now": now_ms}
        self._change(query, values, operation)
        self._change_uses(operation.id, NONE, uses)
        self.unit.note_written(tables.operations.name, operation.id, operation)

    def advance(self, operation: Operation, **changes: Any) -> Operation:
        changed = msgspec.structs.replace(operation, **changes)
        query = self._query("advance", lambda: tables.operations.update()
            .where(op.id == bind("of_id", op.id), op.epoch == bind("of_epoch", op.epoch))
            .where(op.ended_at_ms.is_(None))
            .values({n: bind(n, op[n]) for n in ADVANCED}))  # fmt: skip
        values = OPERATIONS.values(changed)
        values |= {"of_id": operation.id, "of_epoch": operation.epoch}
        self._change(query, values, operation, claimed=True)
        return changed

    def finish(
        self,
        operation: Operation,
        now_ms: int,
        uses: frozenset[str] = frozenset(),
        **changes: Any,
    ) -> Operation:
        ended = self.advance(
            operation, claimable_at_ms=None, engine=None, ended_at_ms=now_ms, **changes
        )
        query = self._query("promote", promote_statement)
        values = {"now": now_ms, "of_resource": operation.resource_id}
        self._change(query, values, operation)
        self._change_uses(operation.id, uses, NONE)
        return ended

    def cancel(self, operation: Operation, now_ms: int, reason: str = BY_REQUEST) -> None:
        query = self._query("cancel", lambda: tables.operations.update()
            .where(op.id == bind("of_id", op.id), op.ended_at_ms.is_(None))
            .values(
                cancel_requested=sa.true(),
                error_message=bind("reason", op.error_message),
                claimable_at_ms=sa.case(
                    (sa.and_(op.claimable_at_ms.is_not(None), op.engine.is_(None)),
                     bind("now", op.claimable_at_ms)),
                    else_=op.claimable_at_ms,
                ),
            ))  # fmt: skip
        values = {"of_id": operation.id, "now": now_ms, "reason": reason}
        self._change(query, values, operation, claimed=True)

    def retry(
        self,
        operation: Operation,
        now_ms: int,
        uses: frozenset[str] = frozenset(),
        **changes: Any,
    ) -> Operation:
        again = msgspec.structs.replace(
            operation, state=OperationState.ACCEPTED, run=operation.run + 1, step=0, attempt=0,
            message="", percent=0.0, error_code=None, error_message=None, cancel_requested=False,
            queued_at_ms=now_ms, started_at_ms=None, ended_at_ms=None, **changes,
        )  # fmt: skip
        names = [n for n in OPERATIONS.names if n not in {"id", "claimable_at_ms"}]
        query = self._query("retry", lambda: tables.operations.update()
            .where(op.id == bind("of_id", op.id), op.ended_at_ms.is_not(None))
            .values({n: bind(n, op[n]) for n in names}
                    | due_unless_behind("resource_id", "of_id")))  # fmt: skip
        values = OPERATIONS.values(again) | {"of_id": operation.id, "now": now_ms}
        self._change(query, values, operation, claimed=True)
        self._change_uses(operation.id, NONE, uses)
        return again

    def record(self, step: StepRecord) -> None:
        query = self._query("record", lambda: tables.operation_steps.insert())
        self.unit.write(
            Write(
                query,
                query.place(STEPS.values(step)),
                duplicate=lambda: Lost(f"step {step.index} of {step.operation_id} was done before"),
            )
        )

    async def forget(self, before_ms: int, limit: int) -> int:
        """Ids increase with time, so rows that are too young are not read."""
        old = sa.and_(
            op.id < bind("before_id", op.id), op.ended_at_ms < bind("before", op.ended_at_ms)
        )
        of_them = tables.operation_steps.c.operation_id.in_(oldest(tables.operations, old))
        steps = self._query("forget.steps", lambda: tables.operation_steps.delete().where(of_them))
        query = self._query("forget", lambda: forgetting(tables.operations, old))
        before_id = ids.first_of(ids.OPERATION, before_ms)
        values = {"before": before_ms, "before_id": before_id, "limit": limit}
        return await thrown_away(self.unit, query, values, before=steps)

    def _change(
        self, query: Any, values: dict[str, Any], operation: Operation, *, claimed: bool = False
    ) -> None:
        missing = (lambda: Lost(f"the claim of {operation.id} was overtaken")) if claimed else None
        self.unit.write(
            Write(
                query,
                query.place(values),
                missing=missing,
                topic=operation.id,
                lock=operation.resource_id,
            )
        )


def due_unless_behind(resource_name: str, own_name: str) -> dict[str, Any]:
    """Due now, with the next turn, or NULL if another operation on the resource has not ended."""
    other = tables.operations.alias("other")
    behind = sa.exists().where(
        other.c.resource_id == bind(resource_name, op.resource_id),
        other.c.ended_at_ms.is_(None),
        other.c.id != bind(own_name, op.id),
    )
    turn = next_turn(bind("project_id", op.project_id), bind("kind", op.kind))
    return {
        "claimable_at_ms": sa.case((behind, sa.null()), else_=bind("now", op.claimable_at_ms)),
        "turn": sa.case((behind, sa.null()), else_=turn),
    }


def next_turn(project: sa.ColumnElement[str], kind: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    """Return the next turn. Each kind of operation of each project is a lane. The next operation of
    a lane comes one turn after its last; that of an empty lane comes with the next turn of all: so
    a long lane delays no other."""
    lane, front = tables.operations.alias("lane"), tables.operations.alias("front")
    last = (
        sa.select(lane.c.turn + 1)
        .where(lane.c.project_id == project, lane.c.kind == kind, lane.c.turn.is_not(None))
        .order_by(lane.c.turn.desc())
        .limit(1)
        .correlate(tables.operations)
        .scalar_subquery()
    )
    first = (
        sa.select(front.c.turn)
        .where(front.c.turn.is_not(None))
        .order_by(front.c.turn, front.c.id)
        .limit(1)
        .correlate(None)
        .scalar_subquery()
    )
    return sa.func.coalesce(last, first, sa.literal_column("0"))


def counted(*conditions: sa.ColumnElement[bool]) -> sa.ClauseElement:
    found = (
        sa.select(sa.literal(1))
        .select_from(tables.operations)
        .where(*conditions)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(found)


def next_statement() -> sa.ClauseElement:
    """An operation that has not begun is due whatever its time says: 0."""
    ready = (
        sa.select(sa.literal_column("0"))
        .where(op.turn.is_not(None))
        .order_by(op.turn, op.id)
        .limit(1)
        .scalar_subquery()
    )
    waiting = (
        sa.select(op.claimable_at_ms)
        .where(op.claimable_at_ms.is_not(None), op.turn.is_(None))
        .order_by(op.claimable_at_ms)
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(sa.func.coalesce(ready, waiting))


def claim_statement() -> sa.ClauseElement:
    """Claim due operations: two indexed predicates, each walked in its order. The repeated
    condition ensures that two engines that select the same row claim it once. It is a common table
    expression, because a subquery with locks may be executed more than once."""
    due = sa.or_(
        op.claimable_at_ms <= bind("now", op.claimable_at_ms),
        op.claimable_at_ms > bind("far", op.claimable_at_ms),
        op.turn.is_not(None),
    )
    ready = (
        sa.select(op.id)
        .where(op.turn.is_not(None))
        .order_by(op.turn, op.id)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
        .cte("ready")
    )
    again = (
        sa.select(op.id)
        .where(op.turn.is_(None), due)
        .order_by(op.claimable_at_ms)
        .limit(sa.bindparam("again", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
        .cte("again")
    )
    picked = sa.union_all(sa.select(ready.c.id), sa.select(again.c.id))
    running = sa.case(
        (op.state == OperationState.ACCEPTED.value, OperationState.RUNNING.value), else_=op.state
    )
    return (
        tables.operations.update()
        .where(op.id.in_(picked), due)
        .values(
            engine=bind("engine", op.engine),
            epoch=op.epoch + 1,
            claimable_at_ms=bind("lease", op.claimable_at_ms),
            turn=sa.null(),
            started_at_ms=sa.func.coalesce(op.started_at_ms, bind("now", op.started_at_ms)),
            state=running,
        )
        .returning(*OPERATIONS.columns)
    )


def promote_statement() -> sa.ClauseElement:
    """Make the head of a resource's queue due, if it is not."""
    head = (
        sa.select(op.id)
        .where(op.resource_id == bind("of_resource", op.resource_id), op.ended_at_ms.is_(None))
        .order_by(op.queued_at_ms, op.id)
        .limit(1)
    )
    return (
        tables.operations.update()
        .where(op.id == head.scalar_subquery(), op.claimable_at_ms.is_(None))
        .values(
            claimable_at_ms=bind("now", op.claimable_at_ms), turn=next_turn(op.project_id, op.kind)
        )
    )


def lost_heads_statement() -> sa.ClauseElement:
    """Make operations due that are queued behind nothing. A safeguard: it should never find any."""
    ahead = tables.operations.alias("ahead")
    behind = sa.exists().where(
        ahead.c.resource_id == op.resource_id,
        ahead.c.ended_at_ms.is_(None),
        ahead.c.claimable_at_ms.is_not(None),
    )
    first = tables.operations.alias("first")
    is_first = ~sa.exists().where(
        first.c.resource_id == op.resource_id,
        first.c.ended_at_ms.is_(None),
        sa.or_(
            first.c.queued_at_ms < op.queued_at_ms,
            sa.and_(first.c.queued_at_ms == op.queued_at_ms, first.c.id < op.id),
        ),
    )
    return (
        tables.operations.update()
        .where(op.ended_at_ms.is_(None), op.claimable_at_ms.is_(None), ~behind, is_first)
        .values(claimable_at_ms=bind("now", op.claimable_at_ms))
    )
