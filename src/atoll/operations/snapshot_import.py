"""`snapshot.import`: a snapshot of a disk from a URL, not of an instance.

A host downloads and checks the disk like an image, creates a temporary volume from it, and a
snapshot of that volume.
"""

from atoll.domain.images import ImageState
from atoll.domain.operations import OperationState
from atoll.domain.snapshots import Snapshot
from atoll.messages import (
    EnsureSnapshot,
    EnsureVolume,
    RemoveImage,
    RemoveSnapshot,
    RemoveVolume,
    SnapshotFacts,
    VolumeSpec,
)
from atoll.operations.guests import image_spec
from atoll.operations.image_import import prepare_image
from atoll.operations.snapshot_clone import forget_host, pick_host, snapshot_of
from atoll.operations.snapshot_create import finish
from atoll.operations.steps import Step, StepContext, Workflow
from atoll.ports import Filter


def host_of(snapshot: Snapshot) -> str:
    assert snapshot.host_id is not None, "a host is picked before anything is made there"
    return snapshot.host_id


async def fetch(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    await prepare_image(context, host_of(snapshot), snapshot.image_id)
    image = await context.tx.images.get(snapshot.image_id)
    context.tx.snapshots.change(snapshot, disk_gib=image.disk_gib_min)


async def drop_image(context: StepContext) -> None:
    """Delete the image's data. Its entry stays, because the failed snapshot refers to it;
    everything stays if an instance was created from it meanwhile."""
    snapshot = await snapshot_of(context)
    using = Filter(uses=snapshot.image_id, limit=1)
    if snapshot.host_id is None or await context.tx.instances.page(using):
        return
    await context.ask(snapshot.host_id, RemoveImage(image_id=snapshot.image_id))
    image = await context.tx.images.get(snapshot.image_id)
    if image.state is ImageState.AVAILABLE:
        context.tx.images.change(
            image, state=ImageState.PENDING, size_bytes=None, virtual_size_bytes=None,
            checksum=None, updated_at_ms=context.now_ms,
        )  # fmt: skip


async def make_volume(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    image = await image_spec(context, snapshot.image_id)
    volume = VolumeSpec(id=snapshot.volume_id, size_gib=snapshot.disk_gib, image=image)
    await context.ask(host_of(snapshot), EnsureVolume(volume=volume), timeout_s=50)


async def remove_volume(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    if snapshot.host_id is not None:
        await context.ask(snapshot.host_id, RemoveVolume(volume_id=snapshot.volume_id))


async def take(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    request = EnsureSnapshot(snapshot_id=snapshot.id, volume_id=snapshot.volume_id)
    facts = await context.ask(host_of(snapshot), request, timeout_s=50)
    assert isinstance(facts, SnapshotFacts), "a snapshot is answered by facts"
    context.tx.snapshots.change(snapshot, size_bytes=facts.size_bytes)


async def take_back(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    if snapshot.host_id is not None:
        await context.ask(snapshot.host_id, RemoveSnapshot(snapshot_id=snapshot.id))
        context.tx.snapshots.change(snapshot, size_bytes=None)


async def settle(context: StepContext, outcome: OperationState) -> None:
    finish(context, await snapshot_of(context), outcome)


WORKFLOW = Workflow(
    kind="snapshot.import",
    steps=(
        Step(pick_host, undo=forget_host),
        Step(fetch, undo=drop_image, timeout_s=120),
        Step(make_volume, undo=remove_volume),
        Step(take, undo=take_back),
        Step(remove_volume),  # no undo: the volume is temporary
    ),
    settle=settle,
    deadline_s=3 * 3600,
)
