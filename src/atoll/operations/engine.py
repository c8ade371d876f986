"""Runs operations: claims them with a lease and an epoch, runs their steps, records each once.

Started by the composition root, woken by services. It does not decide what a step does, and relies
only on rows that it has just read: any number of engines may use one database.
"""

import asyncio
import itertools
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from atoll.domain.errors import (
    AtollError,
    DriverBusy,
    DriverRefused,
    DriverUnavailable,
    HostRemoved,
    Lost,
    Refused,
    Stale,
    StoreUnavailable,
)
from atoll.domain.events import Event
from atoll.domain.operations import BY_REQUEST, FAR_MS, Operation, OperationState, StepRecord
from atoll.domain.secrets import scrub
from atoll.operations.pace import Pace
from atoll.operations.spent import Spent
from atoll.operations.steps import Do, Prepare, Ranges, Retry, Step, StepContext, Workflow
from atoll.ports import Bus, Clock, Ids, Store, Transaction

log = structlog.get_logger()

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 30.0
UNDO_ATTEMPTS_MAX = 10
# A host that is away may come back: its step is retried for minutes, its undo for up to `UNDO_S`.
# Other failures are retried a few times.
AWAY_ATTEMPTS_MAX = 12
UNDO_S = 1800.0
OVERTAKEN_MAX = 50
CANCELLED = "CANCELLED"

Act = Callable[[], Awaitable[Operation | None]]


@dataclass(frozen=True)
class Limits:
    """`lease_s`: another engine may claim an operation when its lease is not renewed for so
    long."""

    lease_s: float = 15.0
    at_once: int = 256
    poll_s: float = 1.0


