"""`instance.retire`: delete an instance that can still be recovered.

Its guest is off; its disk, addresses and reservation stay until `instance.delete`.
"""

from atoll.domain.instances import Goal, InstanceState
from atoll.domain.operations import OperationState
from atoll.operations import names
from atoll.operations.guests import instance_of, settle_instance
from atoll.operations.instance_power import ensure_stopped, read_guest_state
from atoll.operations.steps import Step, StepContext, Workflow


async def power_off(context: StepContext) -> None:
    if (await instance_of(context)).host_id is not None:
        await ensure_stopped(context)


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_instance(
            context, instance, state=InstanceState.DELETED, reason="",
            deleted_at_ms=context.now_ms,
        )  # fmt: skip
        return
    reason = context.operation.error_message or ""
    live = await context.tx.operations.live_on(instance.id)
    if any(operation.kind == "instance.delete" for operation in live):
        await settle_instance(context, instance, state=instance.state, reason=reason)
        return
    goal = Goal.RUNNING if instance.state is InstanceState.RUNNING else Goal.STOPPED
    name = await names.regain(context.tx.instances, context.ids, instance)
    await settle_instance(
        context, instance, state=instance.state, goal=goal, purge_at_ms=None, reason=reason, **name
    )


WORKFLOW = Workflow(
    kind="instance.retire",
    steps=(Step(power_off, undo=read_guest_state),),
    settle=settle,
    deadline_s=1800,
)
