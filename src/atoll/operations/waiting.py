"""What an operation waits for before it begins: operations on other resources.

An operation queues behind those on its own resource. Where it also depends on another resource, its
`prepare` waits here. It waits only for operations that were accepted before, so no two can wait for
each other.
"""

from collections.abc import Iterable

from atoll.operations.steps import Retry, StepContext

# The pause between two looks is a share of the time already spent, within these bounds.
PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
SHARE = 0.25


async def wait_for_operations(context: StepContext, ids: Iterable[str]) -> Retry | None:
    """Return a Retry while one of these operations has not ended."""
    for operation_id in ids:
        before = await context.tx.operations.find(operation_id)
        if before is not None and not before.ended:
            return wait_for(context, f"{before.id} ({before.kind})")
    return None


def wait_for(context: StepContext, what: str) -> Retry:
    waited_s = (context.now_ms - context.operation.queued_at_ms) / 1000
    pause_s = min(PAUSE_S_MAX, max(PAUSE_S_MIN, waited_s * SHARE))
    return Retry(pause_s, f"waits for {what}")
