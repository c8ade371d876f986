"""APIs of the registry, and their documents"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "apis",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apis")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("apis", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_apis_project_id_name"), ["project_id", "name"], unique=False
        )
    op.create_table(
        "api_documents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_documents")),
        sqlite_with_rowid=False,
    )
