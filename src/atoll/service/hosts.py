"""Use cases of hosts. Hosts come and go by their agents' reports; a person may disable one."""

from collections.abc import Awaitable, Callable

from atoll.domain.errors import NotFound
from atoll.domain.hosts import Host
from atoll.ports import Filter, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import require_version


def set_enabled(
    reference: str, enabled: bool, version: int | None
) -> Callable[[Case], Awaitable[Accepted[Host]]]:
    """A disabled host keeps its guests and gets no new ones."""

    async def use_case(case: Case) -> Accepted[Host]:
        case.require("operate")
        host = await get(case.tx, reference)
        require_version(host.version, version)
        changed = case.tx.hosts.change(host, enabled=enabled)
        case.audit("host.update", host.id, before={"enabled": host.enabled},
                   after={"enabled": enabled})  # fmt: skip
        return Accepted(changed)

    return use_case


async def get(tx: Transaction, reference: str) -> Host:
    """By id or name. Raises NotFound."""
    host = await tx.hosts.find(reference) if references.is_id(reference) else None
    if host is None:
        named = await tx.hosts.page(Filter(name=reference, limit=1))
        if not named:
            raise NotFound(f"host not found: {reference}")
        host = named[0]
    return host
