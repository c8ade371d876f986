"""Handles the resizing of an instance."""

from collections.abc import Sequence

import msgspec

from atoll.domain.commands import ResizeInstance
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.instances import Instance, InstanceSpec, require_size
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.operations import instance_resize
from atoll.operations.instance_resize import Size, change_of, size_of
from atoll.operations.steps import arguments_of
from atoll.service import quotas, room
from atoll.service.desk import Case, Done, View
from atoll.service.instance_rebuild import get_rebuildable
from atoll.service.instances import mark_busy, plan_of, require_memory


async def resize(case: Case, command: ResizeInstance) -> Done[Instance]:
    """Resize an instance. The root disk never shrinks: a plan with a smaller one leaves it as it
    is."""
    instance = await get_rebuildable(case, command.instance)
    old, new = size_of(instance.spec), await new_size(case, instance.spec, command)
    require_memory(new.memory_mib, await case.tx.images.get(instance.resolved.image_id))
    if new == old:
        raise Conflict(Reason.SAME_SIZE, instance=instance.name)
    if command.room_needed:
        await room.require_for_resize(case, instance, new)
    await quotas.take(case, growth(old, new))
    operation = case.accept(instance_resize.WORKFLOW, instance.id, change_of(instance, new))
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return Done(mark_busy(case, instance, operation), operation, before, after)


async def sizes_to_come(view: View, found: Sequence[Instance]) -> dict[str, int]:
    """Return the target sizes, in GiB, of growing root disks, by the id of the instance."""
    sizes = {}
    for instance in found:
        for operation in await view.tx.operations.live_on(instance.id) if instance.doing else ():
            if operation.kind == instance_resize.WORKFLOW.kind:
                arguments = arguments_of(operation, instance_resize.Arguments)
                sizes[instance.id] = arguments.new.disk_gib
    return sizes


def growth(old: Size, new: Size) -> Amounts:
    """Return what the quota must add. A decrease is returned only after the guest is smaller."""
    before, after = old.held(), new.held()
    return Amounts(**{name: max(0, after[name] - before[name]) for name in after})


async def new_size(case: Case, old: InstanceSpec, command: ResizeInstance) -> Size:
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
