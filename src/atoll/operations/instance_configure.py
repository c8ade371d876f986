"""`instance.configure`: update a running guest to its instance, without a restart.

Security groups, floating IPs and ssh keys are changed in the database; this updates the host.
"""

from atoll.domain.errors import DriverRefused
from atoll.domain.operations import OperationState
from atoll.operations.guests import configure, instance_of, settle_instance
from atoll.operations.steps import Step, StepContext, Workflow


async def configure_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        await configure(context, instance)


async def settle(context: StepContext, outcome: OperationState) -> None:
    """A host that cannot be updated now is updated at the next report of its guest; an update that
    it rejected is not repeated."""
    instance = await instance_of(context)
    failed = outcome is not OperationState.DONE
    late = failed and context.operation.error_code != DriverRefused.code
    reason = context.operation.error_message or "" if failed else ""
    await settle_instance(context, instance, state=instance.state, outdated=late, reason=reason)


# No undo: the change in the database was not made by this operation.
WORKFLOW = Workflow(
    kind="instance.configure",
    steps=(Step(configure_guest),),
    settle=settle,
    deadline_s=600,
)
