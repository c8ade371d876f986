"""`volume.attach` and `volume.detach`: they change the instance, so they queue there.

The first attachment creates the volume's data, on the instance's host. A later one to an instance
on another host moves the data there.
"""

import msgspec

from atoll.domain.errors import DriverBusy
from atoll.domain.hosts import Reservation
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.volumes import Volume, VolumeState
from atoll.messages import EnsureVolume, Parcel, ParcelKind, RemoveVolume, VolumeSpec
from atoll.operations.guests import (
    configure,
    host_of,
    instance_of,
    note,
    require_room,
    settle_instance,
)
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from atoll.operations.transfer import Way, bring, remove_exports
from atoll.operations.volume_delete import discard, place_of
from atoll.operations.volume_turns import (
    done_with,
    require_whole,
    wait_for_turn,
    wait_until_free,
)


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh`: the volume had no data when the operation began."""

    volume_id: str
    fresh: bool = False
    after: str | None = None


async def volume_of(context: StepContext) -> Volume:
    return await context.tx.volumes.get(context.arguments(Arguments).volume_id)


async def prepare(context: StepContext) -> Retry | Arguments:
    """Raises Conflict if the volume could not be detached from another instance."""
    volume, instance = await volume_of(context), await instance_of(context)
    waiting = await wait_until_free(context, volume, instance.id)
    if waiting is not None:
        return waiting
    require_whole(volume)
    given = context.arguments(Arguments)
    return msgspec.structs.replace(given, fresh=volume.host_id is None)


def parcel_of(volume: Volume) -> Parcel:
    return Parcel(kind=ParcelKind.VOLUME, id=volume.id, size_gib=volume.size_gib)


def room_for(volume: Volume, host_id: str, holder_id: str) -> Reservation:
    return Reservation(
        id=holder_id, host_id=host_id, vcpus=0, memory_mib=0, disk_gib=volume.size_gib
    )


async def place_volume(context: StepContext) -> None:
    """Reserve room on the instance's host, unless the volume is there already. During a move, the
    volume holds the room on the old host, and the operation that on the new one."""
    volume, host_id = await volume_of(context), host_of(await instance_of(context))
    if volume.host_id == host_id:
        return
    fresh = volume.host_id is None
    if not fresh:
        await require_nothing_there(context, volume, host_id)
    wanted = room_for(volume, host_id, volume.id if fresh else context.operation.id)
    if await context.tx.hosts.reservation(wanted.id) is None:
        await require_room(context, None, wanted)
        context.tx.hosts.reserve(wanted)
    if fresh:
        context.tx.volumes.change(volume, host_id=host_id)


async def require_nothing_there(context: StepContext, volume: Volume, host_id: str) -> None:
    """Data that an earlier stay left on this host is outdated."""
    if await context.tx.operations.live_on(place_of(volume.id, host_id)):
        raise DriverBusy(
            f"an earlier copy of volume {volume.name} is still being removed from the host"
        )
    await context.ask(host_id, RemoveVolume(volume_id=volume.id))


async def unplace_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    holder_id = volume.id if is_new_volume(context) else context.operation.id
    reservation = await context.tx.hosts.reservation(holder_id)
    if reservation is not None:
        context.tx.hosts.release(reservation)
        if is_new_volume(context):
            context.tx.volumes.change(volume, host_id=None)


async def bring_volume(context: StepContext) -> Retry | None:
    volume, host_id = await volume_of(context), host_of(await instance_of(context))
    assert volume.host_id is not None, "a volume is placed before it is brought"
    if volume.host_id == host_id:
        return None
    parcel = parcel_of(volume)
    answer = await bring(context, Way(volume.host_id, parcel, host_id, parcel))
    return answer if isinstance(answer, Retry) else None


async def send_back(context: StepContext) -> None:
    """Until the move is complete, the data on the new host is only a copy."""
    volume = await volume_of(context)
    reservation = await context.tx.hosts.reservation(context.operation.id)
    if reservation is not None and volume.host_id is not None:
        await context.ask(reservation.host_id, RemoveVolume(volume_id=volume.id))
        await remove_exports(context, {volume.host_id})


async def move_in(context: StepContext) -> None:
    """Complete the move: from here on the volume is on the new host, even if the attachment fails.
    The data on the old host is removed by an operation of its own, which cannot fail this one."""
    volume = await volume_of(context)
    new = await context.tx.hosts.reservation(context.operation.id)
    old = await context.tx.hosts.reservation(volume.id)
    if new is None:
        return
    assert old is not None, "a volume that moves had its room somewhere"
    context.tx.hosts.release(old)
    context.tx.hosts.change_reservation(new, room_for(volume, new.host_id, volume.id))
    context.tx.volumes.change(volume, host_id=new.host_id)
    discard(context, volume.id, old.host_id)


async def make_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    assert volume.host_id is not None, "a volume is placed before it is made"
    spec = VolumeSpec(id=volume.id, size_gib=volume.size_gib)
    await context.ask(volume.host_id, EnsureVolume(volume=spec), timeout_s=50)


async def unmake_volume(context: StepContext) -> None:
    volume = await volume_of(context)
    if is_new_volume(context) and volume.host_id is not None:
        await context.ask(volume.host_id, RemoveVolume(volume_id=volume.id))


def is_new_volume(context: StepContext) -> bool:
    """Tell whether the volume had no data before this operation."""
    return context.arguments(Arguments).fresh


async def plug_in(context: StepContext) -> None:
    instance, volume = await instance_of(context), await volume_of(context)
    others = tuple(one for one in instance.volumes if one != volume.id)
    await configure(context, instance, volumes=(*others, volume.id))
    context.tx.volumes.change(volume, holder_id=instance.id)


async def unplug(context: StepContext) -> None:
    """Detach the disk. Raises DriverBusy until the guest has released it."""
    instance, volume = await instance_of(context), await volume_of(context)
    others = tuple(one for one in instance.volumes if one != volume.id)
    if instance.host_id is not None:
        await configure(context, instance, volumes=others)
    if volume.holder_id == instance.id:
        context.tx.volumes.change(volume, holder_id=None)


async def plug_in_again(context: StepContext) -> None:
    """Attach the disk again, unless the instance has no guest or is to be deleted."""
    instance = await instance_of(context)
    if instance.host_id is not None and instance.state is not InstanceState.DELETED:
        await plug_in(context)


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance, volume = await instance_of(context), await volume_of(context)
    attached = volume.id in instance.volumes
    done = outcome is OperationState.DONE
    if attached:
        volume = msgspec.structs.replace(volume, holder_id=instance.id)
    state = VolumeState.AVAILABLE if volume.holder_id is None else VolumeState.ATTACHED
    if not done and context.operation.step >= 0:
        # If this could not be rolled back, the guest may still use the disk, so no other guest may.
        state = VolumeState.ERROR
        volume = msgspec.structs.replace(volume, holder_id=instance.id)
        await discard_copy(context, volume)
    context.tx.volumes.change(
        volume,
        state=state,
        reason="" if done else context.operation.error_message or "",
        updated_at_ms=context.now_ms,
        **done_with(context, volume),
    )
    if done:
        note(context, "volume.attached" if attached else "volume.detached", volume.id)
    await settle_instance(context, instance, state=instance.state)


async def discard_copy(context: StepContext, volume: Volume) -> None:
    """Remove the copy of a move that could not be rolled back."""
    reservation = await context.tx.hosts.reservation(context.operation.id)
    if reservation is not None:
        context.tx.hosts.release(reservation)
        discard(context, volume.id, reservation.host_id)


ATTACH = Workflow(
    kind="volume.attach",
    steps=(
        Step(place_volume, undo=unplace_volume),
        Step(bring_volume, undo=send_back, timeout_s=120),
        Step(move_in),  # no undo: the volume is equally well placed here
        Step(make_volume, undo=unmake_volume),
        Step(plug_in, undo=unplug),
    ),
    settle=settle,
    deadline_s=6 * 3600,
    prepare=prepare,
)
DETACH = Workflow(
    kind="volume.detach",
    steps=(Step(unplug, undo=plug_in_again),),
    settle=settle,
    deadline_s=300,
    prepare=wait_for_turn,
)
