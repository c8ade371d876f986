"""Handles commands on reverse DNS, and looks names up for the DNS server."""

import ipaddress

from atoll.domain import ids
from atoll.domain.commands import DeleteReverseDns, SetReverseDns
from atoll.domain.errors import NotFound
from atoll.domain.reasons import Reason
from atoll.domain.reverse_dns import ReverseRecord, host_name
from atoll.operations.guests import PUBLIC_SCOPE
from atoll.operations.steps import Ranges
from atoll.ports import Transaction
from atoll.service.desk import Case, Done, View


async def put(case: Case, command: SetReverseDns) -> Done[ReverseRecord]:
    address = command.address
    holder_id = await get_holder(case, address)
    record = ReverseRecord(
        id=address,
        project_id=case.project_id,
        holder_id=holder_id,
        name=host_name(command.name),
        given=command.name,
        created_at_ms=case.now_ms,
    )
    before = await case.tx.reverse_records.find(address)
    if before is None:
        case.tx.reverse_records.add(record)
    else:
        record = case.tx.reverse_records.change(
            before, project_id=record.project_id, holder_id=holder_id, name=record.name,
            given=record.given,
        )  # fmt: skip
    after = {"address": address, "name": record.name}
    return Done(record, after=after, about=holder_id)


async def delete(case: Case, command: DeleteReverseDns) -> Done[ReverseRecord | None]:
    await get_holder(case, command.address)
    record = await find(case.tx, command.address, case.deployment.ranges)
    if record is None:
        if command.missing_ok:
            return Done(None, changed=False)
        raise without_name(command.address)
    case.tx.reverse_records.remove(record)
    return Done(record, before={"name": record.name}, about=record.holder_id)


async def get(view: View, address: str) -> ReverseRecord:
    """Raises NotFound."""
    view.require("read")
    await get_holder(view, address)
    record = await find(view.tx, address, view.deployment.ranges)
    if record is None:
        raise without_name(address)
    return record


def without_name(address: str) -> NotFound:
    return NotFound(Reason.ADDRESS_WITHOUT_NAME, reference=address)


async def find(tx: Transaction, address: str, ranges: Ranges) -> ReverseRecord | None:
    """Find the record, if the address still belongs to the resource for which it was created."""
    record = await tx.reverse_records.find(address)
    if record is None or record.holder_id != await holder_of(tx, address, ranges):
        return None
    return record


async def get_holder(view: View, address: str) -> str:
    """Return the id of the caller's resource that has the address. Raises NotFound."""
    holder_id = await holder_of(view.tx, address, view.deployment.ranges)
    if holder_id is not None and await project_of(view.tx, holder_id) == view.project_id:
        return holder_id
    raise NotFound(Reason.ADDRESS_NOT_YOURS, reference=address)


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
