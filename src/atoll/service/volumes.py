"""Handles commands on volumes. Each counts with all accepted operations, and waits for the last."""

from collections.abc import Sequence
from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.commands import (
    AttachVolume,
    CreateVolume,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    Reference,
    UpdateVolume,
)
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.instances import Instance, require_alive, require_bounds, require_labels
from atoll.domain.operations import Operation
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.domain.volumes import (
    SIZE_GIB_MAX,
    SIZE_GIB_MIN,
    VOLUMES_MAX,
    Volume,
    target_of,
)
from atoll.operations import volume_attach, volume_delete, volume_grow
from atoll.operations.steps import Workflow, arguments_of
from atoll.operations.volume_turns import AnyArguments, attachment, require_whole
from atoll.service import owned, quotas
from atoll.service.coming import find_coming
from atoll.service.desk import Case, Done, View
from atoll.service.instances import begin, find_lasting, region_of, resolve_instance
from atoll.service.nouns import VOLUMES
from atoll.service.references import display_name

FIELD = "volume"


async def create(case: Case, command: CreateVolume) -> Done[Volume]:
    """Create a volume immediately; with an instance, it is also attached."""
    require_labels(command.labels)
    require_bounds("size_gib", command.size_gib, SIZE_GIB_MIN, SIZE_GIB_MAX)
    volume = Volume(
        id=case.ids.new(ids.VOLUME),
        project_id=case.project_id,
        **await owned.hold_name(case, VOLUMES, command.name, free=command.free_name),
        labels=command.labels,
        annotations=command.annotations,
        size_gib=command.size_gib,
        region=await region_of(case, command.region),
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    await quotas.take(case, Amounts(volumes=1, disk_gib=volume.size_gib))
    after: dict[str, Any] = {"name": volume.name, "size_gib": volume.size_gib}
    case.note("volume.created", volume.id)
    operation = None
    if command.instance is not None:
        instance = await resolve_attachable(case, volume, command.instance)
        after["instance"] = instance.id
        changes, operation = begin_attach(case, volume, instance)
        volume = msgspec.structs.replace(volume, **changes)
    case.tx.volumes.add(volume)
    return Done(volume, operation, after=after)


async def update(case: Case, command: UpdateVolume) -> Done[Volume]:
    volume = await owned.get(case, VOLUMES, command.volume, FIELD)
    notes = owned.merge_annotations(volume.annotations, command.annotations)
    return await owned.update(
        case, VOLUMES, volume, command, annotations=notes, updated_at_ms=case.now_ms
    )


async def attach(case: Case, command: AttachVolume) -> Done[Volume]:
    volume = await get_usable(case, command.volume)
    here = target_of(volume) == case.id_of(command.instance)
    if command.attached_ok and here:
        return Done(volume, changed=False)
    instance = await resolve_attachable(case, volume, command.instance)
    changes, operation = begin_attach(case, volume, instance)
    return Done(write(case, volume, **changes), operation, after={"instance": instance.id})


async def resolve_attachable(case: Case, volume: Volume, reference: Reference) -> Instance:
    """Return the instance if the volume may be attached to it. Raises Invalid and Conflict."""
    instance = await resolve_instance(case, reference)
    require_alive(instance)
    await require_detached(case, volume, instance)
    if volume.region != instance.spec.region:
        raise Invalid(
            Reason.OTHER_REGION, field="instance", instance=display_name(instance),
            there=instance.spec.region, noun=VOLUMES.name, name=display_name(volume),
            here=volume.region,
        )  # fmt: skip
    require_whole(volume)
    if await count_coming(case, instance) >= VOLUMES_MAX:
        raise Conflict(Reason.VOLUMES_FULL, instance=instance.name, highest=VOLUMES_MAX)
    return instance


async def count_coming(case: Case, instance: Instance) -> int:
    """Count the volumes of the instance when its accepted operations have ended."""
    there = set(instance.volumes)
    attach, detach = volume_attach.ATTACH, volume_attach.DETACH
    for operation in await find_coming(case, instance, attach, detach):
        volume_id = arguments_of(operation, volume_attach.Arguments).volume_id
        if operation.kind == attach.kind:
            there.add(volume_id)
        else:
            there.discard(volume_id)
    return len(there)


async def require_detached(case: Case, volume: Volume, instance: Instance) -> None:
    holder = await holder_of(case, volume)
    if holder is None:
        return
    if holder.id != instance.id:
        raise Conflict(Reason.VOLUME_ATTACHED_ELSEWHERE, **attachment(volume, holder))
    raise Conflict(Reason.VOLUME_ATTACHED_HERE, **attachment(volume, holder))


def begin_attach(
    case: Case, volume: Volume, instance: Instance
) -> tuple[dict[str, Any], Operation]:
    """Write the attachment and accept its operation."""
    arguments = volume_attach.Arguments(volume_id=volume.id, after=last_on(volume))
    operation = begin(case, instance, volume_attach.ATTACH, arguments)
    return {**busy_with(operation), "instance_id": instance.id, "leaving": False}, operation


def last_on(volume: Volume) -> str | None:
    """Return the last accepted operation on the volume that has not ended."""
    return volume.operation_id if volume.doing is not None else None


async def detach(case: Case, command: DetachVolume) -> Done[Volume]:
    volume = await get_usable(case, command.volume)
    instance = await holder_of(case, volume)
    if instance is None:
        raise Conflict(Reason.VOLUME_NOT_ATTACHED, volume=display_name(volume))
    arguments = volume_attach.Arguments(volume_id=volume.id, after=last_on(volume))
    operation = begin(case, instance, volume_attach.DETACH, arguments)
    changed = write(case, volume, **busy_with(operation), leaving=True)
    return Done(changed, operation, before={"instance": instance.id})


async def grow(case: Case, command: GrowVolume) -> Done[Volume]:
    volume = await get_usable(case, command.volume)
    size_gib, field = command.size_gib, "size_gib"
    present = await coming_size_gib(case, volume)
    if command.same_ok and size_gib == present:
        return Done(volume, changed=False)
    if size_gib <= present:
        raise Invalid(
            Reason.VOLUME_ONLY_GROWS, field=field, value=size_gib, volume=display_name(volume),
            present=present, lowest=present + 1, highest=SIZE_GIB_MAX,
        )  # fmt: skip
    require_bounds(field, size_gib, present + 1, SIZE_GIB_MAX)
    await quotas.take(case, Amounts(disk_gib=size_gib - present))
    arguments = volume_grow.Arguments(
        volume_id=volume.id, size_gib=size_gib, counted_gib=present, after=last_on(volume)
    )
    holder = await holder_of(case, volume)
    operation = start(case, volume, holder, volume_grow.WORKFLOW, arguments)
    before, after = {"size_gib": present}, {"size_gib": size_gib}
    return Done(write(case, volume, **busy_with(operation)), operation, before, after)


async def coming_size_gib(view: View, volume: Volume) -> int:
    """Return the size of the volume when its accepted operations have ended."""
    operation_id = last_on(volume)
    while operation_id is not None:
        operation = await view.tx.operations.find(operation_id)
        if operation is None or operation.ended:
            break
        if operation.kind == volume_grow.WORKFLOW.kind and not operation.cancel_requested:
            return arguments_of(operation, volume_grow.Arguments).size_gib
        operation_id = arguments_of(operation, AnyArguments).after
    return volume.size_gib


async def delete(case: Case, command: DeleteVolume) -> Done[Volume]:
    """Delete a volume; with `detach`, it is detached first. A deletion in progress returns its
    operation."""
    volume = await owned.get(case, VOLUMES, command.volume, FIELD)
    owned.require_version(volume.version, command.version)
    if volume.doing == volume_delete.DELETE.kind and volume.operation_id is not None:
        going = await case.tx.operations.get(volume.operation_id)
        return Done(volume, going, changed=False)
    if (holder := await holder_of(case, volume)) is not None:
        if not command.detach:
            raise InUse(Reason.VOLUME_IN_USE, **attachment(volume, holder))
        volume = (await case.execute(DetachVolume(volume=volume.id))).thing
    arguments = volume_delete.Arguments(after=last_on(volume))
    operation = start(case, volume, None, volume_delete.DELETE, arguments)
    changed = write(case, volume, **busy_with(operation))
    return Done(changed, operation, before={"name": volume.name})


def start(
    case: Case,
    volume: Volume,
    instance: Instance | None,
    workflow: Workflow,
    arguments: msgspec.Struct | None = None,
) -> Operation:
    """Accept an operation, behind those on the instance of the volume, if it is attached."""
    if instance is None:
        return case.accept(workflow, volume.id, arguments)
    return begin(case, instance, workflow, arguments)


async def get_usable(case: Case, reference: Reference) -> Volume:
    """Raises NotFound, and Conflict if it is being deleted."""
    volume = await owned.get(case, VOLUMES, reference, FIELD)
    if volume.doing == volume_delete.DELETE.kind:
        raise Conflict(Reason.ON_ITS_WAY_OUT, noun=VOLUMES.name, name=display_name(volume))
    return volume


async def holder_of(case: Case, volume: Volume) -> Instance | None:
    """Return the instance to which it is attached when the accepted operations have ended."""
    return await find_lasting(case, target_of(volume))


async def growing_volumes(view: View, found: Sequence[Volume]) -> dict[str, int]:
    """Return the target sizes, in GiB, of growing volumes, by id."""
    sizes = {}
    for one in found:
        size_gib = await coming_size_gib(view, one)
        if size_gib != one.size_gib:
            sizes[one.id] = size_gib
    return sizes


def busy_with(operation: Operation) -> dict[str, Any]:
    return {"doing": operation.kind, "operation_id": operation.id}


def write(case: Case, volume: Volume, **changes: Any) -> Volume:
    return case.tx.volumes.change(volume, updated_at_ms=case.now_ms, **changes)
