"""The rules that exclude hosts: each returns the reason as a sentence, or None."""

from collections.abc import Callable
from dataclasses import dataclass

from atoll.domain.accelerators import Accelerators
from atoll.domain.hosts import Host, HostState, free_devices, is_disk_low


@dataclass(frozen=True)
class Demand:
    """`preferred` are ids of hosts that are chosen before others, if they fit."""

    region: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    preferred: tuple[str, ...] = ()


def ready(host: Host, demand: Demand) -> str | None:
    return None if host.state is HostState.READY else f"it is {host.state}"


def enabled(host: Host, demand: Demand) -> str | None:
    return None if host.enabled else "it is disabled"


def runs_guests(host: Host, demand: Demand) -> str | None:
    return None if host.node_type in {"hybrid", "execution"} else f"it is a {host.node_type} node"


def in_region(host: Host, demand: Demand) -> str | None:
    return None if host.region == demand.region else f"it is in {host.region}"


def has_vcpus(host: Host, demand: Demand) -> str | None:
    return lacking("vcpus", demand.vcpus, host.vcpus - host.vcpus_used)


def has_memory(host: Host, demand: Demand) -> str | None:
    return lacking("MiB of memory", demand.memory_mib, host.memory_mib - host.memory_mib_used)


def has_disk(host: Host, demand: Demand) -> str | None:
    return lacking("GiB of disk", demand.disk_gib, host.disk_gib - host.disk_gib_used)


def has_spare_disk(host: Host, demand: Demand) -> str | None:
    """Disks are promised more than once, so what is really free counts as well."""
    low = demand.disk_gib > 0 and is_disk_low(host)
    return "its disk is full but for the reserve of its running guests" if low else None


def has_accelerators(host: Host, demand: Demand) -> str | None:
    wanted = demand.accelerators
    if wanted is None:
        return None
    if not any(device.kind == wanted.kind for device in host.devices):
        return f"it has no {wanted.kind}"
    return lacking(wanted.kind, wanted.count, len(free_devices(host, wanted.kind)))


def lacking(what: str, wanted: int, free: int) -> str | None:
    return None if wanted <= free else f"{free} {what} are free, {wanted} are wanted"


FILTERS: tuple[Callable[[Host, Demand], str | None], ...] = (
    ready,
    enabled,
    runs_guests,
    in_region,
    has_accelerators,
    has_vcpus,
    has_memory,
    has_disk,
    has_spare_disk,
)
