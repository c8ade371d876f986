"""The one entry of all changes: runs commands in one transaction, and repeats it after a race.

A handler is found by the type of its command. It reads, checks and holds its writes back; the desk
commits them together with the audit records and the outcome kept for an Idempotency-Key, then wakes
the engine.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import msgspec

from atoll.domain import ids
from atoll.domain.actions import Action, action_of
from atoll.domain.commands import Command, Made, Reference, describe
from atoll.domain.errors import AlreadyExists, Conflict, Forbidden, KeyReused, Lost, Refused
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.operations import Operation
from atoll.domain.projects import RIGHTS, Caller
from atoll.domain.reasons import Reason
from atoll.domain.secrets import conceal, reveal
from atoll.operations.steps import Workflow
from atoll.ports import Clock, Ids, Store, Transaction
from atoll.service.backlog import Backlog, require_queue
from atoll.service.deployment import Deployment
from atoll.service.nouns import latest
from atoll.service.outcomes import Outcome, decode_outcome, encode_outcome

RACES_MAX = 50
T = TypeVar("T")


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's Idempotency-Key, and a hash of its request."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of a handler: the resource as it is now, and its accepted operation.

    `before` and `after` are the changes for the audit record; `about` is its resource if that
    differs from `thing`. If nothing `changed`, nothing is recorded. `secret` is a text that is
    shown once.
    """

    thing: T
    operation: Operation | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    about: str = ""
    changed: bool = True
    secret: str = ""


@dataclass(frozen=True)
class View:
    """The caller, the time and the transaction of a read."""

    caller: Caller
    tx: Transaction
    now_ms: int
    deployment: Deployment

    @property
    def project_id(self) -> str:
        return self.caller.project_id

    def may(self, right: str) -> bool:
        return right in RIGHTS[self.caller.role]

    def require(self, right: str) -> None:
        """Raises Forbidden."""
        if not self.may(right):
            raise Forbidden(Reason.ROLE_LACKS_RIGHT, role=self.caller.role, right=right)


Handler = Callable[["Case", Any], Awaitable[Done[Any]]]


