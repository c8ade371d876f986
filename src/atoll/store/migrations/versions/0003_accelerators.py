"""Devices of hosts, and who has which"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
# An empty list, as bytes.
NO_DEVICES = {"sqlite": "x'5b5d'", "postgresql": "'[]'"}


def upgrade() -> None:
    none = sa.text(NO_DEVICES[op.get_bind().dialect.name])
    for table in ("hosts", "reservations"):
        op.add_column(
            table, sa.Column("devices", sa.LargeBinary(), nullable=False, server_default=none)
        )
    op.create_table(
        "promised_devices",
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "address", name=op.f("pk_promised_devices")),
        sqlite_with_rowid=False,
    )
