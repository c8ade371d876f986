"""Handles commands that replace an instance's root volume: reinstall and restore."""

import msgspec

from atoll.domain import ids
from atoll.domain.commands import Reference, ReinstallInstance, RestoreInstance
from atoll.domain.errors import Invalid
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Goal, Instance, InstanceState, releasing, require_alive
from atoll.domain.operations import Operation
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot
from atoll.operations import instance_rebuild
from atoll.operations.guests import require_guest
from atoll.operations.instance_rebuild import Body, change_of
from atoll.operations.steps import Workflow, arguments_of
from atoll.service import owned, references
from atoll.service.coming import coming_size
from atoll.service.desk import Case, Done
from atoll.service.instances import (
    get,
    key_ids_of,
    mark_busy,
    password_of,
    require_memory,
    require_one_password,
    require_user_data,
)

replace = msgspec.structs.replace


async def reinstall(case: Case, command: ReinstallInstance) -> Done[Instance]:
    """Reinstall an instance. Without a given image, it is created from its snapshot again if that
    still exists, otherwise from its image."""
    require_one_password(command)
    instance = await get_rebuildable(case, command.instance)
    body = await new_body(case, instance, command)
    return rebuild(case, instance, instance_rebuild.REINSTALL, body)


async def new_body(case: Case, instance: Instance, command: ReinstallInstance) -> Body:
    wish = command.image or await origin(case, instance)
    image, snapshot = await references.resolve_source(case, wish, "image")
    if snapshot is None and image.kind is ImageKind.ISO:
        raise Invalid(Reason.NOT_A_DISK, field="image", image=image.name)
    await require_room(case, instance, image, snapshot)
    body = Body(
        image=command.image,
        image_id=image.id,
        snapshot_id=snapshot.id if snapshot else None,
        root_volume_id=case.ids.new(ids.VOLUME),
        password=await password_of(case, command),
    )
    if command.hostname is not None:
        references.require_name(command.hostname, "hostname")
        body = replace(body, hostname=command.hostname)
    if command.annotations:
        # Also if they are the present ones: a reinstallation before this one may change them.
        notes = owned.merge_annotations(instance.annotations, command.annotations)
        body = replace(body, annotations=instance.annotations if notes is None else notes)
    if command.user_data is not None:
        require_user_data(command.user_data)
        body = replace(body, user_data=command.user_data)
    if command.ssh_keys is not None:
        keys = await key_ids_of(case, command.ssh_keys)
        body = replace(body, ssh_keys=command.ssh_keys, ssh_key_ids=keys)
    return body


async def origin(case: Case, instance: Instance) -> str:
    """Return the source of an instance: its snapshot if that still exists, otherwise its image.
    Raises Invalid if it has none."""
    snapshot_id = instance.resolved.snapshot_id
    if snapshot_id and await case.tx.snapshots.find(snapshot_id) is not None:
        return snapshot_id
    if not instance.resolved.image_id:
        raise Invalid(Reason.NO_ORIGIN, field="image", instance=references.display_name(instance))
    return instance.resolved.image_id


async def require_room(
    case: Case, instance: Instance, image: Image, snapshot: Snapshot | None
) -> None:
    """Check that the image or snapshot fits the disk and memory that the instance will have."""
    if snapshot is not None:
        case.tx.snapshots.confirm(snapshot)
    size = await coming_size(case, instance)
    name, smallest_gib = image.name, image.disk_gib_min
    if snapshot is not None:
        name, smallest_gib = snapshot.name, snapshot.disk_gib
    if size.disk_gib < smallest_gib:
        raise Invalid(
            Reason.IMAGE_NEEDS_DISK, field="image", image=name, lowest=smallest_gib,
            present=size.disk_gib,
        )  # fmt: skip
    require_memory(size.memory_mib, image)


async def restore(case: Case, command: RestoreInstance) -> Done[Instance]:
    """Restore the root volume from the snapshot; everything else stays."""
    instance = await get_rebuildable(case, command.instance)
    field = "snapshot"
    image, found = await references.resolve_source(case, command.snapshot, field)
    if found is None:
        raise Invalid(Reason.NOT_A_SNAPSHOT, field=field, image=command.snapshot)
    await require_room(case, instance, image, found)
    body = Body(
        image_id=instance.resolved.image_id,
        snapshot_id=instance.resolved.snapshot_id,
        source_snapshot_id=found.id,
        root_volume_id=case.ids.new(ids.VOLUME),
    )
    return rebuild(case, instance, instance_rebuild.RESTORE, body)


def apply_body(instance: Instance, operation: Operation) -> Instance:
    """Return the instance with the password and host name that the operation sets."""
    new = arguments_of(operation, instance_rebuild.Arguments).new
    return replace(
        instance,
        password=new.password or instance.password,
        hostname=new.hostname or instance.hostname,
    )


async def get_rebuildable(case: Case, reference: Reference) -> Instance:
    """Get an instance that has a guest, or will have one when the operations before have ended: it
    comes back if the operation fails."""
    instance = await get(case, reference)
    require_alive(instance)
    if instance.doing is None or instance.state is InstanceState.ERROR:
        require_guest(instance)
    return instance


def rebuild(case: Case, instance: Instance, workflow: Workflow, body: Body) -> Done[Instance]:
    operation = case.accept(workflow, instance.id, change_of(instance, body))
    before = {"root_volume": instance.resolved.root_volume_id, "image": instance.spec.image}
    after = {"root_volume": body.root_volume_id, "image": body.image or instance.spec.image}
    going = releasing(instance, instance.resolved.image_id, taken=body.image_id)
    changed = mark_busy(case, instance, operation, goal=Goal.RUNNING, releasing=going)
    return Done(changed, operation, before, after)
