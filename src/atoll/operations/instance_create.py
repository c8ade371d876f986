"""`instance.create`: from the accepted request to a running guest."""

import ipaddress

import msgspec

from atoll.domain.errors import DriverUnavailable
from atoll.domain.hosts import Reservation
from atoll.domain.instances import HALTS, Goal, Instance, InstanceSpec, InstanceState
from atoll.domain.networks import mac_of
from atoll.domain.operations import Operation, OperationState
from atoll.domain.quotas import Amounts
from atoll.messages import (
    EnsureVolume,
    GuestFacts,
    InspectGuest,
    Power,
    RemoveGuest,
    RemoveVolume,
)
from atoll.operations.belongings import release_belongings
from atoll.operations.guests import (
    MAC_FIRST,
    MAC_LAST,
    MAC_SCOPE,
    PUBLIC_SCOPE,
    host_of,
    instance_of,
    numbers_of,
    private_network,
    private_scope,
    request_running,
    root_volume_spec,
    settle_instance,
)
from atoll.operations.image_import import prepare_image
from atoll.operations.placing import demand_of, devices_on, place
from atoll.operations.snapshot_copies import (
    bring_copy,
    expect_copy,
    give_up_copy,
    wait_until_complete,
)
from atoll.operations.steps import (
    Retry,
    Step,
    StepContext,
    Workflow,
    arguments_of,
    ids_in,
)

