"""Handles commands that delete and recover instances."""

from datetime import UTC, datetime

from atoll.domain.commands import DeleteInstance, RecoverInstance
from atoll.domain.errors import Conflict, NotFound
from atoll.domain.instances import Goal, Instance, InstanceState, require_unprotected
from atoll.domain.operations import OperationState
from atoll.domain.reasons import Reason
from atoll.domain.timers import TimerKind
from atoll.operations import (
    instance_delete,
    instance_power,
    instance_resize,
    instance_retire,
    names,
    network_attach,
    snapshot_create,
    volume_attach,
    volume_grow,
)  # fmt: skip
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Filter
from atoll.service import owned, references
from atoll.service.desk import Case, Done
from atoll.service.instances import get, mark_busy
from atoll.service.nouns import INSTANCES
from atoll.service.timers import drop_timer, set_timer

RECOVERABLE = {InstanceState.RUNNING, InstanceState.STOPPED}
# The results of these remain when the instance is gone, or can be recovered with it: a deletion
# waits for them. It cancels all others.
REMAINING = {
    workflow.kind for workflow in (
        snapshot_create.WORKFLOW, volume_attach.DETACH, volume_grow.WORKFLOW,
    )
}  # fmt: skip
RECOVERED = {
    workflow.kind for workflow in (
        volume_attach.ATTACH, instance_resize.WORKFLOW,
        network_attach.ATTACH, network_attach.DETACH,
    )
}  # fmt: skip


async def delete(case: Case, command: DeleteInstance) -> Done[Instance]:
    """Delete an instance. A deletion in progress returns its operation. Operations whose results
    go with the instance are cancelled. Without `purge`, the instance can be recovered for a while,
    if the deployment allows that."""
    instance = await get(case, command.instance)
    owned.require_version(instance.version, command.version)
    require_unprotected(instance)
    retired = instance.purge_at_ms is not None
    if instance.state is InstanceState.DELETED and not (retired and command.purge):
        raise NotFound(
            Reason.DELETED_ALREADY, field="instance", noun=INSTANCES.name, reference=instance.id
        )
    recoverable_s = 0 if command.purge else case.deployment.recoverable_s
    keep = recoverable_s > 0 and instance.state in RECOVERABLE
    workflow = instance_retire.WORKFLOW if keep else instance_delete.WORKFLOW
    for operation in await case.tx.operations.live_on(instance.id):
        if operation.kind in {instance_delete.WORKFLOW.kind, workflow.kind}:
            return Done(instance, operation, changed=False)
        remains = operation.kind in REMAINING or (keep and operation.kind in RECOVERED)
        if WORKFLOWS[operation.kind].cancellable and not remains:
            case.tx.operations.cancel(operation, case.now_ms, "cancelled: its instance is deleted")
    operation = case.accept(workflow, instance.id)
    purge_at_ms = instance.purge_at_ms
    if keep:
        purge_at_ms = case.now_ms + recoverable_s * 1000
        await set_timer(case, TimerKind.PURGE, instance, purge_at_ms)
    changed = mark_busy(
        case, instance, operation, goal=Goal.DELETED, leaving=not keep, purge_at_ms=purge_at_ms
    )
    return Done(changed, operation, before={"name": instance.name, "state": instance.state})


async def recover(case: Case, command: RecoverInstance) -> Done[Instance]:
    """Start a deleted instance again, unless it has been purged. If its name was taken meanwhile,
    it gets a free one: a refusal would cost time while its recovery window passes."""
    instance = await get(case, command.instance)
    if instance.state is not InstanceState.DELETED:
        going = instance.goal is Goal.DELETED
        reason = Reason.NOT_DELETED_YET if going else Reason.NOT_DELETED
        raise Conflict(reason, instance=instance.name)
    if instance.purge_at_ms is None:
        raise await gone_error(case, instance)
    references.require_idle(instance, INSTANCES)
    await drop_timer(case, TimerKind.PURGE, instance)
    operation = case.accept(instance_power.START, instance.id)
    changed = mark_busy(
        case,
        instance,
        operation,
        goal=Goal.RUNNING,
        state=InstanceState.STOPPED,
        deleted_at_ms=None,
        purge_at_ms=None,
        **await names.regain(case.tx.instances, case.ids, instance),
    )
    return Done(changed, operation, after={"name": changed.name})


async def gone_error(case: Case, instance: Instance) -> Conflict:
    """Return the error for an instance that was permanently deleted."""
    assert instance.deleted_at_ms is not None, "a deleted instance has the time of its deletion"
    moment = datetime.fromtimestamp(instance.deleted_at_ms // 1000, UTC)
    retired = (
        ("resource_id", instance.id),
        ("kind", instance_retire.WORKFLOW.kind),
        ("state", OperationState.DONE.value),
    )
    was_retired = await case.tx.operations.page(Filter(equals=retired, limit=1))
    reason = Reason.RECOVERY_OVER if was_retired else Reason.DELETED_FOR_GOOD
    return Conflict(reason, instance=instance.name, at=f"{moment:%Y-%m-%dT%H:%M:%SZ}")
