"""`image.import`: a host fetches or builds an image, checks it, and keeps it."""

from atoll.domain.images import ImageState
from atoll.domain.operations import OperationState
from atoll.messages import EnsureImage, ImageFacts, RemoveImage
from atoll.operations.guests import image_spec, note
from atoll.operations.steps import Step, StepContext, Workflow
from atoll.ports import Filter

HOSTS_MAX = 1000


async def fetch(context: StepContext) -> None:
    """Every ready host gets it; while one is still at it, the operation waits."""
    image = await context.tx.images.get(context.operation.resource_id)
    wanted = EnsureImage(image=await image_spec(context, image.id))
    facts: ImageFacts | None = None
    for host in await context.tx.hosts.page(Filter(limit=HOSTS_MAX)):
        answer = await context.ask(host.id, wanted, timeout_s=110)
        assert isinstance(answer, ImageFacts), "an image is answered by facts"
        facts = answer
    if facts is not None:
        context.tx.images.change(
            image,
            size_bytes=facts.size_bytes,
            virtual_size_bytes=facts.virtual_size_bytes,
            checksum=facts.checksum,
            disk_gib_min=max(image.disk_gib_min, -(-facts.virtual_size_bytes // 2**30)),
        )


async def remove(context: StepContext) -> None:
    for host in await context.tx.hosts.page(Filter(limit=HOSTS_MAX)):
        await context.ask(host.id, RemoveImage(image_id=context.operation.resource_id))


async def settle(context: StepContext, outcome: OperationState) -> None:
    image = await context.tx.images.get(context.operation.resource_id)
    done = outcome is OperationState.DONE
    context.tx.images.change(
        image,
        state=ImageState.AVAILABLE if done else ImageState.ERROR,
        reason="" if done else context.operation.error_message or "",
        doing=None,
        updated_at_ms=context.now_ms,
    )
    note(context, "image.available" if done else "image.error")


STEPS = (Step(fetch, undo=remove, timeout_s=120),)
WORKFLOW = Workflow(
    kind="image.import",
    steps=STEPS,
    settle=settle,
    deadline_s=3 * 3600,
    impact="each host downloads or builds the image and keeps a copy",
    undo="delete the image",
)
