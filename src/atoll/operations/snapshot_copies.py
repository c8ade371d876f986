"""Copies of a snapshot: further hosts that have its data, under the same id.

Called by operations that create root volumes from snapshots on any host. A copy stays until the
snapshot is deleted, for the next use.
"""

from atoll.domain.errors import Conflict, DriverUnavailable
from atoll.domain.hosts import HostState
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.messages import Parcel, ParcelKind, RemoveImport, RemoveSnapshot
from atoll.operations import snapshot_delete
from atoll.operations.steps import Retry, StepContext
from atoll.operations.transfer import Way, bring, look, remove_exports
from atoll.operations.waiting import wait_for


def parcel_of(snapshot: Snapshot) -> Parcel:
    return Parcel(kind=ParcelKind.SNAPSHOT, id=snapshot.id, size_gib=snapshot.disk_gib)


def is_going(snapshot: Snapshot) -> bool:
    return snapshot.doing == snapshot_delete.WORKFLOW.kind


async def wait_until_complete(context: StepContext, snapshot_id: str) -> Retry | None:
    """Wait for a snapshot that is being created. Raises Conflict if its creation failed."""
    snapshot = await context.tx.snapshots.get(snapshot_id)
    if snapshot.state is SnapshotState.PENDING:
        return wait_for(context, f"snapshot {snapshot.name}")
    if snapshot.state is SnapshotState.ERROR:
        raise Conflict(
            Reason.SNAPSHOT_FAILED, snapshot=snapshot.name, why=snapshot.reason or "unknown"
        )
    return None


async def expect_copy(context: StepContext, snapshot_id: str, host_id: str) -> None:
    """Record the host before anything is created there, because deleting the snapshot must know
    it."""
    snapshot = await context.tx.snapshots.get(snapshot_id)
    if host_id not in snapshot.hosts:
        context.tx.snapshots.change(snapshot, copies=(*snapshot.copies, host_id))


async def bring_copy(context: StepContext, snapshot_id: str, host_id: str) -> Retry | None:
    """Copy the snapshot to a host that expects it. The operation uses the snapshot, so a deletion
    that was accepted meanwhile waits."""
    snapshot = await context.tx.snapshots.get(snapshot_id)
    parcel = parcel_of(snapshot)
    if host_id == snapshot.host_id:
        return None
    if (await look(context, host_id, parcel)).complete:
        await remove_exports(context, set(snapshot.hosts) - {host_id})
        return None
    keeper = await keeper_of(context, snapshot, besides=host_id)
    answer = await bring(context, Way(keeper, parcel, host_id, parcel))
    if isinstance(answer, Retry):
        return answer
    # Bump the version: this commit then fails if the snapshot was deleted meanwhile.
    context.tx.snapshots.change(snapshot)
    return None


async def keeper_of(context: StepContext, snapshot: Snapshot, *, besides: str | None = None) -> str:
    """Find a reachable host that has the complete snapshot."""
    for host_id in snapshot.hosts:
        host = await context.tx.hosts.find(host_id)
        if host_id == besides or host is None or host.state is not HostState.READY:
            continue
        if (await look(context, host_id, parcel_of(snapshot))).complete:
            return host_id
    raise DriverUnavailable(f"no host with snapshot {snapshot.name} is reachable")


async def give_up_copy(context: StepContext, snapshot_id: str, host_id: str) -> None:
    """Remove a partial copy. A complete copy stays, because other operations may use it."""
    snapshot = await context.tx.snapshots.find(snapshot_id)
    if snapshot is None or (is_going(snapshot) and host_id != snapshot.host_id):
        await context.ask(host_id, RemoveSnapshot(snapshot_id=snapshot_id))
    elif host_id != snapshot.host_id:
        await context.ask(host_id, RemoveImport(parcel=parcel_of(snapshot)))
        await remove_exports(context, set(snapshot.hosts) - {host_id})
