"""Use cases of snapshots."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateSnapshot
from atoll.domain.errors import Invalid
from atoll.domain.instances import require_alive, require_labels
from atoll.domain.quotas import Amounts
from atoll.domain.snapshots import Snapshot
from atoll.operations import snapshot_create, snapshot_delete
from atoll.service import quotas, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import begin, instance_named, require_version

NOUN = "snapshot"
DESCRIPTION_MAX = 1000


def create(command: CreateSnapshot) -> Callable[[Case], Awaitable[Accepted[Snapshot]]]:
    """Of an instance's root volume, as it is when the operation's turn comes."""

    async def use_case(case: Case) -> Accepted[Snapshot]:
        case.require("write")
        references.require_name(command.name)
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
