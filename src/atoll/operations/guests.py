"""The specification of a guest for its host, and what the instance operations have in common."""

import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from atoll.domain.errors import Conflict, NoCapacity
from atoll.domain.events import Event
from atoll.domain.hosts import Reservation, is_disk_low
from atoll.domain.images import ImageKind
from atoll.domain.instances import Goal, Instance, InstanceState, host_names_of
from atoll.domain.networks import RESERVED_AT_START, ipv6_of
from atoll.domain.reasons import Reason
from atoll.domain.security_groups import ALL_MAY_GO_OUT, Direction, Rule, SecurityGroup
from atoll.domain.ssh_keys import line_of
from atoll.domain.startup_scripts import combine_scripts
from atoll.messages import (
    EnsureConfigured,
    EnsureRunning,
    GuestFacts,
    GuestSpec,
    ImageSpec,
    NicSpec,
    Power,
    SeedSpec,
    VolumeSpec,
)
from atoll.operations.steps import StepContext

PUBLIC_SCOPE = "public"
MAC_SCOPE = "mac"
# The operations that set a goal; the others leave it unchanged.
SET_A_GOAL = frozenset({
    "instance.start", "instance.stop", "instance.reboot", "instance.reset", "instance.reinstall",
    "instance.restore", "instance.retire", "instance.delete",
})  # fmt: skip
MAC_FIRST, MAC_LAST = 1, 0xFFFFFE


def private_scope(instance: Instance) -> str:
    """Without a subnet, an instance gets its private address from the project's default network."""
    return instance.resolved.subnet_id or f"default:{instance.project_id}"


async def private_network(context: StepContext, instance: Instance) -> ipaddress.IPv4Network:
    if instance.resolved.subnet_id is None:
        return ipaddress.IPv4Network(context.ranges.private_cidr)
    subnet = await context.tx.subnets.get(instance.resolved.subnet_id)
    return ipaddress.IPv4Network(subnet.cidr)


def numbers_of(network: ipaddress.IPv4Network) -> tuple[int, int]:
    """Return the first and last number for instances: gateway, name server and the like are at the
    start, the broadcast address at the end."""
    return RESERVED_AT_START, network.num_addresses - 2


async def instance_of(context: StepContext) -> Instance:
    return await context.tx.instances.get(context.operation.resource_id)


def boot_again(instance: Instance) -> dict[str, Any]:
    """Return the changes of an instance whose guest is to boot again: its reports are those of the
    previous boot."""
    return {
        "boots": instance.boots + 1,
        "halt": None,
        "running_since_ms": None,
        "booted_at_ms": None,
        "ready_at_ms": None,
    }


def host_of(instance: Instance) -> str:
    """Return the host of an instance. Raises Conflict if its creation failed before."""
    if instance.host_id is None:
        raise Conflict(Reason.NEVER_MADE, instance=instance.id)
    return instance.host_id


def require_guest(instance: Instance) -> None:
    """Raises Conflict if the instance has no guest that comes back after a failure."""
    if instance.state is InstanceState.ERROR or instance.host_id is None:
        raise Conflict(Reason.IS_BROKEN, instance=instance.name)


async def require_room(context: StepContext, held: Reservation | None, wanted: Reservation) -> None:
    """Check that the host has room for the difference. Raises NoCapacity. Two concurrent checks may
    both pass; the commit allows one of them."""
    host = await context.tx.hosts.get(wanted.host_id)
    for name, words in (
        ("vcpus", "vcpus"), ("memory_mib", "MiB of memory"), ("disk_gib", "GiB of disk")
    ):  # fmt: skip
        more = getattr(wanted, name) - (getattr(held, name) if held else 0)
        free = getattr(host, name) - getattr(host, f"{name}_used")
        if more > max(0, free):
            raise NoCapacity(
                Reason.HOST_FULL, host=host.name, free=max(0, free), resource=words, more=more
            )
    if wanted.disk_gib > (held.disk_gib if held else 0) and is_disk_low(host):
        raise NoCapacity(Reason.HOST_DISK_LOW, host=host.name)
    if held is None and not host.enabled:
        raise NoCapacity(Reason.HOST_DISABLED, host=host.name)


async def root_volume_spec(context: StepContext, instance: Instance) -> VolumeSpec:
    """An instance created from an ISO begins with an empty disk, for the installation."""
    resolved = instance.resolved
    image = None
    if resolved.image_id and not resolved.snapshot_id:
        image = await image_spec(context, resolved.image_id)
    return VolumeSpec(
        id=resolved.root_volume_id,
        size_gib=instance.spec.disk_gib,
        image=None if image is None or image.kind is ImageKind.ISO else image,
        snapshot_id=resolved.snapshot_id,
    )


async def image_spec(context: StepContext, image_id: str) -> ImageSpec:
    image = await context.tx.images.get(image_id)
    return ImageSpec(id=image.id, name=image.name, source=image.source, kind=image.kind)


async def request_running(context: StepContext, instance: Instance) -> EnsureRunning:
    """Request the guest with its complete specification, from committed rows."""
    groups = await groups_of(context, instance)
    guest = await guest_spec(context, instance, groups)
    return EnsureRunning(guest=guest, rules=rules_of(groups))


async def request_configured(context: StepContext, instance: Instance) -> EnsureConfigured:
    """Update the guest without starting it."""
    groups = await groups_of(context, instance)
    guest = await guest_spec(context, instance, groups)
    return EnsureConfigured(guest=guest, rules=rules_of(groups))


