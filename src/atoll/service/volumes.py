"""Use cases of volumes. One thing at a time goes on about a volume: the rest is a Conflict."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateVolume
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.instances import Instance, require_alive, require_bounds, require_labels
from atoll.domain.operations import Operation
from atoll.domain.quotas import Amounts
from atoll.domain.volumes import (
    SIZE_GIB_MAX,
    SIZE_GIB_MIN,
    VOLUMES_MAX,
    Volume,
    VolumeState,
)
from atoll.operations import volume_attach, volume_delete, volume_grow
from atoll.operations.steps import Workflow
from atoll.service import quotas, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import begin, coming_to, instance_named, region_of, require_version

NOUN = "volume"
UseCase = Callable[[Case], Awaitable[Accepted[Volume]]]


def create(command: CreateVolume) -> UseCase:
    """There at once; with an instance named it is attached to that right away."""

    async def use_case(case: Case) -> Accepted[Volume]:
        case.require("write")
        references.require_label(command.name)
        require_labels(command.labels)
        require_bounds("spec.size_gb", command.size_gib, SIZE_GIB_MIN, SIZE_GIB_MAX)
        volume = Volume(
            id=case.ids.new(ids.VOLUME),
            project_id=case.caller.project_id,
            name=command.name,
            labels=command.labels,
            annotations=command.annotations,
            size_gib=command.size_gib,
            region=await region_of(case.tx, command.region),
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        await quotas.take(case, Amounts(volumes=1, disk_gib=volume.size_gib))
        after = {"name": volume.name, "size_gib": volume.size_gib}
        case.audit("volume.create", volume.id, after=after)
        case.note("volume.created", volume.id)
        operation = None
        if command.instance is not None:
            instance = await attachable(case, volume, command.instance, "spec.instance_id")
            changes, operation = attached(case, volume, instance)
            volume = msgspec.structs.replace(volume, **changes)
        case.tx.volumes.add(volume)
        return Accepted(volume, operation)

    return use_case


def attach(reference: str, instance: str) -> UseCase:
    async def use_case(case: Case) -> Accepted[Volume]:
        volume = await idle(case, reference)
        target = await attachable(case, volume, instance, "instance_id")
        changes, operation = attached(case, volume, target)
        return Accepted(write(case, volume, **changes), operation)

    return use_case


async def attachable(case: Case, volume: Volume, reference: str, field: str) -> Instance:
    instance = await instance_named(case, reference, field)
    require_alive(instance)
    if (holder := await instance_of(case, volume)) is not None:
        away = " already" if holder.id == instance.id else ": detach it there first"
        raise Conflict(attached_to(volume, holder) + away)
    if volume.region != instance.spec.region:
        raise Invalid(
            f"{field}: instance {references.called(instance)} is in region {instance.spec.region}, "
            f"volume {references.called(volume)} in {volume.region}",
            field=field,
        )
    if volume.state is VolumeState.ERROR:
        raise Conflict(
            f"volume {references.called(volume)} is broken ({volume.reason}): detach or delete "
            "it first"
        )
    coming = await coming_to(case, instance, volume_attach.ATTACH)
    if len(instance.volumes) + len(coming) >= VOLUMES_MAX:
        raise Conflict(f"instance {instance.name} has {VOLUMES_MAX} volumes, which is the most")
    return instance


def attached(case: Case, volume: Volume, instance: Instance) -> tuple[dict[str, Any], Operation]:
    """What the wish makes of the volume, and the operation that carries it out."""
    arguments = {"volume_id": volume.id, "fresh": volume.host_id is None}
    operation = begin(case, instance, volume_attach.ATTACH, arguments)
    case.audit("volume.attach", volume.id, operation=operation, after={"instance": instance.id})
    return {**at_work(operation), "instance_id": instance.id}, operation


def detach(reference: str) -> UseCase:
    async def use_case(case: Case) -> Accepted[Volume]:
        volume = await idle(case, reference)
        instance = await instance_of(case, volume)
        if instance is None:
            raise Conflict(f"volume {references.called(volume)} is attached to no instance")
        operation = begin(case, instance, volume_attach.DETACH, {"volume_id": volume.id})
        before = {"instance": instance.id}
        case.audit("volume.detach", volume.id, operation=operation, before=before)
        return Accepted(write(case, volume, **at_work(operation)), operation)

    return use_case


def grow(reference: str, size_gib: int) -> UseCase:
    async def use_case(case: Case) -> Accepted[Volume]:
        volume = await idle(case, reference)
        if size_gib <= volume.size_gib:
            field = "size_gb"
            raise Invalid(
                f"{field} is {size_gib}, volume {references.called(volume)} has {volume.size_gib} "
                f"and only grows: {volume.size_gib + 1} to {SIZE_GIB_MAX} are allowed",
                field=field,
            )
        require_bounds("size_gb", size_gib, volume.size_gib + 1, SIZE_GIB_MAX)
        await quotas.take(case, Amounts(disk_gib=size_gib - volume.size_gib))
        instance = await instance_of(case, volume)
        arguments = {"volume_id": volume.id, "size_gib": size_gib}
        operation = start(case, volume, instance, volume_grow.WORKFLOW, arguments)
        before, after = {"size_gib": volume.size_gib}, {"size_gib": size_gib}
        case.audit("volume.grow", volume.id, operation=operation, before=before, after=after)
        return Accepted(write(case, volume, **at_work(operation)), operation)

    return use_case


def delete(reference: str, version: int | None = None) -> UseCase:
    async def use_case(case: Case) -> Accepted[Volume]:
        volume = await idle(case, reference)
        require_version(volume.version, version)
        if (holder := await instance_of(case, volume)) is not None:
            raise InUse(f"{attached_to(volume, holder)}: detach it there first")
        operation = start(case, volume, None, volume_delete.DELETE, {})
        case.audit("volume.delete", volume.id, operation=operation, before={"name": volume.name})
        return Accepted(write(case, volume, **at_work(operation)), operation)

    return use_case


def start(
    case: Case,
    volume: Volume,
    instance: Instance | None,
    workflow: Workflow,
    arguments: dict[str, Any],
) -> Operation:
    """Behind what goes on about the instance that has the volume, if one has."""
    if instance is None:
        return case.accept(workflow, volume.id, arguments)
    return begin(case, instance, workflow, arguments)


async def idle(case: Case, reference: str) -> Volume:
    case.require("write")
    volume = await references.get(case.tx.volumes, case.caller.project_id, reference, NOUN)
    references.require_idle(volume, "volume")
    return volume


async def instance_of(case: Case, volume: Volume) -> Instance | None:
    if volume.instance_id is None:
        return None
    return await case.tx.instances.find(volume.instance_id)


def attached_to(volume: Volume, holder: Instance) -> str:
    which = references.called(volume)
    return f"volume {which} is attached to instance {holder.name} ({holder.id})"


def at_work(operation: Operation) -> dict[str, Any]:
    return {"doing": operation.kind, "operation_id": operation.id}


def write(case: Case, volume: Volume, **changes: Any) -> Volume:
    return case.tx.volumes.change(volume, updated_at_ms=case.now_ms, **changes)
