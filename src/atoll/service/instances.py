"""Use cases of instances."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateInstance, Power, UpdateInstance
from atoll.domain.errors import Conflict, Invalid, VersionMismatch
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import (
    USER_DATA_BYTES_MAX,
    Goal,
    Instance,
    InstanceSpec,
    InstanceState,
    Resolved,
    hostname_of,
    require_alive,
    require_labels,
    require_size,
)
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import Operation
from atoll.domain.plans import Plan
from atoll.domain.projects import Caller
from atoll.domain.security_groups import DEFAULT_GROUP
from atoll.domain.snapshots import Snapshot
from atoll.operations import (
    instance_configure,
    instance_create,
    instance_delete,
    instance_power,
    unasked,
)
from atoll.operations.instance_create import amounts_of
from atoll.operations.steps import Workflow
from atoll.ports import Filter, Transaction
from atoll.service import accelerators, quotas, references, timers
from atoll.service.desk import Accepted, Case, require

KEYS_MAX = 100
GROUPS_MAX = 50
GRACE_S_MAX = 3600
REGIONS_MAX = 1000
POWER = {
    "start": (instance_power.START, Goal.RUNNING),
    "stop": (instance_power.STOP, Goal.STOPPED),
    "reboot": (instance_power.REBOOT, Goal.RUNNING),
    "reset": (instance_power.RESET, Goal.RUNNING),
}

replace = msgspec.structs.replace


def create(command: CreateInstance) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        references.require_label(command.name)
        references.require_name(command.hostname, "hostname", lowest=0)
        require_labels(command.labels)
        require_user_data(command.user_data)
        plan = await plan_of(case.tx, command.plan)
        image, snapshot = await references.source(
            case.tx, case.caller.project_id, command.image, "spec.image"
        )
        spec, resolved = await resolve(case, command, plan, image, snapshot)
        await quotas.take(case, amounts_of(spec))
        instance_id = case.ids.new(ids.INSTANCE)
        operation = case.accept(instance_create.WORKFLOW, instance_id)
        instance = Instance(
            id=instance_id,
            project_id=case.caller.project_id,
            name=command.name,
            hostname=command.hostname or hostname_of(command.name),
            labels=command.labels,
            annotations=command.annotations,
            spec=spec,
            resolved=resolved,
            doing=operation.kind,
            operation_id=operation.id,
            iso_id=image.id if image.kind is ImageKind.ISO and snapshot is None else None,
            password=command.password,
            protected=command.protected,
            expires_at_ms=command.expires_at_ms,
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        case.tx.instances.add(instance)
        if command.expires_at_ms is not None:
            await timers.expire(case, instance, command.expires_at_ms)
        after = {"name": command.name, "plan": command.plan, "image": command.image}
        case.audit("instance.create", instance_id, operation=operation, after=after)
        return Accepted(instance, operation)

    return use_case


async def resolve(
    case: Case, command: CreateInstance, plan: Plan, image: Image, snapshot: Snapshot | None
) -> tuple[InstanceSpec, Resolved]:
    """The wish with its defaults filled in, and what its references mean."""
    tx = case.tx
    vcpus = plan.vcpus if command.vcpus is None else command.vcpus
    memory_mib = plan.memory_mib if command.memory_mib is None else command.memory_mib
    disk_gib = plan.disk_gib if command.disk_gib is None else command.disk_gib
    smallest_gib = image.disk_gib_min if snapshot is None else snapshot.disk_gib
    require_size(vcpus, memory_mib, disk_gib, disk_gib_min=smallest_gib)
    require_memory(memory_mib, image)
    groups = (DEFAULT_GROUP,) if command.security_groups is None else command.security_groups
    region = await region_of(tx, command.region)
    await accelerators.require_offered(tx, plan.accelerators, region)
    vpc, subnet = await network_of(case, command)
    keys = await keys_meant(case, command.ssh_keys)
    found = await groups_meant(case, groups)
    spec = InstanceSpec(
        plan=command.plan, image=command.image, vcpus=vcpus, memory_mib=memory_mib,
        disk_gib=disk_gib, accelerators=plan.accelerators, region=region, vpc=command.vpc or "",
        subnet=command.subnet or "", security_groups=groups, ssh_keys=command.ssh_keys,
        user_data=command.user_data, startup_script=command.startup_script or "",
    )  # fmt: skip
    resolved = Resolved(
        image_id=image.id,
        snapshot_id=snapshot.id if snapshot else None,
        ssh_key_ids=keys,
        startup_script_id=await script_meant(case, command.startup_script),
        security_group_ids=found,
        vpc_id=vpc.id if vpc else None,
        subnet_id=subnet.id if subnet else None,
        root_volume_id=case.ids.new(ids.VOLUME),
    )
    return spec, resolved


def require_memory(memory_mib: int, image: Image) -> None:
    if memory_mib < image.memory_mib_min:
        raise Invalid(
            f"spec.memory_mb is {memory_mib}, image {image.name} needs {image.memory_mib_min}",
            field="spec.memory_mb",
        )


async def keys_meant(case: Case, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Their ids."""
    field, rows = "spec.ssh_key_ids", case.tx.ssh_keys
    require_count(field, keys, KEYS_MAX)
    project_id = case.caller.project_id
    found = [
        await references.meant(rows, project_id, key, "ssh key", f"{field}.{i}")
        for i, key in enumerate(keys)
    ]
    return tuple(key.id for key in found)


