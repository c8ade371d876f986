"""Handles commands on snapshots."""

import msgspec

from atoll.domain import ids
from atoll.domain.commands import (
    CloneSnapshot,
    CreateSnapshot,
    DeleteSnapshot,
    ImportSnapshot,
    UpdateSnapshot,
)
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageSource
from atoll.domain.instances import require_alive, require_labels
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot
from atoll.operations import snapshot_clone, snapshot_create, snapshot_delete, snapshot_import
from atoll.operations.snapshot_copies import is_going
from atoll.service import images, owned, quotas, references
from atoll.service.desk import Case, Done
from atoll.service.instances import begin, region_of, resolve_instance
from atoll.service.nouns import SNAPSHOTS
from atoll.service.references import display_name

FIELD = "snapshot"
DESCRIPTION_MAX = 1000


async def create(case: Case, command: CreateSnapshot) -> Done[Snapshot]:
    """Create a snapshot of an instance's root volume, as it is when the operation runs."""
    references.require_label(command.name)
    require_labels(command.labels)
    require_description(command.description)
    instance = await resolve_instance(case, command.instance)
    require_alive(instance)
    await quotas.take(case, Amounts(snapshots=1))
    arguments = snapshot_create.Arguments(snapshot_id=case.ids.new(ids.SNAPSHOT))
    operation = begin(case, instance, snapshot_create.WORKFLOW, arguments)
    snapshot = snapshot_create.pending(
        instance,
        operation,
        name=command.name,
        labels=command.labels,
        description=command.description,
    )
    case.tx.snapshots.add(snapshot)
    return Done(snapshot, operation, after={"name": snapshot.name, "instance": instance.id})


async def update(case: Case, command: UpdateSnapshot) -> Done[Snapshot]:
    require_description(command.description or "")
    snapshot = await owned.get(case, SNAPSHOTS, command.snapshot, FIELD)
    return await owned.update(case, SNAPSHOTS, snapshot, command, description=command.description)


def require_description(description: str) -> None:
    if len(description) > DESCRIPTION_MAX:
        raise Invalid(Reason.TOO_LONG, field="description", highest=DESCRIPTION_MAX)


async def import_(case: Case, command: ImportSnapshot) -> Done[Snapshot]:
    """Import a disk from a URL as a snapshot. A hidden image of the project holds its data, and is
    deleted with the snapshot unless something else uses it."""
    references.require_label(command.name)
    require_description(command.description)
    source = images.require_source(case, command.source)
    await quotas.take(case, Amounts(snapshots=1))
    operation = case.accept(snapshot_import.WORKFLOW, case.ids.new(ids.SNAPSHOT))
    snapshot = Snapshot(
        id=operation.resource_id,
        project_id=case.project_id,
        name=command.name,
        description=command.description,
        region=await region_of(case, command.region),
        instance_id="",
        volume_id=case.ids.new(ids.VOLUME),
        image_id=case.ids.new(ids.IMAGE),
        disk_gib=1,
        doing=operation.kind,
        operation_id=operation.id,
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    case.tx.images.add(create_hidden_image(snapshot, source))
    case.tx.snapshots.add(snapshot)
    return Done(snapshot, operation, after={"name": snapshot.name, "source": source.location})


def create_hidden_image(snapshot: Snapshot, source: ImageSource) -> Image:
    return Image(
        id=snapshot.image_id,
        project_id=snapshot.project_id,
        name=snapshot.own_image,
        description="the image from which the snapshot of that id was imported",
        source=source,
        created_at_ms=snapshot.created_at_ms,
        updated_at_ms=snapshot.created_at_ms,
    )


async def clone(case: Case, command: CloneSnapshot) -> Done[Snapshot]:
    """Copy a snapshot to another region, as an independent snapshot."""
    source = await owned.get(case, SNAPSHOTS, command.snapshot, FIELD)
    if (state := references.problem_of(source)) is not None:
        raise Conflict(Reason.NOTHING_TO_COPY, snapshot=display_name(source), state=state)
    case.tx.snapshots.confirm(source)
    await require_another_region(case, source, command.region)
    name = source.name if command.name is None else command.name
    references.require_name(name)
    await quotas.take(case, Amounts(snapshots=1))
    snapshot_id = case.ids.new(ids.SNAPSHOT)
    arguments = snapshot_clone.Arguments(source_id=source.id)
    operation = case.accept(snapshot_clone.WORKFLOW, snapshot_id, arguments)
    given = {"name": name, "region": command.region}
    copy = snapshot_clone.pending(source, operation, **given)
    notes = {**source.annotations, **command.annotations}
    copy = msgspec.structs.replace(copy, annotations=notes)
    case.tx.snapshots.add(copy)
    return Done(copy, operation, after={**given, "source": source.id})


async def require_another_region(case: Case, source: Snapshot, region: str) -> None:
    await region_of(case, region)
    if region == source.region:
        raise Invalid(Reason.SAME_REGION, field="region", snapshot=source.name, region=region)


async def delete(case: Case, command: DeleteSnapshot) -> Done[Snapshot]:
    snapshot = await owned.get(case, SNAPSHOTS, command.snapshot, FIELD)
    owned.require_version(snapshot.version, command.version)
    if is_going(snapshot):
        assert snapshot.operation_id is not None, "a deletion in progress has an operation"
        operation = await case.tx.operations.get(snapshot.operation_id)
        return Done(snapshot, operation, changed=False)
    operation = case.accept(snapshot_delete.WORKFLOW, snapshot.id, await maker_of(case, snapshot))
    changed = case.tx.snapshots.change(
        snapshot,
        doing=operation.kind,
        operation_id=operation.id,
        updated_at_ms=case.now_ms,
    )
    before = {"name": snapshot.name, "instance": snapshot.instance_id}
    return Done(changed, operation, before=before)


async def maker_of(case: Case, snapshot: Snapshot) -> snapshot_delete.Arguments:
    """Cancel the operation that is still creating the snapshot; the deletion begins after it."""
    if snapshot.doing is None or snapshot.operation_id is None:
        return snapshot_delete.Arguments()
    case.tx.operations.cancel(await case.tx.operations.get(snapshot.operation_id), case.now_ms)
    return snapshot_delete.Arguments(after=snapshot.operation_id)
