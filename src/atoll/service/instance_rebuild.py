"""Use cases that replace an instance's root volume: reinstall and restore."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec

from atoll.domain import ids
from atoll.domain.commands import Reinstall
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Goal, Instance, InstanceState, require_alive
from atoll.domain.operations import Operation
from atoll.domain.snapshots import Snapshot
from atoll.operations import instance_rebuild
from atoll.operations.instance_rebuild import Body, arguments_of
from atoll.operations.steps import Workflow
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import (
    go_on,
    instance_meant,
    keys_meant,
    require_memory,
    require_user_data,
)

UseCase = Callable[[Case], Awaitable[Accepted[Instance]]]
replace = msgspec.structs.replace


def reinstall(reference: str, command: Reinstall) -> UseCase:
    """From the same image where none is named: then an instance that was made from a snapshot is
    made from that again, as long as it is there."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await rebuildable(case, reference)
        with naming_fields_as_they_are():
            body = await wanted(case, instance, command)
        operation = rebuild(case, instance, instance_rebuild.REINSTALL, body)
        return Accepted(under_way(case, instance, operation), operation)

    return use_case


async def wanted(case: Case, instance: Instance, command: Reinstall) -> Body:
    wish = command.image or await origin(case, instance)
    image, snapshot = await references.source(case.tx, instance.project_id, wish, "image")
    if snapshot is None and image.kind is ImageKind.ISO:
        raise Invalid(
            f"image: {image.name} is a disc: attach it, and install from it", field="image"
        )
    require_room(instance, image, snapshot)
    body = Body(
        image=command.image,
        image_id=image.id,
        snapshot_id=snapshot.id if snapshot else None,
        root_volume_id=case.ids.new(ids.VOLUME),
        password=command.password,
    )
    if command.hostname is not None:
        references.require_name(command.hostname, "hostname")
        body = replace(body, hostname=command.hostname)
    if command.annotations is not None:
        body = replace(body, annotations=command.annotations)
    if command.user_data is not None:
        require_user_data(command.user_data)
        body = replace(body, user_data=command.user_data)
    if command.ssh_keys is not None:
        keys = await keys_meant(case, command.ssh_keys)
        body = replace(body, ssh_keys=command.ssh_keys, ssh_key_ids=keys)
    return body


async def origin(case: Case, instance: Instance) -> str:
    """What it was made from: its snapshot, as long as that is there, otherwise the image."""
    snapshot_id = instance.resolved.snapshot_id
    if snapshot_id and await case.tx.snapshots.find(snapshot_id) is not None:
        return snapshot_id
    return instance.resolved.image_id


def require_room(instance: Instance, image: Image, snapshot: Snapshot | None) -> None:
    """For the image or snapshot, on the instance's disk and in its memory."""
    name, smallest_gib = image.name, image.disk_gib_min
    if snapshot is not None:
        name, smallest_gib = snapshot.name, snapshot.disk_gib
    if instance.spec.disk_gib < smallest_gib:
        raise Invalid(
            f"image: {name} needs {smallest_gib} GiB of disk, the instance has "
            f"{instance.spec.disk_gib}: resize it first",
            field="image",
        )
    require_memory(instance.spec.memory_mib, image)


@contextmanager
def naming_fields_as_they_are() -> Iterator[None]:
    """The rules are those of creation, whose body has its fields in a spec; here there is none."""
    try:
        yield
    except Invalid as error:
        field = (error.field or "").removeprefix("spec.")
        raise Invalid(error.message.replace("spec.", "", 1), field=field) from error


def restore(reference: str, snapshot: str) -> UseCase:
    """Its root volume becomes what the snapshot holds; all else stays."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await rebuildable(case, reference)
        field = "snapshot_id"
        image, found = await references.source(case.tx, instance.project_id, snapshot, field)
        if found is None:
            raise Invalid(f"{field}: {snapshot!r} is an image: reinstall from it", field=field)
        require_room(instance, image, found)
        body = Body(
            image_id=instance.resolved.image_id,
            snapshot_id=instance.resolved.snapshot_id,
            source_snapshot_id=found.id,
            root_volume_id=case.ids.new(ids.VOLUME),
        )
        operation = rebuild(case, instance, instance_rebuild.RESTORE, body)
        return Accepted(under_way(case, instance, operation), operation)

    return use_case


async def rebuildable(case: Case, reference: str) -> Instance:
    """What its body was when this is accepted is what comes back: so nothing else goes on."""
    instance = await instance_meant(case, reference)
    require_alive(instance)
    references.require_idle(instance, "instance")
    if instance.state is InstanceState.ERROR or instance.host_id is None:
        raise Conflict(f"instance {instance.name} is broken: delete it")
    return instance


def rebuild(case: Case, instance: Instance, workflow: Workflow, body: Body) -> Operation:
    operation = case.accept(workflow, instance.id, arguments_of(instance, body))
    before = {"root_volume": instance.resolved.root_volume_id, "image": instance.spec.image}
    after = {"root_volume": body.root_volume_id, "image": body.image or instance.spec.image}
    case.audit(workflow.kind, instance.id, operation=operation, before=before, after=after)
    return operation


def under_way(case: Case, instance: Instance, operation: Operation) -> Instance:
    return go_on(case, instance, operation, goal=Goal.RUNNING)
