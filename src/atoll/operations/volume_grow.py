"""`volume.grow`: enlarge a volume, also under a running guest.

It queues at the instance of the volume, or at the volume itself if it is not attached.
"""

import msgspec

from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.domain.volumes import Volume
from atoll.messages import EnsureVolume, VolumeSpec
from atoll.operations.counting import recount
from atoll.operations.guests import note, require_room, settle_instance
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from atoll.operations.volume_attach import volume_of
from atoll.operations.volume_turns import done_with, wait_for_turn


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The growth of the quota is counted from `counted_gib`, once the operation has begun."""

    volume_id: str
    size_gib: int
    counted_gib: int | None = None
    after: str | None = None


async def prepare(context: StepContext) -> Retry | Arguments:
    """If an operation before has failed, count the growth again. Raises QuotaExceeded."""
    waiting = await wait_for_turn(context)
    if waiting is not None:
        return waiting
    given, volume = context.arguments(Arguments), await volume_of(context)
    actual = growth(volume.size_gib, given.size_gib)
    await recount(context, volume.project_id, counted_growth(given, volume), actual)
    return msgspec.structs.replace(given, counted_gib=volume.size_gib)


def growth(size_gib: int, wanted_gib: int) -> Amounts:
    return Amounts(disk_gib=max(0, wanted_gib - size_gib))


def counted_growth(given: Arguments, volume: Volume) -> Amounts:
    counted_gib = volume.size_gib if given.counted_gib is None else given.counted_gib
    return growth(counted_gib, given.size_gib)


def wanted_gib(context: StepContext) -> int:
    return context.arguments(Arguments).size_gib


async def hold_room(context: StepContext) -> None:
    await hold(context, wanted_gib(context))


async def give_room_back(context: StepContext) -> None:
    await hold(context, (await volume_of(context)).size_gib)


async def hold(context: StepContext, size_gib: int) -> None:
    """Enlarge the reservation, if the volume has one."""
    reservation = await context.tx.hosts.reservation(context.arguments(Arguments).volume_id)
    if reservation is None or reservation.disk_gib == size_gib:
        return
    wanted = msgspec.structs.replace(reservation, disk_gib=size_gib)
    await require_room(context, reservation, wanted)
    context.tx.hosts.change_reservation(reservation, wanted)


async def grow(context: StepContext) -> None:
    volume = await volume_of(context)
    if volume.host_id is not None:
        spec = VolumeSpec(id=volume.id, size_gib=wanted_gib(context))
        await context.ask(volume.host_id, EnsureVolume(volume=spec), timeout_s=50)


async def settle(context: StepContext, outcome: OperationState) -> None:
    volume = await volume_of(context)
    done = outcome is OperationState.DONE
    context.tx.volumes.change(
        volume,
        size_gib=max(wanted_gib(context), volume.size_gib) if done else volume.size_gib,
        reason="" if done else context.operation.error_message or "",
        updated_at_ms=context.now_ms,
        **done_with(context, volume),
    )
    if done:
        note(context, "volume.grown", volume.id)
    else:
        counted = counted_growth(context.arguments(Arguments), volume)
        context.tx.quotas.give_back(volume.project_id, counted)
    if context.operation.resource_id != volume.id:
        instance = await context.tx.instances.get(context.operation.resource_id)
        await settle_instance(context, instance, state=instance.state)


# A disk that grew before a later failure stays larger than its record says, which does no harm. So
# `grow` has no undo.
WORKFLOW = Workflow(
    kind="volume.grow",
    steps=(Step(hold_room, undo=give_room_back), Step(grow)),
    settle=settle,
    deadline_s=600,
    prepare=prepare,
)
