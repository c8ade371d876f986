"""The kinds of resources: their names, and their rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from atoll.domain.apis import Api
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.hosts import Host
from atoll.domain.images import Image
from atoll.domain.instances import Instance
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.plans import Plan
from atoll.domain.projects import ApiKey, Project
from atoll.domain.regions import Region
from atoll.domain.reverse_dns import ReverseRecord
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.snapshots import Snapshot
from atoll.domain.ssh_keys import SshKey
from atoll.domain.startup_scripts import StartupScript
from atoll.domain.timers import Timer
from atoll.domain.volumes import Volume
from atoll.domain.webhooks import Webhook
from atoll.ports import Rows, Transaction


class Identified(Protocol):
    @property
    def id(self) -> str: ...


class Owned(Identified, Protocol):
    """A resource of a project. Its name may be empty."""

    @property
    def project_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...


T = TypeVar("T")
K = TypeVar("K", bound=Identified)


@dataclass(frozen=True)
class Noun(Generic[T]):
    """`name` is the word in sentences. Resources with `is_owned` belong to a project, the others to
    the whole deployment; with `is_unique`, names are unique in their project. With `is_held`, a
    name may be empty, and is free again when its resource is being deleted: see `held_name`."""

    name: str
    struct: type[T]
    rows: Callable[[Transaction], Rows[T]]
    is_owned: bool = True
    is_unique: bool = True
    is_held: bool = False

    @property
    def event(self) -> str:
        """The word in kinds of events, such as `ssh_key`."""
        return self.name.replace(" ", "_").lower()


INSTANCES = Noun("instance", Instance, lambda tx: tx.instances, is_held=True)
IMAGES = Noun("image", Image, lambda tx: tx.images)
PLANS = Noun("type", Plan, lambda tx: tx.plans, is_owned=False)
REGIONS = Noun("region", Region, lambda tx: tx.regions, is_owned=False)
SSH_KEYS = Noun("ssh key", SshKey, lambda tx: tx.ssh_keys)
STARTUP_SCRIPTS = Noun("startup script", StartupScript, lambda tx: tx.startup_scripts)
VPCS = Noun("vpc", Vpc, lambda tx: tx.vpcs)
SUBNETS = Noun("subnet", Subnet, lambda tx: tx.subnets)
SECURITY_GROUPS = Noun("security group", SecurityGroup, lambda tx: tx.security_groups)
VOLUMES = Noun("volume", Volume, lambda tx: tx.volumes, is_held=True)
SNAPSHOTS = Noun("snapshot", Snapshot, lambda tx: tx.snapshots, is_unique=False)
FLOATING_IPS = Noun("floating IP", FloatingIp, lambda tx: tx.floating_ips, is_held=True)
REVERSE_RECORDS = Noun("reverse record", ReverseRecord, lambda tx: tx.reverse_records)
WEBHOOKS: Noun[Webhook] = Noun("webhook", Webhook, lambda tx: tx.webhooks)
TIMERS: Noun[Timer] = Noun("timer", Timer, lambda tx: tx.timers)
APIS = Noun("API", Api, lambda tx: tx.apis, is_owned=False)
PROJECTS = Noun("project", Project, lambda tx: tx.projects, is_owned=False)
API_KEYS = Noun("api key", ApiKey, lambda tx: tx.api_keys)
HOSTS: Noun[Host] = Noun("host", Host, lambda tx: tx.hosts, is_owned=False)

NOUNS: tuple[Noun[Any], ...] = (
    INSTANCES, IMAGES, PLANS, REGIONS, SSH_KEYS, STARTUP_SCRIPTS, VPCS, SUBNETS, SECURITY_GROUPS,
    VOLUMES, SNAPSHOTS, FLOATING_IPS, REVERSE_RECORDS, WEBHOOKS, TIMERS, APIS, PROJECTS, API_KEYS,
    HOSTS,
)  # fmt: skip
NOUN_OF: dict[type, Noun[Any]] = {noun.struct: noun for noun in NOUNS}


async def latest(tx: Transaction, thing: K) -> K:
    """Return the resource as the transaction sees it; a removed one as it was."""
    noun = NOUN_OF.get(type(thing))
    if noun is None:
        return thing
    found: K | None = await noun.rows(tx).find(thing.id)
    return found or thing
