"""Handles commands on volumes. One operation at a time works on a volume; others get Busy."""

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
    VolumeState,
)
from atoll.operations import volume_attach, volume_delete, volume_grow
from atoll.operations.steps import Workflow, arguments_of
from atoll.service import owned, quotas, references
from atoll.service.desk import Case, Done, View
from atoll.service.instances import begin, coming_to, region_of, resolve_instance
from atoll.service.nouns import VOLUMES
from atoll.service.references import called

FIELD = "volume"


async def create(case: Case, command: CreateVolume) -> Done[Volume]:
    """Create a volume immediately; with an instance, it is also attached."""
    references.require_label(command.name)
    require_labels(command.labels)
    require_bounds("size_gib", command.size_gib, SIZE_GIB_MIN, SIZE_GIB_MAX)
    volume = Volume(
        id=case.ids.new(ids.VOLUME),
        project_id=case.project_id,
        name=command.name,
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
    notes = owned.merged(volume.annotations, command.annotations)
    return await owned.update(
        case, VOLUMES, volume, command, annotations=notes, updated_at_ms=case.now_ms
    )


async def attach(case: Case, command: AttachVolume) -> Done[Volume]:
    volume = await owned.get(case, VOLUMES, command.volume, FIELD)
    here = volume.instance_id == case.id_of(command.instance)
    if command.attached_ok and here and volume.doing != volume_attach.DETACH.kind:
        return Done(volume, changed=False)
    instance = await resolve_attachable(case, volume, command.instance)
    references.require_idle(volume, VOLUMES)
    changes, operation = begin_attach(case, volume, instance)
    return Done(write(case, volume, **changes), operation, after={"instance": instance.id})


async def resolve_attachable(case: Case, volume: Volume, reference: Reference) -> Instance:
    """Return the instance if the volume may be attached to it. Raises Invalid and Conflict."""
    instance = await resolve_instance(case, reference)
    require_alive(instance)
    if volume.doing != volume_attach.DETACH.kind:
        await require_detached(case, volume, instance)
    if volume.region != instance.spec.region:
        raise Invalid(
            Reason.OTHER_REGION, field="instance", instance=called(instance),
            there=instance.spec.region, noun=VOLUMES.name, name=called(volume),
            here=volume.region,
        )  # fmt: skip
    if volume.state is VolumeState.ERROR:
        raise Conflict(Reason.VOLUME_BROKEN, volume=called(volume), why=volume.reason)
    coming = await coming_to(case, instance, volume_attach.ATTACH)
    if len(instance.volumes) + len(coming) >= VOLUMES_MAX:
        raise Conflict(Reason.VOLUMES_FULL, instance=instance.name, highest=VOLUMES_MAX)
    return instance


async def require_detached(case: Case, volume: Volume, instance: Instance) -> None:
    holder = await holder_of(case, volume)
    if holder is None:
        return
    if holder.id != instance.id:
        raise Conflict(Reason.VOLUME_ATTACHED_ELSEWHERE, **attachment(volume, holder))
    references.require_idle(volume, VOLUMES)
    raise Conflict(Reason.VOLUME_ATTACHED_HERE, **attachment(volume, holder))


def begin_attach(
    case: Case, volume: Volume, instance: Instance
) -> tuple[dict[str, Any], Operation]:
    """Write the attachment and accept its operation."""
    arguments = volume_attach.Arguments(volume_id=volume.id, fresh=volume.host_id is None)
    operation = begin(case, instance, volume_attach.ATTACH, arguments)
    return {**busy_with(operation), "instance_id": instance.id}, operation


async def detach(case: Case, command: DetachVolume) -> Done[Volume]:
    volume = await get_idle(case, command.volume)
    instance = await holder_of(case, volume)
    if instance is None:
        raise Conflict(Reason.VOLUME_NOT_ATTACHED, volume=called(volume))
    arguments = volume_attach.Arguments(volume_id=volume.id)
    operation = begin(case, instance, volume_attach.DETACH, arguments)
    changed = write(case, volume, **busy_with(operation))
    return Done(changed, operation, before={"instance": instance.id})


async def grow(case: Case, command: GrowVolume) -> Done[Volume]:
    volume = await owned.get(case, VOLUMES, command.volume, FIELD)
    size_gib, field = command.size_gib, "size_gib"
    if command.same_ok and size_gib == volume.size_gib:
        return Done(volume, changed=False)
    references.require_idle(volume, VOLUMES)
    if size_gib <= volume.size_gib:
        raise Invalid(
            Reason.VOLUME_ONLY_GROWS, field=field, value=size_gib, volume=called(volume),
            present=volume.size_gib, lowest=volume.size_gib + 1, highest=SIZE_GIB_MAX,
        )  # fmt: skip
    require_bounds(field, size_gib, volume.size_gib + 1, SIZE_GIB_MAX)
    await quotas.take(case, Amounts(disk_gib=size_gib - volume.size_gib))
    arguments = volume_grow.Arguments(volume_id=volume.id, size_gib=size_gib)
    holder = await holder_of(case, volume)
    operation = start(case, volume, holder, volume_grow.WORKFLOW, arguments)
    before, after = {"size_gib": volume.size_gib}, {"size_gib": size_gib}
    return Done(write(case, volume, **busy_with(operation)), operation, before, after)


async def delete(case: Case, command: DeleteVolume) -> Done[Volume]:
    volume = await get_idle(case, command.volume)
    owned.require_version(volume.version, command.version)
    if (holder := await holder_of(case, volume)) is not None:
        raise InUse(Reason.VOLUME_IN_USE, **attachment(volume, holder))
    operation = start(case, volume, None, volume_delete.DELETE)
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


async def get_idle(case: Case, reference: Reference) -> Volume:
    """Raises NotFound and Busy."""
    volume = await owned.get(case, VOLUMES, reference, FIELD)
    references.require_idle(volume, VOLUMES)
    return volume


async def holder_of(case: Case, volume: Volume) -> Instance | None:
    """Return the instance to which it is attached."""
    if volume.instance_id is None:
        return None
    return await case.tx.instances.find(volume.instance_id)


async def sizes_to_come(view: View, found: Sequence[Volume]) -> dict[str, int]:
    """Return the target sizes, in GiB, of growing volumes, by id."""
    sizes = {}
    for one in found:
        if one.doing == volume_grow.WORKFLOW.kind and one.operation_id is not None:
            operation = await view.tx.operations.get(one.operation_id)
            sizes[one.id] = arguments_of(operation, volume_grow.Arguments).size_gib
    return sizes


def attachment(volume: Volume, holder: Instance) -> dict[str, str]:
    return {"volume": called(volume), "instance": holder.name, "instance_id": holder.id}


def busy_with(operation: Operation) -> dict[str, Any]:
    return {"doing": operation.kind, "operation_id": operation.id}


def write(case: Case, volume: Volume, **changes: Any) -> Volume:
    return case.tx.volumes.change(volume, updated_at_ms=case.now_ms, **changes)
