"""Handles commands on floating IPs: writes the change immediately, and updates guests by
operations."""

import ipaddress
from collections.abc import Sequence

import msgspec

from atoll.domain import ids
from atoll.domain.commands import (
    AttachFloatingIp,
    CreateFloatingIp,
    DeleteFloatingIp,
    DetachFloatingIp,
    Reference,
    UpdateFloatingIp,
)
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.instances import Instance, ports_at, require_alive, require_labels
from atoll.domain.operations import Operation
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.operations.guests import PUBLIC_SCOPE, numbers_of
from atoll.service import owned, queries, quotas
from atoll.service.desk import Case, Done, View
from atoll.service.instances import configure, find_lasting, region_of, resolve_instance
from atoll.service.nouns import FLOATING_IPS, INSTANCES
from atoll.service.references import display_name

FIELD = "floating_ip"
ADDRESSES_MAX = 16


async def create(case: Case, command: CreateFloatingIp) -> Done[FloatingIp]:
    """Reserve an address; with an instance, it is also attached."""
    require_labels(command.labels)
    await quotas.take(case, Amounts(floating_ips=1))
    public = ipaddress.IPv4Network(case.deployment.ranges.public_cidr)
    new_id = case.ids.new(ids.FLOATING_IP)
    number = await case.tx.addresses.pick(PUBLIC_SCOPE, new_id, *numbers_of(public))
    floating_ip = FloatingIp(
        id=new_id,
        project_id=case.project_id,
        **await owned.hold_name(case, FLOATING_IPS, command.name, free=command.free_name),
        labels=command.labels,
        annotations=command.annotations,
        address=str(public[number]),
        region=await region_of(case, command.region),
        created_at_ms=case.now_ms,
    )
    operation = None
    if command.instance is not None:
        instance = await resolve_instance(case, command.instance)
        require_target(floating_ip, instance)
        operation = update_new_holder(case, floating_ip, instance)
        floating_ip = msgspec.structs.replace(floating_ip, instance_id=instance.id)
    done = await owned.add(case, FLOATING_IPS, floating_ip)
    return Done(floating_ip, operation, after=done.after)


async def update(case: Case, command: UpdateFloatingIp) -> Done[FloatingIp]:
    floating_ip = await get(case, command.floating_ip)
    notes = owned.merge_annotations(floating_ip.annotations, command.annotations)
    return await owned.update(case, FLOATING_IPS, floating_ip, command, annotations=notes)


async def attach(case: Case, command: AttachFloatingIp) -> Done[FloatingIp]:
    """Attach a floating IP. If it is moved, its previous instance is updated at the same time."""
    floating_ip = await get(case, command.floating_ip)
    new = await resolve_instance(case, command.instance)
    if floating_ip.instance_id == new.id:
        return Done(floating_ip, changed=False)
    holder = await find_lasting(case, floating_ip.instance_id)
    if holder is not None and not command.move:
        raise Invalid(
            Reason.FLOATING_IP_TAKEN, field=FIELD, address=floating_ip.address,
            instance=holder.id,
        )  # fmt: skip
    require_target(floating_ip, new)
    before = await update_old_holder(case, floating_ip)
    operation = update_new_holder(case, floating_ip, new)
    changed = case.tx.floating_ips.change(floating_ip, instance_id=new.id)
    case.note("floating_ip.attached", floating_ip.id)
    return Done(changed, operation, {"instance": before}, {"instance": new.id})


async def detach(case: Case, command: DetachFloatingIp) -> Done[FloatingIp]:
    floating_ip = await get(case, command.floating_ip)
    if await find_lasting(case, floating_ip.instance_id) is None:
        raise Conflict(Reason.FLOATING_IP_NOT_ATTACHED, address=floating_ip.address)
    before = await update_old_holder(case, floating_ip)
    changed = case.tx.floating_ips.change(floating_ip, instance_id=None)
    case.note("floating_ip.detached", floating_ip.id)
    return Done(changed, before={"instance": before})


async def delete(case: Case, command: DeleteFloatingIp) -> Done[FloatingIp]:
    floating_ip = await get(case, command.floating_ip)
    owned.require_version(floating_ip.version, command.version)
    holder = await find_lasting(case, floating_ip.instance_id)
    if holder is not None:
        if not command.detach:
            raise InUse(
                Reason.FLOATING_IP_ATTACHED, address=display_name(floating_ip),
                instance=holder.name, instance_id=holder.id,
            )  # fmt: skip
        floating_ip = (await case.execute(DetachFloatingIp(floating_ip=floating_ip.id))).thing
    case.tx.addresses.release(floating_ip.id)
    named = await case.tx.reverse_records.find(floating_ip.address)
    if named is not None and named.holder_id == floating_ip.id:
        case.tx.reverse_records.remove(named)
    quotas.give_back(case, Amounts(floating_ips=1))
    return owned.remove(case, FLOATING_IPS, floating_ip)


async def ports_of(view: View, found: Sequence[FloatingIp]) -> dict[str, dict[str, str]]:
    """Return where the open ports of the guest are reached at each of these floating IPs, by its
    id."""
    holders = await queries.find_by_ids(view, INSTANCES, [one.instance_id for one in found])
    return {
        one.id: ports_at(holders[one.instance_id], one.address)
        for one in found
        if one.instance_id in holders
    }


async def get(case: Case, reference: Reference) -> FloatingIp:
    return await owned.get(case, FLOATING_IPS, reference, FIELD)


def require_target(floating_ip: FloatingIp, instance: Instance) -> None:
    """Raises Invalid and Conflict if the address cannot be attached to the instance."""
    require_alive(instance)
    if instance.spec.region != floating_ip.region:
        raise Invalid(
            Reason.OTHER_REGION, field="instance", instance=display_name(instance),
            there=instance.spec.region, noun=FLOATING_IPS.name, name=display_name(floating_ip),
            here=floating_ip.region,
        )  # fmt: skip
    if len(instance.floating_ips) >= ADDRESSES_MAX:
        raise Conflict(
            Reason.FLOATING_IPS_FULL, instance=display_name(instance), highest=ADDRESSES_MAX
        )


def update_new_holder(case: Case, floating_ip: FloatingIp, instance: Instance) -> Operation | None:
    return configure(case, instance, floating_ips=(*instance.floating_ips, floating_ip.address))[1]


async def update_old_holder(case: Case, floating_ip: FloatingIp) -> str | None:
    """Update the present instance of a floating IP, and return its id, if it is attached."""
    instance = await find_lasting(case, floating_ip.instance_id)
    if instance is not None:
        rest = tuple(a for a in instance.floating_ips if a != floating_ip.address)
        configure(case, instance, floating_ips=rest)
    return floating_ip.instance_id
