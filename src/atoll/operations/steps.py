"""What a step is, and what it is given. The engine (`engine.py`) does the rest.

A step reads through `context.tx` and holds its writes back there; the engine commits them together
with the step's line in the journal, so both happen once or not at all. What a step does outside
the database must be repeatable: it may have happened before.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from atoll.domain.operations import Operation, OperationState
from atoll.messages import Reply, Request
from atoll.ports import Bus, Transaction


@dataclass(frozen=True)
class Retry:
    """Not yet: do the step again after `after_s` seconds. Not a failure."""

    after_s: float
    reason: str
    percent: float | None = None


@dataclass(frozen=True)
class Ranges:
    """Where instances get their addresses: the public ones of the loopback, the private ones of
    those that name no subnet."""

    public_cidr: str
    private_cidr: str


@dataclass(frozen=True)
class StepContext:
    """One run of one step."""

    operation: Operation
    tx: Transaction
    bus: Bus
    now_ms: int
    ranges: Ranges

    async def ask(self, host_id: str, request: Request, *, timeout_s: float = 30) -> Reply:
        return await self.bus.request(host_id, request, timeout_s=timeout_s)


Do = Callable[[StepContext], Awaitable[Retry | None]]
Settle = Callable[[StepContext, OperationState], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """`timeout_s` bounds one attempt, `attempts_max` the failures that may pass by themselves."""

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
    `impact` and `undo` are sentences for whoever asks before."""

    kind: str
    steps: tuple[Step, ...]
    settle: Settle
    deadline_s: float
    impact: str
    undo: str
    cancellable: bool = True
