"""Commands on instances."""

from atoll.domain.commands.base import Command, Reference, Secret
from atoll.domain.timers import Backups


class CreateInstance(Command, frozen=True, kw_only=True):
    """References are ids or names. None means the default: the plan's size, the default region,
    the default security group; an empty tuple of groups means none. `room_needed` refuses the
    instance where no host has room for it now. A password is generated or chosen, not both."""

    name: str
    hostname: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    plan: str
    image: str
    region: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    disk_gib: int | None = None
    vpc: str | None = None
    subnet: str | None = None
    security_groups: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] = ()
    startup_script: str | None = None
    user_data: str = ""
    generate_password: bool = False
    password: Secret | None = None
    protected: bool = False
    expires_at_ms: int | None = None
    room_needed: bool = False


class UpdateInstance(Command, frozen=True, kw_only=True):
    """None leaves a field as it is. New groups and keys reach a running guest; user data is read
    at the next reinstallation. An `expires_at_ms` of 0 means that it does not expire.
    `annotations` are merged into those that it has; an empty text removes one."""

    instance: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] = {}
    protected: bool | None = None
    security_groups: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    expires_at_ms: int | None = None


class StartInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class StopInstance(Command, frozen=True, kw_only=True):
    """The guest has `graceful_s` seconds to shut down; 0 powers it off at once."""

    instance: Reference
    graceful_s: float = 60.0


class RebootInstance(Command, frozen=True, kw_only=True):
    """As `StopInstance`, then it starts again."""

    instance: Reference
    graceful_s: float = 60.0


class ResetInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class ResizeInstance(Command, frozen=True, kw_only=True):
    """None means the plan's size where a plan is named, otherwise as it is. `room_needed` refuses
    a size for which its host has no room now."""

    instance: Reference
    plan: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    disk_gib: int | None = None
    room_needed: bool = False


class ReinstallInstance(Command, frozen=True, kw_only=True):
    """None means as it is: the same image, host name, keys, user data and password.
    `annotations` are merged into those that it has; an empty text removes one."""

    instance: Reference
    image: str | None = None
    hostname: str | None = None
    annotations: dict[str, str] = {}
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    generate_password: bool = False
    password: Secret | None = None


class RestoreInstance(Command, frozen=True, kw_only=True):
    """The root volume becomes what the snapshot holds."""

    instance: Reference
    snapshot: str


class DeleteInstance(Command, frozen=True, kw_only=True):
    """`purge` deletes it for good, without a time in which it can be recovered."""

    instance: Reference
    purge: bool = False


class RecoverInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class AttachDisc(Command, frozen=True, kw_only=True):
    """Inserts a disc (an image of the kind iso) into the CD drive, in place of another.
    `attached_ok`: no error where it is in the drive already."""

    instance: Reference
    image: str
    attached_ok: bool = False


class DetachDisc(Command, frozen=True, kw_only=True):
    """`missing_ok`: no error where the drive is empty."""

    instance: Reference
    missing_ok: bool = False


class SetBackups(Command, frozen=True, kw_only=True):
    """Takes a backup whenever the schedule is due."""

    instance: Reference
    backups: Backups


class DisableBackups(Command, frozen=True, kw_only=True):
    """Existing backups are kept. `missing_ok`: no error where there is no schedule."""

    instance: Reference
    missing_ok: bool = False


class OpenConsole(Command, frozen=True, kw_only=True):
    """`console` is vnc or serial."""

    instance: Reference
    console: str
