"""Waits for operations and guests with long polls, and shows progress on a terminal.

A restart of the server is tolerated for a while: accepted operations continue afterwards.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from atoll.cli.client import Client, Json, Query
from atoll.cli.errors import OperationFailed, TimedOut, Unreachable
from atoll.cli.output import Show
from atoll.cli.session import Session

POLL_S = 25
POLL_ON_TERMINAL_S = 1
PAUSE_S = 0.1
RESTART_PATIENCE_S = 30.0
ENDED = frozenset({"completed", "failed"})


@dataclass
class Poll:
    """Polls one resource repeatedly, with the longest poll that the remaining time allows."""

    client: Client
    timeout_s: float
    longest_s: int = POLL_S
    now_s: Callable[[], float] = time.monotonic

    def until(self, path: str, query: Query, over: Callable[[Json], bool]) -> Json | None:
        """Return the resource once `over` is true, or None if the time runs out first."""
        ends_at_s = self.now_s() + self.timeout_s
        while True:
            left_s = ends_at_s - self.now_s()
            wait_s = max(0, min(self.longest_s, int(left_s)))
            asked_at_s = self.now_s()
            thing = self._ask(path, query, wait_s)
            if over(thing):
                return thing
            if self.now_s() >= ends_at_s:
                return None
            if self.now_s() - asked_at_s < PAUSE_S:
                self.client.pause(PAUSE_S)

    def _ask(self, path: str, query: Query, wait_s: int) -> Json:
        patient_until_s = self.now_s() + RESTART_PATIENCE_S
        while True:
            try:
                return self.client.get(path, {**query, "wait": wait_s}, wait_s=wait_s)
            except Unreachable:
                if self.now_s() + 1.0 >= min(patient_until_s, self.now_s() + self.timeout_s):
                    raise
                self.client.pause(1.0)


def wait_for_operation(session: Session, operation_id: str, *, timeout_s: float) -> Json:
    """Wait for an operation to succeed. Raises OperationFailed or TimedOut."""
    operation = wait_until_ended(session, operation_id, timeout_s=timeout_s)
    require_success(operation)
    return operation


def wait_until_ended(session: Session, operation_id: str, *, timeout_s: float) -> Json:
    """Wait for an operation to end, successfully or not. Raises TimedOut."""
    with session.output.progress() as show:
        operation = poll_of(session, timeout_s).until(
            f"/v1/operations/{operation_id}", {}, lambda seen: shown_and_ended(seen, show)
        )
    if operation is None:
        raise TimedOut(
            f"{operation_id} is still running after {timeout_s:g} s; "
            f"continue waiting with `atoll operation wait {operation_id}`"
        )
    return operation


def wait_until_ready(session: Session, instance_id: str, *, timeout_s: float) -> Json | None:
    """Wait until the guest is ready or has stopped; None if the time runs out."""
    with session.output.progress() as show:
        show("first boot", None)
        return poll_of(session, timeout_s).until(
            f"/v1/instances/{instance_id}", {"until": "ready"}, is_settled
        )


def poll_of(session: Session, timeout_s: float) -> Poll:
    """Use short polls on a terminal, so that the progress bar moves."""
    longest_s = POLL_ON_TERMINAL_S if session.output.err.isatty() else POLL_S
    return Poll(client=session.client, timeout_s=timeout_s, longest_s=longest_s)


def shown_and_ended(operation: Json, show: Show) -> bool:
    progress = operation.get("progress") or {}
    title = describe(operation)
    show(title, progress.get("percent"))
    return operation.get("status") in ENDED


def describe(operation: Json) -> str:
    """Describe what an operation is doing."""
    progress = operation.get("progress") or {}
    doing = progress.get("message") or progress.get("name") or operation.get("status", "")
    if waiting_for := operation.get("waiting_for"):
        doing = f"waiting for {waiting_for}"
    return f"{operation.get('kind', 'operation')}: {doing}"


def is_settled(instance: Json) -> bool:
    status = instance.get("status") or {}
    return bool(status.get("ready")) or status.get("state") in {"stopped", "terminated"}


def require_success(operation: Json) -> None:
    """Raise OperationFailed with the reason of the operation, if it failed."""
    if operation.get("status") == "completed":
        return
    result = operation.get("result") or {}
    raise OperationFailed(
        f"{operation.get('kind', 'the operation')} failed: {result.get('error', 'unknown error')}"
        f"\n  see `atoll operation show {operation['id']}`; "
        f"retry with `atoll operation retry {operation['id']}`"
    )
