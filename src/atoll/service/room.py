"""Checks whether a host has room for a request, and which sizes hosts have.

For dialects whose clients expect an accepted request to succeed: a use case checks before it
accepts. Only the operation reserves capacity.
"""

from atoll.domain.errors import Invalid, NoCapacity
from atoll.domain.hosts import Host, HostState
from atoll.domain.instances import Instance
from atoll.domain.reasons import Reason
from atoll.operations.instance_resize import Size, size_of
from atoll.operations.placing import demand_of, devices_on
from atoll.scheduler.filters import Demand, has_disk, has_memory, has_spare_disk, has_vcpus
from atoll.scheduler.placement import verdicts
from atoll.service.desk import View

REASONS_MAX = 5
FIELD = "plan"
# Processors, MiB of memory, GiB of disk, kinds of accelerators: the whole capacity of a host.
Shape = tuple[int, int, int, frozenset[str]]


async def require_for_new(view: View, instance: Instance) -> None:
    """Raises Invalid with a reason for each host of its region, if none has room."""
    demand = await demand_of(view.tx, instance)
    hosts = await view.tx.hosts.every()
    judged = verdicts([host for host in hosts if host.region == demand.region], demand)
    if not judged or judged[0].reason:
        reasons = [f"{verdict.host.name}: {verdict.reason}" for verdict in judged]
        raise too_large(instance, reasons or ["there is no host"])


async def require_for_resize(view: View, instance: Instance, new: Size) -> None:
    """The instance stays on its host, which needs room for the difference, and for both sizes
    during the resize."""
    held = await view.tx.hosts.reservation(instance.id)
    if held is None:
        return
    host, old = await view.tx.hosts.get(held.host_id), size_of(instance.spec)
    more = {name: max(0, value - getattr(held, name)) for name, value in new.held().items()}
    demand = Demand(region=host.region, **more)
    found = [has(host, demand) for has in (has_vcpus, has_memory, has_disk, has_spare_disk)]
    reasons = [f"{host.name}: {why}" for why in found if why]
    try:
        devices_on(host, held.devices, old.accelerators, new.accelerators)
    except NoCapacity as error:
        reasons.append(error.message)
    if reasons:
        raise too_large(instance, reasons)


def too_large(instance: Instance, reasons: list[str]) -> Invalid:
    said = "; ".join(reasons[:REASONS_MAX])
    region = instance.spec.region
    return Invalid(Reason.NO_ROOM_IN_REGION, field=FIELD, region=region, why=said)


async def shapes_by_region(view: View) -> dict[str, frozenset[Shape]]:
    """Return each distinct shape of ready hosts once, by their region. Regions that others serve
    are omitted: see `operations.placing.serving`."""
    shapes: dict[str, frozenset[Shape]] = {}
    for host in await view.tx.hosts.every():
        if host.state is HostState.READY:
            shapes[host.region] = shapes.get(host.region, frozenset()) | {shape_of(host)}
    return shapes


def shape_of(host: Host) -> Shape:
    kinds = frozenset(device.kind for device in host.devices)
    return host.vcpus, host.memory_mib, host.disk_gib, kinds


def fits(shape: Shape, vcpus: int, memory_mib: int, disk_gib: int, kind: str | None) -> bool:
    """Tell whether an empty host of this shape has room for an instance of this size."""
    enough = vcpus <= shape[0] and memory_mib <= shape[1] and disk_gib <= shape[2]
    return enough and (kind is None or kind in shape[3])
