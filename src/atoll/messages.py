"""The messages between the control plane and the agents on hosts.

Every message is a frozen, tagged struct and may arrive twice, late or out of order: handlers are
repeatable. A request contains the complete specification, never a difference, and travels in an
`Ask`; the response is an `Answer`. Unknown fields are ignored; a field whose meaning changes gets a
new name.
"""

from enum import StrEnum

import msgspec

from atoll.domain.accelerators import Device
from atoll.domain.hosts import Capabilities, Capacity
from atoll.domain.images import ImageKind, ImageSource
from atoll.domain.instances import Halt
from atoll.domain.security_groups import Rule

PROTOCOL = 1
MESSAGE_BYTES_MAX = 2**20
# A piece of a file leaves room for the rest of its message.
PIECE_BYTES = 2**19


class Power(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"


class ImageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a host must have."""

    id: str
    name: str
    source: ImageSource
    kind: ImageKind = ImageKind.DISK


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`checksum` is `sha256:…` of the disk as the host stores it; an ISO is stored unchanged, and
    its `digests` include `md5` and `sha512`."""

    id: str
    size_bytes: int
    virtual_size_bytes: int
    checksum: str
    digests: dict[str, str] = {}


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A volume is created from an image, from a snapshot on the same host, or empty. A volume that
    is smaller than `size_gib` grows, also under a running guest."""

    id: str
    size_gib: int
    image: ImageSpec | None = None
    snapshot_id: str | None = None


class SnapshotFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`size_bytes` is the space that it alone needs on the host, without the layers below it."""

    id: str
    size_bytes: int
    virtual_size_bytes: int


class ParcelKind(StrEnum):
    SNAPSHOT = "snapshot"
    VOLUME = "volume"


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A volume or snapshot in transfer between hosts, with its id on the receiving host. Its disk
    has at most `size_gib`."""

    kind: ParcelKind
    id: str
    size_gib: int


class ExportFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file with the complete content of the parcel. `checksum` is `sha256:…`."""

    id: str
    size_bytes: int
    checksum: str
    virtual_size_bytes: int


class ImportFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`size_bytes` is the received size; once `complete`, the space that the parcel needs on
    disk."""

    id: str
    size_bytes: int = 0
    complete: bool = False


class NicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's place in a network, and the allowed traffic. `network` identifies the network:
    guests of one network can reach each other if their rules allow it, guests of different networks
    cannot. `groups` are the security groups of the instance, which rules of other guests may name.
    A floating IP is forwarded to the same guest as `public_ip`."""

    mac: str
    private_ip: str
    subnet_cidr: str
    network: str = ""
    public_ip: str | None = None
    floating_ips: tuple[str, ...] = ()
    ipv6: str | None = None
    groups: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


class SeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest reads at its first boot. `fqdn` is its full name, `hostname` with a domain, if
    it has one. `user_data` is the user's data in base64: never a template. `password_hash` is a
    crypt(5) string for root."""

    hostname: str
    fqdn: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    password_hash: str | None = None


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The complete specification of a guest. `boots`: a host that booted this guest fewer times
    resets it. `volumes` are its additional volumes, `nics` its additional network interfaces; both
    may change while it runs. `iso_id` is the ISO in its CD drive, from which it boots if the ISO is
    bootable. `image_id` is empty if the root volume began empty. `devices` are the devices of the
    host that it uses exclusively."""

    id: str
    name: str
    vcpus: int
    memory_mib: int
    root_volume_id: str
    image_id: str
    iso_id: str | None = None
    volumes: tuple[str, ...] = ()
    nic: NicSpec
    nics: tuple[NicSpec, ...] = ()
    devices: tuple[Device, ...] = ()
    seed: SeedSpec
    boots: int = 1


class GuestFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`booted`: the guest's operating system runs; `ready`: the guest reported the end of its first
    boot. `boots` is the number of boots so far. `crashed`: it ended neither by its own shutdown nor
    by a request. `ports` are as in `domain.instances.Instance`. `volumes` are the additional
    volumes that a running guest has now. `halt`: it is powered on and does not execute; then it is
    not `ready` either."""

    id: str
    power: Power
    boots: int
    booted: bool = False
    ready: bool = False
    crashed: bool = False
    halt: Halt | None = None
    reason: str = ""
    ports: dict[str, str] = {}
    volumes: tuple[str, ...] = ()


class DiskCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the guest's process started. `volume_id` is the root volume or an additional
    one."""

    volume_id: str
    read_bytes: int
    written_bytes: int
    reads: int
    writes: int


class NicCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the NIC was connected, from the guest's point of view."""

    mac: str
    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int


class GuestMetrics(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`cpu_s` is the processor time since the guest's process started. `memory_bytes` is the memory
    of the host that the guest uses now. `nics` is empty if the network has no counters."""

    id: str
    cpu_s: float
    memory_bytes: int
    disks: tuple[DiskCounters, ...] = ()
    nics: tuple[NicCounters, ...] = ()


class EnsureImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    image: ImageSpec


class RemoveImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    image_id: str


class EnsureVolume(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    volume: VolumeSpec


class RemoveVolume(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A partially received volume is removed as well."""

    volume_id: str


class EnsureSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Keep the present content of the volume permanently. Its guest keeps running."""

    snapshot_id: str
    volume_id: str


class RemoveSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Layers that other volumes and snapshots need are kept. A partially received snapshot is
    removed."""

    snapshot_id: str


class EnsureExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Export the parcel to a file, to be read in pieces. No guest may use the volume."""

    export_id: str
    parcel: Parcel


class ReadExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The response has at most `bytes_max` bytes; none at the end."""

    export_id: str
    offset: int
    bytes_max: int


class RemoveExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    export_id: str


class InspectImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The response describes the received part of the parcel, whatever its source."""

    parcel: Parcel


class WriteImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Write a piece of an export's file, which has `size_bytes` and `checksum` as a whole. A piece
    that does not continue the received part is ignored; a part of another file is removed."""

    parcel: Parcel
    size_bytes: int
    checksum: str
    offset: int
    data: bytes


class RemoveImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A partial transfer is removed; a complete parcel stays."""

    parcel: Parcel


class EnsureRunning(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`rules` are those of each of the guest's NICs, because a message has room for them only
    once."""

    guest: GuestSpec
    rules: tuple[Rule, ...] = ()


class EnsureConfigured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A running guest gets the volumes, networks, rules, floating IPs and keys of the spec, without
    a restart. A stopped guest gets them when it starts. `rules` as in `EnsureRunning`."""

    guest: GuestSpec
    rules: tuple[Rule, ...] = ()


class EnsureStopped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Without `force`, the guest is asked to shut down, and the response comes immediately: repeat
    the request until the guest has stopped. `force` powers it off."""

    guest_id: str
    force: bool = False


class RemoveGuest(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str


class InspectGuest(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str


class ReadMetrics(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str


class Console(StrEnum):
    """`vnc` speaks RFB (RFC 6143), `serial` plain bytes."""

    VNC = "vnc"
    SERIAL = "serial"


class OpenConsole(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    guest_id: str
    console: Console


class ReadGuestLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The last `bytes_max` bytes of the serial console, as a stream that ends."""

    guest_id: str
    bytes_max: int


class ReadScreen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A screenshot of the guest as PNG, as a stream that ends."""

    guest_id: str


class Bytes(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A piece of a file; empty past its end."""

    data: bytes


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The request is fulfilled, and there is nothing to return."""


class Absent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The guest does not exist or is not running."""


Request = (
    EnsureImage
    | RemoveImage
    | EnsureVolume
    | RemoveVolume
    | EnsureSnapshot
    | RemoveSnapshot
    | EnsureExport
    | ReadExport
    | RemoveExport
    | InspectImport
    | WriteImport
    | RemoveImport
    | EnsureRunning
    | EnsureConfigured
    | EnsureStopped
    | RemoveGuest
    | InspectGuest
    | ReadMetrics
)
# These requests are not answered but connected: see `ports.Bus.connect`.
Opening = OpenConsole | ReadGuestLog | ReadScreen
Reply = (
    GuestFacts
    | ImageFacts
    | SnapshotFacts
    | ExportFacts
    | ImportFacts
    | GuestMetrics
    | Bytes
    | Done
    | Absent
)


class Token(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Orders all requests for one resource, field by field. A host ignores a request whose token is
    lower than one it has seen: its sender was overtaken.

    A resource has one live operation, which was queued after all earlier ones; `epoch` counts the
    operation's claims, `ask` the requests of one claim.
    """

    queued_at_ms: int
    operation_id: str
    epoch: int
    ask: int = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a request. `id` identifies the request permanently: it is sent again under
    the same id, and executed once. `within_ms` is how long its sender still waits, a duration and
    not a time of day. A request without an operation changes nothing and has neither id nor token.
    `host_epoch` counts how often the host was admitted."""

    protocol: int = PROTOCOL
    id: str = ""
    within_ms: int
    resource_id: str = ""
    token: Token | None = None
    host_epoch: int = 0
    body: Request | Opening


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error as data: the `code` of its class, and the other arguments of that class."""

    code: str
    message: str
    details: dict[str, str | int | float | None] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of `body` and `error` is set. If a stream was opened, `body` is `Done`."""

    id: str = ""
    body: Reply | None = None
    error: Failure | None = None


def ask_for(body: Request | Opening, *, timeout_s: float) -> Ask:
    """Wrap a request that belongs to no operation."""
    return Ask(within_ms=int(timeout_s * 1000), body=body)


class HostReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent at the agent's start and at every heartbeat. `guests` is None except for a census, which
    may take several reports: each contains all guests whose ids come after `after`, up to and
    including `until`; an empty value means no bound. `seen_at_ms` is the time at which the driver
    was asked."""

    host_id: str
    name: str
    region: str
    capabilities: Capabilities
    capacity: Capacity
    guests: tuple[GuestFacts, ...] | None = None
    after: str = ""
    until: str = ""
    seen_at_ms: int | None = None


class GuestReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A guest changed by itself: it became ready, shut down or crashed."""

    host_id: str
    guest: GuestFacts


Report = HostReport | GuestReport
