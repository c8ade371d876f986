"""`ports.Transaction`: all nouns on one unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atoll.domain.images import Image
from atoll.domain.instances import Instance
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.plans import Plan
from atoll.domain.projects import ApiKey, Project
from atoll.domain.regions import Region
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.ssh_keys import SshKey
from atoll.store import tables
from atoll.store.addresses import AddressRows
from atoll.store.history import AnswerRows, AuditRows, EventRows
from atoll.store.hosts import HostRows
from atoll.store.operations import OperationRows
from atoll.store.rows import Mapping, NounRows
from atoll.store.unit import Database, Unit

INSTANCES = Mapping(Instance, tables.instances, "instance")
IMAGES = Mapping(Image, tables.images, "image")
PLANS = Mapping(Plan, tables.plans, "type")
REGIONS = Mapping(Region, tables.regions, "region")
SSH_KEYS = Mapping(SshKey, tables.ssh_keys, "ssh key")
VPCS = Mapping(Vpc, tables.vpcs, "vpc")
SUBNETS = Mapping(Subnet, tables.subnets, "subnet")
SECURITY_GROUPS = Mapping(SecurityGroup, tables.security_groups, "security group")
PROJECTS = Mapping(Project, tables.projects, "project")
API_KEYS = Mapping(ApiKey, tables.api_keys, "api key")


class SqlTransaction:
    """The nouns, each with its own queries, all writing into one unit."""

    def __init__(self, database: Database) -> None:
        unit = self.unit = Unit(database)
        self.instances = NounRows(unit, INSTANCES)
        self.images = NounRows(unit, IMAGES)
        self.plans = NounRows(unit, PLANS)
        self.regions = NounRows(unit, REGIONS)
        self.ssh_keys = NounRows(unit, SSH_KEYS)
        self.vpcs = NounRows(unit, VPCS)
        self.subnets = NounRows(unit, SUBNETS)
        self.security_groups = NounRows(unit, SECURITY_GROUPS)
        self.projects = NounRows(unit, PROJECTS)
        self.api_keys = NounRows(unit, API_KEYS)
        self.operations = OperationRows(unit)
        self.hosts = HostRows(unit)
        self.addresses = AddressRows(unit)
        self.events = EventRows(unit)
        self.audit = AuditRows(unit)
        self.idempotency = AnswerRows(unit)

    def discard(self) -> None:
        self.unit.writes.clear()


@asynccontextmanager
async def committed(database: Database) -> AsyncIterator[SqlTransaction]:
    """A transaction that commits when its block ends without an error."""
    transaction = SqlTransaction(database)
    yield transaction
    await transaction.unit.commit()
