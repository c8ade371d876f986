"""What the control plane and the agents on hosts say to each other.

Every message is a frozen, tagged struct and may arrive twice, late or out of order: handlers are
repeatable. A request names its whole wish, never a change, and travels in an `Ask`; what comes back
is an `Answer`. Unknown fields are ignored; a field that changes its meaning gets a new name.
"""

from enum import StrEnum

import msgspec

from atoll.domain.accelerators import Device
from atoll.domain.hosts import Capabilities, Capacity
from atoll.domain.images import ImageKind, ImageSource
from atoll.domain.security_groups import Rule

PROTOCOL = 1
MESSAGE_BYTES_MAX = 2**20
# A file's piece leaves room for what is said about it.
PIECE_BYTES = 2**19


class Power(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"


class ImageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a host shall have."""

    id: str
    name: str
    source: ImageSource
    kind: ImageKind = ImageKind.DISK


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`checksum` is `sha256:…` of the disk as the host keeps it; of a disc, which it keeps as it
    came, `digests` has `md5` and `sha512` as well."""

    id: str
    size_bytes: int
    virtual_size_bytes: int
    checksum: str
    digests: dict[str, str] = {}


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What it holds when it is made: an image, or a snapshot of that host, or nothing. A
    volume that is smaller than `size_gib` grows, under a running guest too."""

    id: str
    size_gib: int
    image: ImageSpec | None = None
    snapshot_id: str | None = None


class SnapshotFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`size_bytes` is what it takes on the host's disk by itself, without what it stands on."""

    id: str
    size_bytes: int
    virtual_size_bytes: int


class ParcelKind(StrEnum):
    SNAPSHOT = "snapshot"
    VOLUME = "volume"


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is carried from one host to another, under the id that it has on the host that is
    asked. Its disk has at most `size_gib`."""

    kind: ParcelKind
    id: str
    size_gib: int


class ExportFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file with all that the parcel holds, and nothing beside it. `checksum` is `sha256:…`."""

    id: str
    size_bytes: int
    checksum: str
    virtual_size_bytes: int


class ImportFacts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`size_bytes` is what has arrived; once `complete`, what the parcel takes on the disk."""

    id: str
    size_bytes: int = 0
    complete: bool = False


class NicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's place in a network, and what may pass there. `network` names the wire: guests
    of one network reach one another where their rules allow it, guests of two never do. `groups`
    are the security groups that the instance is in, which other guests' rules may name. A floating
    IP leads to the same guest as `public_ip`."""

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
    """What the guest reads at its first boot. `user_data` is base64 of whatever the user gave:
    data, never a template. `password_hash` is a crypt(5) string for root."""

    hostname: str
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    password_hash: str | None = None


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a guest. `boots`: a host that booted this guest fewer times resets it.
    `volumes` are its further volumes, `nics` its places in further networks; both may change
    while it runs. `iso_id` is the disc in its CD drive, which it starts from where that can be
    started from. `devices` are those of the host that it has for itself, from start to end."""

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
    """`booted`: the guest's own system runs; `ready`: it has said that its first boot is over.
    `boots` as far as it came.
    `crashed`: it ended neither by its own shutdown nor because we asked for it. `ports` are
    as in `domain.instances.Instance`. `volumes` are the further volumes that a running guest has
    now."""

    id: str
    power: Power
    boots: int
    booted: bool = False
    ready: bool = False
    crashed: bool = False
    reason: str = ""
    ports: dict[str, str] = {}
    volumes: tuple[str, ...] = ()


class DiskCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Since the guest's process began. `volume_id` is the root volume's or a further one's."""

    volume_id: str
    read_bytes: int
    written_bytes: int
    reads: int
    writes: int


class NicCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Since the NIC was plugged in, as the guest sees it."""

    mac: str
    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int


class GuestMetrics(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`cpu_s` is the processor time since the guest's process began. `memory_bytes` is what the
    guest takes of its host's memory now. `nics` is empty where the network does not count."""

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
    """What has arrived of it goes too."""

    volume_id: str


class EnsureSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the volume holds now, kept for good. Its guest runs on."""

    snapshot_id: str
    volume_id: str


class RemoveSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What other volumes and snapshots stand on stays for them. What has arrived of it goes."""

    snapshot_id: str


class EnsureExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Lays the parcel out, to be read piece by piece. No guest may have the volume."""

    export_id: str
    parcel: Parcel


class ReadExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answered with at most `bytes_max` bytes; none at the end."""

    export_id: str
    offset: int
    bytes_max: int


class RemoveExport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    export_id: str


class InspectImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answered with what there is of the parcel, wherever it came from."""

    parcel: Parcel


class WriteImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A piece of an export's file, which has `size_bytes` and `checksum` as a whole. Where it does
    not continue what is there, it changes nothing but what belongs to another file: that goes."""

    parcel: Parcel
    size_bytes: int
    checksum: str
    offset: int
    data: bytes


class RemoveImport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What has arrived goes; a parcel that is complete stays."""

    parcel: Parcel


class EnsureRunning(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`rules` are those of each of the guest's NICs, which a message has room for once."""

    guest: GuestSpec
    rules: tuple[Rule, ...] = ()


class EnsureConfigured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A running guest is given the volumes, networks, rules, floating IPs and keys that the spec
    names, without a restart. One that does not run gets them when it starts. `rules` as in
    `EnsureRunning`."""

    guest: GuestSpec
    rules: tuple[Rule, ...] = ()


class EnsureStopped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Without `force` the guest is asked to shut down, and answered by facts at once: ask again
    until it has stopped. `force` pulls the plug."""

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
    """What the guest's screen shows, as PNG, as a stream that ends."""

    guest_id: str


class Bytes(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A piece of a file; empty past its end."""

    data: bytes


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is so, and there is nothing to add."""


class Absent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """There is no such guest, or it does not run."""


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
# These are not answered but connected: see `ports.Bus.connect`.
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
    """Orders all that is asked about one resource, field by field. A host does nothing for a
    token that is lower than one it has seen: its sender was overtaken.

    A resource has one live operation, which was queued after all before it; `epoch` counts the
    operation's claims, `ask` what one claim asks."""

    queued_at_ms: int
    operation_id: str
    epoch: int
    ask: int = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a request. `id` names one ask for good: it is sent again under the same id,
    and then carried out once. `within_ms` is how long its sender still waits, a span and not a
    time of day. What is asked without an operation changes nothing and has neither id nor token.
    `host_epoch` counts how often the host was admitted."""

    protocol: int = PROTOCOL
    id: str = ""
    within_ms: int
    resource_id: str = ""
    token: Token | None = None
    host_epoch: int = 0
    body: Request | Opening


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error as data: the `code` of its class, and what else that class is made with."""

    code: str
    message: str
    details: dict[str, str | int | float | None] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Of `body` and `error` there is one. Where a stream was opened, `body` is `Done`."""

    id: str = ""
    body: Reply | None = None
    error: Failure | None = None


def ask_for(body: Request | Opening, *, timeout_s: float) -> Ask:
    """The envelope of what is asked without an operation."""
    return Ask(within_ms=int(timeout_s * 1000), body=body)


class HostReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent at the agent's start and at every heartbeat. `guests` is None but for a census, which
    may take several reports: each has all guests whose ids come after `after`, up to and with
    `until`; an empty one of these is no bound. `seen_at_ms` is when the driver was asked."""

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
    """A guest changed by itself: it became ready, shut down, crashed."""

    host_id: str
    guest: GuestFacts


Report = HostReport | GuestReport
