"""What a deleted instance releases: volumes and floating IPs, which stay, and interfaces."""

from typing import Any

from atoll.domain.instances import Instance
from atoll.domain.volumes import VolumeState
from atoll.operations.steps import StepContext
from atoll.ports import Filter

BELONGINGS_MAX = 1000


async def release_belongings(context: StepContext, instance: Instance) -> dict[str, Any]:
    """Release everything after the guest is removed, so no guest needs an update. Returns the
    changes of the instance itself."""
    mine = Filter(equals=(("instance_id", instance.id),), limit=BELONGINGS_MAX)
    for volume in await context.tx.volumes.page(mine):
        context.tx.volumes.change(
            volume, instance_id=None, state=VolumeState.AVAILABLE, updated_at_ms=context.now_ms
        )
    for floating_ip in await context.tx.floating_ips.page(mine):
        context.tx.floating_ips.change(floating_ip, instance_id=None)
    for attachment in instance.attachments:
        context.tx.addresses.release(holder_of(instance.id, attachment.subnet_id))
    return {"volumes": (), "floating_ips": (), "attachments": ()}


def holder_of(instance_id: str, subnet_id: str) -> str:
    """The holder under which an instance's number in a further subnet is taken."""
    return f"{instance_id}/{subnet_id}"
