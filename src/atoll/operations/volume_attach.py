"""`volume.attach` and `volume.detach`: what they change is the instance, so they queue there.

The first attachment makes the volume's bytes, on the instance's host, where they stay.
"""

from atoll.domain.errors import Conflict
from atoll.domain.hosts import Reservation
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.volumes import Volume, VolumeState
from atoll.messages import EnsureVolume, RemoveVolume, VolumeSpec
from atoll.operations.guests import (
    configure,
    host_of,
    instance_of,
    note,
    require_room,
    settle_instance,
)
from atoll.operations.steps import Step, StepContext, Workflow


async def volume_of(context: StepContext) -> Volume:
    return await context.tx.volumes.get(context.operation.arguments["volume_id"])


async def place_volume(context: StepContext) -> None:
    """Holds room for it on the instance's host, unless it lives there already."""
    volume, host_id = await volume_of(context), host_of(await instance_of(context))
    if volume.host_id is None:
        wanted = Reservation(
            id=volume.id, host_id=host_id, vcpus=0, memory_mib=0, disk_gib=volume.size_gib
        )
        await require_room(context, None, wanted)
        context.tx.hosts.reserve(wanted)
        context.tx.volumes.change(volume, host_id=host_id)
    elif volume.host_id != host_id:
        raise Conflict(f"volume {volume.name} lives on another host than the instance")


async def unplace_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    reservation = await context.tx.hosts.reservation(volume.id)
    if made_here(context) and reservation is not None:
        context.tx.hosts.release(reservation)
        context.tx.volumes.change(volume, host_id=None)


async def make_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    assert volume.host_id is not None, "a volume is placed before it is made"
    spec = VolumeSpec(id=volume.id, size_gib=volume.size_gib)
    await context.ask(volume.host_id, EnsureVolume(volume=spec), timeout_s=50)


async def unmake_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    if made_here(context) and volume.host_id is not None:
        await context.ask(volume.host_id, RemoveVolume(volume_id=volume.id))


def made_here(context: StepContext) -> bool:
    """Whether the volume had no bytes before this operation."""
    return bool(context.operation.arguments["fresh"])


async def plug_in(context: StepContext) -> None:
    instance, volume = await instance_of(context), await volume_of(context)
    others = tuple(one for one in instance.volumes if one != volume.id)
    await configure(context, instance, volumes=(*others, volume.id))


async def pull_out(context: StepContext) -> None:
    """DriverBusy until the guest has let go of it."""
    instance, volume = await instance_of(context), await volume_of(context)
    others = tuple(one for one in instance.volumes if one != volume.id)
    if instance.host_id is not None:
        await configure(context, instance, volumes=others)


async def put_back(context: StepContext) -> None:
    """A deletion that comes next takes it anyway, and so does an instance without a guest."""
    instance = await instance_of(context)
    if instance.host_id is not None and instance.state is not InstanceState.DELETED:
        await plug_in(context)


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance, volume = await instance_of(context), await volume_of(context)
    attached = volume.id in instance.volumes
    done = outcome is OperationState.DONE
    state = VolumeState.ATTACHED if attached else VolumeState.AVAILABLE
    if not done and context.operation.step >= 0:
        # What could not be taken back: the guest may have the disk still, so nobody else may.
        state = VolumeState.ERROR
    context.tx.volumes.change(
        volume,
        state=state,
        instance_id=None if state is VolumeState.AVAILABLE else instance.id,
        reason="" if done else context.operation.error_message or "",
        doing=None,
        updated_at_ms=context.now_ms,
    )
    if done:
        note(context, "volume.attached" if attached else "volume.detached", volume.id)
    await settle_instance(context, instance, state=instance.state)


ATTACH = Workflow(
    kind="volume.attach",
    steps=(
        Step(place_volume, undo=unplace_volume),
        Step(make_volume, undo=unmake_volume),
        Step(plug_in, undo=pull_out),
    ),
    settle=settle,
    deadline_s=600,
    impact="the guest gets one more disk, while it runs or at its next start",
    undo="detach the volume",
)
DETACH = Workflow(
    kind="volume.detach",
    steps=(Step(pull_out, undo=put_back),),
    settle=settle,
    deadline_s=300,
    impact="the guest loses the disk as soon as it lets go of it; what is on it stays",
    undo="attach the volume",
)