POLL_S = 0.5
HALTED_POLL_S = 2.0


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot from which the root volume is created, if there is one."""

    snapshot_id: str | None = None


def uses(operation: Operation) -> frozenset[str]:
    return ids_in(arguments_of(operation, Arguments).snapshot_id)


async def take_addresses(context: StepContext) -> None:
    instance = await instance_of(context)
    public = ipaddress.IPv4Network(context.ranges.public_cidr)
    private = await private_network(context, instance)
    wanted = {
        PUBLIC_SCOPE: numbers_of(public),
        private_scope(instance): numbers_of(private),
        MAC_SCOPE: (MAC_FIRST, MAC_LAST),
    }
    for scope, (lowest, highest) in wanted.items():
        if await context.tx.addresses.find(scope, instance.id) is None:
            context.tx.addresses.take(scope, instance.id, lowest, highest)


async def release_addresses(context: StepContext) -> None:
    instance = await instance_of(context)
    named = await context.tx.reverse_records.find(instance.public_ip or "")
    if named is not None and named.holder_id == instance.id:
        context.tx.reverse_records.remove(named)
    context.tx.addresses.release(context.operation.resource_id)


async def pick_host(context: StepContext) -> Retry | None:
    """Reserve capacity on a host, and write host, devices and addresses to the instance."""
    instance = await instance_of(context)
    snapshot_id = instance.resolved.snapshot_id
    if snapshot_id is not None:
        waiting = await wait_until_complete(context, snapshot_id)
        if waiting is not None:
            return waiting
    reservation = await context.tx.hosts.reservation(instance.id)
    if reservation is None:
        host = await place(context.tx, await demand_of(context.tx, instance))
        if snapshot_id is not None:
            await expect_copy(context, snapshot_id, host.id)
        size = instance.spec
        reservation = Reservation(
            id=instance.id, host_id=host.id, vcpus=size.vcpus, memory_mib=size.memory_mib,
            disk_gib=size.disk_gib, devices=devices_on(host, (), size.accelerators),
        )  # fmt: skip
        context.tx.hosts.reserve(reservation)
    public = ipaddress.IPv4Network(context.ranges.public_cidr)
    private = await private_network(context, instance)
    context.tx.instances.change(
        instance,
        host_id=reservation.host_id,
        devices=reservation.devices,
        mac=mac_of(await mac_number(context)),
        public_ip=str(public[await number_in(context, PUBLIC_SCOPE)]),
        private_ip=str(private[await number_in(context, private_scope(instance))]),
    )
    return None


async def mac_number(context: StepContext) -> int:
    """A creation that an earlier version began has addresses, but no MAC."""
    holder_id = context.operation.resource_id
    number = await context.tx.addresses.find(MAC_SCOPE, holder_id)
    if number is None:
        number = await context.tx.addresses.pick(MAC_SCOPE, holder_id, MAC_FIRST, MAC_LAST)
    return number


async def number_in(context: StepContext, scope: str) -> int:
    number = await context.tx.addresses.find(scope, context.operation.resource_id)
    assert number is not None, "addresses are taken before a host is picked"
    return number


async def release_host(context: StepContext) -> None:
    reservation = await context.tx.hosts.reservation(context.operation.resource_id)
    if reservation is not None:
        context.tx.hosts.release(reservation)


async def prepare_volume(context: StepContext) -> Retry | None:
    instance = await instance_of(context)
    host_id, snapshot_id = host_of(instance), instance.resolved.snapshot_id
    for image_id in {instance.resolved.image_id, instance.iso_id or ""} - {""}:
        await prepare_image(context, host_id, image_id)
    if snapshot_id is not None:
        waiting = await bring_copy(context, snapshot_id, host_id)
        if waiting is not None:
            return waiting
    volume = await root_volume_spec(context, instance)
    await context.ask(host_id, EnsureVolume(volume=volume), timeout_s=110)
    return None


async def remove_what_was_prepared(context: StepContext) -> None:
    instance = await instance_of(context)
    await remove_volume(context)
    if instance.host_id is not None and instance.resolved.snapshot_id is not None:
        await give_up_copy(context, instance.resolved.snapshot_id, instance.host_id)


async def remove_volume(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        for volume_id in (instance.resolved.root_volume_id, *instance.leftovers):
            await context.ask(instance.host_id, RemoveVolume(volume_id=volume_id))


async def start_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    request = await request_running(context, instance)
    await context.ask(host_of(instance), request)


async def remove_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        await context.ask(instance.host_id, RemoveGuest(guest_id=instance.id))


async def wait_until_running(context: StepContext) -> Retry | None:
    instance = await instance_of(context)
    facts = await context.ask(host_of(instance), InspectGuest(guest_id=instance.id))
    if isinstance(facts, GuestFacts) and facts.power is Power.RUNNING:
        if facts.halt is not None:
            return Retry(HALTED_POLL_S, HALTS[facts.halt])
        if facts.ports != instance.ports or instance.halt is not None:
            context.tx.instances.change(instance, ports=facts.ports, halt=None)
        return None
    if isinstance(facts, GuestFacts) and facts.crashed:
        raise DriverUnavailable(facts.reason or "the guest crashed during its start")
    return Retry(POLL_S, "the guest is not running yet")


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_instance(context, instance, state=InstanceState.RUNNING, reason="")
        return
    # What could not be rolled back stays with the instance, so that deleting it removes the rest.
    reason = context.operation.error_message or ""
    if context.operation.step >= 0:
        await settle_instance(
            context, instance, state=InstanceState.ERROR, goal=Goal.DELETED, reason=reason
        )
    else:
        await settle_deleted(context, instance, reason)


async def settle_deleted(context: StepContext, instance: Instance, reason: str) -> None:
    """Nothing is left on any host: return its quota, and release volumes and floating IPs."""
    if instance.state is not InstanceState.DELETED or instance.purge_at_ms is not None:
        context.tx.quotas.give_back(instance.project_id, amounts_of(instance.spec))
    await settle_instance(
        context, instance, state=InstanceState.DELETED, goal=Goal.DELETED, reason=reason,
        deleted_at_ms=context.now_ms, purge_at_ms=None, host_id=None, private_ip=None,
        public_ip=None, devices=(), leftovers=(), **await release_belongings(context, instance),
    )  # fmt: skip


def amounts_of(spec: InstanceSpec) -> Amounts:
    return Amounts(
        instances=1, vcpus=spec.vcpus, memory_mib=spec.memory_mib, disk_gib=spec.disk_gib
    )


STEPS = (
    Step(take_addresses, undo=release_addresses),
    Step(pick_host, undo=release_host),
    Step(prepare_volume, undo=remove_what_was_prepared, timeout_s=120),
    Step(start_guest, undo=remove_guest),
    Step(wait_until_running),  # no undo: it reserves nothing itself
)
WORKFLOW = Workflow(
    kind="instance.create",
    steps=STEPS,
    settle=settle,
    deadline_s=1800,
    uses=uses,
)
