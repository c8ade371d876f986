"""The turns of operations"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
READY, WAITING = "turn IS NOT NULL", "claimable_at_ms IS NOT NULL AND turn IS NULL"


def upgrade() -> None:
    """What is due already has no turn: it is claimed in the order of its time, as before."""
    op.add_column("operations", sa.Column("turn", sa.BigInteger(), nullable=True))
    op.drop_index("ix_operations_due", table_name="operations")
    for name, columns, only in (
        ("turn", ["turn", "id"], READY),
        ("lane", ["project_id", "kind", "turn"], READY),
        ("due", ["claimable_at_ms"], WAITING),
    ):
        op.create_index(
            f"ix_operations_{name}", "operations", columns,
            sqlite_where=sa.text(only), postgresql_where=sa.text(only),
        )  # fmt: skip
