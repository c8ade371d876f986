"""Use cases of instances."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from atoll.domain import ids
from atoll.domain.commands import CreateInstance, Power, Update
from atoll.domain.errors import Conflict, Invalid, NotFound, VersionMismatch
from atoll.domain.images import Image, ImageState
from atoll.domain.instances import (
    USER_DATA_BYTES_MAX,
    Goal,
    Instance,
    InstanceSpec,
    InstanceState,
    Resolved,
    require_alive,
    require_labels,
    require_size,
    require_unprotected,
)
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import Operation
from atoll.domain.plans import Plan
from atoll.domain.projects import Caller
from atoll.domain.security_groups import DEFAULT_GROUP
from atoll.operations import instance_create, instance_delete, instance_power
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Filter, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case, require

KEYS_MAX = 100
GROUPS_MAX = 50
GRACE_S_MAX = 3600
REGIONS_LOOKED_AT = 2
POWER = {
    "start": (instance_power.START, Goal.RUNNING),
    "stop": (instance_power.STOP, Goal.STOPPED),
    "reboot": (instance_power.REBOOT, Goal.RUNNING),
    "reset": (instance_power.RESET, Goal.RUNNING),
}


def create(command: CreateInstance) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        references.require_name(command.name)
        require_labels(command.labels)
        require_user_data(command.user_data)
        plan = await plan_of(case.tx, command.plan)
        image = await usable_image(case, command.image)
        spec, resolved = await resolve(case, command, plan, image)
        instance_id = case.ids.new(ids.INSTANCE)
        operation = case.accept(instance_create.WORKFLOW, instance_id)
        instance = Instance(
            id=instance_id,
            project_id=case.caller.project_id,
            name=command.name,
            labels=command.labels,
            spec=spec,
            resolved=resolved,
            doing=operation.kind,
            operation_id=operation.id,
            protected=command.protected,
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        case.tx.instances.add(instance)
        after = {"name": command.name, "plan": command.plan, "image": command.image}
        case.audit("instance.create", instance_id, operation=operation, after=after)
        return Accepted(instance, operation)

    return use_case


async def resolve(
    case: Case, command: CreateInstance, plan: Plan, image: Image
) -> tuple[InstanceSpec, Resolved]:
    """The wish with its defaults filled in, and what its references mean."""
    tx, project_id = case.tx, case.caller.project_id
    vcpus = plan.vcpus if command.vcpus is None else command.vcpus
    memory_mib = plan.memory_mib if command.memory_mib is None else command.memory_mib
    disk_gib = plan.disk_gib if command.disk_gib is None else command.disk_gib
    require_size(vcpus, memory_mib, disk_gib, disk_gib_min=image.disk_gib_min)
    if memory_mib < image.memory_mib_min:
        raise Invalid(
            f"spec.memory_mb is {memory_mib}, image {image.name} needs {image.memory_mib_min}",
            field="spec.memory_mb",
        )
    require_count("spec.ssh_key_ids", command.ssh_keys, KEYS_MAX)
    groups = (DEFAULT_GROUP,) if command.security_groups is None else command.security_groups
    require_count("spec.security_groups", groups, GROUPS_MAX)
    vpc, subnet = await network_of(case, command)
    keys = [
        await references.meant(tx.ssh_keys, project_id, key, "ssh key", f"spec.ssh_key_ids.{i}")
        for i, key in enumerate(command.ssh_keys)
    ]
    found = [
        await references.meant(
            tx.security_groups, project_id, group, "security group", f"spec.security_groups.{i}"
        )
        for i, group in enumerate(groups)
    ]
    spec = InstanceSpec(
        plan=command.plan, image=command.image, vcpus=vcpus, memory_mib=memory_mib,
        disk_gib=disk_gib, region=await region_of(tx, command.region), vpc=command.vpc or "",
        subnet=command.subnet or "", security_groups=groups, ssh_keys=command.ssh_keys,
        user_data=command.user_data,
    )  # fmt: skip
    resolved = Resolved(
        image_id=image.id,
        ssh_key_ids=tuple(key.id for key in keys),
        security_group_ids=tuple(group.id for group in found),
        vpc_id=vpc.id if vpc else None,
        subnet_id=subnet.id if subnet else None,
        root_volume_id=case.ids.new(ids.VOLUME),
    )
    return spec, resolved


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
    regions = await tx.regions.page(Filter(limit=REGIONS_LOOKED_AT))
    if len(regions) == 1:
        return regions[0].id
    if await tx.regions.find("local") is not None:
        return "local"
    raise Invalid("spec.region is needed; see /v1/regions", field="spec.region")


async def usable_image(case: Case, reference: str) -> Image:
    image = await references.image(case.tx, case.caller.project_id, reference, "spec.image")
    if image.state is ImageState.ERROR:
        raise Invalid(
            f"spec.image: {image.name} cannot be used: {image.reason or image.state}",
            field="spec.image",
        )
    return image


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


def update(reference: str, command: Update) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        require_version(instance.version, command.version)
        require_alive(instance)
        changes: dict[str, Any] = {}
        if command.name is not None:
            references.require_name(command.name)
            changes["name"] = command.name
        if command.labels is not None:
            require_labels(command.labels)
            changes["labels"] = command.labels
        if command.protected is not None:
            changes["protected"] = command.protected
        before = {key: getattr(instance, key) for key in changes}
        changed = case.tx.instances.change(instance, updated_at_ms=case.now_ms, **changes)
        case.audit("instance.update", instance.id, before=before, after=dict(changes))
        case.note("instance.updated", instance.id)
        return Accepted(changed)

    return use_case


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
        operation = case.accept(workflow, instance.id, {"graceful_s": command.graceful_s})
        changed = go_on(case, instance, operation, goal=goal)
        before, after = {"goal": instance.goal}, {"goal": goal}
        case.audit(workflow.kind, instance.id, operation=operation, before=before, after=after)
        return Accepted(changed, operation)

    return use_case


def delete(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    """A deletion that goes on already is answered by its operation; what is going on otherwise
    is cancelled."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instance_meant(case, reference)
        require_version(instance.version, version)
        require_unprotected(instance)
        if instance.state is InstanceState.DELETED:
            raise NotFound(f"instance not found: {reference} is deleted already")
        live = await case.tx.operations.live_on(instance.id)
        for operation in live:
            if operation.kind == instance_delete.WORKFLOW.kind:
                return Accepted(instance, operation)
            if WORKFLOWS[operation.kind].cancellable:
                case.tx.operations.cancel(operation, case.now_ms)
        operation = case.accept(instance_delete.WORKFLOW, instance.id)
        changed = go_on(case, instance, operation, goal=Goal.DELETED)
        before = {"name": instance.name, "state": instance.state}
        case.audit("instance.delete", instance.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case


def go_on(case: Case, instance: Instance, operation: Operation, *, goal: Goal) -> Instance:
    return case.tx.instances.change(
        instance,
        goal=goal,
        doing=instance.doing or operation.kind,
        operation_id=operation.id,
        updated_at_ms=case.now_ms,
    )


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
        goal = next(g for w, g in POWER.values() if w.kind == operation.kind)
    return {"goal": goal, "doing": instance.doing or operation.kind, "updated_at_ms": now_ms}


def require_version(version: int, wanted: int | None) -> None:
    if wanted is not None and wanted != version:
        raise VersionMismatch(
            f"the version is {version}, If-Match says {wanted}: read it again", field="If-Match"
        )


async def instance_meant(case: Case, reference: str) -> Instance:
    return await get(case.tx, case.caller, reference)


async def get(tx: Transaction, caller: Caller, reference: str) -> Instance:
    require(caller, "read")
    return await references.get(tx.instances, caller.project_id, reference, "instance")
