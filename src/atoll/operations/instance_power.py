"""`instance.start`, `instance.stop`, `instance.reboot` and `instance.reset`."""

from atoll.domain.errors import Conflict
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.operations import OperationState
from atoll.messages import EnsureRunning, EnsureStopped, GuestFacts, InspectGuest, Power
from atoll.operations.guests import guest_spec, instance_of, settle_instance
from atoll.operations.instance_create import wait_until_running
from atoll.operations.steps import Step, StepContext, Workflow

# A graceful reboot gives the guest a minute before it is cut off.
BOOT_S = 110.0
GRACE_MARGIN_S = 30.0


def host_of(instance: Instance) -> str:
    """Raises Conflict where its creation, which came before, has failed."""
    if instance.host_id is None:
        raise Conflict(f"instance {instance.id} has no host: it was never made")
    return instance.host_id


async def ensure_running(context: StepContext) -> None:
    """Starts the guest, or resets it where it booted fewer times than the instance wants."""
    instance = await instance_of(context)
    host_id = host_of(instance)
    graceful = context.operation.kind == "instance.reboot"
    guest = await guest_spec(context, instance, graceful=graceful)
    await context.ask(host_id, EnsureRunning(guest=guest), timeout_s=BOOT_S)


async def ensure_stopped(context: StepContext) -> None:
    instance = await instance_of(context)
    host_id = host_of(instance)
    grace_s = float(context.operation.arguments.get("graceful_s", 0.0))
    request = EnsureStopped(guest_id=instance.id, graceful_s=grace_s)
    await context.ask(host_id, request, timeout_s=grace_s + GRACE_MARGIN_S)


async def count_boot(context: StepContext) -> None:
    """One more boot is wanted. Its own step, so that a repeated start resets nothing twice."""
    instance = await instance_of(context)
    context.tx.instances.change(instance, boots=instance.boots + 1, ready_at_ms=None)


async def see_what_is(context: StepContext) -> None:
    """Nothing is taken back, but the host is asked what its guest does now."""
    instance = await instance_of(context)
    if instance.host_id is None:
        return
    facts = await context.ask(instance.host_id, InspectGuest(guest_id=instance.id))
    runs = isinstance(facts, GuestFacts) and facts.power is Power.RUNNING
    state = InstanceState.RUNNING if runs else InstanceState.STOPPED
    if state is not instance.state:
        context.tx.instances.change(instance, state=state)


async def settle(context: StepContext, outcome: OperationState) -> None:
    """After a failure the goal becomes what is so: nobody tries on behind the user's back."""
    instance = await instance_of(context)
    wanted = InstanceState.STOPPED
    if context.operation.kind != "instance.stop":
        wanted = InstanceState.RUNNING
    if outcome is OperationState.DONE:
        await settle_instance(context, instance, state=wanted, reason="")
        return
    goal = Goal.RUNNING if instance.state is InstanceState.RUNNING else Goal.STOPPED
    if instance.goal is Goal.DELETED:
        goal = Goal.DELETED
    reason = context.operation.error_message or ""
    await settle_instance(context, instance, state=instance.state, goal=goal, reason=reason)


# A count of boots that is too high by one harms nothing, so it has no undo.
START = Workflow(
    kind="instance.start",
    steps=(Step(ensure_running, undo=see_what_is, timeout_s=120), Step(wait_until_running)),
    settle=settle,
    deadline_s=900,
    impact="the guest is powered on",
    undo="stop the instance",
)
STOP = Workflow(
    kind="instance.stop",
    steps=(Step(ensure_stopped, undo=see_what_is, timeout_s=3700),),
    settle=settle,
    deadline_s=4000,
    impact="the guest is shut down; its disk, addresses and place on the host stay",
    undo="start the instance",
)
REBOOT = Workflow(
    kind="instance.reboot",
    steps=(
        Step(count_boot),
        Step(ensure_running, undo=see_what_is, timeout_s=240),
        Step(wait_until_running),
    ),
    settle=settle,
    deadline_s=900,
    impact="the guest shuts down and starts again",
    undo="none",
)
RESET = Workflow(
    kind="instance.reset",
    steps=(
        Step(count_boot),
        Step(ensure_running, undo=see_what_is, timeout_s=120),
        Step(wait_until_running),
    ),
    settle=settle,
    deadline_s=900,
    impact="the guest is reset at once; what it had not written to its disk is lost",
    undo="none",
)
