"""Handles commands on instances: create, update and power."""

from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.commands import (
    CreateInstance,
    RebootInstance,
    Reference,
    ResetInstance,
    StartInstance,
    StopInstance,
    UpdateInstance,
)
from atoll.domain.errors import Conflict, Invalid, require_all
from atoll.domain.images import EMPTY_DISK, Image, ImageKind
from atoll.domain.instances import (
    DISK_GIB_MAX,
    USER_DATA_BYTES_MAX,
    Goal,
    Instance,
    InstanceSpec,
    InstanceState,
    Password,
    Resolved,
    hostname_of,
    require_alive,
    require_labels,
    require_size,
)
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import Operation
from atoll.domain.plans import Plan
from atoll.domain.reasons import Reason
from atoll.domain.security_groups import DEFAULT_GROUP
from atoll.domain.snapshots import Snapshot
from atoll.domain.startup_scripts import require_readable
from atoll.operations import (
    instance_configure,
    instance_create,
    instance_delete,
    instance_power,
    system_change,
)
from atoll.operations.instance_create import amounts_of
from atoll.operations.steps import Workflow
from atoll.ports import Filter
from atoll.service import accelerators, owned, quotas, references, reverse_dns, room, timers
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import (
    IMAGES,
    INSTANCES,
    SECURITY_GROUPS,
    SNAPSHOTS,
    SSH_KEYS,
    STARTUP_SCRIPTS,
    SUBNETS,
    VPCS,
)
from atoll.service.references import display_name

FIELD = "instance"
KEYS_MAX = 100
GROUPS_MAX = 50
GRACE_S_MAX = 3600
REGIONS_MAX = 1000
GOALS = {
    instance_power.START.kind: Goal.RUNNING,
    instance_power.STOP.kind: Goal.STOPPED,
    instance_power.REBOOT.kind: Goal.RUNNING,
    instance_power.RESET.kind: Goal.RUNNING,
}

replace = msgspec.structs.replace


