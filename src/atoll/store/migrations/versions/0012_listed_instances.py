"""Lists of instances read from indexes alone, and their totals"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
LIVE = "deleted_at_ms IS NULL"
KEY = ("project_id", "bare_metal", "region")


def upgrade() -> None:
    """A list reads ids and versions first, and no document that it knows already."""
    op.drop_index("ix_instances_live", table_name="instances")
    index("ix_instances_live", ["project_id", "id", "deleted_at_ms", "bare_metal", "version"])
    index("ix_instances_region", ["project_id", "region", "bare_metal", "id"])
    totals = op.create_table(
        "instance_totals",
        sa.Column("project_id", sa.Text(), primary_key=True),
        sa.Column("bare_metal", sa.Boolean(), primary_key=True),
        sa.Column("region", sa.Text(), primary_key=True),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.Column("shifts", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in KEY]
    live = sa.select(*columns, sa.func.count(), sa.literal(0)).select_from(sa.table("instances"))
    live = live.where(sa.text(LIVE)).group_by(*columns)
    op.execute(totals.insert().from_select([*KEY, "live", "shifts"], live))


def index(name: str, columns: list[str]) -> None:
    op.create_index(
        name, "instances", columns, sqlite_where=sa.text(LIVE), postgresql_where=sa.text(LIVE)
    )
