"""`instance.attach_iso` and `instance.detach_iso`: change the ISO in an instance's CD drive.

A guest looks for a boot medium only when it starts, so a running guest is restarted.
"""

import msgspec

from atoll.domain.instances import Goal, Instance, InstanceState, releasing
from atoll.domain.operations import Operation, OperationState
from atoll.operations.guests import (
    boot_again,
    goal_after_failure,
    host_of,
    instance_of,
    require_guest,
    settle_instance,
)
from atoll.operations.image_import import prepare_image
from atoll.operations.instance_create import wait_until_running
from atoll.operations.instance_power import ask_to_stop, ensure_stopped, read_guest_state
from atoll.operations.instance_rebuild import start_guest, start_guest_again, stop_guest
from atoll.operations.steps import Retry, Step, StepContext, Workflow, arguments_of, ids_in


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The ISO before and after, as ids of images. `old` is written before the first step;
    `released` is the ISO that the operations before this one leave attached."""

    old: str | None = None
    new: str | None
    released: str | None = None
    was_running: bool


def change_of(instance: Instance, released: str | None, iso_id: str | None) -> Arguments:
    was_running = instance.goal is Goal.RUNNING
    return Arguments(new=iso_id, released=released, was_running=was_running)


def uses(operation: Operation) -> frozenset[str]:
    given = arguments_of(operation, Arguments)
    return ids_in(given.new, given.released)


async def prepare(context: StepContext) -> Arguments:
    """Raises Conflict if the instance has no guest."""
    instance, given = await instance_of(context), context.arguments(Arguments)
    require_guest(instance)
    return msgspec.structs.replace(given, old=instance.iso_id)


async def prepare_disc(context: StepContext) -> None:
    instance, iso_id = await instance_of(context), context.arguments(Arguments).new
    assert iso_id is not None, "a disc that is attached has an id"
    await prepare_image(context, host_of(instance), iso_id)


async def change_disc(context: StepContext) -> None:
    await put_in(context, context.arguments(Arguments).new)


async def change_back(context: StepContext) -> None:
    await put_in(context, context.arguments(Arguments).old)


async def put_in(context: StepContext, iso_id: str | None) -> None:
    instance = await instance_of(context)
    if instance.iso_id != iso_id:
        context.tx.instances.change(instance, iso_id=iso_id, **boot_again(instance))


async def start_again(context: StepContext) -> None:
    if context.arguments(Arguments).was_running:
        await start_guest(context)


async def wait_where_it_ran(context: StepContext) -> Retry | None:
    if context.arguments(Arguments).was_running:
        return await wait_until_running(context)
    return None


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        runs = context.arguments(Arguments).was_running
        state = InstanceState.RUNNING if runs else InstanceState.STOPPED
        await settle_instance(context, instance, state=state, reason="")
        return
    goal = await goal_after_failure(context, instance)
    reason = context.operation.error_message or ""
    await settle_instance(
        context, instance, state=instance.state, goal=goal, reason=reason,
        releasing=releasing(instance, taken=instance.iso_id),
    )  # fmt: skip


CHANGE = (
    Step(ask_to_stop, undo=read_guest_state),
    Step(ensure_stopped, undo=start_guest_again, timeout_s=120),
    Step(change_disc, undo=change_back),
    Step(start_again, undo=stop_guest, timeout_s=120),
    Step(wait_where_it_ran),
)
ATTACH = Workflow(
    kind="instance.attach_iso",
    steps=(
        Step(prepare_disc, timeout_s=120),
        *CHANGE,
    ),  # no undo: an unused ISO on a host does no harm
    settle=settle,
    deadline_s=3 * 3600,
    prepare=prepare,
    uses=uses,
)
DETACH = Workflow(
    kind="instance.detach_iso",
    steps=CHANGE,
    settle=settle,
    deadline_s=900,
    prepare=prepare,
    uses=uses,
)
