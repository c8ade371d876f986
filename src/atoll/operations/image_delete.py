"""`image.delete`: delete every host's copy, then the catalogue entry."""

from contextlib import suppress

from atoll.domain.errors import DriverElsewhere
from atoll.domain.hosts import HostState
from atoll.domain.instances import Instance
from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.domain.snapshots import Snapshot
from atoll.messages import RemoveImage
from atoll.operations.guests import note
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from atoll.operations.waiting import wait_for_users
from atoll.ports import Filter


async def prepare(context: StepContext) -> Retry | None:
    """Wait for operations that were accepted before and still need it."""
    return await wait_for_users(context, context.tx.images, context.operation.resource_id)


async def remove_copies(context: StepContext) -> None:
    """A host that is lost, or belongs to another process, keeps its copy."""
    for host in await context.tx.hosts.every():
        if host.state is HostState.READY:
            with suppress(DriverElsewhere):
                await context.ask(host.id, RemoveImage(image_id=context.operation.resource_id))


async def settle(context: StepContext, outcome: OperationState) -> None:
    image = await context.tx.images.get(context.operation.resource_id)
    using = Filter(uses=image.id, limit=1)
    users: list[Instance | Snapshot] = [
        *await context.tx.instances.page(using),
        *await context.tx.snapshots.page(using),
    ]
    if outcome is OperationState.DONE and not users:
        context.tx.images.remove(image)
        if image.counted:
            freed = Amounts(images=1, disk_gib=image.counted_gib)
            context.tx.quotas.give_back(image.project_id, freed)
        note(context, "image.deleted")
        return
    in_use = f"the image was not deleted: {users[0].id} uses it" if users else ""
    reason = context.operation.error_message or in_use
    context.tx.images.change(image, doing=None, reason=reason, updated_at_ms=context.now_ms)


# No undo: a deleted copy is downloaded again when it is needed.
WORKFLOW = Workflow(
    kind="image.delete",
    steps=(Step(remove_copies),),
    settle=settle,
    deadline_s=1800,
    cancellable=False,
    prepare=prepare,
)
