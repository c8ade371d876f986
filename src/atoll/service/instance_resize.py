"""The use case of another size."""

from collections.abc import Awaitable, Callable

import msgspec

from atoll.domain.commands import Resize
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.instances import Instance, InstanceSpec, require_size
from atoll.domain.quotas import Amounts
from atoll.operations import instance_resize
from atoll.operations.instance_resize import Size, arguments_of, size_of
from atoll.service import quotas
from atoll.service.desk import Accepted, Case
from atoll.service.instance_rebuild import naming_fields_as_they_are, rebuildable
from atoll.service.instances import go_on, plan_of, require_memory


def resize(reference: str, command: Resize) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    """The root disk never shrinks: a plan with a
    smaller one leaves it as it is."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await rebuildable(case, reference)
        with naming_fields_as_they_are():
            old, new = size_of(instance.spec), await wanted(case, instance.spec, command)
            image = await case.tx.images.get(instance.resolved.image_id)
            require_memory(new.memory_mib, image)
        if new == old:
            raise Conflict(f"instance {instance.name} has this size already")
        await quotas.take(case, growth(old, new))
        operation = case.accept(instance_resize.WORKFLOW, instance.id, arguments_of(instance, new))
        before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
        case.audit("instance.resize", instance.id, operation=operation, before=before, after=after)
        return Accepted(go_on(case, instance, operation), operation)

    return use_case


def growth(old: Size, new: Size) -> Amounts:
    """What becomes less is given back when the guest has really become smaller."""
    before, after = old.held(), new.held()
    return Amounts(**{name: max(0, after[name] - before[name]) for name in after})


async def wanted(case: Case, old: InstanceSpec, command: Resize) -> Size:
    vcpus, memory_mib, disk_gib, plan = old.vcpus, old.memory_mib, old.disk_gib, old.plan
    accelerators = old.accelerators
    if command.plan is not None:
        found = await plan_of(case.tx, command.plan)
        plan, vcpus, memory_mib = command.plan, found.vcpus, found.memory_mib
        accelerators = found.accelerators
        disk_gib = max(disk_gib, found.disk_gib)
    vcpus = vcpus if command.vcpus is None else command.vcpus
    memory_mib = memory_mib if command.memory_mib is None else command.memory_mib
    disk_gib = disk_gib if command.disk_gib is None else command.disk_gib
    if disk_gib < old.disk_gib:
        raise Invalid(
            f"spec.disk_gb is {disk_gib}, the disk has {old.disk_gib}: it never shrinks",
            field="spec.disk_gb",
        )
    require_size(vcpus, memory_mib, disk_gib, disk_gib_min=1)
    return Size(
        plan=plan, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib,
        accelerators=accelerators,
    )  # fmt: skip
