"""`snapshot.clone`: copy a snapshot to another region, as an independent snapshot."""

import msgspec

from atoll.domain.operations import Operation, OperationState
from atoll.domain.snapshots import Snapshot
from atoll.messages import RemoveSnapshot
from atoll.operations.placing import serving
from atoll.operations.snapshot_copies import keeper_of, parcel_of, wait_until_complete
from atoll.operations.snapshot_create import finish
from atoll.operations.steps import Retry, Step, StepContext, Workflow, arguments_of, ids_in
from atoll.operations.transfer import Way, bring, remove_exports
from atoll.scheduler.placement import Demand, pick
from atoll.scheduler.weighers import free_disk


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    source_id: str


def pending(source: Snapshot, operation: Operation, *, name: str, region: str) -> Snapshot:
    """Return the snapshot that the operation will create."""
    return Snapshot(
        id=operation.resource_id,
        project_id=source.project_id,
        name=name,
        description=source.description,
        labels=source.labels,
        annotations=source.annotations,
        region=region,
        instance_id=source.instance_id,
        volume_id=source.volume_id,
        image_id=source.image_id,
        disk_gib=source.disk_gib,
        doing=operation.kind,
        operation_id=operation.id,
        created_at_ms=operation.created_at_ms,
        updated_at_ms=operation.created_at_ms,
    )


def uses(operation: Operation) -> frozenset[str]:
    return ids_in(arguments_of(operation, Arguments).source_id)


async def prepare(context: StepContext) -> Retry | None:
    return await wait_until_complete(context, context.arguments(Arguments).source_id)


async def snapshot_of(context: StepContext) -> Snapshot:
    return await context.tx.snapshots.get(context.operation.resource_id)


async def source_of(context: StepContext) -> Snapshot:
    return await context.tx.snapshots.get(context.arguments(Arguments).source_id)


async def pick_host(context: StepContext) -> None:
    """Record the host before anything is created there, because deleting the snapshot must know
    it."""
    snapshot = await snapshot_of(context)
    hosts = await context.tx.hosts.every()
    region = await serving(context.tx, snapshot.region)
    demand = Demand(region, vcpus=0, memory_mib=0, disk_gib=snapshot.disk_gib)
    host = pick(hosts, demand, weigh=free_disk)
    context.tx.snapshots.change(snapshot, host_id=host.id)


async def forget_host(context: StepContext) -> None:
    context.tx.snapshots.change(await snapshot_of(context), host_id=None)


async def copy(context: StepContext) -> Retry | None:
    snapshot, source = await snapshot_of(context), await source_of(context)
    assert snapshot.host_id is not None, "a host is picked before the copy is made"
    keeper = await keeper_of(context, source)
    way = Way(keeper, parcel_of(source), snapshot.host_id, parcel_of(snapshot))
    answer = await bring(context, way)
    if isinstance(answer, Retry):
        return answer
    context.tx.snapshots.change(snapshot, size_bytes=answer.size_bytes)
    return None


async def take_back(context: StepContext) -> None:
    snapshot = await snapshot_of(context)
    if snapshot.host_id is not None:
        await context.ask(snapshot.host_id, RemoveSnapshot(snapshot_id=snapshot.id))
        context.tx.snapshots.change(snapshot, size_bytes=None)
    source = await context.tx.snapshots.find(context.arguments(Arguments).source_id)
    if source is not None:
        await remove_exports(context, source.hosts)


async def settle(context: StepContext, outcome: OperationState) -> None:
    finish(context, await snapshot_of(context), outcome)


WORKFLOW = Workflow(
    kind="snapshot.clone",
    steps=(Step(pick_host, undo=forget_host), Step(copy, undo=take_back, timeout_s=120)),
    settle=settle,
    deadline_s=6 * 3600,
    prepare=prepare,
    uses=uses,
)
