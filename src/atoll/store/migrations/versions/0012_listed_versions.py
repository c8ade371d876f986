"""The version of a live instance in the index that lists walk"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
LIVE = "deleted_at_ms IS NULL"


def upgrade() -> None:
    """A list reads ids and versions first, and no document that it knows already: with both in
    the index, no row is read."""
    op.drop_index("ix_instances_live", table_name="instances")
    op.create_index(
        "ix_instances_live", "instances",
        ["project_id", "id", "deleted_at_ms", "bare_metal", "region", "version"],
        sqlite_where=sa.text(LIVE), postgresql_where=sa.text(LIVE),
    )  # fmt: skip
