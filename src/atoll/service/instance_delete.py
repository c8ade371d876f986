"""Use cases that end an instance, or bring it back: delete and recover."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from atoll.domain.errors import Conflict, NotFound
from atoll.domain.instances import Goal, Instance, InstanceState, require_unprotected
from atoll.domain.operations import OperationState
from atoll.domain.timers import TimerKind
from atoll.operations import instance_delete, instance_power, instance_retire
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Filter
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import go_on, instance_meant, require_version
from atoll.service.timers import drop_timer, set_timer

UseCase = Callable[[Case], Awaitable[Accepted[Instance]]]
RECOVERABLE = {InstanceState.RUNNING, InstanceState.STOPPED}


def delete(
    reference: str, version: int | None = None, *, recoverable_s: int = 0, purge: bool = False
) -> UseCase:
    """A deletion that goes on already is answered by its operation; what is going on otherwise
    is cancelled. For `recoverable_s` seconds it can be taken back, unless it is to `purge`."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        require_version(instance.version, version)
        require_unprotected(instance)
        retired = instance.purge_at_ms is not None
        if instance.state is InstanceState.DELETED and not (retired and purge):
            raise NotFound(f"instance not found: {reference} is deleted already")
        keep = recoverable_s > 0 and not purge and instance.state in RECOVERABLE
        workflow = instance_retire.WORKFLOW if keep else instance_delete.WORKFLOW
        for operation in await case.tx.operations.live_on(instance.id):
            if operation.kind in {instance_delete.WORKFLOW.kind, workflow.kind}:
                return Accepted(instance, operation)
            if WORKFLOWS[operation.kind].cancellable:
                case.tx.operations.cancel(operation, case.now_ms)
        operation = case.accept(workflow, instance.id)
        purge_at_ms = instance.purge_at_ms
        if keep:
            purge_at_ms = case.now_ms + recoverable_s * 1000
            await set_timer(case, TimerKind.PURGE, instance, purge_at_ms)
        changed = go_on(case, instance, operation, goal=Goal.DELETED, purge_at_ms=purge_at_ms)
        before = {"name": instance.name, "state": instance.state}
        case.audit(workflow.kind, instance.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case


def recover(reference: str) -> UseCase:
    """Starts a deleted instance again, as long as it has not been purged."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        if instance.state is not InstanceState.DELETED:
            yet = " yet" if instance.goal is Goal.DELETED else ""
            raise Conflict(f"instance {instance.name} is not deleted{yet}")
        if instance.purge_at_ms is None:
            raise Conflict(
                f"instance {instance.name} cannot be recovered: {await why_gone(case, instance)}"
            )
        references.require_idle(instance, "instance")
        await drop_timer(case, TimerKind.PURGE, instance)
        operation = case.accept(instance_power.START, instance.id)
        changed = go_on(
            case,
            instance,
            operation,
            goal=Goal.RUNNING,
            state=InstanceState.STOPPED,
            deleted_at_ms=None,
            purge_at_ms=None,
        )
        case.audit("instance.recover", instance.id, operation=operation)
        return Accepted(changed, operation)

    return use_case


async def why_gone(case: Case, instance: Instance) -> str:
    """Of an instance that was deleted for good."""
    assert instance.deleted_at_ms is not None, "a deleted instance has the time of its deletion"
    moment = datetime.fromtimestamp(instance.deleted_at_ms // 1000, UTC)
    retired = (
        ("resource_id", (instance.id,)),
        ("kind", (instance_retire.WORKFLOW.kind,)),
        ("state", (OperationState.DONE.value,)),
    )
    if await case.tx.operations.page(Filter(any_of=(retired,), limit=1)):
        return f"the time for that is over since {moment:%Y-%m-%dT%H:%M:%SZ}"
    return f"it was deleted for good at once, at {moment:%Y-%m-%dT%H:%M:%SZ}"
