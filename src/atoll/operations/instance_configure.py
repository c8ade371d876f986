"""`instance.configure`: a running guest becomes what its instance says, without a restart.

Security groups, floating IPs and ssh keys are changed in the database; this tells the host.
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
    """What a host could not be told now, it is told when its guest is reported the next time;
    what it refused, it would refuse again."""
    instance = await instance_of(context)
    failed = outcome is not OperationState.DONE
    late = failed and context.operation.error_code != DriverRefused.code
    reason = context.operation.error_message or "" if failed else ""
    await settle_instance(context, instance, state=instance.state, outdated=late, reason=reason)


# No undo: the wish is in the database, and was not this operation's.
WORKFLOW = Workflow(
    kind="instance.configure",
    steps=(Step(configure_guest),),
    settle=settle,
    deadline_s=600,
)
