"""Use cases of hosts. Hosts come and go by their agents' reports; a person may disable one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from atoll.domain.errors import Conflict, NotFound
from atoll.domain.hosts import Host, HostState
from atoll.domain.instances import Instance
from atoll.domain.snapshots import Snapshot
from atoll.domain.volumes import Volume
from atoll.operations import host_remove
from atoll.ports import Filter, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import require_version

SHOWN = 100


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


def remove(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[Host]]]:
    """A removal that goes on already is answered by its operation. Raises Conflict where the host
    may still have its guests."""

    async def use_case(case: Case) -> Accepted[Host]:
        case.require("operate")
        host = await get(case.tx, reference)
        require_version(host.version, version)
        for operation in await case.tx.operations.live_on(host.id):
            return Accepted(host, operation)
        if host.state is HostState.READY:
            raise Conflict(
                f"host {host.name} is ready: only a lost host is removed. Stop its server, and "
                "wait until it has been silent for 30 seconds"
            )
        operation = case.accept(host_remove.WORKFLOW, host.id)
        changed = case.tx.hosts.change(host, state=HostState.REMOVING)
        before = {"name": host.name, "state": host.state}
        case.audit("host.remove", host.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case


@dataclass(frozen=True)
class Losses:
    """What ends with a host: the first instances and how many there are. Of snapshots, those of
    which no other host may have a copy."""

    instances: list[Instance]
    instances_count: int
    volumes: list[Volume]
    snapshots: list[Snapshot]


async def losses(tx: Transaction, host: Host) -> Losses:
    on = host_remove.instances_on(host.id, SHOWN)
    return Losses(
        instances=await tx.instances.page(on),
        instances_count=await tx.instances.count(on),
        volumes=[volume async for volume in host_remove.volumes_on(tx, host.id)],
        snapshots=[
            snapshot
            async for snapshot in host_remove.snapshots_on(tx, host.id)
            if snapshot.hosts == (host.id,)
        ],
    )


async def get(tx: Transaction, reference: str) -> Host:
    """By id or name. Raises NotFound."""
    host = await tx.hosts.find(reference) if references.is_id(reference) else None
    if host is None:
        named = await tx.hosts.page(Filter(name=reference, limit=1))
        if not named:
            raise NotFound(f"host not found: {reference}")
        host = named[0]
    return host
