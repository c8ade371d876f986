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
    vcpus: int
    memory_mib: int
    disk_gib: int
    devices: tuple[Device, ...] = ()


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """`vcpus`, `memory_mib` and `disk_gib` are the capacity that may be reserved (overcommit
    included), the `…_used` figures what is reserved; of its `devices`, those at `devices_used` are
    reserved."""

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


def free_devices(host: Host, kind: str) -> list[Device]:
    """Return the free devices of a kind, in the order in which the host lists them."""
    return [d for d in host.devices if d.kind == kind and d.address not in host.devices_used]
