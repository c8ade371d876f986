"""An instance as its host is told of it: what the instance verbs have in common."""

import ipaddress

from atoll.domain import ids
from atoll.domain.events import Event
from atoll.domain.instances import Instance, InstanceState, hostname_of
from atoll.domain.networks import RESERVED_AT_START, mac_of
from atoll.domain.security_groups import Rule
from atoll.messages import GuestSpec, ImageSpec, NicSpec, SeedSpec, VolumeSpec
from atoll.operations.steps import StepContext

PUBLIC_SCOPE = "public"


def private_scope(instance: Instance) -> str:
    """Without a subnet, an instance lives in the one that every project has."""
    return instance.resolved.subnet_id or f"default:{instance.project_id}"


async def private_network(context: StepContext, instance: Instance) -> ipaddress.IPv4Network:
    if instance.resolved.subnet_id is None:
        return ipaddress.IPv4Network(context.ranges.private_cidr)
    subnet = await context.tx.subnets.get(instance.resolved.subnet_id)
    return ipaddress.IPv4Network(subnet.cidr)


def numbers_of(network: ipaddress.IPv4Network) -> tuple[int, int]:
    """The first and last number that an instance may have: gateway, name server and the like
    stand at the start, the broadcast address at the end."""
    return RESERVED_AT_START, network.num_addresses - 2


async def instance_of(context: StepContext) -> Instance:
    return await context.tx.instances.get(context.operation.resource_id)


async def volume_spec(context: StepContext, instance: Instance) -> VolumeSpec:
    return VolumeSpec(
        id=instance.resolved.root_volume_id,
        size_gib=instance.spec.disk_gib,
        image=await image_spec(context, instance.resolved.image_id),
    )


async def image_spec(context: StepContext, image_id: str) -> ImageSpec:
    image = await context.tx.images.get(image_id)
    return ImageSpec(id=image.id, name=image.name, source=image.source)


async def guest_spec(
    context: StepContext, instance: Instance, *, graceful: bool = False
) -> GuestSpec:
    """The whole wish, from what is committed now."""
    network = await private_network(context, instance)
    keys = [await context.tx.ssh_keys.find(key) for key in instance.resolved.ssh_key_ids]
    assert instance.private_ip and instance.mac, "an instance has its addresses before its guest"
    return GuestSpec(
        id=instance.id,
        name=instance.name,
        vcpus=instance.spec.vcpus,
        memory_mib=instance.spec.memory_mib,
        root_volume_id=instance.resolved.root_volume_id,
        image_id=instance.resolved.image_id,
        nic=NicSpec(
            mac=instance.mac,
            private_ip=instance.private_ip,
            subnet_cidr=str(network),
            public_ip=instance.public_ip,
            rules=await rules_of(context, instance),
        ),
        seed=SeedSpec(
            hostname=hostname_of(instance.name),
            ssh_keys=tuple(key.public_key for key in keys if key is not None),
            user_data=instance.spec.user_data,
        ),
        boots=instance.boots,
        graceful_reboot=graceful,
    )


async def rules_of(context: StepContext, instance: Instance) -> tuple[Rule, ...]:
    groups = [
        await context.tx.security_groups.find(group)
        for group in instance.resolved.security_group_ids
    ]
    return tuple(rule for group in groups if group is not None for rule in group.rules)


async def settle_instance(
    context: StepContext, instance: Instance, *, state: InstanceState, **changes: object
) -> None:
    """Writes what the host said, and which operation goes on now, into the instance."""
    live = await context.tx.operations.live_on(instance.id)
    after = next((o.kind for o in live if o.id != context.operation.id), None)
    if state is InstanceState.DELETED:
        changes["deleted_at_ms"] = context.now_ms
        changes["host_id"] = None
        changes["private_ip"] = None
        changes["public_ip"] = None
    if state is not InstanceState.RUNNING:
        changes["running_since_ms"] = None
        changes["ready_at_ms"] = None
    elif instance.running_since_ms is None:
        changes["running_since_ms"] = context.now_ms
    context.tx.instances.change(
        instance, state=state, doing=after, updated_at_ms=context.now_ms, **changes
    )
    if state is not instance.state:
        note(context, f"instance.{state}")


def note(context: StepContext, kind: str) -> None:
    operation = context.operation
    context.tx.events.add(
        Event(
            project_id=operation.project_id,
            kind=kind,
            resource_id=operation.resource_id,
            operation_id=operation.id,
            at_ms=context.now_ms,
        )
    )


def mac_for(instance: Instance) -> str:
    return mac_of(ids.bits_of(instance.id))
