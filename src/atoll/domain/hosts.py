"""A machine that runs guests, with an agent on it."""

from enum import StrEnum

import msgspec

from atoll.domain.accelerators import Device


class HostState(StrEnum):
    """`removing`: it is permanently lost, and the resources on it are being deleted."""

    READY = "ready"
    LOST = "lost"
    REMOVING = "removing"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a host's driver can do; callers check it before they act."""

    driver: str
    accelerator: str = ""
    emulated: bool = False
    guest_log: bool = True
    starts_at_once: int = 2


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """`spare_disk_mib` is the space that is really free now, without the host's reserve; None if
    the host does not tell."""

    vcpus: int
    memory_mib: int
    disk_gib: int
    devices: tuple[Device, ...] = ()
    spare_disk_mib: int | None = None


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """`vcpus`, `memory_mib` and `disk_gib` are the capacity that may be reserved (overcommit
    included), the `…_used` figures what is reserved; of its `devices`, those at `devices_used` are
    reserved. `spare_disk_mib` is as in `Capacity`: what is promised may be more than what is there.
    """

    id: str
    name: str
    region: str
    node_type: str = "hybrid"
    state: HostState = HostState.READY
    enabled: bool = True
    capabilities: Capabilities
    vcpus: int
    memory_mib: int
    disk_gib: int
    devices: tuple[Device, ...] = ()
    vcpus_used: int = 0
    memory_mib_used: int = 0
    disk_gib_used: int = 0
    devices_used: tuple[str, ...] = ()
    spare_disk_mib: int | None = None
    version: int = 1
    created_at_ms: int
    seen_at_ms: int


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Capacity on a host held for an instance. No device is in two reservations."""

    id: str
    host_id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    devices: tuple[Device, ...] = ()


def is_disk_low(host: Host) -> bool:
    """Tell whether so little disk space is really free that only running guests may use it."""
    return host.spare_disk_mib is not None and host.spare_disk_mib <= 0


def free_devices(host: Host, kind: str) -> list[Device]:
    """Return the free devices of a kind, in the order in which the host lists them."""
    return [d for d in host.devices if d.kind == kind and d.address not in host.devices_used]
