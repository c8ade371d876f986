"""Handles commands on hosts. Hosts are added by the reports of their agents."""

from dataclasses import dataclass

from atoll.domain.commands import RemoveHost, UpdateHost
from atoll.domain.errors import Conflict, NotFound
from atoll.domain.hosts import Host, HostState
from atoll.domain.instances import Instance
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot
from atoll.domain.volumes import Volume
from atoll.operations import host_remove
from atoll.ports import Filter
from atoll.service import owned, references
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import HOSTS

SHOWN = 100


async def update(case: Case, command: UpdateHost) -> Done[Host]:
    """A disabled host keeps its guests and gets no new ones."""
    host = await get(case, command.host)
    owned.require_version(host.version, command.version)
    changed = case.tx.hosts.change(host, enabled=command.enabled)
    return Done(changed, before={"enabled": host.enabled}, after={"enabled": command.enabled})


async def remove(case: Case, command: RemoveHost) -> Done[Host]:
    """Remove a lost host. A removal in progress returns its operation. Raises Conflict if the host
    may still have its guests."""
    host = await get(case, command.host)
    owned.require_version(host.version, command.version)
    for operation in await case.tx.operations.live_on(host.id):
        return Done(host, operation, changed=False)
    if host.state is HostState.READY:
        raise Conflict(Reason.HOST_READY, host=host.name)
    operation = case.accept(host_remove.WORKFLOW, host.id)
    changed = case.tx.hosts.change(host, state=HostState.REMOVING)
    return Done(changed, operation, before={"name": host.name, "state": host.state})


@dataclass(frozen=True)
class Losses:
    """The resources lost with a host: the first instances and their number, and the snapshots that
    no other host may have."""

    instances: list[Instance]
    instances_count: int
    volumes: list[Volume]
    snapshots: list[Snapshot]


async def losses(view: View, host: Host) -> Losses:
    tx, on = view.tx, host_remove.instances_on(host.id, SHOWN)
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


async def get(view: View, reference: str) -> Host:
    """Find a host by its id or name. Raises NotFound."""
    view.require("read")
    host = await view.tx.hosts.find(reference) if references.is_id(reference) else None
    if host is None:
        named = await view.tx.hosts.page(Filter(name=reference, limit=1))
        if not named:
            raise NotFound(Reason.NOT_FOUND, noun=HOSTS.name, reference=reference)
        host = named[0]
    return host
