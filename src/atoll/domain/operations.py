"""The durable record of a change that takes time. `operations/engine.py` runs it."""

from enum import StrEnum
from typing import Any

import msgspec


class OperationState(StrEnum):
    ACCEPTED = "accepted"
    RUNNING = "running"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A time further ahead than any pause or lease was written before the clock was set back: it counts
# as due.
FAR_MS = 90_000
ENDED = frozenset({OperationState.DONE, OperationState.FAILED, OperationState.CANCELLED})
RETRYABLE = frozenset({OperationState.FAILED, OperationState.CANCELLED})
# The error of an operation that its user cancelled.
BY_REQUEST = "cancelled by request"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`claimable_at_ms` is the only column that a claim reads: when an engine may next claim the
    operation. It is None while the operation queues behind another one on its resource, and after
    its end; while an engine holds it, it is the end of that engine's lease.

    `epoch` counts the claims: a writer with an old epoch has lost its claim. `run` counts the tries
    of the whole operation, `attempt` those of the present step. It is `prepared` once the
    operations on other resources for which it waits have ended.
    """

    id: str
    project_id: str
    kind: str
    resource_id: str
    arguments: dict[str, Any] = {}
    state: OperationState = OperationState.ACCEPTED
    run: int = 1
    step: int = 0
    steps: int
    attempt: int = 0
    message: str = ""
    percent: float = 0.0
    error_code: str | None = None
    error_message: str | None = None
    cancel_requested: bool = False
    prepared: bool = True
    requested_by: str
    deadline_ms: int
    claimable_at_ms: int | None = None
    engine: str | None = None
    epoch: int = 0
    created_at_ms: int
    queued_at_ms: int
    started_at_ms: int | None = None
    ended_at_ms: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal: a step that is permanently done (or undone).

    `run` counts the tries of the whole operation, so a retry writes new lines.
    """

    operation_id: str
    run: int
    index: int
    direction: str
    name: str
    epoch: int
    attempts: int
    ended_at_ms: int
