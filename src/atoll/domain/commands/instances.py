"""Commands on instances."""

from atoll.domain.commands.base import Command, Reference, Secret
from atoll.domain.timers import Backups


class CreateInstance(Command, frozen=True, kw_only=True):
    """References are ids or names. None means the default: the plan's size, the default region, the
    default security group; an empty tuple of groups means no group. `room_needed` rejects the
    command if no host has room now. A password is either generated or chosen. `free_name`: if the
    name is taken, a free name is derived from it, and the dialect still shows the requested one."""

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
    free_name: bool = False


class UpdateInstance(Command, frozen=True, kw_only=True):
    """None leaves a field unchanged. New groups and keys apply to a running guest; user data is
    read at the next reinstallation. An `expires_at_ms` of 0 means that the instance does not
    expire. `annotations` are merged into the existing ones; an empty text removes one. `free_name`:
    as in `CreateInstance`."""

    instance: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] = {}
    protected: bool | None = None
    security_groups: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    expires_at_ms: int | None = None
    free_name: bool = False


class StartInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class StopInstance(Command, frozen=True, kw_only=True):
    """The guest has `graceful_s` seconds to shut down; 0 powers it off immediately."""

    instance: Reference
    graceful_s: float = 60.0


class RebootInstance(Command, frozen=True, kw_only=True):
    """Like `StopInstance`; then the guest starts again."""

    instance: Reference
    graceful_s: float = 60.0


class ResetInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class ResizeInstance(Command, frozen=True, kw_only=True):
    """None means the plan's size if a plan is given, otherwise the present size. `room_needed`
    rejects the command if the host has no room now."""

    instance: Reference
    plan: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    disk_gib: int | None = None
    room_needed: bool = False


class ReinstallInstance(Command, frozen=True, kw_only=True):
    """None keeps the present value: image, host name, keys, user data and password. `annotations`
    are merged into the existing ones; an empty text removes one."""

    instance: Reference
    image: str | None = None
    hostname: str | None = None
    annotations: dict[str, str] = {}
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    generate_password: bool = False
    password: Secret | None = None


class RestoreInstance(Command, frozen=True, kw_only=True):
    """Reset the root volume to the content of the snapshot."""

    instance: Reference
    snapshot: str


class DeleteInstance(Command, frozen=True, kw_only=True):
    """`purge` deletes the instance permanently, without a recovery window."""

    instance: Reference
    purge: bool = False


class RecoverInstance(Command, frozen=True, kw_only=True):
    instance: Reference


class AttachDisc(Command, frozen=True, kw_only=True):
    """Attach an ISO image, in place of the attached one. `attached_ok`: no error if it is already
    attached."""

    instance: Reference
    image: str
    attached_ok: bool = False


class DetachDisc(Command, frozen=True, kw_only=True):
    """`missing_ok`: no error if no ISO is attached."""

    instance: Reference
    missing_ok: bool = False


class SetBackups(Command, frozen=True, kw_only=True):
    """Create backups by a schedule."""

    instance: Reference
    backups: Backups


class DisableBackups(Command, frozen=True, kw_only=True):
    """Existing backups are kept. `missing_ok`: no error if there is no schedule."""

    instance: Reference
    missing_ok: bool = False


class OpenConsole(Command, frozen=True, kw_only=True):
    """`console` is vnc or serial."""

    instance: Reference
    console: str
