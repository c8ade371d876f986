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
    await release_volumes(context, instance, mine)
    for floating_ip in await context.tx.floating_ips.page(mine):
        context.tx.floating_ips.change(floating_ip, instance_id=None)
    for attachment in instance.attachments:
        context.tx.addresses.release(holder_of(instance.id, attachment.subnet_id))
    return {"volumes": (), "floating_ips": (), "attachments": ()}


async def release_volumes(context: StepContext, instance: Instance, mine: Filter) -> None:
    """A volume that will be attached to another instance is released only by the guest."""
    volumes = {volume.id: volume for volume in await context.tx.volumes.page(mine)}
    for volume_id in instance.volumes:
        volume = volumes.get(volume_id) or await context.tx.volumes.find(volume_id)
        if volume is not None:
            volumes[volume.id] = volume
    for volume in volumes.values():
        changes: dict[str, Any] = {}
        if volume.instance_id == instance.id:
            changes = {"instance_id": None, "leaving": False}
        context.tx.volumes.change(
            volume, state=VolumeState.AVAILABLE, holder_id=None, updated_at_ms=context.now_ms,
            **changes,
        )  # fmt: skip


def holder_of(instance_id: str, subnet_id: str) -> str:
    """The holder under which an instance's number in a further subnet is taken."""
    return f"{instance_id}/{subnet_id}"
