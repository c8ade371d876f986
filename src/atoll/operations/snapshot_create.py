"""`snapshot.create`: queues at the instance, whose guest keeps running."""

from typing import Any

import msgspec

from atoll.domain.instances import Instance
from atoll.domain.operations import Operation, OperationState
from atoll.domain.snapshots import Snapshot, SnapshotKind, SnapshotState
from atoll.messages import EnsureSnapshot, RemoveSnapshot, SnapshotFacts
from atoll.operations import snapshot_delete
from atoll.operations.guests import host_of, instance_of, note, settle_instance
from atoll.operations.steps import Step, StepContext, Workflow, arguments_of, enqueue
from atoll.ports import Filter

GIB = 2**30
BACKUPS_MAX = 1000


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """`keep`: how many complete backups of the instance to keep."""

    snapshot_id: str
    keep: int | None = None


def is_backup(operation: Operation) -> bool:
    is_create = operation.kind == WORKFLOW.kind
    return is_create and arguments_of(operation, Arguments).keep is not None


def pending(instance: Instance, operation: Operation, **given: Any) -> Snapshot:
    """Return the snapshot that the operation will create of the instance as it is then."""
    return Snapshot(
        id=arguments_of(operation, Arguments).snapshot_id,
        project_id=instance.project_id,
        annotations=instance.annotations,
        region=instance.spec.region,
        instance_id=instance.id,
        volume_id=instance.resolved.root_volume_id,
        image_id=instance.resolved.image_id,
        disk_gib=instance.spec.disk_gib,
        doing=operation.kind,
        operation_id=operation.id,
        created_at_ms=operation.created_at_ms,
        updated_at_ms=operation.created_at_ms,
        **given,
    )


async def snapshot_of(context: StepContext) -> Snapshot:
    return await context.tx.snapshots.get(context.arguments(Arguments).snapshot_id)


async def note_host(context: StepContext) -> None:
    """Record the host before anything is created there, because deleting the snapshot must know
    it."""
    instance, snapshot = await instance_of(context), await snapshot_of(context)
    context.tx.snapshots.change(snapshot, host_id=host_of(instance))


async def forget_host(context: StepContext) -> None:
    context.tx.snapshots.change(await snapshot_of(context), host_id=None)


async def take(context: StepContext) -> None:
    instance, snapshot = await instance_of(context), await snapshot_of(context)
    request = EnsureSnapshot(snapshot_id=snapshot.id, volume_id=instance.resolved.root_volume_id)
    facts = await context.ask(host_of(instance), request, timeout_s=50)
    assert isinstance(facts, SnapshotFacts), "a snapshot is answered by facts"
    context.tx.snapshots.change(
        snapshot,
        volume_id=instance.resolved.root_volume_id,
        disk_gib=-(-facts.virtual_size_bytes // GIB),
        size_bytes=facts.size_bytes,
    )


async def take_back(context: StepContext) -> None:
    instance, snapshot = await instance_of(context), await snapshot_of(context)
    if instance.host_id is not None:
        await context.ask(instance.host_id, RemoveSnapshot(snapshot_id=snapshot.id))
        context.tx.snapshots.change(snapshot, size_bytes=None)


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance, snapshot = await instance_of(context), await snapshot_of(context)
    finish(context, snapshot, outcome)
    keep = context.arguments(Arguments).keep
    if outcome is OperationState.DONE and keep is not None:
        await remove_old_backups(context, instance.id, keep)
    await settle_instance(context, instance, state=instance.state)


def finish(context: StepContext, snapshot: Snapshot, outcome: OperationState) -> None:
    """A failed snapshot stays in the list, with the reason, until it is deleted."""
    done = outcome is OperationState.DONE
    mine = snapshot.operation_id == context.operation.id
    context.tx.snapshots.change(
        snapshot,
        state=SnapshotState.COMPLETE if done else SnapshotState.ERROR,
        reason="" if done else context.operation.error_message or "",
        doing=None if mine else snapshot.doing,
        updated_at_ms=context.now_ms,
    )
    note(context, f"snapshot.{'complete' if done else 'error'}", snapshot.id)


async def remove_old_backups(context: StepContext, instance_id: str, keep: int) -> None:
    """Delete all complete backups but the newest `keep`, this one included."""
    mine = (("instance_id", instance_id), ("kind", SnapshotKind.BACKUP.value))
    wanted = Filter(equals=mine, limit=BACKUPS_MAX, descending=True)
    found = await context.tx.snapshots.page(wanted)
    complete = [s for s in found if s.state is SnapshotState.COMPLETE and s.doing is None]
    for old in complete[max(0, keep - 1) :]:
        operation = enqueue(context, snapshot_delete.WORKFLOW, old.id)
        context.tx.snapshots.change(
            old, doing=operation.kind, operation_id=operation.id, updated_at_ms=context.now_ms
        )


WORKFLOW = Workflow(
    kind="snapshot.create",
    steps=(Step(note_host, undo=forget_host), Step(take, undo=take_back)),
    settle=settle,
    deadline_s=900,
)
