"""Disks, snapshots, floating IPs; what instances use; what projects use"""

from collections import Counter
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
PAGE = 1000


def upgrade() -> None:
    op.create_table(
        "floating_ips",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_floating_ips")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("floating_ips", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_floating_ips_address"), ["address"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_floating_ips_project_id_name"), ["project_id", "name"], unique=False
        )

    op.create_table(
        "reverse_records",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reverse_records")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("snapshots", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_snapshots_instance_id"), ["instance_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_snapshots_project_id_name"), ["project_id", "name"], unique=False
        )

    op.create_table(
        "startup_scripts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_startup_scripts")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("startup_scripts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_startup_scripts_project_id_name"), ["project_id", "name"], unique=False
        )

    op.create_table(
        "timers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timers")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("timers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timers_due_at_ms"), ["due_at_ms"], unique=False)

    op.create_table(
        "usages",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("instances", sa.BigInteger(), nullable=False),
        sa.Column("vcpus", sa.BigInteger(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("disk_gib", sa.BigInteger(), nullable=False),
        sa.Column("volumes", sa.BigInteger(), nullable=False),
        sa.Column("snapshots", sa.BigInteger(), nullable=False),
        sa.Column("floating_ips", sa.BigInteger(), nullable=False),
        sa.Column("instances_max", sa.BigInteger(), nullable=True),
        sa.Column("vcpus_max", sa.BigInteger(), nullable=True),
        sa.Column("memory_mib_max", sa.BigInteger(), nullable=True),
        sa.Column("disk_gib_max", sa.BigInteger(), nullable=True),
        sa.Column("volumes_max", sa.BigInteger(), nullable=True),
        sa.Column("snapshots_max", sa.BigInteger(), nullable=True),
        sa.Column("floating_ips_max", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_usages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uses",
        sa.Column("used_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("used_id", "user_id", name=op.f("pk_uses")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("uses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uses_user_id"), ["user_id"], unique=False)

    op.create_table(
        "volumes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_volumes")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("volumes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_volumes_instance_id"), ["instance_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_volumes_project_id_name"), ["project_id", "name"], unique=False
        )

    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhooks_due_at_ms"), ["due_at_ms"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_webhooks_project_id_name"), ["project_id", "name"], unique=False
        )

    fill()


def fill() -> None:
    """What live instances need and take, out of their documents, a page at a time."""
    connection = op.get_bind()
    instances, uses, usages, addresses = (
        bare(connection, name) for name in ("instances", "uses", "usages", "addresses")
    )
    taken: dict[str, Counter[str]] = {
        row[0]: Counter() for row in connection.execute(sa.text("SELECT id FROM projects"))
    }
    last = ""
    while True:
        query = sa.select(instances.c.id, instances.c.document).where(instances.c.id > last)
        page = connection.execute(query.order_by(instances.c.id).limit(PAGE)).all()
        for instance_id, raw in page:
            document = msgspec.json.decode(raw)
            if document["state"] == "deleted":
                continue
            rows = [{"used_id": used, "user_id": instance_id} for used in needs(document)]
            connection.execute(uses.insert(), rows)
            keep_mac(connection, addresses, instance_id, document.get("mac"))
            size = {key: document["spec"][key] for key in ("vcpus", "memory_mib", "disk_gib")}
            taken[document["project_id"]].update(instances=1, **size)
        if len(page) < PAGE:
            break
        last = page[-1][0]
    names = [c.name for c in usages.c if c.name != "project_id" and not c.name.endswith("_max")]
    for project_id, counted in taken.items():
        row = {"project_id": project_id, **{name: counted[name] for name in names}}
        connection.execute(usages.insert(), [row])


def keep_mac(
    connection: sa.Connection, addresses: sa.Table, instance_id: str, mac: str | None
) -> None:
    """MACs are given out like addresses from now on. One that two have by chance is kept once."""
    if mac is None:
        return
    number = int(mac.replace(":", "")[-6:], 16)
    taken = sa.select(addresses.c.number).where(
        addresses.c.scope == "mac", addresses.c.number == number
    )
    if connection.execute(taken).first() is None:
        row = {"scope": "mac", "number": number, "instance_id": instance_id}
        connection.execute(addresses.insert(), [row])


def bare(connection: sa.Connection, name: str) -> sa.Table:
    """The table as it is in the database now, not as a later Atoll may know it."""
    return sa.Table(name, sa.MetaData(), autoload_with=connection)


def needs(document: dict[str, Any]) -> set[str]:
    resolved = document["resolved"]
    named = {resolved["image_id"], *resolved["security_group_ids"]}
    return named | ({resolved["subnet_id"]} if resolved["subnet_id"] else set())
