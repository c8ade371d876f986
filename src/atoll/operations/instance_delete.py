"""`instance.delete`: remove the guest, its disk, its addresses and its reservation.

Volumes, floating IPs and snapshots stay: they belong to the project.
"""

import msgspec

from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.operations.guests import instance_of, settle_instance
from atoll.operations.instance_create import (
    release_addresses,
    release_host,
    remove_guest,
    remove_volume,
    settle_deleted,
)
from atoll.operations.steps import Step, StepContext, Workflow


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The reason for a deletion that no user requested."""

    reason: str = ""


async def settle(context: StepContext, outcome: OperationState) -> None:
    """A failed deletion can be requested again: the goal stays `deleted`."""
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_deleted(context, instance, context.arguments(Arguments).reason)
        return
    reason = context.operation.error_message or ""
    await settle_instance(context, instance, state=InstanceState.ERROR, reason=reason)


# No step has an undo: deleted data is lost, and a repeated request removes the rest.
STEPS = (
    Step(remove_guest, attempts_max=10),
    Step(remove_volume, attempts_max=10),
    Step(release_addresses),
    Step(release_host),
)
WORKFLOW = Workflow(
    kind="instance.delete",
    steps=STEPS,
    settle=settle,
    deadline_s=1800,
    cancellable=False,
)
