"""`ports.Transaction`: all nouns on one unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atoll.domain.apis import Api, ApiDocument
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.images import Image
from atoll.domain.installation import Installation
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
from atoll.store import tables
from atoll.store.addresses import AddressRows
from atoll.store.due import DueRows
from atoll.store.history import AnswerRows, AuditRows, EventRows
from atoll.store.hosts import HostRows
from atoll.store.instances import InstanceRows
from atoll.store.mappings import DocumentMapping
from atoll.store.operations import OperationRows
from atoll.store.quotas import QuotaRows
from atoll.store.rows import NounRows
from atoll.store.unit import Database, Unit, lazily

INSTANCES = DocumentMapping(Instance, tables.instances, "instance", listed=True)
IMAGES = DocumentMapping(Image, tables.images, "image", kept=True)
PLANS = DocumentMapping(Plan, tables.plans, "type", kept=True)
REGIONS = DocumentMapping(Region, tables.regions, "region", kept=True)
SSH_KEYS = DocumentMapping(SshKey, tables.ssh_keys, "ssh key", kept=True)
STARTUP_SCRIPTS = DocumentMapping(StartupScript, tables.startup_scripts, "startup script")
VPCS = DocumentMapping(Vpc, tables.vpcs, "vpc", kept=True)
SUBNETS = DocumentMapping(Subnet, tables.subnets, "subnet", kept=True)
SECURITY_GROUPS = DocumentMapping(
    SecurityGroup, tables.security_groups, "security group", kept=True
)
VOLUMES = DocumentMapping(Volume, tables.volumes, "volume", listed=True)
SNAPSHOTS = DocumentMapping(Snapshot, tables.snapshots, "snapshot")
FLOATING_IPS = DocumentMapping(FloatingIp, tables.floating_ips, "floating IP")
REVERSE_RECORDS = DocumentMapping(ReverseRecord, tables.reverse_records, "reverse record")
TIMERS = DocumentMapping(Timer, tables.timers, "timer")
WEBHOOKS = DocumentMapping(Webhook, tables.webhooks, "webhook")
APIS = DocumentMapping(Api, tables.apis, "API")
API_DOCUMENTS = DocumentMapping(ApiDocument, tables.api_documents, "API's document")
INSTALLATION = DocumentMapping(Installation, tables.installation, "installation")
PROJECTS = DocumentMapping(Project, tables.projects, "project")
API_KEYS = DocumentMapping(ApiKey, tables.api_keys, "api key")


class SqlTransaction:
    """All nouns, each with its own queries, writing to one unit; created at their first use."""

    def __init__(self, database: Database, *, fresh: bool = False) -> None:
        self.unit = Unit(database, fresh=fresh)

    def discard(self) -> None:
        self.unit.discard()

    @lazily
    def instances(self) -> InstanceRows:
        return InstanceRows(self.unit, INSTANCES)

    @lazily
    def images(self) -> NounRows[Image]:
        return NounRows(self.unit, IMAGES)

    @lazily
    def plans(self) -> NounRows[Plan]:
        return NounRows(self.unit, PLANS)

    @lazily
    def regions(self) -> NounRows[Region]:
        return NounRows(self.unit, REGIONS)

    @lazily
    def ssh_keys(self) -> NounRows[SshKey]:
        return NounRows(self.unit, SSH_KEYS)

    @lazily
    def startup_scripts(self) -> NounRows[StartupScript]:
        return NounRows(self.unit, STARTUP_SCRIPTS)

    @lazily
    def vpcs(self) -> NounRows[Vpc]:
        return NounRows(self.unit, VPCS)

    @lazily
    def subnets(self) -> NounRows[Subnet]:
        return NounRows(self.unit, SUBNETS)

    @lazily
    def security_groups(self) -> NounRows[SecurityGroup]:
        return NounRows(self.unit, SECURITY_GROUPS)

    @lazily
    def volumes(self) -> NounRows[Volume]:
        return NounRows(self.unit, VOLUMES)

    @lazily
    def snapshots(self) -> NounRows[Snapshot]:
        return NounRows(self.unit, SNAPSHOTS)

    @lazily
    def floating_ips(self) -> NounRows[FloatingIp]:
        return NounRows(self.unit, FLOATING_IPS)

    @lazily
    def projects(self) -> NounRows[Project]:
        return NounRows(self.unit, PROJECTS)

    @lazily
    def api_keys(self) -> NounRows[ApiKey]:
        return NounRows(self.unit, API_KEYS)

    @lazily
    def operations(self) -> OperationRows:
        return OperationRows(self.unit)

    @lazily
    def hosts(self) -> HostRows:
        return HostRows(self.unit)

    @lazily
    def addresses(self) -> AddressRows:
        return AddressRows(self.unit)

    @lazily
    def reverse_records(self) -> NounRows[ReverseRecord]:
        return NounRows(self.unit, REVERSE_RECORDS)

    @lazily
    def webhooks(self) -> DueRows[Webhook]:
        return DueRows(self.unit, WEBHOOKS)

    @lazily
    def apis(self) -> NounRows[Api]:
        return NounRows(self.unit, APIS)

    @lazily
    def api_documents(self) -> NounRows[ApiDocument]:
        return NounRows(self.unit, API_DOCUMENTS)

    @lazily
    def installation(self) -> NounRows[Installation]:
        return NounRows(self.unit, INSTALLATION)

    @lazily
    def timers(self) -> DueRows[Timer]:
        return DueRows(self.unit, TIMERS)

    @lazily
    def quotas(self) -> QuotaRows:
        return QuotaRows(self.unit)

    @lazily
    def events(self) -> EventRows:
        return EventRows(self.unit)

    @lazily
    def audit(self) -> AuditRows:
        return AuditRows(self.unit)

    @lazily
    def idempotency(self) -> AnswerRows:
        return AnswerRows(self.unit)


@asynccontextmanager
async def committed(database: Database, *, fresh: bool) -> AsyncIterator[SqlTransaction]:
    """Run a transaction that commits when its block ends without an error."""
    transaction = SqlTransaction(database, fresh=fresh)
    yield transaction
    await transaction.unit.commit()
