"""What an operation waits for before it begins: operations on other resources.

An operation queues behind those on its own resource. Where it also depends on another resource, its
`prepare` waits here. It waits only for operations that were accepted before, so no two can wait for
each other.
"""

from collections.abc import Iterable
from typing import Any

from atoll.operations.steps import Retry, StepContext
from atoll.ports import Rows

# The pause between two looks is a share of the time already spent, within these bounds.
PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
SHARE = 0.25
USERS_MAX = 100


async def wait_for_operations(context: StepContext, ids: Iterable[str | None]) -> Retry | None:
    """Return a Retry while one of these operations has not ended; None stands for none."""
    for operation_id in ids:
        before = await context.tx.operations.find(operation_id) if operation_id else None
        if before is not None and not before.ended:
            return wait_for(context, f"{before.id} ({before.kind})")
    return None


async def wait_for_users(context: StepContext, rows: Rows[Any], thing_id: str) -> Retry | None:
    """Return a Retry while an operation that was accepted before needs the resource."""
    return await wait_for_operations(context, await rows.users_of(thing_id, USERS_MAX))


def wait_for(context: StepContext, what: str) -> Retry:
    waited_s = (context.now_ms - context.operation.queued_at_ms) / 1000
    pause_s = min(PAUSE_S_MAX, max(PAUSE_S_MIN, waited_s * SHARE))
    return Retry(pause_s, f"waits for {what}")
