"""Operations that wait for others before they begin, and the actual holders of volumes"""

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
BATCH = 1000
volumes = sa.table("volumes", sa.column("id"), sa.column("instance_id"), sa.column("document"))


def upgrade() -> None:
    """Operations that were accepted by earlier versions have waited at their acceptance."""
    op.add_column(
        "operations",
        sa.Column("prepared", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    after = ""
    query = sa.select(volumes.c.id, volumes.c.document).where(volumes.c.instance_id.is_not(None))
    while True:
        page = query.where(volumes.c.id > after).order_by(volumes.c.id).limit(BATCH)
        rows = op.get_bind().execute(page).all()
        if not rows:
            return
        for row in rows:
            write(row.id, msgspec.json.decode(row.document))
        after = rows[-1].id


def write(volume_id: str, document: dict[str, object]) -> None:
    """A volume that is not in use by a guest yet is held by none."""
    held = document.get("state") != "available"
    document["holder_id"] = document["instance_id"] if held else None
    document["leaving"] = document.get("doing") == "volume.detach"
    statement = volumes.update().where(volumes.c.id == volume_id)
    op.get_bind().execute(statement.values(document=msgspec.json.encode(document)))
