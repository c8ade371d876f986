"""Steps, and their context. The engine (`engine.py`) does the rest.

A step reads through `context.tx` and holds its writes back there; the engine commits them together
with the step's line in the journal, so both happen once or not at all. Effects of a step outside
the database must be repeatable, because the step may have run before.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from atoll.domain import ids
from atoll.domain.errors import DriverElsewhere, DriverUnavailable, HostRemoved
from atoll.domain.hosts import HostState
from atoll.domain.operations import Operation, OperationState
from atoll.messages import (
    Ask,
    Done,
    RemoveExport,
    RemoveGuest,
    RemoveImage,
    RemoveImport,
    RemoveSnapshot,
    RemoveVolume,
    Reply,
    Request,
    Token,
)
from atoll.ports import Bus, Ids, Transaction

A = TypeVar("A", bound=msgspec.Struct)
SYSTEM = "system"
REMOVALS = (RemoveExport, RemoveGuest, RemoveImage, RemoveImport, RemoveSnapshot, RemoveVolume)


@dataclass(frozen=True)
class Retry:
    """Run the step again after `after_s` seconds. Not a failure. The writes of the step are
    discarded, unless `keep` is set: for a step that continues where it stopped."""

    after_s: float
    reason: str
    percent: float | None = None
    keep: bool = False


@dataclass(frozen=True)
class Ranges:
    """The ranges of addresses: the public one on the loopback, and the private one for instances
    without a subnet."""

    public_cidr: str
    private_cidr: str


@dataclass(frozen=True)
class StepContext:
    """One run of one step. `asks` counts the requests of its engine, and never repeats a number."""

    operation: Operation
    tx: Transaction
    bus: Bus
    now_ms: int
    ranges: Ranges
    ids: Ids
    asks: Iterator[int]

    async def ask(self, host_id: str, request: Request, *, timeout_s: float = 30) -> Reply:
        """Send a request to a host. A host that is being removed accepts removals without a
        request, and raises HostRemoved for everything else."""
        try:
            return await self.bus.request(host_id, self._envelope(request, timeout_s))
        except (DriverElsewhere, DriverUnavailable):
            host = await self.tx.hosts.find(host_id)
            if host is not None and host.state is not HostState.REMOVING:
                raise
        if not isinstance(request, REMOVALS):
            raise HostRemoved(f"host {host_id} was removed")
        return Done()

    def _envelope(self, request: Request, timeout_s: float) -> Ask:
        """Each request has a new id, also if a step is repeated: an earlier answer may be outdated,
        and every request is repeatable."""
        operation, number = self.operation, next(self.asks)
        direction = "undo" if operation.state is OperationState.UNDOING else "do"
        step = f"{operation.id}:{operation.run}:{operation.step}:{direction}"
        return Ask(
            id=f"{step}:{operation.epoch}.{number}",
            within_ms=int(timeout_s * 1000),
            resource_id=operation.resource_id,
            token=Token(operation.queued_at_ms, operation.id, operation.epoch, number),
            body=request,
        )

    def arguments(self, kind: type[A]) -> A:
        """The operation's arguments, as its workflow's module declares them."""
        return arguments_of(self.operation, kind)


def arguments_of(operation: Operation, kind: type[A]) -> A:
    return msgspec.convert(operation.arguments, kind)


Do = Callable[[StepContext], Awaitable[Retry | None]]
Settle = Callable[[StepContext, OperationState], Awaitable[None]]
Prepare = Callable[[StepContext], Awaitable[Retry | msgspec.Struct | None]]
NOTHING: frozenset[str] = frozenset()


def uses_nothing(operation: Operation) -> frozenset[str]:
    return NOTHING


def ids_in(*ids: str | None) -> frozenset[str]:
    """Return the ids that are given: what an operation uses."""
    return frozenset(one for one in ids if one)


@dataclass(frozen=True)
class Step:
    """`timeout_s` limits one attempt, `attempts_max` the number of temporary failures."""

    do: Do
    undo: Do | None = None
    timeout_s: float = 60
    attempts_max: int = 5

    @property
    def name(self) -> str:
        return self.do.__name__


@dataclass(frozen=True)
class Workflow:
    """`settle` writes the outcome into the resource, in the transaction that ends the operation.

    `prepare` runs before the first step, once. It waits (Retry) for operations on other resources,
    and returns the arguments completed with what the operations before it have left, or None. If it
    raises a refusal, the operation fails without an undo. `uses` are the ids of the resources that
    an operation needs from its acceptance to its end.
    """

    kind: str
    steps: tuple[Step, ...]
    settle: Settle
    deadline_s: float
    cancellable: bool = True
    prepare: Prepare | None = None
    uses: Callable[[Operation], frozenset[str]] = uses_nothing

    def operation(
        self,
        operation_id: str,
        *,
        project_id: str,
        resource_id: str,
        now_ms: int,
        arguments: msgspec.Struct | None = None,
        requested_by: str = SYSTEM,
    ) -> Operation:
        """Return a new operation on one resource, to be enqueued."""
        return Operation(
            id=operation_id,
            project_id=project_id,
            kind=self.kind,
            resource_id=resource_id,
            arguments=msgspec.to_builtins(arguments) if arguments is not None else {},
            steps=len(self.steps),
            requested_by=requested_by,
            prepared=self.prepare is None,
            deadline_ms=now_ms + int(self.deadline_s * 1000),
            created_at_ms=now_ms,
            queued_at_ms=now_ms,
        )


def enqueue(
    context: StepContext,
    workflow: Workflow,
    resource_id: str,
    arguments: msgspec.Struct | None = None,
) -> Operation:
    """Accept a follow-up operation of this operation."""
    operation = workflow.operation(
        context.ids.new(ids.OPERATION),
        project_id=context.operation.project_id,
        resource_id=resource_id,
        now_ms=context.now_ms,
        arguments=arguments,
    )
    context.tx.operations.enqueue(operation, context.now_ms, workflow.uses(operation))
    return operation