@dataclass(frozen=True)
class Case(View):
    """The commands of one request, and their transaction. `made` contains the resources of the
    commands executed so far; `accepted` operations are not visible to queries yet."""

    ids: Ids
    handlers: Mapping[type[Command], Handler]
    made: list[Any] = field(default_factory=list)
    accepted: list[Operation] = field(default_factory=list)

    async def execute(self, command: Command) -> Done[Any]:
        """Execute one command; handlers call it for the commands of which theirs consists."""
        action = action_of(command)
        self.require(action.right)
        done = await self.handlers[type(command)](self, command)
        if done.changed:
            self._audit(action, command, done)
        return done

    def id_of(self, reference: Reference) -> str:
        """Return the id or name that a reference stands for."""
        if isinstance(reference, Made):
            made: str = self.made[reference.position].id
            return made
        return reference

    def accept(
        self, workflow: Workflow, resource_id: str, arguments: msgspec.Struct | None = None
    ) -> Operation:
        """Accept an operation, due immediately or queued behind those on the same resource."""
        operation = workflow.operation(
            self.ids.new(ids.OPERATION),
            project_id=self.caller.project_id,
            resource_id=resource_id,
            now_ms=self.now_ms,
            arguments=arguments,
            requested_by=self.caller.key_id,
        )
        self.tx.operations.enqueue(operation, self.now_ms, workflow.uses(operation))
        self.accepted.append(operation)
        self.note("operation.accepted", resource_id, operation.id, {"kind": workflow.kind})
        return operation

    def queued_at(self) -> set[str]:
        """Return the ids of the resources with accepted operations, without new resources."""
        new = {thing.id for thing in self.made if getattr(thing, "version", 0) == 1}
        return {operation.resource_id for operation in self.accepted} - new

    def note(
        self,
        kind: str,
        resource_id: str,
        operation_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Write an event."""
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

    def _concealed(self, facts: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if facts is None else conceal("", facts, self.deployment.keys.conceal)

    def _audit(self, action: Action, command: Command, done: Done[Any]) -> None:
        self.tx.audit.add(
            AuditRecord(
                id=self.ids.new(ids.AUDIT),
                project_id=self.caller.project_id,
                key_id=self.caller.key_id,
                dialect=self.caller.dialect,
                request_id=self.caller.request_id,
                agent=self.caller.agent,
                action=action.name,
                command=describe(command, self.deployment.keys.conceal),
                resource_id=done.about or done.thing.id,
                operation_id=done.operation.id if done.operation else None,
                before=self._concealed(done.before),
                after=self._concealed(done.after),
                at_ms=self.now_ms,
            )
        )


@dataclass(frozen=True)
class Desk:
    """Executes commands, and rehearses them for a dry run."""

    store: Store
    clock: Clock
    ids: Ids
    wake: Callable[[], None]
    handlers: Mapping[type[Command], Handler]
    deployment: Deployment
    backlog: Backlog = field(default_factory=Backlog)

    def view(self, caller: Caller) -> View:
        """Open a read-only view."""
        return View(caller, self.store.read(), self.clock.now_ms(), self.deployment)

    async def execute(
        self, caller: Caller, *commands: Command, once: Once | None = None
    ) -> Outcome[Any]:
        """Execute all commands or none. A repeated Idempotency-Key returns the first outcome.
        Raises KeyReused if the key was used for another request, RateLimited if too many operations
        of the project wait, and Conflict after too many races with other changes."""
        overtaken = False
        for race in range(RACES_MAX):
            first = await self._first_outcome(caller, once)
            if first is not None:
                return first
            checked = False
            try:
                async with self.store.transaction(fresh=race > 0) as tx:
                    case = self._case(caller, tx)
                    outcome = await carry_out(case, commands)
                    await self.backlog.require_room(tx, caller.project_id, len(case.accepted))
                    await require_queue(tx, case.queued_at())
                    if once is not None:
                        tx.idempotency.add(first_answer(case, once, outcome))
                    checked = True
            except Lost:
                continue
            except Refused as error:
                if checked and isinstance(error, AlreadyExists) and not overtaken:
                    # Another request created the row since the check: check once more, with it.
                    overtaken = True
                    continue
                # The same request may have been accepted since, and be the reason: it has the name.
                first = await self._first_outcome(caller, once)
                if first is not None:
                    return first
                raise
            self.wake()
            return outcome
        raise Conflict(Reason.TOO_MANY_RACES)

    async def _first_outcome(self, caller: Caller, once: Once | None) -> Outcome[Any] | None:
        """Return the outcome of the request that used the Idempotency-Key first. Raises
        KeyReused."""
        if once is None:
            return None
        read = self.store.read()
        first = await read.idempotency.find(caller.key_id, once.key)
        return None if first is None else await replay(read, first, once)

    async def rehearse(self, caller: Caller, *commands: Command) -> Outcome[Any]:
        """Return the outcome that the commands would have, without writing."""
        async with self.store.transaction() as tx:
            outcome = await carry_out(self._case(caller, tx), commands)
            tx.discard()
        return outcome

    def _case(self, caller: Caller, tx: Transaction) -> Case:
        return Case(caller, tx, self.clock.now_ms(), self.deployment, self.ids, self.handlers)


async def carry_out(case: Case, commands: tuple[Command, ...]) -> Outcome[Any]:
    """Run the commands in order. An error has the position of its command."""
    every: list[Done[Any]] = []
    for position, command in enumerate(commands):
        try:
            done = await case.execute(command)
        except Refused as error:
            error.position = position
            raise
        every.append(done)
        case.made.append(done.thing)
    things = [done.thing for done in every]
    if len(things) > 1:
        # A later command may have changed the resource of an earlier one.
        things = [await latest(case.tx, thing) for thing in things]
    return Outcome(
        things=tuple(things),
        operations=tuple(done.operation for done in every if done.operation is not None),
        secret=next((done.secret for done in every if done.secret), ""),
    )


def first_answer(case: Case, once: Once, outcome: Outcome[Any]) -> IdempotencyRecord:
    return IdempotencyRecord(
        key_id=case.caller.key_id,
        key=once.key,
        fingerprint=once.fingerprint,
        status=0,
        body=encode_outcome(outcome),
        at_ms=case.now_ms,
    )


async def replay(tx: Transaction, first: IdempotencyRecord, once: Once) -> Outcome[Any]:
    """Return the stored outcome of an Idempotency-Key. Raises KeyReused."""
    if first.fingerprint != once.fingerprint:
        raise KeyReused(Reason.KEY_REUSED, field="idempotency_key")
    try:
        outcome = decode_outcome(first.body)
    except msgspec.DecodeError as error:
        raise KeyReused(Reason.KEY_FROM_EARLIER_VERSION, field="idempotency_key") from error
    things = [reveal(thing, await latest(tx, thing)) for thing in outcome.things]
    return replace(outcome, things=tuple(things))
