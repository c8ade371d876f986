"""`image.import`: a host downloads or builds an image, checks and stores it."""

from contextlib import suppress
from typing import Any

from atoll.domain.errors import DriverBusy, DriverElsewhere
from atoll.domain.hosts import HostState
from atoll.domain.images import Image, ImageKind, ImageState
from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.messages import EnsureImage, ImageFacts, RemoveImage
from atoll.operations.counting import recount
from atoll.operations.guests import image_spec, note
from atoll.operations.steps import Step, StepContext, Workflow


async def fetch(context: StepContext) -> None:
    """Import to every ready host that this process reaches; the operation waits while one of them
    is busy. Other hosts import it when their first instance needs it."""
    image = await context.tx.images.get(context.operation.resource_id)
    wanted = EnsureImage(image=await image_spec(context, image.id))
    facts: ImageFacts | None = None
    elsewhere: DriverElsewhere | None = None
    for host in await context.tx.hosts.every():
        if host.state is not HostState.READY:
            continue
        try:
            answer = await context.ask(host.id, wanted, timeout_s=110)
        except DriverElsewhere as error:
            elsewhere = error
            continue
        assert isinstance(answer, ImageFacts), "an image is answered by facts"
        facts = answer
    if facts is None:
        raise elsewhere or DriverBusy("no host is ready", after_s=1.0)
    gib = await count_bytes(context, image, facts)
    context.tx.images.change(image, counted_gib=gib, **fields_of(image, facts))


async def count_bytes(context: StepContext, image: Image, facts: ImageFacts) -> int:
    """Count the actual size in the quota, in GiB. Raises QuotaExceeded."""
    if not image.counted:
        return 0
    gib = max(1, -(-facts.size_bytes // 2**30))
    before, now = Amounts(disk_gib=image.counted_gib), Amounts(disk_gib=gib)
    await recount(context, image.project_id, before, now)
    return gib


async def prepare_image(context: StepContext, host_id: str, image_id: str) -> None:
    """Import the image on the host. Its kernel is needed also if the disk comes from a snapshot.
    The first instance of a listed image imports it, and the catalogue entry is updated."""
    image = await context.tx.images.get(image_id)
    request = EnsureImage(image=await image_spec(context, image_id))
    facts = await context.ask(host_id, request, timeout_s=110)
    assert isinstance(facts, ImageFacts), "an image is answered by facts"
    if image.state is not ImageState.PENDING:
        return
    context.tx.images.change(
        image, state=ImageState.AVAILABLE, updated_at_ms=context.now_ms, **fields_of(image, facts)
    )


def fields_of(image: Image, facts: ImageFacts) -> dict[str, Any]:
    """Return the facts that a host found about an image. An ISO needs no space on a disk."""
    needed_gib = 0 if image.kind is ImageKind.ISO else -(-facts.virtual_size_bytes // 2**30)
    return {
        "size_bytes": facts.size_bytes,
        "virtual_size_bytes": facts.virtual_size_bytes,
        "checksum": facts.checksum,
        "digests": facts.digests,
        "disk_gib_min": max(image.disk_gib_min, needed_gib),
    }


async def remove(context: StepContext) -> None:
    image = await context.tx.images.find(context.operation.resource_id)
    if image is None or image.checksum is not None:
        return  # it existed before, and instances may use it
    for host in await context.tx.hosts.every():
        if host.state is HostState.READY:
            with suppress(DriverElsewhere):
                await context.ask(host.id, RemoveImage(image_id=image.id))


async def settle(context: StepContext, outcome: OperationState) -> None:
    image = await context.tx.images.find(context.operation.resource_id)
    if image is None:
        return
    done = outcome is OperationState.DONE
    state = ImageState.AVAILABLE if done or image.checksum is not None else ImageState.ERROR
    if outcome is OperationState.CANCELLED and state is ImageState.ERROR:
        state = ImageState.PENDING
    context.tx.images.change(
        image,
        state=state,
        reason="" if done else context.operation.error_message or "",
        doing=None if image.operation_id == context.operation.id else image.doing,
        updated_at_ms=context.now_ms,
    )
    note(context, "image.available" if done else "image.error")


STEPS = (Step(fetch, undo=remove, timeout_s=120),)
WORKFLOW = Workflow(
    kind="image.import",
    steps=STEPS,
    settle=settle,
    deadline_s=3 * 3600,
)
