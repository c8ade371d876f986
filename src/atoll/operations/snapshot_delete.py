"""`snapshot.delete`: what others stand on stays on the hosts for them."""

from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.messages import RemoveSnapshot
from atoll.operations.guests import note
from atoll.operations.steps import Step, StepContext, Workflow


async def remove(context: StepContext) -> None:
    snapshot = await context.tx.snapshots.get(context.operation.resource_id)
    for host_id in reversed(snapshot.hosts):  # its own last: until then it is whole somewhere
        await context.ask(host_id, RemoveSnapshot(snapshot_id=snapshot.id))


async def settle(context: StepContext, outcome: OperationState) -> None:
    snapshot = await context.tx.snapshots.get(context.operation.resource_id)
    if outcome is OperationState.DONE:
        context.tx.snapshots.remove(snapshot)
        context.tx.quotas.give_back(snapshot.project_id, Amounts(snapshots=1))
        note(context, "snapshot.deleted")
        return
    context.tx.snapshots.change(
        snapshot,
        reason=context.operation.error_message or "",
        doing=None,
        updated_at_ms=context.now_ms,
    )


# No undo: what is left is removed by asking again.
WORKFLOW = Workflow(
    kind="snapshot.delete",
    steps=(Step(remove, attempts_max=10),),
    settle=settle,
    deadline_s=1800,
    impact="the snapshot is destroyed; instances that were made from it stay whole",
    undo="none: the snapshot is gone",
    cancellable=False,
)
