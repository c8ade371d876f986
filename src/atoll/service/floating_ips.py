"""Use cases of floating IPs: the wish is written at once, and the guests are told."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateFloatingIp
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.instances import Instance, ports_at, require_alive, require_labels
from atoll.domain.operations import Operation
from atoll.domain.quotas import Amounts
from atoll.operations.guests import PUBLIC_SCOPE, numbers_of
from atoll.operations.steps import Ranges
from atoll.ports import Filter, Transaction
from atoll.service import owned, quotas, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import configure, instance_named, region_of, require_version

NOUN = "floating IP"
ADDRESSES_MAX = 16
UseCase = Callable[[Case], Awaitable[Accepted[FloatingIp]]]


def create(command: CreateFloatingIp, ranges: Ranges) -> UseCase:
    """Reserves an address; with an instance named it leads there right away."""

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        references.require_label(command.name)
        require_labels(command.labels)
        await quotas.take(case, Amounts(floating_ips=1))
        public = ipaddress.IPv4Network(ranges.public_cidr)
        new_id = case.ids.new(ids.FLOATING_IP)
        number = await case.tx.addresses.pick(PUBLIC_SCOPE, new_id, *numbers_of(public))
        operation = None
        floating_ip = FloatingIp(
            id=new_id,
            project_id=case.caller.project_id,
            name=command.name,
            labels=command.labels,
            annotations=command.annotations,
            address=str(public[number]),
            region=await region_of(case.tx, command.region),
            created_at_ms=case.now_ms,
        )
        if command.instance is not None:
            instance = await target(case, floating_ip, command.instance, "spec.instance_id")
            operation = lead_to(case, floating_ip, instance)
            floating_ip = msgspec.structs.replace(floating_ip, instance_id=instance.id)
        owned.add(case, case.tx.floating_ips, floating_ip, NOUN)
        return Accepted(floating_ip, operation)

    return use_case


def attach(reference: str, instance: str) -> UseCase:
    """Moves it where it is attached already; its old instance is told at the same time."""

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        floating_ip = await meant(case, reference)
        new = await target(case, floating_ip, instance, "instance_id")
        if floating_ip.instance_id == new.id:
            return Accepted(floating_ip)
        before = await leave(case, floating_ip)
        operation = lead_to(case, floating_ip, new)
        changed = case.tx.floating_ips.change(floating_ip, instance_id=new.id)
        case.audit(
            "floating_ip.attach",
            floating_ip.id,
            operation=operation,
            before={"instance": before},
            after={"instance": new.id},
        )
        case.note("floating_ip.attached", floating_ip.id)
        return Accepted(changed, operation)

    return use_case


def detach(reference: str) -> UseCase:
    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        floating_ip = await meant(case, reference)
        if floating_ip.instance_id is None:
            raise Conflict(f"floating IP {floating_ip.address} is attached to no instance")
        before = await leave(case, floating_ip)
        changed = case.tx.floating_ips.change(floating_ip, instance_id=None)
        case.audit("floating_ip.detach", floating_ip.id, before={"instance": before})
        case.note("floating_ip.detached", floating_ip.id)
        return Accepted(changed)

    return use_case


def delete(reference: str, version: int | None = None) -> UseCase:
    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        floating_ip = await meant(case, reference)
        require_version(floating_ip.version, version)
        if floating_ip.instance_id is not None:
            holder = await case.tx.instances.get(floating_ip.instance_id)
            raise InUse(
                f"floating IP {floating_ip.name} is attached to instance {holder.name} "
                f"({holder.id}): detach it there first"
            )
        case.tx.addresses.release(floating_ip.id)
        named = await case.tx.reverse_records.find(floating_ip.address)
        if named is not None and named.holder_id == floating_ip.id:
            case.tx.reverse_records.remove(named)
        quotas.give_back(case, Amounts(floating_ips=1))
        owned.remove(case, case.tx.floating_ips, floating_ip, NOUN)
        return Accepted(floating_ip)

    return use_case


async def ports_of(tx: Transaction, found: Sequence[FloatingIp]) -> dict[str, dict[str, str]]:
    """Where the guest's open ports are reached at each of these, by its id."""
    holders = tuple({one.instance_id for one in found if one.instance_id is not None})
    wanted = Filter(any_of=((("id", holders),),), limit=len(holders))
    instances = {one.id: one for one in (await tx.instances.page(wanted) if holders else ())}
    return {
        one.id: ports_at(instances[one.instance_id], one.address)
        for one in found
        if one.instance_id in instances
    }


async def meant(case: Case, reference: str) -> FloatingIp:
    rows, project_id = case.tx.floating_ips, case.caller.project_id
    return await references.get(rows, project_id, reference, NOUN)


async def target(case: Case, floating_ip: FloatingIp, reference: str, field: str) -> Instance:
    instance = await instance_named(case, reference, field)
    require_alive(instance)
    if instance.spec.region != floating_ip.region:
        raise Invalid(
            f"{field}: instance {references.called(instance)} is in region {instance.spec.region}, "
            f"the address in {floating_ip.region}",
            field=field,
        )
    if len(instance.floating_ips) >= ADDRESSES_MAX:
        raise Conflict(
            f"instance {references.called(instance)} has {ADDRESSES_MAX} floating IPs, "
            "which is the most"
        )
    return instance


def lead_to(case: Case, floating_ip: FloatingIp, instance: Instance) -> Operation | None:
    return configure(case, instance, floating_ips=(*instance.floating_ips, floating_ip.address))[1]


async def leave(case: Case, floating_ip: FloatingIp) -> str | None:
    """Tells the instance that has it now, if one has."""
    if floating_ip.instance_id is None:
        return None
    instance = await case.tx.instances.find(floating_ip.instance_id)
    if instance is not None:
        rest = tuple(a for a in instance.floating_ips if a != floating_ip.address)
        configure(case, instance, floating_ips=rest)
    return floating_ip.instance_id
