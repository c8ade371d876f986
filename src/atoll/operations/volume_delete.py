"""`volume.delete` and `volume.discard`: remove the data and the reservation.

Discarded volumes are root volumes that instances no longer use, and old copies of volumes that have
moved.
"""

import msgspec

from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.domain.volumes import DELETION, VolumeState
from atoll.messages import RemoveVolume
from atoll.operations import names
from atoll.operations.guests import note
from atoll.operations.steps import Retry, Step, StepContext, Workflow, enqueue
from atoll.operations.volume_turns import done_with, wait_until_free

DAY_S = 24 * 3600.0


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The operation on the volume that was accepted before."""

    after: str | None = None


async def prepare(context: StepContext) -> Retry | None:
    """Raises Conflict if the volume could not be detached."""
    volume = await context.tx.volumes.get(context.operation.resource_id)
    return await wait_until_free(context, volume)


async def remove_bytes(context: StepContext) -> None:
    volume = await context.tx.volumes.get(context.operation.resource_id)
    if volume.host_id is not None:
        await context.ask(volume.host_id, RemoveVolume(volume_id=volume.id))


async def release_place(context: StepContext) -> None:
    reservation = await context.tx.hosts.reservation(context.operation.resource_id)
    if reservation is not None:
        context.tx.hosts.release(reservation)


async def settle(context: StepContext, outcome: OperationState) -> None:
    volume = await context.tx.volumes.get(context.operation.resource_id)
    if outcome is OperationState.DONE:
        context.tx.volumes.remove(volume)
        context.tx.quotas.give_back(volume.project_id, Amounts(volumes=1, disk_gib=volume.size_gib))
        note(context, "volume.deleted")
        return
    name = await names.regain(context.tx.volumes, context.ids, volume)
    context.tx.volumes.change(
        volume,
        **name,
        state=VolumeState.ERROR if volume.holder_id is None else volume.state,
        reason=context.operation.error_message or "",
        updated_at_ms=context.now_ms,
        **done_with(context, volume),
    )


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a volume on a host. Without a `volume_id`, that of the operation's resource."""

    host_id: str
    volume_id: str = ""


def discard(context: StepContext, volume_id: str, host_id: str) -> None:
    """Accept an operation that is independent of the volume's queue."""
    arguments = Bytes(volume_id=volume_id, host_id=host_id)
    enqueue(context, DISCARD, place_of(volume_id, host_id), arguments)


def place_of(volume_id: str, host_id: str) -> str:
    """The resource of operations on a volume's data on one host."""
    return f"{volume_id}/{host_id}"


async def discard_bytes(context: StepContext) -> None:
    given = context.arguments(Bytes)
    volume_id = given.volume_id or context.operation.resource_id
    await context.ask(given.host_id, RemoveVolume(volume_id=volume_id))


async def nothing_to_settle(context: StepContext, outcome: OperationState) -> None:
    """A discarded volume has no row: the operation itself records the result."""


# No step has an undo: deleted data is lost, and a repeated request removes the rest.
DELETE = Workflow(
    kind=DELETION,
    steps=(Step(remove_bytes, attempts_max=10), Step(release_place)),
    settle=settle,
    deadline_s=1800,
    cancellable=False,
    prepare=prepare,
)
DISCARD = Workflow(
    kind="volume.discard",
    steps=(Step(discard_bytes, attempts_max=10_000),),
    settle=nothing_to_settle,
    deadline_s=DAY_S,
    cancellable=False,
)
