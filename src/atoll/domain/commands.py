"""What a caller may ask for. Every dialect makes the same commands; services carry them out."""

import msgspec

from atoll.domain.accelerators import Accelerators
from atoll.domain.images import ImageKind, ImageSource
from atoll.domain.instances import Password
from atoll.domain.projects import Role
from atoll.domain.security_groups import Rule


class CreateInstance(msgspec.Struct, frozen=True, kw_only=True):
    """References are ids or names. None means the default: the plan's size, the default region,
    the default security group; an empty tuple of groups means none."""

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
    password: Password | None = None
    protected: bool = False
    expires_at_ms: int | None = None


class UpdateInstance(msgspec.Struct, frozen=True, kw_only=True):
    """As `Update`. New groups and keys reach a running guest; user data is read at the next
    reinstallation. An `expires_at_ms` of 0 means that it does not expire."""

    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    protected: bool | None = None
    security_groups: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    expires_at_ms: int | None = None
    version: int | None = None


class Reinstall(msgspec.Struct, frozen=True, kw_only=True):
    """None means as it is: the same image, host name, keys, user data and password."""

    image: str | None = None
    hostname: str | None = None
    annotations: dict[str, str] | None = None
    ssh_keys: tuple[str, ...] | None = None
    user_data: str | None = None
    password: Password | None = None


class Resize(msgspec.Struct, frozen=True, kw_only=True):
    """None means the plan's size where a plan is named, otherwise as it is."""

    plan: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    disk_gib: int | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a thing as it is. `version` is the caller's If-Match."""

    name: str | None = None
    labels: dict[str, str] | None = None
    protected: bool | None = None
    version: int | None = None


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` is start, stop, reboot or reset. `graceful_s` 0 means at once."""

    verb: str
    graceful_s: float = 60.0


class CreateImage(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    kind: ImageKind = ImageKind.DISK
    source: ImageSource | None = None
    alias_of: str | None = None
    os: str = ""
    image_version: str = ""
    description: str = ""
    disk_gib_min: int = 1
    memory_mib_min: int = 64


class CreateNamed(msgspec.Struct, frozen=True, kw_only=True):
    """What keys, networks and groups have in common."""

    name: str
    labels: dict[str, str] = {}


class CreateSshKey(CreateNamed, frozen=True, kw_only=True):
    annotations: dict[str, str] = {}
    public_key: str


class CreateStartupScript(CreateNamed, frozen=True, kw_only=True):
    script: str


class CreateVpc(CreateNamed, frozen=True, kw_only=True):
    cidr: str
    description: str = ""
    region: str = ""


class CreateSubnet(CreateNamed, frozen=True, kw_only=True):
    vpc: str
    cidr: str


class CreateSecurityGroup(CreateNamed, frozen=True, kw_only=True):
    annotations: dict[str, str] = {}
    description: str = ""
    rules: tuple[Rule, ...] = ()


class CreateVolume(CreateNamed, frozen=True, kw_only=True):
    annotations: dict[str, str] = {}
    size_gib: int
    region: str | None = None
    instance: str | None = None


class CreateSnapshot(CreateNamed, frozen=True, kw_only=True):
    instance: str
    description: str = ""


class CloneSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Without a name the copy is called as the first."""

    region: str
    name: str | None = None


class ImportSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    source: ImageSource
    region: str | None = None


class CreateFloatingIp(CreateNamed, frozen=True, kw_only=True):
    annotations: dict[str, str] = {}
    region: str | None = None
    instance: str | None = None


class CreateWebhook(CreateNamed, frozen=True, kw_only=True):
    url: str
    events: tuple[str, ...] = ("*",)


class UpdateWebhook(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    labels: dict[str, str] | None = None
    url: str | None = None
    events: tuple[str, ...] | None = None
    enabled: bool | None = None
    version: int | None = None


class CreatePlan(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    description: str = ""


class CreateApiKey(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: Role
    project: str | None = None
    limit_class: str | None = None
    expires_at_ms: int | None = None


class AddApi(msgspec.Struct, frozen=True, kw_only=True):
    """`document` is an OpenAPI document, JSON or YAML, whose own server counts without a
    `base_url`."""

    name: str
    document: bytes
    base_url: str = ""
    display_name: str = ""
    category: str = ""
