"""`snapshot.delete`: data that other resources need stays on the hosts."""

import msgspec

from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.domain.snapshots import Snapshot
from atoll.messages import RemoveSnapshot
from atoll.operations import image_delete
from atoll.operations.guests import note
from atoll.operations.steps import Retry, Step, StepContext, Workflow, enqueue
from atoll.operations.waiting import wait_for_operations, wait_for_users
from atoll.ports import Filter


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The operation that was still creating the snapshot."""

    after: str | None = None


async def prepare(context: StepContext) -> Retry | None:
    """Wait for its creation, and for operations that were accepted before and still need it."""
    waiting = await wait_for_operations(context, [context.arguments(Arguments).after])
    if waiting is not None:
        return waiting
    return await wait_for_users(context, context.tx.snapshots, context.operation.resource_id)


async def remove(context: StepContext) -> None:
    snapshot = await context.tx.snapshots.get(context.operation.resource_id)
    for host_id in reversed(
        snapshot.hosts
    ):  # the own host last, so that a complete copy exists until then
        await context.ask(host_id, RemoveSnapshot(snapshot_id=snapshot.id))
    # Bump the version: a copy made meanwhile turns this commit into Lost, and all hosts are asked
    # again.
    context.tx.snapshots.change(snapshot)


async def settle(context: StepContext, outcome: OperationState) -> None:
    snapshot = await context.tx.snapshots.get(context.operation.resource_id)
    if outcome is OperationState.DONE:
        await remove_own_image(context, snapshot)
        context.tx.snapshots.remove(snapshot)
        context.tx.quotas.give_back(snapshot.project_id, Amounts(snapshots=1))
        note(context, "snapshot.deleted")
        return
    context.tx.snapshots.change(
        snapshot,
        reason=context.operation.error_message or "",
        doing=None,
        updated_at_ms=context.now_ms,
    )


async def remove_own_image(context: StepContext, snapshot: Snapshot) -> None:
    """Delete the hidden image of an imported snapshot, unless something else uses it."""
    image = await context.tx.images.find(snapshot.image_id)
    if image is None or image.name != snapshot.own_image or image.doing is not None:
        return
    using = Filter(uses=image.id, limit=2)
    if await context.tx.instances.page(using) or len(await context.tx.snapshots.page(using)) > 1:
        return
    operation = enqueue(context, image_delete.WORKFLOW, image.id)
    context.tx.images.change(
        image, doing=operation.kind, operation_id=operation.id, updated_at_ms=context.now_ms
    )


# No undo: a repeated request removes the rest.
WORKFLOW = Workflow(
    kind="snapshot.delete",
    steps=(Step(remove, attempts_max=10),),
    settle=settle,
    deadline_s=1800,
    cancellable=False,
    prepare=prepare,
)
