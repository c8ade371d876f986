"""The kind of a VPC beside its document, in an index of its own"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
VPC2 = "vultr.vpc2"  # the annotation that told it until now
BATCH = 1000
vpcs = sa.table("vpcs", sa.column("id"), sa.column("kind"), sa.column("document"))


def upgrade() -> None:
    op.add_column("vpcs", sa.Column("kind", sa.Text(), nullable=False, server_default="vpc"))
    change = vpcs.update().where(vpcs.c.id == sa.bindparam("of_id"))
    change = change.values(kind="vpc2", document=sa.bindparam("now"))
    for rows in batches():
        found = [(row.id, msgspec.json.decode(row.document)) for row in rows]
        marked = [
            {"of_id": vpc_id, "now": msgspec.json.encode(with_kind(document))}
            for vpc_id, document in found
            if VPC2 in document.get("annotations", {})
        ]
        if marked:
            op.get_bind().execute(change, marked)
    op.create_index("ix_vpcs_project_id_kind_id", "vpcs", ["project_id", "kind", "id"])


def batches() -> Iterator[Sequence[Any]]:
    after = ""
    while True:
        query = sa.select(vpcs.c.id, vpcs.c.document).where(vpcs.c.id > after)
        rows = op.get_bind().execute(query.order_by(vpcs.c.id).limit(BATCH)).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def with_kind(document: dict[str, Any]) -> dict[str, Any]:
    document["kind"] = "vpc2"
    del document["annotations"][VPC2]
    return document
