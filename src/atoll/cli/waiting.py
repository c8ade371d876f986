"""Waits for operations and guests with long polls, and shows progress on a terminal.

A restart of the server is tolerated for a while: accepted operations continue afterwards.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from atoll.cli.client import Client, Json, Query
from atoll.cli.errors import Interrupted, OperationFailed, TimedOut, Unreachable
from atoll.cli.output import Output, Show
from atoll.cli.session import Session

POLL_S = 10
STILL_S = 8.0
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
    """Wait for an operation to end, successfully or not. Raises TimedOut or Interrupted."""
    try:
        with session.output.progress() as show:
            watch = Watch(session.output, show)
            operation = poll_of(session, timeout_s).until(
                f"/v1/operations/{operation_id}", {}, watch.operation_ended
            )
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            f"stopped waiting, but {operation_id} goes on: watch it with "
            f"`atoll operation watch {operation_id}`, or cancel it with "
            f"`atoll operation cancel {operation_id}`"
        ) from stopped
    if operation is None:
        raise TimedOut(
            f"{operation_id} is still running after {timeout_s:g} s; "
            f"continue waiting with `atoll operation wait {operation_id}`"
        )
    return operation


def wait_until_ready(session: Session, instance: Json, *, timeout_s: float) -> Json | None:
    """Wait until the guest is ready or has stopped; None if the time runs out. Raises
    Interrupted."""
    name = instance["metadata"]["name"]
    try:
        with session.output.progress() as show:
            watch = Watch(session.output, show)
            return poll_of(session, timeout_s).until(
                f"/v1/instances/{instance['id']}", {"until": "ready"}, watch.instance_settled
            )
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            f"stopped waiting, but {name} goes on booting: see `atoll instance show {name}` "
            f"and `atoll instance logs {name}`; delete it with `atoll instance delete {name}`"
        ) from stopped


def poll_of(session: Session, timeout_s: float) -> Poll:
    """Use short polls on a terminal, so that the progress bar moves."""
    longest_s = POLL_ON_TERMINAL_S if session.output.err.isatty() else POLL_S
    return Poll(client=session.client, timeout_s=timeout_s, longest_s=longest_s)


@dataclass
class Watch:
    """Shows what is waited for: always on a terminal; elsewhere one line for each thing that has
    not moved for some seconds."""

    output: Output
    show: Show
    now_s: Callable[[], float] = time.monotonic
    words: str = ""
    since_s: float = 0.0
    told: str = ""

    def operation_ended(self, operation: Json) -> bool:
        over = operation.get("status") in ENDED
        if not over:
            progress = operation.get("progress") or {}
            self.note(describe(operation), progress.get("percent"))
        return over

    def instance_settled(self, instance: Json) -> bool:
        over = is_settled(instance)
        if not over:
            status = instance.get("status") or {}
            why = status.get("reason") or status.get("waiting_for")
            self.note(f"first boot: {why}" if why else "first boot", None)
        return over

    def note(self, words: str, percent: float | None) -> None:
        self.show(words, percent)
        if words != self.words:
            self.words, self.since_s = words, self.now_s()
        elif self.now_s() - self.since_s >= STILL_S and words != self.told:
            self.told = words
            if not self.output.err.isatty():
                self.output.note(f"still waiting: {words}")


def describe(operation: Json) -> str:
    """Describe what an operation is doing, or why it is not."""
    progress = operation.get("progress") or {}
    doing = (
        operation.get("waiting_for")
        or progress.get("message")
        or progress.get("name")
        or operation.get("status", "")
    )
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
