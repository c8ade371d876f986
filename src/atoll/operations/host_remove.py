"""`host.remove`: end everything on a permanently lost host, then remove the host.

Nothing is asked of it: see `StepContext.ask`. Each instance is deleted by an operation of its own,
behind its present one; volumes and snapshots stay in state error until their owners delete them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from atoll.domain.errors import DriverError
from atoll.domain.hosts import HostState
from atoll.domain.instances import Goal, Instance
from atoll.domain.operations import OperationState
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.domain.volumes import Volume, VolumeState
from atoll.operations import instance_delete
from atoll.operations.guests import note
from atoll.operations.snapshot_copies import parcel_of
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from atoll.operations.system_change import SystemChange
from atoll.operations.transfer import look
from atoll.ports import Filter, Transaction

T = TypeVar("T", Volume, Snapshot)
REASON = "its host was removed"
# The number of resources in one transaction.
AT_ONCE = 100
PAGE = 1000
LOOK_S = 0.5


def instances_on(host_id: str, limit: int) -> Filter:
    """Return the instances on the host, including those that can be recovered."""
    return Filter(any_of=((("host_id", (host_id,)),),), limit=limit)


async def volumes_on(tx: Transaction, host_id: str) -> AsyncIterator[Volume]:
    after: str | None = None
    while page := await tx.volumes.page(Filter(after=after, limit=PAGE)):
        for volume in page:
            if volume.host_id == host_id:
                yield volume
        after = page[-1].id
        await asyncio.sleep(0)


async def snapshots_on(tx: Transaction, host_id: str) -> AsyncIterator[Snapshot]:
    """Return the snapshots on the host, including copies of others."""
    after: str | None = None
    while page := await tx.snapshots.page(Filter(after=after, limit=PAGE)):
        for snapshot in page:
            if host_id in snapshot.hosts:
                yield snapshot
        after = page[-1].id
        await asyncio.sleep(0)


async def end_instances(context: StepContext) -> Retry | None:
    left = await context.tx.instances.page(instances_on(context.operation.resource_id, AT_ONCE))
    for instance in left:
        await end(context, instance)
    if not left:
        return None
    return Retry(
        LOOK_S, f"{left[0].name} and other instances of the host are being deleted", keep=True
    )


async def end(context: StepContext, instance: Instance) -> None:
    live = await context.tx.operations.live_on(instance.id)
    if any(operation.kind == instance_delete.WORKFLOW.kind for operation in live):
        return
    for operation in live:
        context.tx.operations.cancel(operation, context.now_ms)
    change = SystemChange(context.tx, context.now_ms, context.ids)
    change.begin(
        instance,
        instance_delete.WORKFLOW,
        instance_delete.Arguments(reason=REASON),
        goal=Goal.DELETED,
        leaving=True,
    )


async def lose_volumes(context: StepContext) -> Retry | None:
    things = volumes_on(context.tx, context.operation.resource_id)
    return await lose_each(context, things, lose_volume)


async def lose_snapshots(context: StepContext) -> Retry | None:
    things = snapshots_on(context.tx, context.operation.resource_id)
    return await lose_each(context, things, lose_snapshot)


async def lose_each(
    context: StepContext,
    things: AsyncIterator[T],
    lose: Callable[[StepContext, T], Awaitable[None]],
) -> Retry | None:
    """Mark resources as lost, except those with an operation in progress, which ends by itself."""
    lost = 0
    async for thing in things:
        if thing.doing is not None:
            return Retry(LOOK_S, f"waits for {thing.doing} of {thing.id}", keep=True)
        if lost == AT_ONCE:
            return Retry(
                0.0, f"{thing.id} and other resources of the host are being removed", keep=True
            )
        await lose(context, thing)
        lost += 1
    return None


async def lose_volume(context: StepContext, volume: Volume) -> None:
    """A volume without a host can be deleted without asking a host."""
    reservation = await context.tx.hosts.reservation(volume.id)
    if reservation is not None:
        context.tx.hosts.release(reservation)
    context.tx.volumes.change(
        volume, state=VolumeState.ERROR, reason=REASON, host_id=None, updated_at_ms=context.now_ms
    )
    tell(context, "volume.error", volume)


async def lose_snapshot(context: StepContext, snapshot: Snapshot) -> None:
    """Another host with a complete copy becomes the snapshot's own host."""
    others = [host for host in snapshot.hosts if host != context.operation.resource_id]
    whole = [host for host in others if await may_be_complete(context, snapshot, host)]
    changes: dict[str, object] = {"updated_at_ms": context.now_ms}
    if snapshot.state is SnapshotState.COMPLETE and whole:
        rest = [host for host in others if host != whole[0]]
        changes |= {"host_id": whole[0], "copies": tuple(rest)}
    else:
        changes |= {"host_id": None, "copies": tuple(others), "reason": REASON}
        changes["state"] = SnapshotState.ERROR
        tell(context, "snapshot.error", snapshot)
    context.tx.snapshots.change(snapshot, **changes)


async def may_be_complete(context: StepContext, snapshot: Snapshot, host_id: str) -> bool:
    """A host that does not answer now is assumed to have its copy."""
    try:
        return (await look(context, host_id, parcel_of(snapshot))).complete
    except DriverError:
        host = await context.tx.hosts.find(host_id)
        return host is not None and host.state is not HostState.REMOVING


def tell(context: StepContext, kind: str, thing: Volume | Snapshot) -> None:
    """Write an event to the project of the owner."""
    SystemChange(context.tx, context.now_ms, context.ids).note(thing, kind, {"why": REASON})


async def settle(context: StepContext, outcome: OperationState) -> None:
    """If it failed, the host is lost as before, and can be removed again."""
    host = await context.tx.hosts.get(context.operation.resource_id)
    if outcome is OperationState.DONE:
        context.tx.hosts.remove(host)
        note(context, "host.removed")
    else:
        context.tx.hosts.change(host, state=HostState.LOST)


# No step has an undo: everything on the host is already lost.
WORKFLOW = Workflow(
    kind="host.remove",
    steps=(Step(end_instances), Step(lose_volumes), Step(lose_snapshots)),
    settle=settle,
    deadline_s=3600,
    cancellable=False,
)
