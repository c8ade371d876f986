"""Handles commands on operations, and waits for operations."""

import msgspec

from atoll.domain.commands import CancelOperation, RetryOperation
from atoll.domain.errors import Conflict, NotFound
from atoll.domain.images import ImageState
from atoll.domain.instances import Goal, Instance
from atoll.domain.operations import ENDED, RETRYABLE, Operation, OperationState, StepRecord
from atoll.domain.projects import Caller
from atoll.domain.reasons import Reason
from atoll.domain.timers import TimerKind
from atoll.operations import image_import, instance_create, names
from atoll.operations.instance_create import amounts_of
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Transaction
from atoll.service import quotas, timers
from atoll.service.desk import Case, Desk, Done, View
from atoll.service.instances import reopen
from atoll.service.queries import Query

NOUN = "operation"
POLL_S = 1.0
WAIT_S_MAX = 60


async def get(view: View, operation_id: str) -> Operation:
    """Raises NotFound."""
    view.require("read")
    operation = await view.tx.operations.find(operation_id)
    if operation is None or operation.project_id != view.project_id:
        raise NotFound(Reason.NOT_FOUND, noun=NOUN, reference=operation_id)
    return operation


async def find_page(view: View, wanted: Query) -> list[Operation]:
    view.require("read")
    scoped = msgspec.structs.replace(wanted, project_id=view.project_id)
    return await view.tx.operations.page(scoped)


async def steps_of(view: View, operation: Operation) -> list[StepRecord]:
    return await view.tx.operations.steps_of(operation.id)


async def wait(desk: Desk, caller: Caller, operation_id: str, wait_s: float) -> Operation:
    """Return the operation when it ends, or when the time is up."""
    until_ms = desk.clock.now_ms() + int(wait_s * 1000)
    with desk.store.watch(operation_id) as watch:
        while True:
            operation = await get(desk.view(caller), operation_id)
            left_s = (until_ms - desk.clock.now_ms()) / 1000
            if operation.ended or left_s <= 0:
                return operation
            await watch.wait(min(left_s, POLL_S))


async def cancel(case: Case, command: CancelOperation) -> Done[Operation]:
    operation = await get(case, command.operation)
    if operation.state in ENDED:
        raise Conflict(Reason.OPERATION_ENDED, operation=operation.id, state=operation.state)
    if not WORKFLOWS[operation.kind].cancellable:
        raise Conflict(Reason.NOT_CANCELLABLE, kind=operation.kind)
    case.tx.operations.cancel(operation, case.now_ms)
    return Done(operation, operation, about=operation.resource_id)


async def retry(case: Case, command: RetryOperation) -> Done[Operation]:
    """Run the same operation again, from its first step. Its resource must not have changed
    since."""
    operation = await get(case, command.operation)
    if operation.state not in RETRYABLE:
        raise Conflict(Reason.NOT_FAILED, operation=operation.id, state=operation.state)
    await reopen_resource(case, operation)
    workflow = WORKFLOWS[operation.kind]
    again = case.tx.operations.retry(
        operation,
        case.now_ms,
        workflow.uses(operation),
        deadline_ms=case.now_ms + int(workflow.deadline_s * 1000),
        prepared=workflow.prepare is None,
    )
    return Done(again, again, about=operation.resource_id)


async def reopen_resource(case: Case, operation: Operation) -> None:
    instance = await case.tx.instances.find(operation.resource_id)
    if instance is not None:
        if operation.kind == instance_create.WORKFLOW.kind:
            await require_needed(case.tx, instance)
            await quotas.take(case, amounts_of(instance.spec))
            if instance.expires_at_ms is not None:
                due_at_ms = max(instance.expires_at_ms, case.now_ms)
                await timers.set_timer(case, TimerKind.EXPIRE, instance, due_at_ms)
        changes = reopen(instance, operation, case.now_ms)
        if changes["goal"] is not Goal.DELETED and instance.held_name is None:
            changes |= await names.regain(case.tx.instances, case.ids, instance)
        case.tx.instances.change(instance, **changes)
        return
    image = await case.tx.images.find(operation.resource_id)
    if operation.kind != image_import.WORKFLOW.kind:
        raise Conflict(Reason.NOT_RETRIED, kind=operation.kind)
    if image is None:
        raise Conflict(Reason.NO_LONGER_THERE, reference=operation.resource_id)
    if image.doing is not None:
        raise Conflict(Reason.IMPORT_IN_PROGRESS, image=image.name, operation=image.operation_id)
    case.tx.images.change(image, state=ImageState.IMPORTING, reason="", doing=operation.kind,
                          operation_id=operation.id, updated_at_ms=case.now_ms)  # fmt: skip


async def require_needed(tx: Transaction, instance: Instance) -> None:
    """Check that everything an instance is created from still exists. Raises Conflict."""
    resolved = instance.resolved
    images = [one for one in (resolved.image_id, instance.iso_id) if one]
    needed: list[object] = [await tx.images.find(image_id) for image_id in images]
    needed += [await tx.security_groups.find(group) for group in resolved.security_group_ids]
    if resolved.subnet_id is not None:
        needed.append(await tx.subnets.find(resolved.subnet_id))
    if None in needed:
        raise Conflict(Reason.NEEDED_THINGS_GONE)


async def what_waits(view: View, resource_id: str) -> str:
    """Say what the operations on a resource wait for; empty if none waits."""
    for operation in await view.tx.operations.live_on(resource_id):
        if waiting := await waiting_for(view, operation):
            return waiting
    return ""


async def waiting_for(view: View, operation: Operation) -> str:
    """Say what an operation waits for, in one sentence; empty if it does not wait."""
    if operation.ended:
        return ""
    if operation.claimable_at_ms is None:
        ahead = [o for o in await view.tx.operations.live_on(operation.resource_id)
                 if (o.queued_at_ms, o.id) < (operation.queued_at_ms, operation.id)]  # fmt: skip
        return f"waits for {ahead[-1].id} ({ahead[-1].kind})" if ahead else ""
    if operation.message:
        return operation.message
    if operation.state is OperationState.ACCEPTED:
        return "waits for an engine"
    return ""
