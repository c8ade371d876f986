"""Use cases of operations: wait, cancel, retry, explain."""

from collections.abc import Awaitable, Callable

from atoll.domain.errors import Conflict, NotFound
from atoll.domain.images import ImageState
from atoll.domain.instances import Resolved
from atoll.domain.operations import ENDED, RETRYABLE, Operation, OperationState
from atoll.domain.projects import Caller
from atoll.domain.timers import TimerKind
from atoll.operations import image_import, instance_create
from atoll.operations.instance_create import amounts_of
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Clock, Store, Transaction
from atoll.service import quotas, timers
from atoll.service.desk import Accepted, Case, require
from atoll.service.instances import reopen

POLL_S = 1.0
WAIT_S_MAX = 60


async def get(tx: Transaction, caller: Caller, operation_id: str) -> Operation:
    require(caller, "read")
    operation = await tx.operations.find(operation_id)
    if operation is None or operation.project_id != caller.project_id:
        raise NotFound(f"operation not found: {operation_id}")
    return operation


async def wait(
    store: Store, clock: Clock, caller: Caller, operation_id: str, wait_s: float
) -> Operation:
    """As it is when it ends, or when the time is up."""
    until_ms = clock.now_ms() + int(wait_s * 1000)
    with store.watch(operation_id) as watch:
        while True:
            operation = await get(store.read(), caller, operation_id)
            left_s = (until_ms - clock.now_ms()) / 1000
            if operation.ended or left_s <= 0:
                return operation
            await watch.wait(min(left_s, POLL_S))


def cancel(operation_id: str) -> Callable[[Case], Awaitable[Accepted[Operation]]]:
    async def use_case(case: Case) -> Accepted[Operation]:
        case.require("write")
        operation = await get(case.tx, case.caller, operation_id)
        if operation.state in ENDED:
            raise Conflict(f"operation {operation_id} has ended: it is {operation.state}")
        if not WORKFLOWS[operation.kind].cancellable:
            raise Conflict(f"{operation.kind} cannot be cancelled")
        case.tx.operations.cancel(operation, case.now_ms)
        case.audit("operation.cancel", operation.resource_id, operation=operation)
        return Accepted(operation, operation)

    return use_case


def retry(operation_id: str) -> Callable[[Case], Awaitable[Accepted[Operation]]]:
    """The same operation anew, from its first step. Its resource must be as it left it."""

    async def use_case(case: Case) -> Accepted[Operation]:
        case.require("write")
        operation = await get(case.tx, case.caller, operation_id)
        if operation.state not in RETRYABLE:
            raise Conflict(f"operation {operation_id} is {operation.state}: only what failed or "
                           "was cancelled can be retried")  # fmt: skip
        await reopen_resource(case, operation)
        deadline_ms = case.now_ms + int(WORKFLOWS[operation.kind].deadline_s * 1000)
        again = case.tx.operations.retry(operation, case.now_ms, deadline_ms=deadline_ms)
        case.audit("operation.retry", operation.resource_id, operation=operation)
        return Accepted(again, again)

    return use_case


async def reopen_resource(case: Case, operation: Operation) -> None:
    instance = await case.tx.instances.find(operation.resource_id)
    if instance is not None:
        if operation.kind == instance_create.WORKFLOW.kind:
            await require_needed(case.tx, instance.resolved)
            await quotas.take(case, amounts_of(instance.spec))
            if instance.expires_at_ms is not None:
                due_at_ms = max(instance.expires_at_ms, case.now_ms)
                await timers.set_timer(case, TimerKind.EXPIRE, instance, due_at_ms)
        case.tx.instances.change(instance, **reopen(instance, operation, case.now_ms))
        return
    image = await case.tx.images.find(operation.resource_id)
    if operation.kind != image_import.WORKFLOW.kind:
        raise Conflict(f"{operation.kind} is not retried: ask for it anew")
    if image is None:
        raise Conflict(f"{operation.resource_id} is no longer there")
    if image.doing is not None:
        raise Conflict(f"image {image.name} is being imported by {image.operation_id}")
    case.tx.images.change(image, state=ImageState.IMPORTING, reason="", doing=operation.kind,
                          operation_id=operation.id, updated_at_ms=case.now_ms)  # fmt: skip


async def require_needed(tx: Transaction, resolved: Resolved) -> None:
    """All that an instance is made with is still there. Raises Conflict."""
    needed: list[object] = [await tx.images.find(resolved.image_id)]
    needed += [await tx.security_groups.find(group) for group in resolved.security_group_ids]
    if resolved.subnet_id is not None:
        needed.append(await tx.subnets.find(resolved.subnet_id))
    if None in needed:
        raise Conflict(
            "its image, its subnet or one of its security groups is gone: create it anew"
        )


async def waiting_for(tx: Transaction, operation: Operation) -> str:
    """One sentence, or nothing where it does not wait."""
    if operation.ended:
        return ""
    if operation.claimable_at_ms is None:
        ahead = [o for o in await tx.operations.live_on(operation.resource_id)
                 if (o.queued_at_ms, o.id) < (operation.queued_at_ms, operation.id)]  # fmt: skip
        return f"waits behind {ahead[-1].id} ({ahead[-1].kind})" if ahead else ""
    if operation.message:
        return operation.message
    if operation.state is OperationState.ACCEPTED:
        return "waits for an engine"
    return ""
