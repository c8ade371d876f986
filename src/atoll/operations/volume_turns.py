"""The turn of an operation on a volume.

The operations on a volume queue at different instances, or at the volume itself. So each waits for
the one that was accepted before it, and for the end of an instance that is being deleted with the
volume attached.
"""

from typing import Any

import msgspec

from atoll.domain.errors import Conflict
from atoll.domain.instances import Instance
from atoll.domain.reasons import Reason
from atoll.domain.volumes import Volume, VolumeState
from atoll.operations.steps import Retry, StepContext
from atoll.operations.waiting import wait_for, wait_for_operations


class AnyArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What the arguments of all operations on volumes have in common: the operation on the volume
    that was accepted before."""

    after: str | None = None


async def wait_for_turn(context: StepContext) -> Retry | None:
    return await wait_for_operations(context, [context.arguments(AnyArguments).after])


async def wait_until_free(
    context: StepContext, volume: Volume, instance_id: str | None = None
) -> Retry | None:
    """Wait for the turn, and until no other instance has the volume. Raises Conflict if it could
    not be detached."""
    waiting = await wait_for_turn(context)
    if waiting is not None:
        return waiting
    holder = await holder_of(context, volume)
    if holder is None or holder.id == instance_id:
        return None
    if holder.is_leaving:
        return wait_for(context, f"the deletion of instance {holder.name}")
    raise Conflict(Reason.VOLUME_ATTACHED_ELSEWHERE, **attachment(volume, holder))


async def holder_of(context: StepContext, volume: Volume) -> Instance | None:
    """Return the instance whose guest has the volume now."""
    if volume.holder_id is None:
        return None
    return await context.tx.instances.find(volume.holder_id)


def is_last(context: StepContext, volume: Volume) -> bool:
    """Tell whether no operation on the volume was accepted after this one."""
    return volume.operation_id == context.operation.id


def done_with(context: StepContext, volume: Volume) -> dict[str, Any]:
    """Return the changes of a volume at the end of this operation. The last one makes the actual
    instance the one to which it is attached."""
    if not is_last(context, volume):
        return {}
    return {"doing": None, "instance_id": volume.holder_id, "leaving": False}


def require_whole(volume: Volume) -> None:
    """Raises Conflict if an operation has left the volume in an error."""
    if volume.state is VolumeState.ERROR:
        raise Conflict(Reason.VOLUME_BROKEN, volume=volume.name or volume.id, why=volume.reason)


def attachment(volume: Volume, holder: Instance) -> dict[str, str]:
    """Return the facts about an attachment for an error."""
    return {
        "volume": volume.name or volume.id, "instance": holder.name, "instance_id": holder.id,
    }  # fmt: skip