async def script_meant(case: Case, script: str | None) -> str | None:
    """Its id."""
    if not script:
        return None
    field, rows = "spec.startup_script_id", case.tx.startup_scripts
    project_id = case.caller.project_id
    return (await references.meant(rows, project_id, script, "startup script", field)).id


async def groups_meant(case: Case, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Their ids."""
    field, rows = "spec.security_groups", case.tx.security_groups
    require_count(field, groups, GROUPS_MAX)
    project_id = case.caller.project_id
    found = [
        await references.meant(rows, project_id, group, "security group", f"{field}.{i}")
        for i, group in enumerate(groups)
    ]
    return tuple(group.id for group in found)


async def network_of(case: Case, command: CreateInstance) -> tuple[Vpc | None, Subnet | None]:
    """A VPC alone means its only subnet; a subnet alone brings its VPC."""
    tx, project_id = case.tx, case.caller.project_id
    vpc = subnet = None
    if command.vpc:
        vpc = await references.meant(tx.vpcs, project_id, command.vpc, "vpc", "spec.vpc_id")
    if command.subnet:
        field = "spec.subnet_id"
        subnet = await references.meant(tx.subnets, project_id, command.subnet, "subnet", field)
        if vpc is not None and subnet.vpc_id != vpc.id:
            raise Invalid(f"{field}: {command.subnet} is not a subnet of {vpc.name}", field=field)
        vpc = vpc or await tx.vpcs.get(subnet.vpc_id)
    elif vpc is not None:
        subnet = await only_subnet(case, vpc)
    return vpc, subnet


async def only_subnet(case: Case, vpc: Vpc) -> Subnet:
    own = (("vpc_id", (vpc.id,)),)
    wanted = Filter(project_id=case.caller.project_id, any_of=(own,), limit=2)
    found = await case.tx.subnets.page(wanted)
    if len(found) != 1:
        raise Invalid(
            f"spec.subnet_id is needed: vpc {vpc.name} has {'several' if found else 'no'} subnets",
            field="spec.subnet_id",
        )
    return found[0]


async def plan_of(tx: Transaction, name: str) -> Plan:
    plan = await tx.plans.find(name)
    if plan is None:
        raise Invalid(f"spec.type: there is no type {name!r}; see /v1/types", field="spec.type")
    return plan


async def region_of(tx: Transaction, name: str | None) -> str:
    """A region that was not named is the only one there is, or the one called `local`."""
    if name is not None:
        if await tx.regions.find(name) is None:
            raise Invalid(
                f"spec.region: there is no region {name!r}; see /v1/regions", field="spec.region"
            )
        return name
    found = await tx.regions.page(Filter(limit=REGIONS_MAX))
    regions = [region for region in found if region.served_by is None]
    if len(regions) == 1:
        return regions[0].id
    if any(region.id == "local" for region in regions):
        return "local"
    raise Invalid("spec.region is needed; see /v1/regions", field="spec.region")


def require_count(field: str, things: tuple[str, ...], most: int) -> None:
    if len(things) > most:
        raise Invalid(f"{field}: {len(things)} given, at most {most} are allowed", field=field)


def require_user_data(text: str) -> None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"spec.user_data is not base64: {error}", field="spec.user_data") from error
    if len(data) > USER_DATA_BYTES_MAX:
        raise Invalid(
            f"spec.user_data has {len(data)} bytes, at most {USER_DATA_BYTES_MAX} are allowed",
            field="spec.user_data",
        )


def update(
    reference: str, command: UpdateInstance
) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    """New groups and keys are told to a running guest by an operation."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        require_version(instance.version, command.version)
        require_alive(instance)
        changes = await changes_of(case, instance, command)
        if "expires_at_ms" in changes:
            await timers.expire(case, instance, changes["expires_at_ms"])
        before = {key: getattr(instance, key) for key in changes}
        operation = None
        if "resolved" in changes:
            changed, operation = configure(case, instance, **changes)
        else:
            changed = case.tx.instances.change(instance, updated_at_ms=case.now_ms, **changes)
        case.audit(
            "instance.update",
            instance.id,
            operation=operation,
            before=msgspec.to_builtins(before),
            after=msgspec.to_builtins(changes),
        )
        case.note("instance.updated", instance.id)
        return Accepted(changed, operation)

    return use_case


async def changes_of(case: Case, instance: Instance, command: UpdateInstance) -> dict[str, Any]:
    """Which fields of the instance become another. Raises Invalid."""
    changes: dict[str, Any] = {}
    if command.name is not None:
        references.require_label(command.name)
        changes["name"] = command.name
    if command.labels is not None:
        require_labels(command.labels)
        changes["labels"] = command.labels
    if command.annotations is not None:
        changes["annotations"] = command.annotations
    if command.protected is not None:
        changes["protected"] = command.protected
    if command.expires_at_ms is not None:
        changes["expires_at_ms"] = command.expires_at_ms or None
    spec, resolved = instance.spec, instance.resolved
    if command.user_data is not None:
        require_user_data(command.user_data)
        spec = replace(spec, user_data=command.user_data)
    if command.ssh_keys is not None:
        keys = await keys_meant(case, command.ssh_keys)
        spec = replace(spec, ssh_keys=command.ssh_keys)
        resolved = replace(resolved, ssh_key_ids=keys)
    if command.security_groups is not None:
        groups = await groups_meant(case, command.security_groups)
        spec = replace(spec, security_groups=command.security_groups)
        resolved = replace(resolved, security_group_ids=groups)
    if spec != instance.spec:
        changes["spec"] = spec
    if resolved != instance.resolved:
        changes["resolved"] = resolved
    return changes


def power(reference: str, command: Power) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        require_alive(instance)
        workflow, goal = POWER[command.verb]
        if command.verb in {"reboot", "reset"} and instance.goal is not Goal.RUNNING:
            raise Conflict(f"instance {instance.id} is stopped: start it")
        if not 0 <= command.graceful_s <= GRACE_S_MAX:
            field = "timeout_seconds"
            raise Invalid(f"{field}: 0 to {GRACE_S_MAX} are allowed", field=field)
        if command.verb == "stop" and command.graceful_s == 0:
            await hurry(case, instance)
        operation = case.accept(workflow, instance.id, {"graceful_s": command.graceful_s})
        changed = go_on(case, instance, operation, goal=goal)
        before, after = {"goal": instance.goal}, {"goal": goal}
        case.audit(workflow.kind, instance.id, operation=operation, before=before, after=after)
        return Accepted(changed, operation)

    return use_case


async def hurry(case: Case, instance: Instance) -> None:
    """Whoever pulls the plug does not wait until the guest has shut down by itself."""
    for operation in await case.tx.operations.live_on(instance.id):
        if operation.kind in {instance_power.STOP.kind, instance_power.REBOOT.kind}:
            case.tx.operations.cancel(operation, case.now_ms)


def go_on(case: Case, instance: Instance, operation: Operation, **changes: Any) -> Instance:
    return unasked.go_on(case.tx, instance, operation, case.now_ms, **changes)


def begin(
    case: Case, instance: Instance, workflow: Workflow, arguments: dict[str, Any] | None = None
) -> Operation:
    """An operation behind those that go on about the instance."""
    operation = case.accept(workflow, instance.id, arguments)
    go_on(case, instance, operation)
    return operation


async def coming_to(case: Case, instance: Instance, workflow: Workflow) -> list[Operation]:
    """What was accepted of this kind for the instance, and has not ended."""
    live = await case.tx.operations.live_on(instance.id)
    now = [operation for operation in case.accepted if operation.resource_id == instance.id]
    return [operation for operation in (*live, *now) if operation.kind == workflow.kind]


def configure(case: Case, instance: Instance, **changes: Any) -> tuple[Instance, Operation | None]:
    """Writes a wish that a running guest is told; one that does not run reads it at its start."""
    if not runs(instance):
        changed = case.tx.instances.change(instance, updated_at_ms=case.now_ms, **changes)
        return changed, None
    operation = case.accept(instance_configure.WORKFLOW, instance.id)
    return go_on(case, instance, operation, **changes), operation


def reopen(instance: Instance, operation: Operation, now_ms: int) -> dict[str, Any]:
    """What a retry of this operation makes of its instance. Raises Conflict."""
    if operation.kind == instance_create.WORKFLOW.kind:
        if instance.operation_id != operation.id or instance.state is not InstanceState.DELETED:
            raise Conflict(f"instance {instance.id} is no longer what {operation.id} left")
        return {
            "goal": Goal.RUNNING, "state": InstanceState.CREATING, "reason": "",
            "deleted_at_ms": None, "doing": operation.kind, "updated_at_ms": now_ms,
        }  # fmt: skip
    if instance.state is InstanceState.DELETED:
        raise Conflict(f"instance {instance.id} is deleted")
    goal = Goal.DELETED
    if operation.kind != instance_delete.WORKFLOW.kind:
        require_alive(instance)
        goals = {workflow.kind: goal for workflow, goal in POWER.values()}
        if operation.kind not in goals:
            raise Conflict(f"{operation.kind} is not retried: ask for it anew")
        goal = goals[operation.kind]
    return {"goal": goal, "doing": instance.doing or operation.kind, "updated_at_ms": now_ms}


def require_version(version: int, wanted: int | None) -> None:
    if wanted is not None and wanted != version:
        raise VersionMismatch(
            f"the version is {version}, If-Match says {wanted}: read it again", field="If-Match"
        )


async def instance_meant(case: Case, reference: str) -> Instance:
    return await get(case.tx, case.caller, reference)


def runs(instance: Instance) -> bool:
    """Whether it has a guest that reads no more what is written now, or may soon have."""
    return instance.state is InstanceState.RUNNING or instance.doing is not None


async def instance_named(case: Case, reference: str, field: str) -> Instance:
    """What a field means by an instance. Raises Invalid that names it."""
    rows, project_id = case.tx.instances, case.caller.project_id
    return await references.meant(rows, project_id, reference, "instance", field)


async def get(tx: Transaction, caller: Caller, reference: str) -> Instance:
    require(caller, "read")
    return await references.get(tx.instances, caller.project_id, reference, "instance")
