"""`image.delete`: every host's copy goes, then the catalogue's entry."""

from contextlib import suppress

from atoll.domain.errors import DriverElsewhere
from atoll.domain.hosts import HostState
from atoll.domain.operations import OperationState
from atoll.messages import RemoveImage
from atoll.operations.guests import note
from atoll.operations.steps import Step, StepContext, Workflow
from atoll.ports import Filter

HOSTS_MAX = 1000


async def remove_copies(context: StepContext) -> None:
    """A host that is lost, or another process's, keeps its copy: it has room for it."""
    for host in await context.tx.hosts.page(Filter(limit=HOSTS_MAX)):
        if host.state is HostState.READY:
            with suppress(DriverElsewhere):
                await context.ask(host.id, RemoveImage(image_id=context.operation.resource_id))


async def settle(context: StepContext, outcome: OperationState) -> None:
    image = await context.tx.images.get(context.operation.resource_id)
    if outcome is OperationState.DONE:
        context.tx.images.remove(image)
        note(context, "image.deleted")
        return
    reason = context.operation.error_message or ""
    context.tx.images.change(image, doing=None, reason=reason, updated_at_ms=context.now_ms)


# No undo: a copy that is gone is fetched again when it is needed.
WORKFLOW = Workflow(
    kind="image.delete",
    steps=(Step(remove_copies),),
    settle=settle,
    deadline_s=1800,
    impact="every host deletes its copy of the image",
    undo="import the image again",
    cancellable=False,
)
