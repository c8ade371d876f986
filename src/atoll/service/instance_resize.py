"""Handles the resizing of an instance."""

from collections.abc import Sequence

import msgspec

from atoll.domain.commands import ResizeInstance
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.instances import Instance, require_size
from atoll.domain.reasons import Reason
from atoll.operations import instance_resize
from atoll.operations.instance_resize import Size, change_of, growth
from atoll.service import quotas, room
from atoll.service.coming import coming_size
from atoll.service.desk import Case, Done, View
from atoll.service.instance_rebuild import get_rebuildable
from atoll.service.instances import mark_busy, plan_of, require_memory


async def resize(case: Case, command: ResizeInstance) -> Done[Instance]:
    """Resize an instance. The root disk never shrinks: a plan with a smaller one leaves it as it
    is."""
    instance = await get_rebuildable(case, command.instance)
    old = await coming_size(case, instance)
    new = await new_size(case, old, command)
    if instance.resolved.image_id:
        require_memory(new.memory_mib, await case.tx.images.get(instance.resolved.image_id))
    if new == old:
        raise Conflict(Reason.SAME_SIZE, instance=instance.name)
    if command.room_needed:
        await room.require_for_resize(case, instance, new)
    await quotas.take(case, growth(old, new))
    operation = case.accept(instance_resize.WORKFLOW, instance.id, change_of(instance, old, new))
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return Done(mark_busy(case, instance, operation), operation, before, after)


async def growing_disks(view: View, found: Sequence[Instance]) -> dict[str, int]:
    """Return the target sizes, in GiB, of growing root disks, by the id of the instance."""
    sizes = {}
    for instance in found:
        size = await coming_size(view, instance)
        if size.disk_gib != instance.spec.disk_gib:
            sizes[instance.id] = size.disk_gib
    return sizes


async def new_size(case: Case, old: Size, command: ResizeInstance) -> Size:
    vcpus, memory_mib, disk_gib, plan = old.vcpus, old.memory_mib, old.disk_gib, old.plan
    accelerators, bare_metal = old.accelerators, old.bare_metal
    if command.plan is not None:
        found = await plan_of(case, command.plan)
        plan, vcpus, memory_mib = command.plan, found.vcpus, found.memory_mib
        accelerators, bare_metal = found.accelerators, found.bare_metal
        disk_gib = max(disk_gib, found.disk_gib)
    vcpus = vcpus if command.vcpus is None else command.vcpus
    memory_mib = memory_mib if command.memory_mib is None else command.memory_mib
    disk_gib = disk_gib if command.disk_gib is None else command.disk_gib
    if disk_gib < old.disk_gib:
        raise Invalid(
            Reason.DISK_NEVER_SHRINKS, field="disk_gib", value=disk_gib, present=old.disk_gib
        )
    require_size(vcpus, memory_mib, disk_gib, disk_gib_min=1)
    return Size(
        plan=plan, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib,
        accelerators=accelerators, bare_metal=bare_metal,
    )  # fmt: skip
