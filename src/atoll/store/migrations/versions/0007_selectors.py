"""Labels by project; an index that counts live instances"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
LIVE = "deleted_at_ms IS NULL"
LABELLED = (
    "instances", "images", "ssh_keys", "startup_scripts", "vpcs", "subnets", "security_groups",
    "volumes", "snapshots", "floating_ips", "webhooks", "apis",
)  # fmt: skip
COPY = (
    "INSERT INTO project_labels (project_id, key, value, resource_id) "
    "SELECT n.project_id, l.key, l.value, l.resource_id "
    "FROM labels l JOIN {table} n ON n.id = l.resource_id"
)


def upgrade() -> None:
    op.create_table(
        "project_labels",
        *[
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("project_id", "key", "value", "resource_id")
        ],
        sa.PrimaryKeyConstraint(
            "project_id", "key", "value", "resource_id", name=op.f("pk_project_labels")
        ),
        sqlite_with_rowid=False,
    )
    for table in LABELLED:
        op.execute(sa.text(COPY.format(table=table)))
    op.drop_table("labels")
    op.create_index(op.f("ix_project_labels_resource_id"), "project_labels", ["resource_id"])
    op.drop_index("ix_instances_live", table_name="instances")
    op.create_index(
        "ix_instances_live", "instances", ["project_id", "id", "deleted_at_ms"],
        sqlite_where=sa.text(LIVE), postgresql_where=sa.text(LIVE),
    )  # fmt: skip
