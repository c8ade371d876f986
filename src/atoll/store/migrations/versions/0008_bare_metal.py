"""Region and kind of instances beside their documents, in the index of live ones"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
LIVE = "deleted_at_ms IS NULL"
METAL_PREFIX = "vbm-"  # of Vultr's plans, which told bare metal by their names until now
BATCH = 1000
instances = sa.table("instances", sa.column("id"), sa.column("region"), sa.column("bare_metal"),
                     sa.column("document"))  # fmt: skip
plans = sa.table("plans", sa.column("id"), sa.column("document"))


def upgrade() -> None:
    op.add_column("instances", sa.Column("region", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "instances",
        sa.Column("bare_metal", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for rows in batches(instances):
        write(instances, [instance_row(row.id, msgspec.json.decode(row.document)) for row in rows])
    for rows in batches(plans):
        metal = [row for row in rows if row.id.startswith(METAL_PREFIX)]
        write(plans, [plan_row(row.id, msgspec.json.decode(row.document)) for row in metal])
    op.drop_index("ix_instances_live", table_name="instances")
    op.create_index(
        "ix_instances_live", "instances",
        ["project_id", "id", "deleted_at_ms", "bare_metal", "region"],
        sqlite_where=sa.text(LIVE), postgresql_where=sa.text(LIVE),
    )  # fmt: skip


def batches(table: sa.TableClause) -> Iterator[Sequence[Any]]:
    after = ""
    while True:
        query = sa.select(table.c.id, table.c.document).where(table.c.id > after)
        rows = op.get_bind().execute(query.order_by(table.c.id).limit(BATCH)).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def instance_row(instance_id: str, document: dict[str, Any]) -> dict[str, Any]:
    spec = document["spec"]
    spec["bare_metal"] = spec["plan"].startswith(METAL_PREFIX)
    return {
        "of_id": instance_id, "region": spec["region"], "bare_metal": spec["bare_metal"],
        "document": msgspec.json.encode(document),
    }  # fmt: skip


def plan_row(plan_id: str, document: dict[str, Any]) -> dict[str, Any]:
    document["bare_metal"] = True
    return {"of_id": plan_id, "document": msgspec.json.encode(document)}


def write(table: sa.TableClause, rows: list[dict[str, Any]]) -> None:
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "of_id"}
        statement = table.update().where(table.c.id == sa.bindparam("of_id")).values(values)
        op.get_bind().execute(statement, rows)
