"""Requirements on the host for an instance or a copy, and the devices that it gets."""

import random
from collections.abc import Sequence

from atoll.domain.accelerators import Accelerators, Device, chosen
from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import Host, free_devices
from atoll.domain.instances import Instance
from atoll.domain.reasons import Reason
from atoll.ports import Filter, Transaction
from atoll.scheduler.placement import Demand, pick, verdicts

# The best of this many hosts is nearly as good as the best of all, and the cost does not grow with
# the number of hosts.
SAMPLE = 16


async def demand_of(tx: Transaction, instance: Instance) -> Demand:
    """Hosts that have the snapshot of its root volume are preferred."""
    spec, snapshot_id = instance.spec, instance.resolved.snapshot_id
    snapshot = await tx.snapshots.find(snapshot_id) if snapshot_id else None
    return Demand(
        region=await serving(tx, spec.region),
        vcpus=spec.vcpus,
        memory_mib=spec.memory_mib,
        disk_gib=spec.disk_gib,
        accelerators=spec.accelerators,
        preferred=snapshot.hosts if snapshot else (),
    )


async def place(tx: Transaction, demand: Demand) -> Host:
    """Choose the best of some hosts, or of all if none of those has room. Raises NoCapacity with a
    sentence for each host. The commit of the reservation checks the room again."""
    ids = await tx.hosts.candidates(demand.region)
    if len(ids) > SAMPLE and demand.accelerators is None:
        chosen = {*random.sample(ids, SAMPLE), *demand.preferred}
        looked_at = Filter(any_of=((("id", tuple(sorted(chosen))),),), limit=len(chosen))
        judged = verdicts(await tx.hosts.page(looked_at), demand)
        if judged and not judged[0].reason:
            return judged[0].host
    return pick(await tx.hosts.every(), demand)


async def serving(tx: Transaction, region_id: str) -> str:
    """Return the region whose hosts run the instances of this region."""
    region = await tx.regions.find(region_id)
    return region.served_by or region_id if region is not None else region_id


def devices_on(
    host: Host, held: Sequence[Device], *wishes: Accelerators | None
) -> tuple[Device, ...]:
    """Choose devices for all these requirements, one at a time: matching held devices in their
    order first, then free ones. Raises NoCapacity if there are too few. Two concurrent calls may
    choose the same devices; the commit allows one of them."""
    kept: set[Device] = set()
    added: list[Device] = []
    for wanted in wishes:
        if wanted is None:
            continue
        have = chosen([*held, *added], wanted)
        kept.update(have)
        free = [device for device in free_devices(host, wanted.kind) if device not in added]
        more = wanted.count - len(have)
        if more > len(free):
            raise NoCapacity(
                Reason.HOST_FULL,
                host=host.name,
                free=len(free),
                resource=wanted.kind,
                more=more,
            )
        added += free[:more]
    return (*[device for device in held if device in kept], *added)
