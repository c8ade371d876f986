"""The schema. Times are milliseconds; documents are JSON bytes.

Most nouns are a document beside the columns that queries use; nouns that SQL itself counts or
claims (operations, hosts) have a column for every field.
"""

from typing import Any

import sqlalchemy as sa

from atoll.domain.quotas import RESOURCES

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Column = sa.Column
Text = sa.Text
Integer = sa.BigInteger
Real = sa.Float
Flag = sa.Boolean
Document = sa.LargeBinary
REQUESTED = "requested_name IS NOT NULL"


def text(name: str) -> sa.Column[str]:
    return Column(name, Text, nullable=False)


def text_or_null(name: str) -> sa.Column[str]:
    return Column(name, Text)


def integer(name: str) -> sa.Column[int]:
    return Column(name, Integer, nullable=False)


def integer_or_null(name: str) -> sa.Column[int]:
    return Column(name, Integer)


def flag(name: str) -> sa.Column[bool]:
    return Column(name, Flag, nullable=False)


def devices() -> sa.Column[bytes]:
    """A list of `domain.accelerators.Device`."""
    return Column("devices", Document, nullable=False)


def document(name: str) -> sa.Column[bytes]:
    return Column(name, Document, nullable=False)


def key() -> sa.Column[str]:
    return Column("id", Text, primary_key=True)


