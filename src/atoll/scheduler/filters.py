"""Why a host may not be chosen: one short rule each, answering a sentence or None."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from atoll.domain.hosts import Host, HostState
from atoll.domain.instances import Instance


@dataclass(frozen=True)
class Demand:
    region: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    host_id: str | None = None

    @classmethod
    def of(cls, instance: Instance, *, host_id: str | None = None) -> Self:
        """`host_id` is the only host that will do, where its disk comes from a snapshot."""
        spec = instance.spec
        return cls(spec.region, spec.vcpus, spec.memory_mib, spec.disk_gib, host_id)


def ready(host: Host, demand: Demand) -> str | None:
    return None if host.state is HostState.READY else f"it is {host.state}"


def enabled(host: Host, demand: Demand) -> str | None:
    return None if host.enabled else "it is disabled"


def runs_guests(host: Host, demand: Demand) -> str | None:
    return None if host.node_type in {"hybrid", "execution"} else f"it is a {host.node_type} node"


def in_region(host: Host, demand: Demand) -> str | None:
    return None if host.region == demand.region else f"it is in {host.region}"


def keeps_the_snapshot(host: Host, demand: Demand) -> str | None:
    here = demand.host_id in {None, host.id}
    return None if here else "the snapshot is kept by another host"


def has_vcpus(host: Host, demand: Demand) -> str | None:
    return lacking("vcpus", demand.vcpus, host.vcpus - host.vcpus_used)


def has_memory(host: Host, demand: Demand) -> str | None:
    return lacking("MiB of memory", demand.memory_mib, host.memory_mib - host.memory_mib_used)


def has_disk(host: Host, demand: Demand) -> str | None:
    return lacking("GiB of disk", demand.disk_gib, host.disk_gib - host.disk_gib_used)


def lacking(what: str, wanted: int, free: int) -> str | None:
    return None if wanted <= free else f"{free} {what} are free, {wanted} are wanted"


FILTERS: tuple[Callable[[Host, Demand], str | None], ...] = (
    ready,
    enabled,
    runs_guests,
    in_region,
    keeps_the_snapshot,
    has_vcpus,
    has_memory,
    has_disk,
)
