"""`instance.start`, `instance.stop`, `instance.reboot` and `instance.reset`."""

import msgspec

from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.messages import EnsureStopped, GuestFacts, InspectGuest, Power
from atoll.operations.guests import (
    boot_again,
    goal_after_failure,
    host_of,
    instance_of,
    request_running,
    settle_instance,
)
from atoll.operations.instance_create import wait_until_running
from atoll.operations.steps import Retry, Step, StepContext, Workflow

BOOT_S = 110.0
ASK_AGAIN_S = 1.0
GRACE_S = 60.0


class Grace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the guest may take to shut down."""

    graceful_s: float = GRACE_S


async def ensure_running(context: StepContext) -> None:
    """Start the guest, or reset it if it booted fewer times than the instance requires."""
    instance = await instance_of(context)
    request = await request_running(context, instance)
    await context.ask(host_of(instance), request, timeout_s=BOOT_S)


async def ask_to_stop(context: StepContext) -> Retry | None:
    """Ask the guest to shut down, until its time is over. Between two attempts, the operation can
    be cancelled."""
    instance = await instance_of(context)
    started_ms = context.operation.started_at_ms or context.now_ms
    grace_s = context.arguments(Grace).graceful_s
    if context.now_ms - started_ms >= grace_s * 1000:
        return None
    facts = await context.ask(host_of(instance), EnsureStopped(guest_id=instance.id))
    if isinstance(facts, GuestFacts) and facts.power is Power.RUNNING:
        return Retry(ASK_AGAIN_S, "the guest is shutting down")
    return None


async def ensure_stopped(context: StepContext) -> None:
    instance = await instance_of(context)
    await context.ask(host_of(instance), EnsureStopped(guest_id=instance.id, force=True))


async def count_boot(context: StepContext) -> None:
    """Increase the number of requested boots. A step of its own, so that a repeated start does not
    reset the guest twice."""
    instance = await instance_of(context)
    context.tx.instances.change(instance, **boot_again(instance))


async def read_guest_state(context: StepContext) -> None:
    """Nothing is rolled back, but the host is asked for the state of the guest."""
    instance = await instance_of(context)
    if instance.host_id is None:
        return
    facts = await context.ask(instance.host_id, InspectGuest(guest_id=instance.id))
    runs = isinstance(facts, GuestFacts) and facts.power is Power.RUNNING
    state = InstanceState.RUNNING if runs else InstanceState.STOPPED
    halt = facts.halt if isinstance(facts, GuestFacts) else None
    if state is not instance.state or halt is not instance.halt:
        context.tx.instances.change(instance, state=state, halt=halt)


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    wanted = InstanceState.STOPPED
    if context.operation.kind != "instance.stop":
        wanted = InstanceState.RUNNING
    if outcome is OperationState.DONE:
        await settle_instance(context, instance, state=wanted, reason="")
        return
    goal = await goal_after_failure(context, instance)
    reason = context.operation.error_message or ""
    await settle_instance(context, instance, state=instance.state, goal=goal, reason=reason)


# A number of boots that is too high by one does no harm, so it has no undo.
START = Workflow(
    kind="instance.start",
    steps=(Step(ensure_running, undo=read_guest_state, timeout_s=120), Step(wait_until_running)),
    settle=settle,
    deadline_s=900,
)
STOP = Workflow(
    kind="instance.stop",
    steps=(Step(ask_to_stop, undo=read_guest_state), Step(ensure_stopped, undo=read_guest_state)),
    settle=settle,
    deadline_s=4000,
)
REBOOT = Workflow(
    kind="instance.reboot",
    steps=(
        Step(count_boot),
        Step(ask_to_stop, undo=read_guest_state),
        Step(ensure_stopped, undo=read_guest_state),
        Step(ensure_running, undo=read_guest_state, timeout_s=120),
        Step(wait_until_running),
    ),
    settle=settle,
    deadline_s=900,
)
RESET = Workflow(
    kind="instance.reset",
    steps=(
        Step(count_boot),
        Step(ensure_running, undo=read_guest_state, timeout_s=120),
        Step(wait_until_running),
    ),
    settle=settle,
    deadline_s=900,
)
