"""References between resources: none may refer to a deleted one, and none in use may be deleted.

The commit checks both again, against concurrent commits. In PostgreSQL, a lock on the row protects
a used resource from deletion, as for a foreign key; so its users are counted after it was deleted,
when all transactions with such locks have ended.
"""

import sqlalchemy as sa

from atoll.domain import ids
from atoll.domain.errors import Lost
from atoll.store import tables
from atoll.store.sql import Query, Statements, Write, bind

# The kinds of ids that can be used, by prefix.
USED = {
    ids.IMAGE: tables.images,
    ids.SECURITY_GROUP: tables.security_groups,
    ids.SUBNET: tables.subnets,
    ids.SNAPSHOT: tables.snapshots,
}
use = tables.uses.c


def add(statements: Statements, used_id: str, user_id: str) -> Write:
    """The commit raises Lost if it no longer exists."""
    table = USED[used_id.partition("-")[0]]

    def build() -> sa.ClauseElement:
        there = sa.select(table.c.id, bind("user_id", use.user_id).label("user_id")).where(
            table.c.id == bind("used_id", table.c.id)
        )
        there = there.with_for_update(read=True, key_share=True)
        return tables.uses.insert().from_select(["used_id", "user_id"], there)

    query = statements.get(("uses.add", table.name), build)
    return Write(
        query,
        query.place({"used_id": used_id, "user_id": user_id}),
        missing=lambda: Lost(f"{used_id} was removed meanwhile"),
    )


def drop(statements: Statements, used_id: str, user_id: str) -> Write:
    query = statements.get(
        "uses.drop",
        lambda: tables.uses.delete().where(
            use.used_id == bind("used_id", use.used_id), use.user_id == bind("user_id", use.user_id)
        ),
    )
    return Write(query, query.place({"used_id": used_id, "user_id": user_id}))


def users(statements: Statements) -> Query:
    """Return the users of `used_id`, at most `limit`."""
    return statements.get(
        "uses.users",
        lambda: (
            sa.select(use.user_id)
            .where(use.used_id == bind("used_id", use.used_id))
            .order_by(use.user_id)
            .limit(sa.bindparam("limit", type_=sa.Integer()))
        ),
    )


def unused(statements: Statements, used_id: str) -> Write:
    """The commit raises Lost if another resource uses it."""
    users = sa.exists().where(use.used_id == bind("used_id", use.used_id))
    query = statements.get("uses.none", lambda: sa.select(sa.literal(1)).where(~users))
    return Write(
        query,
        query.place({"used_id": used_id}),
        missing=lambda: Lost(f"{used_id} came into use meanwhile"),
    )