async def create(case: Case, command: CreateInstance) -> Done[Instance]:
    require_all(
        lambda: references.require_label(command.name),
        lambda: references.require_name(command.hostname, "hostname", lowest=0),
        lambda: require_labels(command.labels),
        lambda: require_user_data(command.user_data),
        lambda: require_count("ssh_keys", command.ssh_keys, KEYS_MAX),
        lambda: require_count("security_groups", command.security_groups or (), GROUPS_MAX),
    )
    plan = await plan_of(case, command.plan)
    image, snapshot = await references.resolve_source(case, command.image, "image")
    spec, resolved = await resolve(case, command, plan, image, snapshot)
    await quotas.take(case, amounts_of(spec))
    instance_id = case.ids.new(ids.INSTANCE)
    given = instance_create.Arguments(snapshot_id=resolved.snapshot_id)
    operation = case.accept(instance_create.WORKFLOW, instance_id, given)
    if snapshot is not None:
        case.tx.snapshots.confirm(snapshot)
    instance = Instance(
        id=instance_id,
        project_id=case.project_id,
        **await owned.hold_name(case, INSTANCES, command.name, free=command.free_name),
        hostname=command.hostname or hostname_of(command.name),
        labels=command.labels,
        annotations=command.annotations,
        spec=spec,
        resolved=resolved,
        doing=operation.kind,
        operation_id=operation.id,
        iso_id=image.id if image.kind is ImageKind.ISO and snapshot is None else None,
        password=await password_of(case, command),
        protected=command.protected,
        expires_at_ms=command.expires_at_ms,
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    case.tx.instances.add(instance)
    if command.expires_at_ms is not None:
        await timers.expire(case, instance, command.expires_at_ms)
    if command.room_needed:
        await room.require_for_new(case, instance)
    after = {"name": instance.name, "plan": command.plan, "image": command.image}
    return Done(instance, operation, after=after)


async def resolve(
    case: Case, command: CreateInstance, plan: Plan, image: Image, snapshot: Snapshot | None
) -> tuple[InstanceSpec, Resolved]:
    """Fill in the defaults of a spec and resolve its references."""
    vcpus = plan.vcpus if command.vcpus is None else command.vcpus
    memory_mib = plan.memory_mib if command.memory_mib is None else command.memory_mib
    disk_gib = plan.disk_gib if command.disk_gib is None else command.disk_gib
    require_size(vcpus, memory_mib, disk_gib, disk_gib_min=1)
    require_disk(disk_gib, plan, image, snapshot)
    require_memory(memory_mib, image)
    groups = (DEFAULT_GROUP,) if command.security_groups is None else command.security_groups
    region = await region_of(case, command.region)
    await accelerators.require_offered(case.tx, plan.accelerators, region)
    vpc, subnet = await network_of(case, command)
    keys = await key_ids_of(case, command.ssh_keys)
    found = await group_ids_of(case, groups)
    spec = InstanceSpec(
        plan=command.plan, image=command.image, vcpus=vcpus, memory_mib=memory_mib,
        disk_gib=disk_gib, accelerators=plan.accelerators, region=region, vpc=command.vpc or "",
        subnet=command.subnet or "", security_groups=groups, ssh_keys=command.ssh_keys,
        user_data=command.user_data, startup_script=command.startup_script or "",
        bare_metal=plan.bare_metal,
    )  # fmt: skip
    resolved = Resolved(
        image_id=image.id if snapshot or image.kind is ImageKind.DISK else EMPTY_DISK.id,
        snapshot_id=snapshot.id if snapshot else None,
        ssh_key_ids=keys,
        startup_script_id=await script_id_of(case, command.startup_script),
        security_group_ids=found,
        vpc_id=vpc.id if vpc else None,
        subnet_id=subnet.id if subnet else None,
        root_volume_id=case.ids.new(ids.VOLUME),
    )
    return spec, resolved


async def find_holder(view: View, address: str) -> str | None:
    """Find the id of the instance or floating IP, of any project, that has a public address."""
    view.require("read")
    return await reverse_dns.holder_of(view.tx, address, view.deployment.ranges)


def require_disk(disk_gib: int, plan: Plan, image: Image, snapshot: Snapshot | None) -> None:
    """The root volume must not be smaller than what it is created from. Raises Invalid."""
    noun, name, lowest = IMAGES.name, image.name, image.disk_gib_min
    if snapshot is not None:
        noun, name, lowest = SNAPSHOTS.name, display_name(snapshot), snapshot.disk_gib
    if disk_gib < lowest:
        raise Invalid(
            Reason.SOURCE_NEEDS_DISK, field="disk_gib", value=disk_gib, noun=noun, name=name,
            lowest=lowest, highest=DISK_GIB_MAX, plan=plan.id,
        )  # fmt: skip


def require_memory(memory_mib: int, image: Image) -> None:
    if memory_mib < image.memory_mib_min:
        raise Invalid(
            Reason.IMAGE_NEEDS_MEMORY, field="memory_mib", value=memory_mib, image=image.name,
            lowest=image.memory_mib_min,
        )  # fmt: skip


async def password_of(case: Case, command: Any) -> Password | None:
    """Return the root password that a command requests: generated, chosen, or none. Raises
    Invalid."""
    passwords = case.deployment.passwords
    if command.password is None:
        if not command.generate_password:
            return None
        return passwords.generate(case.deployment.new_secret())
    require_one_password(command)
    return await passwords.chosen(command.password.text)


def require_one_password(command: Any) -> None:
    """Raises Invalid."""
    if command.generate_password and command.password is not None:
        raise Invalid(Reason.PASSWORD_TWICE, field="password")


async def key_ids_of(case: Case, keys: tuple[str, ...]) -> tuple[str, ...]:
    field = "ssh_keys"
    require_count(field, keys, KEYS_MAX)
    found = [
        await references.resolve(case, SSH_KEYS, key, f"{field}.{i}") for i, key in enumerate(keys)
    ]
    return tuple(key.id for key in found)


async def script_id_of(case: Case, script: str | None) -> str | None:
    if not script:
        return None
    return (await references.resolve(case, STARTUP_SCRIPTS, script, "startup_script")).id


async def group_ids_of(case: Case, groups: tuple[str, ...]) -> tuple[str, ...]:
    field = "security_groups"
    require_count(field, groups, GROUPS_MAX)
    found = [
        await references.resolve(case, SECURITY_GROUPS, group, f"{field}.{i}")
        for i, group in enumerate(groups)
    ]
    return tuple(group.id for group in found)


async def network_of(case: Case, command: CreateInstance) -> tuple[Vpc | None, Subnet | None]:
    """Resolve VPC and subnet. A VPC alone means its only subnet; a subnet alone implies its VPC."""
    vpc = subnet = None
    if command.vpc:
        vpc = await references.resolve(case, VPCS, command.vpc, "vpc")
    if command.subnet:
        field = "subnet"
        subnet = await references.resolve(case, SUBNETS, command.subnet, field)
        if vpc is not None and subnet.vpc_id != vpc.id:
            raise Invalid(Reason.NOT_A_SUBNET_OF, field=field, subnet=command.subnet, vpc=vpc.name)
        vpc = vpc or await case.tx.vpcs.get(subnet.vpc_id)
    elif vpc is not None:
        subnet = await only_subnet(case, vpc)
    return vpc, subnet


async def only_subnet(case: Case, vpc: Vpc) -> Subnet:
    wanted = Filter(project_id=case.project_id, equals=(("vpc_id", vpc.id),), limit=2)
    found = await case.tx.subnets.page(wanted)
    if len(found) != 1:
        how_many = "several" if found else "no"
        raise Invalid(Reason.SUBNET_NEEDED, field="subnet", vpc=vpc.name, how_many=how_many)
    return found[0]


async def plan_of(view: View, name: str) -> Plan:
    plan = await view.tx.plans.find(name)
    if plan is None:
        raise Invalid(Reason.NO_SUCH_PLAN, field="plan", reference=name)
    return plan


async def region_of(view: View, name: str | None) -> str:
    """Without a given region, return the only one, or the one named `local`."""
    field = "region"
    if name is not None:
        if await view.tx.regions.find(name) is None:
            raise Invalid(Reason.NO_SUCH_REGION, field=field, reference=name)
        return name
    found = await view.tx.regions.page(Filter(limit=REGIONS_MAX))
    regions = [region for region in found if region.served_by is None]
    if len(regions) == 1:
        return regions[0].id
    if any(region.id == "local" for region in regions):
        return "local"
    raise Invalid(Reason.REGION_NEEDED, field=field)


def require_count(field: str, things: tuple[str, ...], most: int) -> None:
    if len(things) > most:
        raise Invalid(Reason.TOO_MANY, field=field, count=len(things), highest=most)


def require_user_data(text: str) -> None:
    """Raises Invalid."""
    require_readable(text, "user_data", USER_DATA_BYTES_MAX)


async def update(case: Case, command: UpdateInstance) -> Done[Instance]:
    """Update an instance. A running guest gets new groups and keys by an operation."""
    instance = await get(case, command.instance)
    owned.require_version(instance.version, command.version)
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
    case.note("instance.updated", instance.id)
    return Done(changed, operation, msgspec.to_builtins(before), msgspec.to_builtins(changes))


async def changes_of(case: Case, instance: Instance, command: UpdateInstance) -> dict[str, Any]:
    """Return the changed fields of the instance. Raises Invalid."""
    changes: dict[str, Any] = {}
    if command.name is not None:
        changes |= await owned.rename_held(
            case, INSTANCES, instance, command.name, free=command.free_name
        )
    if command.labels is not None:
        require_labels(command.labels)
        changes["labels"] = command.labels
    notes = owned.merge_annotations(instance.annotations, command.annotations)
    if notes is not None:
        changes["annotations"] = notes
    if command.protected is not None:
        changes["protected"] = command.protected
    if command.expires_at_ms is not None:
        changes["expires_at_ms"] = command.expires_at_ms or None
    spec, resolved = instance.spec, instance.resolved
    if command.user_data is not None:
        require_user_data(command.user_data)
        spec = replace(spec, user_data=command.user_data)
    if command.ssh_keys is not None:
        keys = await key_ids_of(case, command.ssh_keys)
        spec = replace(spec, ssh_keys=command.ssh_keys)
        resolved = replace(resolved, ssh_key_ids=keys)
    if command.security_groups is not None:
        groups = await group_ids_of(case, command.security_groups)
        spec = replace(spec, security_groups=command.security_groups)
        resolved = replace(resolved, security_group_ids=groups)
    if spec != instance.spec:
        changes["spec"] = spec
    if resolved != instance.resolved:
        changes["resolved"] = resolved
    return changes


async def start(case: Case, command: StartInstance) -> Done[Instance]:
    instance = await get_alive(case, command.instance)
    return change_power(case, instance, instance_power.START)


async def stop(case: Case, command: StopInstance) -> Done[Instance]:
    instance = await get_alive(case, command.instance)
    require_grace(command.graceful_s)
    if command.graceful_s == 0:
        await cancel_graceful_stops(case, instance)
    return change_power(case, instance, instance_power.STOP, command.graceful_s)


async def reboot(case: Case, command: RebootInstance) -> Done[Instance]:
    instance = await get_wanted_running(case, command.instance)
    require_grace(command.graceful_s)
    return change_power(case, instance, instance_power.REBOOT, command.graceful_s)


async def reset(case: Case, command: ResetInstance) -> Done[Instance]:
    instance = await get_wanted_running(case, command.instance)
    return change_power(case, instance, instance_power.RESET)


def change_power(
    case: Case, instance: Instance, workflow: Workflow, graceful_s: float | None = None
) -> Done[Instance]:
    """Accept a power operation and write its goal."""
    arguments = None if graceful_s is None else instance_power.Grace(graceful_s=graceful_s)
    operation = case.accept(workflow, instance.id, arguments)
    goal = GOALS[workflow.kind]
    changed = mark_busy(case, instance, operation, goal=goal)
    return Done(changed, operation, before={"goal": instance.goal}, after={"goal": goal})


def require_grace(graceful_s: float) -> None:
    if not 0 <= graceful_s <= GRACE_S_MAX:
        raise Invalid(Reason.COUNT_OUT_OF_RANGE, field="graceful_s", lowest=0, highest=GRACE_S_MAX)


async def get_alive(case: Case, reference: Reference) -> Instance:
    instance = await get(case, reference)
    require_alive(instance)
    return instance


async def get_wanted_running(case: Case, reference: Reference) -> Instance:
    instance = await get_alive(case, reference)
    if instance.goal is not Goal.RUNNING:
        raise Conflict(Reason.IS_STOPPED, instance=instance.id)
    return instance


async def cancel_graceful_stops(case: Case, instance: Instance) -> None:
    """Cancel graceful stops, so that powering off does not wait until the guest has shut down."""
    for operation in await case.tx.operations.live_on(instance.id):
        if operation.kind in {instance_power.STOP.kind, instance_power.REBOOT.kind}:
            case.tx.operations.cancel(operation, case.now_ms)


def mark_busy(case: Case, instance: Instance, operation: Operation, **changes: Any) -> Instance:
    return system_change.mark_busy(case.tx, instance, operation, case.now_ms, **changes)


def begin(
    case: Case, instance: Instance, workflow: Workflow, arguments: msgspec.Struct | None = None
) -> Operation:
    """Accept an operation behind those in progress on the instance."""
    operation = case.accept(workflow, instance.id, arguments)
    mark_busy(case, instance, operation)
    return operation


def configure(case: Case, instance: Instance, **changes: Any) -> tuple[Instance, Operation | None]:
    """Write a change and update a running guest; a stopped guest reads it at its start."""
    if not has_guest(instance):
        changed = case.tx.instances.change(instance, updated_at_ms=case.now_ms, **changes)
        return changed, None
    operation = case.accept(instance_configure.WORKFLOW, instance.id)
    return mark_busy(case, instance, operation, **changes), operation


def reopen(instance: Instance, operation: Operation, now_ms: int) -> dict[str, Any]:
    """Return the changes that a retry of this operation makes to its instance. Raises Conflict."""
    if operation.kind == instance_create.WORKFLOW.kind:
        if instance.operation_id != operation.id or instance.state is not InstanceState.DELETED:
            raise Conflict(Reason.CHANGED_SINCE, instance=instance.id, operation=operation.id)
        return {
            "goal": Goal.RUNNING, "state": InstanceState.CREATING, "reason": "",
            "deleted_at_ms": None, "doing": operation.kind, "updated_at_ms": now_ms,
        }  # fmt: skip
    if instance.state is InstanceState.DELETED:
        raise Conflict(Reason.IS_DELETED, instance=instance.id)
    goal = Goal.DELETED
    if operation.kind != instance_delete.WORKFLOW.kind:
        require_alive(instance)
        if operation.kind not in GOALS:
            raise Conflict(Reason.NOT_RETRIED, kind=operation.kind)
        goal = GOALS[operation.kind]
    return {"goal": goal, "doing": instance.doing or operation.kind, "updated_at_ms": now_ms}


async def get(case: Case, reference: Reference) -> Instance:
    """Get the instance of a command. Raises NotFound."""
    return await owned.get(case, INSTANCES, reference, FIELD)


async def resolve_instance(case: Case, reference: Reference, field: str = FIELD) -> Instance:
    """Resolve the instance of a field. Raises Invalid."""
    return await references.resolve(case, INSTANCES, case.id_of(reference), field)


async def find_lasting(case: Case, instance_id: str | None) -> Instance | None:
    """Find the instance to which a resource is attached. One that is being deleted for good holds
    nothing."""
    holder = await case.tx.instances.find(instance_id) if instance_id is not None else None
    return None if holder is None or holder.is_leaving else holder


def has_guest(instance: Instance) -> bool:
    """Tell whether it has a guest, or may soon have one, that does not read what is written now."""
    return instance.state is InstanceState.RUNNING or instance.doing is not None
