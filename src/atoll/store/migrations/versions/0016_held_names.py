"""Names of instances, volumes and floating IPs that are unique in their project"""

import json
from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
BATCH = 500
NAME_MAX = 253
REQUESTED = "requested_name IS NOT NULL"
Row = tuple[str, str, str]


def upgrade() -> None:
    """The oldest keeps its name. The others get a suffix, and keep theirs as the requested one."""
    for name in ("instances", "volumes", "floating_ips"):
        op.add_column(name, sa.Column("held_name", sa.Text(), nullable=True))
        op.add_column(name, sa.Column("requested_name", sa.Text(), nullable=True))
        columns = ("id", "project_id", "name", "goal", "state", "held_name", "requested_name")
        table = sa.table(name, *map(sa.column, columns), sa.column("document", sa.LargeBinary))
        hold_names(table)
        op.create_index(f"ix_{name}_project_id_held_name", name, ["project_id", "held_name"],
                        unique=True)  # fmt: skip
        op.create_index(
            f"ix_{name}_requested", name, ["project_id", "requested_name"],
            sqlite_where=sa.text(REQUESTED), postgresql_where=sa.text(REQUESTED),
        )  # fmt: skip


def hold_names(table: sa.TableClause) -> None:
    holders = list(holders_of(table))
    named = Counter((project_id, name) for _, project_id, name in holders)
    op.execute(table.update().where(table.c.name != "").values(held_name=table.c.name))
    let_go(table)
    seen: set[tuple[str, str]] = set()
    for row_id, project_id, name in holders:
        if (project_id, name) not in seen:
            seen.add((project_id, name))
            continue
        free = free_name(name, row_id, project_id, named)
        named[project_id, free] += 1
        rename(table, row_id, free, name)


def holders_of(table: sa.TableClause) -> Iterator[Row]:
    """Yield those that hold a name, oldest first. Reads few documents at a time."""
    wanted = sa.select(table.c.id, table.c.project_id, table.c.name).where(held(table))
    after = ""
    while True:
        page = wanted.where(table.c.id > after).order_by(table.c.id).limit(BATCH)
        rows = op.get_bind().execute(page).fetchall()
        yield from ((row[0], row[1], row[2]) for row in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def held(table: sa.TableClause) -> sa.ColumnElement[bool]:
    """A volume that is being deleted counts as a holder: its row ends soon."""
    named = table.c.name != ""
    if table.name != "instances":
        return named
    return sa.and_(named, table.c.goal != "deleted", table.c.state != "deleted")


def let_go(table: sa.TableClause) -> None:
    if table.name == "instances":
        gone = sa.or_(table.c.goal == "deleted", table.c.state == "deleted")
        op.execute(table.update().where(gone).values(held_name=None))


def free_name(name: str, row_id: str, project_id: str, named: Counter[tuple[str, str]]) -> str:
    for suffix in (*map(str, range(2, 10)), row_id[-6:], row_id[-26:]):
        free = f"{name[: NAME_MAX - len(suffix) - 1]}-{suffix}"
        if (project_id, free) not in named:
            return free
    raise AssertionError("an id is unique")


def rename(table: sa.TableClause, row_id: str, name: str, requested: str) -> None:
    own = table.c.id == row_id
    raw = op.get_bind().execute(sa.select(table.c.document).where(own)).scalar_one()
    document = json.loads(bytes(raw)) | {"name": name, "requested_name": requested}
    values = {"name": name, "held_name": name, "requested_name": requested}
    changed = json.dumps(document).encode()
    op.execute(table.update().where(own).values(document=changed, **values))
