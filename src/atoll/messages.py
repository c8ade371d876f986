"""What the control plane and the agents on hosts say to each other.

Every message is a frozen struct and may arrive twice, late or out of order: handlers are
repeatable. A request names its whole wish, never a change. A field that changes its meaning gets
a new name.
"""

from enum import StrEnum

import msgspec

from atoll.domain.hosts import Capabilities, Capacity
from atoll.domain.images import ImageSource
from atoll.domain.security_groups import Rule


class Power(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"


class ImageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a host shall have."""

    id: str
    name: str
    source: ImageSource


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`checksum` is `sha256:…` of the disk as the host keeps it."""

    id: str
    size_bytes: int
    virtual_size_bytes: int
    checksum: str


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """`image` None means an empty volume."""

    id: str
    size_gib: int
    image: ImageSpec | None = None


class NicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's place in its network, and what may reach it from outside."""

    mac: str
    private_ip: str
    subnet_cidr: str
    public_ip: str | None = None
    rules: tuple[Rule, ...] = ()


class SeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest reads at its first boot. `user_data` is base64 of whatever the user gave:
    data, never a template. `password_hash` is a crypt(5) string for root."""

    hostname: str
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    password_hash: str | None = None


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a guest. `boots`: a host that booted this guest fewer times resets it.
    `graceful_reboot` asks for the guest's own shutdown before that."""

    id: str
    name: str
    vcpus: int
    memory_mib: int
    root_volume_id: str
    image_id: str
    nic: NicSpec
    seed: SeedSpec
    boots: int = 1
    graceful_reboot: bool = False


class GuestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`ready`: the guest has said that its first boot is over. `boots` as far as it came.
    `crashed`: it ended neither by its own shutdown nor because we asked for it. `ports` maps each
    open guest port, as `tcp/22`, to where it is reached: `127.16.0.5:22`."""

    id: str
    power: Power
    boots: int
    ready: bool = False
    crashed: bool = False
    reason: str = ""
    ports: dict[str, str] = {}


class EnsureImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    image: ImageSpec


class RemoveImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    image_id: str


class EnsureVolume(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    volume: VolumeSpec


class RemoveVolume(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    volume_id: str


class EnsureRunning(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest: GuestSpec


class EnsureStopped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`graceful_s`: how long the guest may take to shut down by itself; 0 pulls the plug."""

    guest_id: str
    graceful_s: float


class RemoveGuest(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str


class InspectGuest(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str


class ReadGuestLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answered with the last `bytes_max` bytes of the serial console."""

    guest_id: str
    bytes_max: int


Request = (
    EnsureImage
    | RemoveImage
    | EnsureVolume
    | RemoveVolume
    | EnsureRunning
    | EnsureStopped
    | RemoveGuest
    | InspectGuest
    | ReadGuestLog
)
Reply = GuestFacts | ImageFacts | bytes | None


class HostReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent at the agent's start (`guests` is then all that the driver has) and at every
    heartbeat (`guests` is None)."""

    host_id: str
    name: str
    region: str
    capabilities: Capabilities
    capacity: Capacity
    guests: tuple[GuestFacts, ...] | None = None


class GuestReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A guest changed by itself: it became ready, shut down, crashed."""

    host_id: str
    guest: GuestFacts


Report = HostReport | GuestReport
