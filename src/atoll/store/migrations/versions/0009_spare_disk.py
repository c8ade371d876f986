"""Hosts tell the disk space that is really free"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("hosts", sa.Column("spare_disk_mib", sa.BigInteger()))
