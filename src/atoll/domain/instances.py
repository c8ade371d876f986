"""A virtual machine as the user sees it; it exists also while its guest is stopped.

Three facts are separate: `goal` is what the user wants, `state` what the host last reported,
`doing` the kind of the operation in progress. A dialect computes its status from these three.
"""

import re
from enum import StrEnum

import msgspec

from atoll.domain.accelerators import Accelerators, Device
from atoll.domain.errors import Conflict, Invalid, NotFound, Protected
from atoll.domain.reasons import Reason

NO_HOSTNAME = re.compile(r"[^a-z0-9]")


class Goal(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class InstanceState(StrEnum):
    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"
    ERROR = "error"


class Halt(StrEnum):
    """Why a guest that is powered on does not execute."""

    DISK_FULL = "disk-full"
    DISK_ERROR = "disk-error"
    PANICKED = "panicked"
    INTERNAL_ERROR = "internal-error"
    WATCHDOG = "watchdog"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    NOT_STARTED = "not-started"


# What a user reads about each, with the remedy.
HALTS = {
    Halt.DISK_FULL: "the guest is paused because the disk of its host is full; it resumes by "
    "itself once there is space",
    Halt.DISK_ERROR: "the guest is paused after an error of its disk: start or reset it",
    Halt.PANICKED: "the guest's kernel panicked: start or reset it",
    Halt.INTERNAL_ERROR: "the guest is paused after an error of its hypervisor: start or reset it",
    Halt.WATCHDOG: "the guest was paused by its watchdog: start or reset it",
    Halt.PAUSED: "the guest is paused on its host: start it to resume it",
    Halt.SUSPENDED: "the guest suspended itself to memory: start it to wake it up",
    Halt.NOT_STARTED: "the guest was loaded but does not execute yet: start it",
}


class InstanceSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What the user requested, with every reference as the user wrote it: an id or a name."""

    plan: str
    image: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    region: str
    vpc: str = ""
    subnet: str = ""
    security_groups: tuple[str, ...] = ()
    ssh_keys: tuple[str, ...] = ()
    startup_script: str = ""
    user_data: str = ""
    bare_metal: bool = False


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the references of a spec, resolved when it was accepted. The root volume was
    created from the snapshot if there is one, otherwise from the image. Without an image it began
    empty, for the installation from an ISO."""

    image_id: str
    snapshot_id: str | None = None
    ssh_key_ids: tuple[str, ...] = ()
    startup_script_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    vpc_id: str | None = None
    subnet_id: str | None = None
    root_volume_id: str


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A further network interface of an instance."""

    vpc_id: str
    subnet_id: str
    mac: str
    private_ip: str


class Password(msgspec.Struct, frozen=True, kw_only=True):
    """The root password as the guest gets it: a crypt(5) string. The server can derive the password
    from its secret and the `nonce`; without a nonce, it cannot be recovered."""

    hash: str
    nonce: str = ""
    set_at_ms: int = 0


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """`boots` counts the requested power-ons: a host that has seen fewer resets the guest. `ports`
    says how open ports are reached from outside: `{"tcp/22": "127.16.0.5:22"}` at the first public
    address, `{"tcp/22@127.16.0.9": "127.16.0.9:22"}` at a further one. `volumes` (ids),
    `floating_ips` (addresses) and `attachments` are what the guest has besides its root volume and
    its first network; `outdated` means that the guest could not be updated. `iso_id` is the ISO in
    its CD drive, `devices` are the devices of the host that it uses exclusively. `leftovers` are
    root volumes that a failure left behind; deletion removes them. `annotations` are a dialect's
    notes on the request, under the dialect's name; nothing else reads them. `hostname` is the
    guest's host name as it was given, independent of the `name`: see `host_names_of`. A
    deleted instance with a `purge_at_ms` can be recovered until then. `releasing` are the ids of
    resources that accepted operations will release; an instance that is `leaving` will be deleted
    for good, and releases everything. `crashes` counts consecutive crashes: see `count_crashes`.
    `halt` is set while a running guest does not execute. `requested_name` is the name as a dialect
    with repeatable names gave it, if another instance had that name."""

    id: str
    project_id: str
    name: str
    requested_name: str | None = None
    hostname: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    spec: InstanceSpec
    resolved: Resolved
    goal: Goal = Goal.RUNNING
    state: InstanceState = InstanceState.CREATING
    reason: str = ""
    doing: str | None = None
    operation_id: str | None = None
    boots: int = 1
    crashes: int = 0
    halt: Halt | None = None
    host_id: str | None = None
    private_ip: str | None = None
    public_ip: str | None = None
    mac: str | None = None
    ports: dict[str, str] = {}
    volumes: tuple[str, ...] = ()
    floating_ips: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    iso_id: str | None = None
    devices: tuple[Device, ...] = ()
    leftovers: tuple[str, ...] = ()
    outdated: bool = False
    password: Password | None = None
    protected: bool = False
    releasing: tuple[str, ...] = ()
    leaving: bool = False
    expires_at_ms: int | None = None
    purge_at_ms: int | None = None
    version: int = 1
    created_at_ms: int
    updated_at_ms: int
    running_since_ms: int | None = None
    booted_at_ms: int | None = None
    ready_at_ms: int | None = None
    deleted_at_ms: int | None = None

    @property
    def given_name(self) -> str:
        """The name that dialects with repeatable names show."""
        return self.name if self.requested_name is None else self.requested_name

    @property
    def held_name(self) -> str | None:
        """The name that no other instance of the project can have meanwhile. One that is deleted,
        or being deleted, holds none."""
        gone = self.goal is Goal.DELETED or self.state is InstanceState.DELETED
        return None if gone else self.name or None

    @property
    def region(self) -> str:
        return self.spec.region

    @property
    def why(self) -> str:
        """The reason of an unexpected state, or empty."""
        return self.reason or (HALTS[self.halt] if self.halt is not None else "")

    @property
    def bare_metal(self) -> bool:
        return self.spec.bare_metal

    @property
    def network(self) -> str:
        """The network in which guests can reach each other: the VPC, or the project's default
        network."""
        return self.resolved.vpc_id or f"default:{self.project_id}"

    @property
    def is_leaving(self) -> bool:
        """Tell whether it is deleted, or being deleted, and cannot be recovered."""
        gone = self.state is InstanceState.DELETED and self.purge_at_ms is None
        return gone or self.leaving

    @property
    def uses(self) -> frozenset[str]:
        """The ids of the resources that this instance needs, which cannot be deleted meanwhile. It
        does not need a resource that an accepted operation will release."""
        return frozenset() if self.is_leaving else self.has - set(self.releasing)

    @property
    def has(self) -> frozenset[str]:
        """The ids of its images, groups and subnets. SSH keys are not included: a guest keeps its
        keys."""
        named = self.resolved
        subnets = (named.subnet_id or "", *(a.subnet_id for a in self.attachments))
        images = (named.image_id, self.iso_id or "")
        return frozenset({*images, *named.security_group_ids, *subnets} - {""})


MEMORY_MIB_MIN, MEMORY_MIB_MAX = 64, 4 * 1024 * 1024
VCPUS_MIN, VCPUS_MAX = 1, 512
DISK_GIB_MIN, DISK_GIB_MAX = 1, 65_536
PASSWORD_MIN, PASSWORD_MAX = 16, 72
USER_DATA_BYTES_MAX = 64 * 1024
LABELS_MAX = 64
FULL_NAME_MAX = 253
RESTART_FIRST_S, RESTART_MAX_S = 10, 300
STEADY_S = 600
LABEL_KEY_MAX, LABEL_VALUE_MAX = 63, 255


def require_bounds(field: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise Invalid(Reason.OUT_OF_RANGE, field=field, value=value, lowest=lowest, highest=highest)


def require_size(vcpus: int, memory_mib: int, disk_gib: int, *, disk_gib_min: int) -> None:
    """Check the bounds of a size. Raises Invalid."""
    require_bounds("vcpus", vcpus, VCPUS_MIN, VCPUS_MAX)
    require_bounds("memory_mib", memory_mib, MEMORY_MIB_MIN, MEMORY_MIB_MAX)
    require_bounds("disk_gib", disk_gib, max(DISK_GIB_MIN, disk_gib_min), DISK_GIB_MAX)


def require_password(text: str) -> None:
    """Check a chosen password. Raises Invalid, without the password."""
    field = "password"
    if len(text) < PASSWORD_MIN or len(text.encode(errors="replace")) > PASSWORD_MAX:
        raise Invalid(
            Reason.PASSWORD_LENGTH, field=field, lowest=PASSWORD_MIN, highest=PASSWORD_MAX
        )
    if not text.isprintable():
        raise Invalid(Reason.NOT_PRINTABLE, field=field)


def require_labels(labels: dict[str, str]) -> None:
    field = "labels"
    if len(labels) > LABELS_MAX:
        raise Invalid(Reason.TOO_MANY, field=field, count=len(labels), highest=LABELS_MAX)
    for key, value in labels.items():
        if not 1 <= len(key) <= LABEL_KEY_MAX:
            raise Invalid(
                Reason.LABEL_KEY_LENGTH, field=field, key=key[:80], count=len(key),
                lowest=1, highest=LABEL_KEY_MAX,
            )  # fmt: skip
        if "=" in key:
            raise Invalid(Reason.LABEL_KEY_EQUALS, field=field, key=key)
        if len(value) > LABEL_VALUE_MAX:
            raise Invalid(
                Reason.LABEL_VALUE_LENGTH, field=f"{field}.{key}", count=len(value),
                highest=LABEL_VALUE_MAX,
            )  # fmt: skip


def count_crashes(instance: Instance, now_ms: int) -> int:
    """Count consecutive crashes, including the present one. A long run starts the count again."""
    since_ms = instance.running_since_ms
    steady = since_ms is not None and now_ms - since_ms >= STEADY_S * 1000
    return 1 if steady else instance.crashes + 1


def restart_pause_s(crashes: int) -> int:
    """Return the delay before a restart: none after the first crash, then increasing."""
    if crashes <= 1:
        return 0
    doublings = min(crashes - 2, 10)
    return min(RESTART_MAX_S, RESTART_FIRST_S << doublings)


def releasing(
    instance: Instance, *released: str | None, taken: str | None = None
) -> tuple[str, ...]:
    """Return what the instance is releasing after the acceptance of an operation that releases some
    resources and takes another one."""
    going = {one for one in (*instance.releasing, *released) if one and one != taken}
    return tuple(sorted(going))


def require_alive(instance: Instance) -> None:
    """Raises NotFound if it is gone, and Conflict if it is being deleted or can be recovered."""
    if instance.state is InstanceState.DELETED and instance.purge_at_ms is None:
        raise NotFound(
            Reason.DELETED_ALREADY, field="instance", noun="instance", reference=instance.id
        )
    if instance.goal is Goal.DELETED:
        raise Conflict(Reason.IS_BEING_DELETED, instance=instance.id)


def require_unprotected(instance: Instance) -> None:
    if instance.protected:
        raise Protected(Reason.IS_PROTECTED, field="protected", instance=instance.id)


def own_ports(instance: Instance) -> dict[str, str]:
    """Return the ports at the instance's first public address."""
    return {port: place for port, place in instance.ports.items() if "@" not in port}


def ports_at(instance: Instance, address: str) -> dict[str, str]:
    return {
        port.partition("@")[0]: place
        for port, place in instance.ports.items()
        if place.rpartition(":")[0] == address
    }


def hostname_of(name: str) -> str:
    """Derive a host name for the guest from any instance name: letters, digits, hyphens; at most
    63.

    RFC 1123 section 2.1. A name without any such character becomes `instance`.
    """
    return label_of(name) or "instance"


def label_of(text: str) -> str:
    kept = NO_HOSTNAME.sub("-", text.lower())
    return kept.strip("-")[:63].strip("-")


def host_names_of(instance: Instance) -> tuple[str, str]:
    """Return the host name of its guest, and its full name with the domain; empty if it has none.
    The full name a.b.c means the host a in the domain b.c. Old instances have no host name: their
    name takes its place, which is never a full name."""
    labels = [label for label in map(label_of, instance.hostname.split(".")) if label]
    if len(labels) < 2:
        return hostname_of(instance.hostname or instance.name), ""
    full = ".".join(labels)
    return labels[0], full if len(full) <= FULL_NAME_MAX else ""
