"""Where every mutation passes: one transaction, the first answer kept, races run again.

A use case is a function of a `Case`. It reads, checks and holds its writes back; the desk commits
them together with the audit record and the answer to an Idempotency-Key, then wakes the engine.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from atoll.domain import ids
from atoll.domain.errors import Conflict, Forbidden, KeyReused, Lost
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.operations import Operation
from atoll.domain.projects import RIGHTS, Caller
from atoll.operations.steps import Workflow
from atoll.ports import Clock, Ids, Store, Transaction

RACES_MAX = 50
T = TypeVar("T")


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's Idempotency-Key, and a hash of the request that it came with."""

    key: str
    fingerprint: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`body` in the dialect's own words."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True)
class Accepted(Generic[T]):
    """The thing as it now is, and the operation that goes on about it, if one does."""

    thing: T
    operation: Operation | None = None


@dataclass(frozen=True)
class Case:
    """One mutation: who asks, when, and the transaction that it happens in. What it has accepted so
    far is not to be read in that before it ends."""

    caller: Caller
    tx: Transaction
    now_ms: int
    ids: Ids
    accepted: list[Operation] = field(default_factory=list)

    def require(self, right: str) -> None:
        require(self.caller, right)

    def accept(
        self, workflow: Workflow, resource_id: str, arguments: dict[str, Any] | None = None
    ) -> Operation:
        """Writes down an operation, due at once or behind those on the same resource."""
        operation = workflow.operation(
            self.ids.new(ids.OPERATION),
            project_id=self.caller.project_id,
            resource_id=resource_id,
            now_ms=self.now_ms,
            arguments=arguments,
            requested_by=self.caller.key_id,
        )
        self.tx.operations.enqueue(operation, self.now_ms)
        self.accepted.append(operation)
        self.note("operation.accepted", resource_id, operation.id, {"kind": workflow.kind})
        return operation

    def note(
        self,
        kind: str,
        resource_id: str,
        operation_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        self.tx.events.add(
            Event(
                project_id=self.caller.project_id,
                kind=kind,
                resource_id=resource_id,
                operation_id=operation_id,
                data=data or {},
                at_ms=self.now_ms,
            )
        )

    def audit(
        self,
        action: str,
        resource_id: str,
        *,
        operation: Operation | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        self.tx.audit.add(
            AuditRecord(
                id=self.ids.new(ids.AUDIT),
                project_id=self.caller.project_id,
                key_id=self.caller.key_id,
                dialect=self.caller.dialect,
                request_id=self.caller.request_id,
                agent=self.caller.agent,
                action=action,
                resource_id=resource_id,
                operation_id=operation.id if operation else None,
                before=before,
                after=after,
                at_ms=self.now_ms,
            )
        )


UseCase = Callable[[Case], Awaitable[T]]


def require(caller: Caller, right: str) -> None:
    if right not in RIGHTS[caller.role]:
        raise Forbidden(f"a key with the role {caller.role} may not {right}")


class Desk:
    def __init__(self, store: Store, clock: Clock, new_ids: Ids, wake: Callable[[], None]) -> None:
        self.store = store
        self.clock = clock
        self._ids = new_ids
        self._wake = wake

    async def carry_out(
        self,
        caller: Caller,
        use_case: UseCase[T],
        render: Callable[[T], Answer],
        once: Once | None = None,
    ) -> Answer:
        """The answer as it was first given. Raises KeyReused where the key came with another
        request before, and Conflict where others were faster too many times."""
        for race in range(RACES_MAX):
            if once is not None:
                first = await self.store.read().idempotency.find(caller.key_id, once.key)
                if first is not None:
                    return replay(first, once)
            try:
                async with self.store.transaction(fresh=race > 0) as tx:
                    case = Case(caller, tx, self.clock.now_ms(), self._ids)
                    answer = render(await use_case(case))
                    if once is not None:
                        tx.idempotency.add(first_answer(case, once, answer))
            except Lost:
                continue
            self._wake()
            return answer
        raise Conflict("others are changing the same thing all the time: try again")

    async def rehearse(self, caller: Caller, use_case: UseCase[T]) -> T:
        """What the use case would answer; nothing is written."""
        async with self.store.transaction() as tx:
            result = await use_case(Case(caller, tx, self.clock.now_ms(), self._ids))
            tx.discard()
        return result


def first_answer(case: Case, once: Once, answer: Answer) -> IdempotencyRecord:
    return IdempotencyRecord(
        key_id=case.caller.key_id,
        key=once.key,
        fingerprint=once.fingerprint,
        status=answer.status,
        body=answer.body,
        at_ms=case.now_ms,
    )


def replay(first: IdempotencyRecord, once: Once) -> Answer:
    if first.fingerprint != once.fingerprint:
        raise KeyReused(
            "this Idempotency-Key came with another request before: use a new one",
            field="Idempotency-Key",
        )
    return Answer(status=first.status, body=first.body, replayed=True)
