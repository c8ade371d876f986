"""Use cases of snapshots."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CloneSnapshot, CreateSnapshot
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.instances import require_alive, require_labels
from atoll.domain.quotas import Amounts
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.operations import snapshot_clone, snapshot_create, snapshot_delete
from atoll.service import quotas, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import begin, instance_named, require_version

NOUN = "snapshot"
DESCRIPTION_MAX = 1000


def create(command: CreateSnapshot) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    """Of an instance's root volume, as it is when the operation's turn comes."""

    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        references.require_label(command.name)
        require_labels(command.labels)
        if len(command.description) > DESCRIPTION_MAX:
            field = "spec.description"
            raise Invalid(f"{field}: at most {DESCRIPTION_MAX} characters", field=field)
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