async def guest_spec(
    context: StepContext, instance: Instance, groups: list[SecurityGroup]
) -> GuestSpec:
    """Return the specification without the rules of its groups."""
    keys = [await context.tx.ssh_keys.find(key) for key in instance.resolved.ssh_key_ids]
    hostname, fqdn = host_names_of(instance)
    return GuestSpec(
        id=instance.id,
        name=instance.name,
        vcpus=instance.spec.vcpus,
        memory_mib=instance.spec.memory_mib,
        root_volume_id=instance.resolved.root_volume_id,
        image_id=instance.resolved.image_id,
        iso_id=instance.iso_id,
        volumes=instance.volumes,
        nic=await first_nic(context, instance, groups),
        nics=tuple([nic async for nic in further_nics(context, instance, groups)]),
        devices=instance.devices,
        seed=SeedSpec(
            hostname=hostname,
            fqdn=fqdn,
            ssh_keys=tuple(line_of(key.public_key) for key in keys if key is not None),
            user_data=await user_data_of(context, instance),
            password_hash=(instance.password.hash or None) if instance.password else None,
        ),
        boots=instance.boots,
    )


async def user_data_of(context: StepContext, instance: Instance) -> str:
    """Return the user's data, and the startup script of the instance if that still exists."""
    script_id = instance.resolved.startup_script_id
    script = await context.tx.startup_scripts.find(script_id) if script_id else None
    return combine_scripts(instance.spec.user_data, [script.script] if script else [])


async def groups_of(context: StepContext, instance: Instance) -> list[SecurityGroup]:
    found = [
        await context.tx.security_groups.find(group)
        for group in instance.resolved.security_group_ids
    ]
    return [group for group in found if group is not None]


def rules_of(groups: list[SecurityGroup]) -> tuple[Rule, ...]:
    """Return the rules of all groups together, without notes. If no rule covers egress, all egress
    is allowed."""
    rules = tuple(
        msgspec.structs.replace(rule, number=0, notes="")
        for group in groups
        for rule in group.rules
    )
    if any(rule.direction is Direction.EGRESS for rule in rules):
        return rules
    return (*rules, ALL_MAY_GO_OUT)


async def first_nic(
    context: StepContext, instance: Instance, groups: list[SecurityGroup]
) -> NicSpec:
    assert instance.private_ip and instance.mac, "an instance has its addresses before its guest"
    return NicSpec(
        mac=instance.mac,
        private_ip=instance.private_ip,
        subnet_cidr=str(await private_network(context, instance)),
        network=instance.network,
        public_ip=instance.public_ip,
        floating_ips=instance.floating_ips,
        ipv6=ipv6_of(instance.network, instance.private_ip),
        groups=tuple(group.id for group in groups),
    )


async def further_nics(
    context: StepContext, instance: Instance, groups: list[SecurityGroup]
) -> AsyncIterator[NicSpec]:
    """Yield the further interfaces. The subnet of one that is leaving may be gone already."""
    for attachment in instance.attachments:
        subnet = await context.tx.subnets.find(attachment.subnet_id)
        if subnet is not None:
            yield NicSpec(
                mac=attachment.mac,
                private_ip=attachment.private_ip,
                subnet_cidr=subnet.cidr,
                network=attachment.vpc_id,
                ipv6=ipv6_of(attachment.vpc_id, attachment.private_ip),
                groups=tuple(group.id for group in groups),
            )


async def configure(context: StepContext, instance: Instance, **changes: Any) -> None:
    """Apply these changes of the instance to a running guest, as far as that works without a
    restart. The changes are committed with the step."""
    wanted = msgspec.structs.replace(instance, **changes)
    request = await request_configured(context, wanted)
    facts = await context.ask(host_of(instance), request, timeout_s=50)
    if isinstance(facts, GuestFacts) and facts.power is Power.RUNNING:
        changes["ports"] = facts.ports
    if any(getattr(instance, name) != value for name, value in changes.items()):
        context.tx.instances.change(instance, **changes)


async def goal_after_failure(context: StepContext, instance: Instance) -> Goal:
    """Return the actual situation as the goal, so that nothing is retried without the user's
    knowledge. If more was requested meanwhile, the goal is that of the later request."""
    live = await context.tx.operations.live_on(instance.id)
    wishes = [o for o in live if o.id != context.operation.id and o.kind in SET_A_GOAL]
    if instance.goal is Goal.DELETED or wishes:
        return instance.goal
    return Goal.RUNNING if instance.state is InstanceState.RUNNING else Goal.STOPPED


async def settle_instance(
    context: StepContext,
    instance: Instance,
    *,
    state: InstanceState,
    **changes: object,
) -> None:
    """Write the host's report to the instance, and the next operation in progress."""
    live = await context.tx.operations.live_on(instance.id)
    after = next((o.kind for o in live if o.id != context.operation.id), None)
    if after is None:
        changes["releasing"] = ()
    if state is not InstanceState.RUNNING:
        changes["halt"] = None
        changes["running_since_ms"] = None
        changes["booted_at_ms"] = None
        changes["ready_at_ms"] = None
    elif instance.running_since_ms is None:
        changes["running_since_ms"] = context.now_ms
    context.tx.instances.change(
        instance, state=state, doing=after, updated_at_ms=context.now_ms, **changes
    )
    if state is not instance.state:
        note(context, f"instance.{state}")


def note(context: StepContext, kind: str, resource_id: str | None = None) -> None:
    operation = context.operation
    context.tx.events.add(
        Event(
            project_id=operation.project_id,
            kind=kind,
            resource_id=resource_id or operation.resource_id,
            operation_id=operation.id,
            at_ms=context.now_ms,
        )
    )
