"""Use cases of snapshots."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CloneSnapshot, CreateSnapshot, ImportSnapshot, Update
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageSource
from atoll.domain.instances import require_alive, require_labels
from atoll.domain.quotas import Amounts
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.operations import snapshot_clone, snapshot_create, snapshot_delete, snapshot_import
from atoll.service import images, owned, quotas, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import begin, instance_named, region_of, require_version

NOUN = "snapshot"
DESCRIPTION_MAX = 1000


def create(command: CreateSnapshot) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    """Of an instance's root volume, as it is when the operation's turn comes."""

    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        references.require_label(command.name)
        require_labels(command.labels)
        require_description(command.description)
        instance = await instance_named(case, command.instance, "spec.instance_id")
        require_alive(instance)
        await quotas.take(case, Amounts(snapshots=1))
        snapshot_id = case.ids.new(ids.SNAPSHOT)
        arguments = {"snapshot_id": snapshot_id}
        operation = begin(case, instance, snapshot_create.WORKFLOW, arguments)
        snapshot = snapshot_create.pending(
            instance,
            operation,
            name=command.name,
            labels=command.labels,
            description=command.description,
        )
        case.tx.snapshots.add(snapshot)
        after = {"name": snapshot.name, "instance": instance.id}
        case.audit("snapshot.create", snapshot_id, operation=operation, after=after)
        return Accepted(snapshot, operation)

    return use_case


def update(
    reference: str, command: Update, description: str | None = None
) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    async def use_case(case: Case) -> Accepted[Snapshot]:
        require_description(description or "")
        change: Callable[[Case], Awaitable[Accepted[Snapshot]]] = owned.update(
            lambda tx: tx.snapshots, NOUN, reference, command,
            unique=False, description=description,
        )  # fmt: skip
        return await change(case)

    return use_case


def require_description(description: str) -> None:
    if len(description) > DESCRIPTION_MAX:
        field = "spec.description"
        raise Invalid(f"{field}: at most {DESCRIPTION_MAX} characters", field=field)


def import_(command: ImportSnapshot) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    """Of a disk that is found on the web. An image of the project stands behind it, which goes when
    the snapshot goes, unless something else needs it by then."""

    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        references.require_label(command.name)
        require_description(command.description)
        source = images.require_source(case, command.source)
        await quotas.take(case, Amounts(snapshots=1))
        operation = case.accept(snapshot_import.WORKFLOW, case.ids.new(ids.SNAPSHOT))
        snapshot = Snapshot(
            id=operation.resource_id,
            project_id=case.caller.project_id,
            name=command.name,
            description=command.description,
            region=await region_of(case.tx, command.region),
            instance_id="",
            volume_id=case.ids.new(ids.VOLUME),
            image_id=case.ids.new(ids.IMAGE),
            disk_gib=1,
            doing=operation.kind,
            operation_id=operation.id,
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        case.tx.images.add(image_behind(snapshot, source))
        case.tx.snapshots.add(snapshot)
        after = {"name": snapshot.name, "source": source.location}
        case.audit("snapshot.import", snapshot.id, operation=operation, after=after)
        return Accepted(snapshot, operation)

    return use_case


def image_behind(snapshot: Snapshot, source: ImageSource) -> Image:
    return Image(
        id=snapshot.image_id,
        project_id=snapshot.project_id,
        name=snapshot.own_image,
        description="what the snapshot of that id was imported from",
        source=source,
        created_at_ms=snapshot.created_at_ms,
        updated_at_ms=snapshot.created_at_ms,
    )


def clone(
    reference: str, command: CloneSnapshot
) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    """Into another region, as a snapshot of its own."""

    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        project_id = case.caller.project_id
        source = await references.get(case.tx.snapshots, project_id, reference, NOUN)
        references.require_idle(source, NOUN)
        if source.state is not SnapshotState.COMPLETE:
            raise Conflict(f"snapshot {source.name} is {source.state}: only a complete one has "
                           "something to copy")  # fmt: skip
        await require_another_region(case, source, command.region)
        name = source.name if command.name is None else command.name
        references.require_name(name, "name")
        await quotas.take(case, Amounts(snapshots=1))
        snapshot_id = case.ids.new(ids.SNAPSHOT)
        operation = case.accept(snapshot_clone.WORKFLOW, snapshot_id, {"source_id": source.id})
        given = {"name": name, "region": command.region}
        copy = snapshot_clone.pending(source, operation, **given)
        case.tx.snapshots.add(copy)
        after = {**given, "source": source.id}
        case.audit("snapshot.clone", snapshot_id, operation=operation, after=after)
        return Accepted(copy, operation)

    return use_case


async def require_another_region(case: Case, source: Snapshot, region: str) -> None:
    if await case.tx.regions.find(region) is None:
        raise Invalid(f"region: there is no region {region!r}; see /v1/regions", field="region")
    if region == source.region:
        raise Invalid(
            f"region: snapshot {source.name} is in {region} already, name another one",
            field="region",
        )


def delete(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        project_id = case.caller.project_id
        snapshot = await references.get(case.tx.snapshots, project_id, reference, NOUN)
        require_version(snapshot.version, version)
        references.require_idle(snapshot, NOUN)
        operation = case.accept(snapshot_delete.WORKFLOW, snapshot.id)
        changed = case.tx.snapshots.change(
            snapshot,
            doing=operation.kind,
            operation_id=operation.id,
            updated_at_ms=case.now_ms,
        )
        before = {"name": snapshot.name, "instance": snapshot.instance_id}
        case.audit("snapshot.delete", snapshot.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case
