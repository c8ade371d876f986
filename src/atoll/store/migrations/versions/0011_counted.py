"""Quotas of images, startup scripts, ssh keys, security groups, VPCs and subnets"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
COUNTED = ("startup_scripts", "ssh_keys", "security_groups", "vpcs", "subnets")
BUILT_IN = ("default", "standard")


def upgrade() -> None:
    """Images that exist are not counted: nothing tells how large they are."""
    for name in ("images", *COUNTED):
        count = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("usages", count)
        op.add_column("usages", sa.Column(f"{name}_max", sa.BigInteger(), nullable=True))
    usages = sa.table("usages", sa.column("project_id"), *[sa.column(name) for name in COUNTED])
    for name in COUNTED:
        things = sa.table(name, sa.column("project_id"), sa.column("name"))
        own = sa.select(sa.func.count()).where(things.c.project_id == usages.c.project_id)
        if name == "security_groups":
            own = own.where(things.c.name.not_in(BUILT_IN))
        op.execute(usages.update().values({name: own.scalar_subquery()}))
