"""`instance.create`: from a wish in the database to a guest that runs."""

import ipaddress

from atoll.domain.errors import DriverUnavailable
from atoll.domain.hosts import Reservation
from atoll.domain.instances import Goal, InstanceState
from atoll.domain.operations import OperationState
from atoll.messages import (
    EnsureRunning,
    EnsureVolume,
    GuestFacts,
    InspectGuest,
    Power,
    RemoveGuest,
    RemoveVolume,
)
from atoll.operations.guests import (
    PUBLIC_SCOPE,
    guest_spec,
    instance_of,
    mac_for,
    numbers_of,
    private_network,
    private_scope,
    settle_instance,
    volume_spec,
)
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from atoll.ports import Filter
from atoll.scheduler.placement import Demand, pick

POLL_S = 0.5
HOSTS_MAX = 1000


async def take_addresses(context: StepContext) -> None:
    instance = await instance_of(context)
    public = ipaddress.IPv4Network(context.ranges.public_cidr)
    private = await private_network(context, instance)
    for scope, network in ((PUBLIC_SCOPE, public), (private_scope(instance), private)):
        if await context.tx.addresses.find(scope, instance.id) is None:
            context.tx.addresses.take(scope, instance.id, *numbers_of(network))


async def release_addresses(context: StepContext) -> None:
    context.tx.addresses.release(context.operation.resource_id)


async def pick_host(context: StepContext) -> None:
    """Holds capacity on a host, and writes host and addresses into the instance."""
    instance = await instance_of(context)
    reservation = await context.tx.hosts.reservation(instance.id)
    if reservation is None:
        hosts = await context.tx.hosts.page(Filter(limit=HOSTS_MAX))
        host = pick(hosts, Demand.of(instance))
        size = instance.spec
        reservation = Reservation(
            id=instance.id, host_id=host.id, vcpus=size.vcpus, memory_mib=size.memory_mib,
            disk_gib=size.disk_gib,
        )  # fmt: skip
        context.tx.hosts.reserve(reservation)
    public = ipaddress.IPv4Network(context.ranges.public_cidr)
    private = await private_network(context, instance)
    context.tx.instances.change(
        instance,
        host_id=reservation.host_id,
        mac=mac_for(instance),
        public_ip=await address_in(context, PUBLIC_SCOPE, public),
        private_ip=await address_in(context, private_scope(instance), private),
    )


async def address_in(context: StepContext, scope: str, network: ipaddress.IPv4Network) -> str:
    number = await context.tx.addresses.find(scope, context.operation.resource_id)
    assert number is not None, "addresses are taken before a host is picked"
    return str(network[number])


async def release_host(context: StepContext) -> None:
    reservation = await context.tx.hosts.reservation(context.operation.resource_id)
    if reservation is not None:
        context.tx.hosts.release(reservation)


async def prepare_volume(context: StepContext) -> None:
    instance = await instance_of(context)
    assert instance.host_id is not None, "a host is picked before its disk is made"
    volume = await volume_spec(context, instance)
    await context.ask(instance.host_id, EnsureVolume(volume=volume), timeout_s=110)


async def remove_volume(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        volume_id = instance.resolved.root_volume_id
        await context.ask(instance.host_id, RemoveVolume(volume_id=volume_id))


async def start_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    assert instance.host_id is not None, "a host is picked before its guest is started"
    await context.ask(instance.host_id, EnsureRunning(guest=await guest_spec(context, instance)))


async def remove_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        await context.ask(instance.host_id, RemoveGuest(guest_id=instance.id))


async def wait_until_running(context: StepContext) -> Retry | None:
    instance = await instance_of(context)
    assert instance.host_id is not None, "a guest runs on a host"
    facts = await context.ask(instance.host_id, InspectGuest(guest_id=instance.id))
    if isinstance(facts, GuestFacts) and facts.power is Power.RUNNING:
        if facts.ports != instance.ports:
            context.tx.instances.change(instance, ports=facts.ports)
        return None
    if isinstance(facts, GuestFacts) and facts.crashed:
        raise DriverUnavailable(facts.reason or "the guest crashed as it was started")
    return Retry(POLL_S, "the guest is not running yet")


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_instance(context, instance, state=InstanceState.RUNNING, reason="")
        return
    # What could not be taken back stays with the instance, so that deleting it removes the rest.
    left_behind = context.operation.step >= 0
    await settle_instance(
        context, instance,
        state=InstanceState.ERROR if left_behind else InstanceState.DELETED,
        goal=Goal.DELETED, reason=context.operation.error_message or "",
    )  # fmt: skip


STEPS = (
    Step(take_addresses, undo=release_addresses),
    Step(pick_host, undo=release_host),
    Step(prepare_volume, undo=remove_volume, timeout_s=120),
    Step(start_guest, undo=remove_guest),
    Step(wait_until_running),  # nothing of its own to take back
)
WORKFLOW = Workflow(
    kind="instance.create",
    steps=STEPS,
    settle=settle,
    deadline_s=1800,
    impact="a new guest with a root disk and two addresses; nothing that exists is touched",
    undo="delete the instance",
)