class Engine:
    """One engine. `name` must be unique: at `run`, an engine resumes what an engine of this name
    held before."""

    def __init__(
        self,
        name: str,
        store: Store,
        bus: Bus,
        clock: Clock,
        workflows: Mapping[str, Workflow],
        ranges: Ranges,
        new_ids: Ids,
        limits: Limits = Limits(),
    ) -> None:
        self.name = name
        self._store = store
        self._bus = bus
        self._clock = clock
        self._workflows = workflows
        self._ranges = ranges
        self._ids = new_ids
        self._limits = limits
        self._wake = asyncio.Event()
        self._pace = Pace(clock)
        self._asks = itertools.count(1)
        self._carrying: dict[str, asyncio.Task[None]] = {}
        self._spent = Spent(clock)

    def wake(self) -> None:
        """A hint that an operation may be due. The engine would find it anyway."""
        self._wake.set()

    def accepted(self) -> None:
        """The same hint, when a request was just accepted: requests take precedence."""
        self._pace.accepted()
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled. The operations that it then holds are left to the next engine."""
        heart = asyncio.create_task(self._keep_leases())
        resuming = True
        try:
            while True:
                try:
                    if resuming:
                        await self._resume()
                        resuming = False
                    await self._claim_due()
                except Exception as error:
                    # A database that is away is no fault of the code: a sentence is enough.
                    trace = None if isinstance(error, StoreUnavailable) else error
                    log.error("could not claim", why=str(error), exc_info=trace)
                    await self._clock.sleep(self._limits.poll_s)
        finally:
            tasks = [*self._carrying.values(), heart]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _resume(self) -> None:
        resumed = await self._store.read().operations.abandon(self.name, self._clock.now_ms())
        if resumed:
            log.info("resuming operations", count=resumed)

    async def _claim_due(self) -> None:
        await self._pace.step()
        now_ms = self._clock.now_ms()
        operations = self._store.read().operations
        due_ms = await operations.next_due_ms()
        room = self._limits.at_once - len(self._carrying)
        if due_ms is not None and is_due(due_ms, now_ms) and room > 0:
            lease_ms = now_ms + int(self._limits.lease_s * 1000)
            for operation in await operations.claim(self.name, now_ms, lease_ms, room):
                self._begin(operation)
            return
        pause_s = self._limits.poll_s
        if due_ms is not None and room > 0:
            pause_s = min(pause_s, max(0.0, (due_ms - now_ms) / 1000))
        await self._pause(pause_s)

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
        self._wake.clear()

    def _begin(self, operation: Operation) -> None:
        """Start a claimed operation. If our own lease had expired, the earlier task is ended
        first."""
        if overslept := self._carrying.get(operation.id):
            overslept.cancel()
        task = asyncio.create_task(self._run_steps(operation))
        self._carrying[operation.id] = task
        task.add_done_callback(lambda ended: self._dropped(operation.id, ended))

    def _dropped(self, operation_id: str, ended: asyncio.Task[None]) -> None:
        if self._carrying.get(operation_id) is ended:
            del self._carrying[operation_id]
        self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            await self._clock.sleep(self._limits.lease_s / 3)
            held = list(self._carrying)
            if held:
                until_ms = self._clock.now_ms() + int(self._limits.lease_s * 1000)
                try:
                    await self._store.read().operations.extend(self.name, held, until_ms)
                except Exception as error:
                    log.warning("could not prolong leases", error=str(error))

    async def _run_steps(self, operation: Operation) -> None:
        """Run step after step, until the operation ends, must wait, or was claimed by another
        engine."""
        try:
            going: Operation | None = operation
            while going is not None:
                await self._pace.step((going.project_id, going.kind))
                going = await self._advance(going)
        except Lost as lost:
            log.info(
                "another engine has claimed the operation", operation=operation.id, why=lost.message
            )
        except AtollError as error:
            # The database did not record the step: the lease expires and the step is repeated.
            log.warning("could not record", operation=operation.id, error=error.message)
        except Exception as error:
            log.error("the engine failed", operation=operation.id, exc_info=error)

    async def _advance(self, operation: Operation) -> Operation | None:
        """Run the present step once. None if the claim was released or the operation ended."""
        current = await self._store.read().operations.get(operation.id)
        if current.epoch != operation.epoch or current.ended:
            raise Lost(f"{operation.id} was claimed by another engine")
        workflow = self._workflows.get(current.kind)
        if workflow is None:
            raise AtollError(
                f"unknown operation kind {current.kind}: a newer version of Atoll may have "
                "created it"
            )
        if current.state is OperationState.UNDOING:
            return await self._step_back(workflow, current)
        if current.step >= len(workflow.steps):
            return await self._end(workflow, current, OperationState.DONE)
        if current.cancel_requested and workflow.cancellable:
            reason = current.error_message or BY_REQUEST
            return await self._start_undo(current, CANCELLED, reason)
        if not current.prepared and workflow.prepare is not None:
            return await self._prepare(workflow, workflow.prepare, current)
        if self._spent.seconds(current) >= workflow.deadline_s:
            last = current.message or "none"
            late = f"not done within {workflow.deadline_s:g} s; last message: {last}"
            return await self._start_undo(current, "DEADLINE_EXCEEDED", late)
        return await self._step_on(workflow, current)

    async def _prepare(
        self, workflow: Workflow, prepare: Prepare, operation: Operation
    ) -> Operation | None:
        """Wait for operations on other resources, and complete the arguments. The time of waiting
        does not count: those operations have deadlines of their own."""
        first = workflow.steps[0]
        try:
            return await self._repeat_lost(operation, lambda: self._begun(prepare, operation))
        except Refused as error:
            return await self._start_undo(operation, error.code, error.message)
        except Exception as error:
            return await self._failed(workflow, operation, first, error)

    async def _begun(self, prepare: Prepare, operation: Operation) -> Operation | None:
        async with self._store.transaction(fresh=True) as tx:
            result = await prepare(self._context(operation, tx))
            if isinstance(result, Retry):
                tx.discard()
                waiting = OperationState.ACCEPTED
                self._release(tx, operation, result, state=waiting, started_at_ms=None)
                return None
            complete: dict[str, object] = {"prepared": True, "attempt": 0, "message": ""}
            if result is not None:
                complete["arguments"] = msgspec.to_builtins(result)
            return tx.operations.advance(operation, **complete)

    async def _step_on(self, workflow: Workflow, operation: Operation) -> Operation | None:
        step = workflow.steps[operation.step]
        try:
            return await self._repeat_lost(operation, lambda: self._do(workflow, step, operation))
        except DriverBusy as busy:
            await self._wait(operation, Retry(busy.after_s, busy.message, busy.percent))
            return None
        except Stale as stale:
            return await self._requeue(workflow, operation, step, stale)
        except (Refused, DriverRefused) as error:
            return await self._start_undo(operation, error.code, error.message)
        except Exception as error:
            return await self._failed(workflow, operation, step, error)

    async def _repeat_lost(self, operation: Operation, act: Act) -> Operation | None:
        """Repeat a step that lost a race for something other than the claim."""
        for _ in range(OVERTAKEN_MAX):
            try:
                return await act()
            except Lost:
                current = await self._store.read().operations.get(operation.id)
                if current.epoch != operation.epoch or current.ended:
                    raise
        raise AtollError(
            f"step {operation.step} lost a race with other changes {OVERTAKEN_MAX} times"
        )

    async def _do(self, workflow: Workflow, step: Step, operation: Operation) -> Operation | None:
        done = operation.step + 1
        percent = 100.0 * done / len(workflow.steps)
        advance: dict[str, object] = {"step": done, "message": "", "percent": percent}
        return await self._run(operation, step, step.do, "do", advance)

    async def _undo(self, step: Step, operation: Operation) -> Operation | None:
        advance: dict[str, object] = {"step": operation.step - 1}
        return await self._run(operation, step, step.undo, "undo", advance)

    async def _run(
        self,
        operation: Operation,
        step: Step,
        work: Do | None,
        direction: str,
        advance: dict[str, object],
    ) -> Operation | None:
        """Run one attempt: commit its writes, its line in the journal and the advance together."""
        async with self._store.transaction(fresh=True) as tx:
            if work is not None:
                async with asyncio.timeout(step.timeout_s):
                    retry = await work(self._context(operation, tx))
                if retry is not None:
                    if not retry.keep:
                        tx.discard()
                    self._release(tx, operation, retry)
                    return None
            self._record(tx, operation, step, direction)
            return tx.operations.advance(operation, attempt=0, **advance)

    async def _end(
        self, workflow: Workflow, operation: Operation, state: OperationState
    ) -> Operation | None:
        """Write the outcome to the resource and to the operation, in one transaction. If the
        resource cannot be written, the operation ends anyway, so that nothing gets stuck."""
        try:
            await self._repeat_lost(operation, lambda: self._settle(workflow, operation, state))
        except (Lost, StoreUnavailable):
            raise
        except Exception as error:
            log.error("could not settle", operation=operation.id, exc_info=error)
            words = f"the outcome ({state}) could not be written: {error}"
            broken = msgspec.structs.replace(operation, error_code="INTERNAL", error_message=words)
            async with self._store.transaction(fresh=True) as tx:
                self._finish(tx, broken, workflow, OperationState.FAILED)
        self._wake.set()
        return None

    async def _settle(
        self, workflow: Workflow, operation: Operation, state: OperationState
    ) -> None:
        async with self._store.transaction(fresh=True) as tx:
            await workflow.settle(self._context(operation, tx), state)
            self._finish(tx, operation, workflow, state)

    def _finish(
        self, tx: Transaction, operation: Operation, workflow: Workflow, state: OperationState
    ) -> None:
        changes: dict[str, object] = {"state": state, "message": ""}
        changes["arguments"] = scrub(operation.arguments)
        if state is OperationState.DONE:
            changes |= {"percent": 100.0, "step": len(workflow.steps)}
        uses = workflow.uses(operation)
        tx.operations.finish(operation, self._clock.now_ms(), uses, **changes)
        self._spent.forget(operation)
        data = {"kind": operation.kind}
        if operation.error_code is not None:
            data |= {"code": operation.error_code, "error": operation.error_message or ""}
        tx.events.add(
            Event(
                project_id=operation.project_id,
                kind=f"operation.{state}",
                resource_id=operation.resource_id,
                operation_id=operation.id,
                data=data,
                at_ms=self._clock.now_ms(),
            )
        )

    async def _start_undo(self, operation: Operation, code: str, message: str) -> Operation:
        """Start to roll back. The failing step may have run partly, so its undo comes first. The
        undo has its own deadline. An operation that is not prepared has run no step."""
        async with self._store.transaction(fresh=True) as tx:
            return tx.operations.advance(
                operation,
                state=OperationState.UNDOING,
                step=operation.step if operation.prepared else -1,
                deadline_ms=self._clock.now_ms() + int(UNDO_S * 1000),
                attempt=0,
                error_code=code,
                error_message=message,
                message=message,
            )

    async def _step_back(self, workflow: Workflow, operation: Operation) -> Operation | None:
        if operation.step < 0:
            cancelled = operation.error_code == CANCELLED
            end = OperationState.CANCELLED if cancelled else OperationState.FAILED
            return await self._end(workflow, operation, end)
        step = workflow.steps[operation.step]
        if self._spent.seconds(operation) >= UNDO_S:
            return await self._give_up_undo(workflow, operation, step, operation.message)
        try:
            return await self._repeat_lost(operation, lambda: self._undo(step, operation))
        except DriverBusy as busy:
            await self._wait(operation, Retry(busy.after_s, busy.message, busy.percent))
            return None
        except Stale as stale:
            return await self._requeue(workflow, operation, step, stale)
        except Exception as error:
            return await self._failed(workflow, operation, step, error)

    async def _requeue(
        self, workflow: Workflow, operation: Operation, step: Step, stale: Stale
    ) -> Operation | None:
        """Queue again after a host has served a later claim. Raises Lost if this claim is outdated.
        If it is still valid, another control process with a faster clock queued an earlier
        operation: from now on, this one counts as queued after that."""
        if stale.queued_at_ms < operation.queued_at_ms:
            return await self._failed(workflow, operation, step, stale)
        async with self._store.transaction(fresh=True) as tx:
            return tx.operations.advance(operation, queued_at_ms=stale.queued_at_ms + 1)

    async def _failed(
        self, workflow: Workflow, operation: Operation, step: Step, error: Exception
    ) -> Operation | None:
        """Back off; after the last attempt, roll back, or give up the undo."""
        if isinstance(error, Lost):
            raise error
        if not isinstance(error, AtollError | TimeoutError):
            log.error(
                "a step failed unexpectedly", operation=operation.id, step=step.name, exc_info=error
            )
        words = str(error) or f"{step.name} took longer than {step.timeout_s:g} s"
        undoing = operation.state is OperationState.UNDOING
        attempt = operation.attempt + 1
        if attempt < attempts_for(step, error, undoing=undoing):
            pause_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt - 1, 20))
            pause_s *= random.uniform(0.5, 1.5)  # noqa: S311  (jitter, no secret)
            await self._wait(operation, Retry(pause_s, words), attempt=attempt)
            return None
        if undoing:
            return await self._give_up_undo(workflow, operation, step, words)
        code = error.code if isinstance(error, AtollError) else "INTERNAL"
        if isinstance(error, TimeoutError):
            code = "TIMEOUT"
        return await self._start_undo(operation, code, words)

    async def _give_up_undo(
        self, workflow: Workflow, operation: Operation, step: Step, words: str
    ) -> Operation | None:
        """End with a step that is not rolled back. `step` stays unchanged, so that `settle` knows
        of it and keeps the remaining resources."""
        log.error("could not undo", operation=operation.id, step=step.name, error=words)
        left = f"{operation.error_message}; could not undo {step.name}: {words}"
        async with self._store.transaction(fresh=True) as tx:
            left_behind = tx.operations.advance(operation, error_message=left)
        return await self._end(workflow, left_behind, OperationState.FAILED)

    async def _wait(
        self, operation: Operation, retry: Retry, *, attempt: int | None = None
    ) -> None:
        async with self._store.transaction(fresh=True) as tx:
            self._release(tx, operation, retry, attempt=attempt)

    def _release(
        self,
        tx: Transaction,
        operation: Operation,
        retry: Retry,
        *,
        attempt: int | None = None,
        **changes: object,
    ) -> None:
        """Release the claim until the operation is due again."""
        due_ms = self._clock.now_ms() + int(retry.after_s * 1000)
        tx.operations.advance(
            operation,
            engine=None,
            claimable_at_ms=due_ms,
            message=retry.reason,
            attempt=operation.attempt if attempt is None else attempt,
            percent=operation.percent if retry.percent is None else percent_of(operation, retry),
            **changes,
        )

    def _record(self, tx: Transaction, operation: Operation, step: Step, direction: str) -> None:
        tx.operations.record(
            StepRecord(
                operation_id=operation.id,
                run=operation.run,
                index=operation.step,
                direction=direction,
                name=step.name,
                epoch=operation.epoch,
                attempts=operation.attempt + 1,
                ended_at_ms=self._clock.now_ms(),
            )
        )

    def _context(self, operation: Operation, tx: Transaction) -> StepContext:
        now_ms = self._clock.now_ms()
        return StepContext(operation, tx, self._bus, now_ms, self._ranges, self._ids, self._asks)


def attempts_for(step: Step, error: Exception, *, undoing: bool) -> int:
    if isinstance(error, HostRemoved):
        return 1
    away = isinstance(error, DriverUnavailable | StoreUnavailable)
    if undoing:
        # An undo has no limit of attempts: its deadline ends it.
        return sys.maxsize if away else UNDO_ATTEMPTS_MAX
    return max(step.attempts_max, AWAY_ATTEMPTS_MAX) if away else step.attempts_max


def is_due(due_ms: int, now_ms: int) -> bool:
    return not now_ms < due_ms <= now_ms + FAR_MS


def percent_of(operation: Operation, retry: Retry) -> float:
    """Return the progress: a step's own percentage as its share of the whole."""
    return (100.0 * max(0, operation.step) + (retry.percent or 0.0)) / operation.steps