def noun(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    """Define a noun whose row is its whole struct as a document, beside the columns that queries
    use."""
    return sa.Table(name, METADATA, key(), *columns, document("document"), sqlite_with_rowid=False)


def owned(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Define a noun that belongs to a project and is found by its name."""
    return noun(
        name,
        text("project_id"),
        text("name"),
        *columns,
        integer("version"),
        sa.Index(None, "project_id", "name"),
    )


def held_names() -> tuple[sa.Column[Any], ...]:
    """`held_name` is the name that no other resource of the project can have meanwhile, or null;
    `requested_name` the name that a dialect shows in place of a derived one."""
    return text_or_null("held_name"), text_or_null("requested_name")


def index_held_names(table: sa.Table) -> None:
    sa.Index(None, table.c.project_id, table.c.held_name, unique=True)
    sa.Index(
        f"ix_{table.name}_requested",
        table.c.project_id,
        table.c.requested_name,
        sqlite_where=sa.text(REQUESTED),
        postgresql_where=sa.text(REQUESTED),
    )


instances = noun(
    "instances",
    text("project_id"),
    text("name"),
    *held_names(),
    text("goal"),
    text("state"),
    text_or_null("host_id"),
    integer_or_null("deleted_at_ms"),
    text("region"),
    flag("bare_metal"),
    integer("version"),
    sa.Index(None, "project_id", "state", "id"),
    sa.Index(None, "project_id", "name"),
    sa.Index(None, "host_id"),
)
LIVE = sa.text("deleted_at_ms IS NULL")
# A page of all live instances walks this index in order and stops at its limit. With the last
# columns, SQLite counts, filters, skips and compares versions in the index without reading rows.
sa.Index(
    "ix_instances_live",
    instances.c.project_id,
    instances.c.id,
    instances.c.deleted_at_ms,
    instances.c.bare_metal,
    instances.c.version,
    sqlite_where=LIVE,
    postgresql_where=LIVE,
)
# The same for a region that few of them are in.
sa.Index(
    "ix_instances_region",
    instances.c.project_id,
    instances.c.region,
    instances.c.bare_metal,
    instances.c.id,
    sqlite_where=LIVE,
    postgresql_where=LIVE,
)

# How many live instances there are of each kind in each region, and how often the places of those
# in a list shifted: see `instances.InstanceRows`.
instance_totals = sa.Table(
    "instance_totals",
    METADATA,
    Column("project_id", Text, primary_key=True),
    Column("bare_metal", Flag, primary_key=True),
    Column("region", Text, primary_key=True),
    integer("live"),
    integer("shifts"),
    sqlite_with_rowid=False,
)
index_held_names(instances)

images = owned("images", text("state"))
ssh_keys = owned("ssh_keys")
startup_scripts = owned("startup_scripts")
vpcs = owned("vpcs", text("kind"))
sa.Index(None, vpcs.c.project_id, vpcs.c.kind, vpcs.c.id)
subnets = owned("subnets", text("vpc_id"))
security_groups = owned("security_groups")
volumes = owned("volumes", *held_names(), text("state"), text_or_null("instance_id"))
index_held_names(volumes)
sa.Index(None, volumes.c.instance_id)
snapshots = owned("snapshots", text("state"), text("kind"), text("instance_id"))
sa.Index(None, snapshots.c.instance_id)
floating_ips = owned("floating_ips", *held_names(), text("address"), text_or_null("instance_id"))
index_held_names(floating_ips)
sa.Index(None, floating_ips.c.address)
plans = noun("plans", integer("version"))
regions = noun("regions", integer("version"))
projects = noun("projects", text("name"), integer("version"), sa.Index(None, "name", unique=True))
api_keys = noun(
    "api_keys",
    text("project_id"),
    text("name"),
    text("role"),
    document("digest"),
    integer("version"),
    sa.Index(None, "digest", unique=True),
    sa.Index(None, "project_id", "name"),
)
apis = owned("apis")
api_documents = noun("api_documents", integer("version"))
installation = noun("installation", integer("version"))
audit = noun("audit", text("project_id"), text("resource_id"), sa.Index(None, "project_id", "id"))

# In the order of a selector's pages: a page walks it and stops at its limit.
labels = sa.Table(
    "project_labels",
    METADATA,
    Column("project_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("resource_id", Text, primary_key=True),
    sa.Index(None, "resource_id"),
    sqlite_with_rowid=False,
)

reverse_records = noun("reverse_records", text("project_id"), integer("version"))
webhooks = owned("webhooks", integer("due_at_ms"))
sa.Index(None, webhooks.c.due_at_ms)
timers = noun(
    "timers",
    text("project_id"),
    text("instance_id"),
    integer("due_at_ms"),
    integer("version"),
    sa.Index(None, "due_at_ms"),
)

# The keys, groups, subnets and images that an instance needs: its `uses`, as rows.
uses = sa.Table(
    "uses",
    METADATA,
    Column("used_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    sa.Index(None, "user_id"),
    sqlite_with_rowid=False,
)

usages = sa.Table(
    "usages",
    METADATA,
    Column("project_id", Text, primary_key=True),
    *[integer(name) for name in RESOURCES],
    *[integer_or_null(f"{name}_max") for name in RESOURCES],
    sqlite_with_rowid=False,
)

hosts = sa.Table(
    "hosts",
    METADATA,
    key(),
    text("name"),
    text("region"),
    text("node_type"),
    text("state"),
    flag("enabled"),
    document("capabilities"),
    integer("vcpus"),
    integer("memory_mib"),
    integer("disk_gib"),
    devices(),
    integer("vcpus_used"),
    integer("memory_mib_used"),
    integer("disk_gib_used"),
    integer_or_null("spare_disk_mib"),
    integer("version"),
    integer("created_at_ms"),
    integer("seen_at_ms"),
    sa.Index(None, "name", unique=True),
    sqlite_with_rowid=False,
)

reservations = sa.Table(
    "reservations",
    METADATA,
    key(),
    text("host_id"),
    integer("vcpus"),
    integer("memory_mib"),
    integer("disk_gib"),
    devices(),
    sqlite_with_rowid=False,
)

# The devices in all reservations, as rows: none can be in two.
promised_devices = sa.Table(
    "promised_devices",
    METADATA,
    Column("host_id", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    sqlite_with_rowid=False,
)

addresses = sa.Table(
    "addresses",
    METADATA,
    Column("scope", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    text("instance_id"),
    sa.Index(None, "instance_id", "scope", unique=True),
    sqlite_with_rowid=False,
)

operations = sa.Table(
    "operations",
    METADATA,
    key(),
    text("project_id"),
    text("kind"),
    text("resource_id"),
    document("arguments"),
    text("state"),
    integer("run"),
    integer("step"),
    integer("steps"),
    integer("attempt"),
    text("message"),
    Column("percent", Real, nullable=False),
    text_or_null("error_code"),
    text_or_null("error_message"),
    flag("cancel_requested"),
    flag("prepared"),
    text("requested_by"),
    integer("deadline_ms"),
    integer_or_null("claimable_at_ms"),
    integer_or_null("turn"),
    text_or_null("engine"),
    integer("epoch"),
    integer("created_at_ms"),
    integer("queued_at_ms"),
    integer_or_null("started_at_ms"),
    integer_or_null("ended_at_ms"),
    sa.Index(None, "project_id", "id"),
    sa.Index(None, "resource_id", "id"),
    sqlite_with_rowid=False,
)
# The only index that a claim reads: operations that have not begun in the order of their turns, all
# others in the order of their times.
READY = "turn IS NOT NULL"
sa.Index(
    "ix_operations_turn",
    operations.c.turn,
    operations.c.id,
    sqlite_where=sa.text(READY),
    postgresql_where=sa.text(READY),
)
sa.Index(
    "ix_operations_lane",
    operations.c.project_id,
    operations.c.kind,
    operations.c.turn,
    sqlite_where=sa.text(READY),
    postgresql_where=sa.text(READY),
)
WAITING = "claimable_at_ms IS NOT NULL AND turn IS NULL"
sa.Index(
    "ix_operations_due",
    operations.c.claimable_at_ms,
    sqlite_where=sa.text(WAITING),
    postgresql_where=sa.text(WAITING),
)
# The queue of a resource: its operations that have not ended.
sa.Index(
    "ix_operations_live",
    operations.c.resource_id,
    operations.c.queued_at_ms,
    operations.c.id,
    sqlite_where=sa.text("ended_at_ms IS NULL"),
    postgresql_where=sa.text("ended_at_ms IS NULL"),
)

operation_steps = sa.Table(
    "operation_steps",
    METADATA,
    Column("operation_id", Text, primary_key=True),
    Column("run", Integer, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("index", Integer, primary_key=True),
    text("name"),
    integer("epoch"),
    integer("attempts"),
    integer("ended_at_ms"),
    sqlite_with_rowid=False,
)

# `xid` is the PostgreSQL transaction that wrote the event: readers show an event only when every
# older transaction has ended, so that none appears behind a cursor. SQLite has one writer: 0.
events = sa.Table(
    "events",
    METADATA,
    Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    integer("xid"),
    text("project_id"),
    text("kind"),
    text("resource_id"),
    text_or_null("operation_id"),
    document("data"),
    integer("at_ms"),
    sa.Index(None, "xid", "seq"),
    sa.Index(None, "project_id", "xid", "seq"),
    sqlite_autoincrement=True,
)

idempotency = sa.Table(
    "idempotency",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    document("fingerprint"),
    integer("status"),
    document("body"),
    integer("at_ms"),
    sa.Index(None, "at_ms"),
    sqlite_with_rowid=False,
)
