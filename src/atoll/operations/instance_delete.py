"""`instance.delete`: the guest, its disk, its addresses and its place on the host go.

Volumes, floating IPs and snapshots stay: they are the project's own.
"""

from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.volumes import VolumeState
from atoll.operations.guests import instance_of, settle_instance
from atoll.operations.instance_create import (
    release_addresses,
    release_host,
    remove_guest,
    remove_volume,
    settle_deleted,
)
from atoll.operations.network_attach import holder_of
from atoll.operations.steps import Step, StepContext, Workflow
from atoll.ports import Filter

BELONGINGS_MAX = 1000


async def let_belongings_go(context: StepContext) -> None:
    """The guest is gone, so nothing of its host has to be told."""
    instance = await instance_of(context)
    mine = Filter(any_of=((("instance_id", (instance.id,)),),), limit=BELONGINGS_MAX)
    for volume in await context.tx.volumes.page(mine):
        context.tx.volumes.change(
            volume, instance_id=None, state=VolumeState.AVAILABLE, updated_at_ms=context.now_ms
        )
    for floating_ip in await context.tx.floating_ips.page(mine):
        context.tx.floating_ips.change(floating_ip, instance_id=None)
    for attachment in instance.attachments:
        context.tx.addresses.release(holder_of(instance.id, attachment.subnet_id))
    context.tx.instances.change(instance, volumes=(), floating_ips=(), attachments=())


async def settle(context: StepContext, outcome: OperationState) -> None:
    """A deletion that failed can be asked for again: the goal stays `deleted`."""
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_deleted(context, instance, "")
        return
    reason = context.operation.error_message or ""
    await settle_instance(context, instance, state=InstanceState.ERROR, reason=reason)


# No step has an undo: what is gone is gone, and what is left is removed by asking again.
STEPS = (
    Step(remove_guest, attempts_max=10),
    Step(let_belongings_go),
    Step(remove_volume, attempts_max=10),
    Step(release_addresses),
    Step(release_host),
)
WORKFLOW = Workflow(
    kind="instance.delete",
    steps=STEPS,
    settle=settle,
    deadline_s=1800,
    impact="the guest is powered off, its root disk is destroyed, its addresses are given back; "
    "its volumes, floating IPs and snapshots stay",
    undo="none: the root disk is gone",
    cancellable=False,
)
