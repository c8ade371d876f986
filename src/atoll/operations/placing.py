"""What is asked of a host that shall take an instance or a copy, and which devices it gives."""

from collections.abc import Sequence

from atoll.domain.accelerators import Accelerators, Device, chosen
from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import Host, free_devices
from atoll.domain.instances import Instance
from atoll.ports import Transaction
from atoll.scheduler.placement import Demand


async def demand_of(tx: Transaction, instance: Instance) -> Demand:
    """Hosts that have the snapshot which its disk is made of come first."""
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


async def serving(tx: Transaction, region_id: str) -> str:
    """The region whose hosts carry what is in this one."""
    region = await tx.regions.find(region_id)
    return region.served_by or region_id if region is not None else region_id


def devices_on(
    host: Host, held: Sequence[Device], *wishes: Accelerators | None
) -> tuple[Device, ...]:
    """Which devices serve all these wishes, one at a time: of those that are held already as many
    as serve, in their order, and free ones. Raises NoCapacity where those are too few. Two that
    look at the same time may choose the same; the commit lets one of them."""
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
                f"host {host.name} has {len(free)} {wanted.kind} free, {more} more are wanted"
            )
        added += free[:more]
    return (*[device for device in held if device in kept], *added)
