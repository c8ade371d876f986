"""Use cases of reverse DNS, and the look-up that the DNS server answers from."""

import ipaddress
from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.errors import NotFound
from atoll.domain.projects import Caller
from atoll.domain.reverse_dns import ReverseRecord, host_name
from atoll.operations.guests import PUBLIC_SCOPE
from atoll.operations.steps import Ranges
from atoll.ports import Transaction
from atoll.service.desk import Accepted, Case, require

UseCase = Callable[[Case], Awaitable[Accepted[ReverseRecord]]]


def put(address: str, name: str, ranges: Ranges) -> UseCase:
    async def use_case(case: Case) -> Accepted[ReverseRecord]:
        case.require("write")
        holder_id = await held(case.tx, case.caller, address, ranges)
        record = ReverseRecord(
            id=address,
            project_id=case.caller.project_id,
            holder_id=holder_id,
            name=host_name(name, "name"),
            created_at_ms=case.now_ms,
        )
        before = await case.tx.reverse_records.find(address)
        if before is None:
            case.tx.reverse_records.add(record)
        else:
            record = case.tx.reverse_records.change(
                before, project_id=record.project_id, holder_id=holder_id, name=record.name
            )
        case.audit("reverse_dns.put", holder_id, after={"address": address, "name": record.name})
        return Accepted(record)

    return use_case


def delete(address: str, ranges: Ranges) -> UseCase:
    async def use_case(case: Case) -> Accepted[ReverseRecord]:
        case.require("write")
        record = await get(case.tx, case.caller, address, ranges)
        case.tx.reverse_records.remove(record)
        case.audit("reverse_dns.delete", record.holder_id, before={"name": record.name})
        return Accepted(record)

    return use_case


def ensure_none(address: str, ranges: Ranges) -> Callable[[Case], Awaitable[None]]:
    """The same, and no error where the address has no name."""

    async def use_case(case: Case) -> None:
        case.require("write")
        await held(case.tx, case.caller, address, ranges)
        if await find(case.tx, address, ranges) is not None:
            await delete(address, ranges)(case)

    return use_case


async def get(tx: Transaction, caller: Caller, address: str, ranges: Ranges) -> ReverseRecord:
    require(caller, "read")
    await held(tx, caller, address, ranges)
    record = await find(tx, address, ranges)
    if record is None:
        raise NotFound(f"address {address} has no name")
    return record


async def find(tx: Transaction, address: str, ranges: Ranges) -> ReverseRecord | None:
    """The record of whoever has the address now."""
    record = await tx.reverse_records.find(address)
    if record is None or record.holder_id != await holder_of(tx, address, ranges):
        return None
    return record


async def held(tx: Transaction, caller: Caller, address: str, ranges: Ranges) -> str:
    """Whose of the caller's things has the address. Raises NotFound."""
    holder_id = await holder_of(tx, address, ranges)
    if holder_id is not None and await project_of(tx, holder_id) == caller.project_id:
        return holder_id
    raise NotFound(f"no instance and no floating IP of this project has the address {address}")


async def holder_of(tx: Transaction, address: str, ranges: Ranges) -> str | None:
    public = ipaddress.IPv4Network(ranges.public_cidr)
    try:
        number = int(ipaddress.IPv4Address(address)) - int(public.network_address)
    except ValueError:
        return None
    if not 0 <= number < public.num_addresses:
        return None
    return await tx.addresses.holder(PUBLIC_SCOPE, number)


async def project_of(tx: Transaction, holder_id: str) -> str | None:
    if holder_id.startswith(f"{ids.FLOATING_IP}-"):
        floating_ip = await tx.floating_ips.find(holder_id)
        return floating_ip.project_id if floating_ip else None
    instance = await tx.instances.find(holder_id)
    return instance.project_id if instance else None
