"""What is asked of a host that shall take an instance or a copy."""

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
        preferred=snapshot.hosts if snapshot else (),
    )


async def serving(tx: Transaction, region_id: str) -> str:
    """The region whose hosts carry what is in this one."""
    region = await tx.regions.find(region_id)
    return region.served_by or region_id if region is not None else region_id
