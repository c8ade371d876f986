"""Addresses, each taken once: the next number of a scope, or a gap when its end is reached.

Each server that shares a database has a lane, a part of every large scope, so that none waits for
another (`Database.lane`). If a lane is full, or a scope small, the whole scope is searched. The
table's key rejects a number that two servers chose.
"""

from typing import Any

import sqlalchemy as sa

from atoll.domain.errors import Lost, NoCapacity
from atoll.domain.reasons import Reason
from atoll.store import tables
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

address = tables.addresses.c
LANES = 16
# Smaller lanes would soon be full.
LANE_NUMBERS_MIN = 256


class AddressRows:
    """`ports.Addresses`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    async def find(self, scope: str, instance_id: str) -> int | None:
        query = self.unit.statements.get("addresses.find", lambda: sa.select(address.number).where(
            address.scope == bind("scope", address.scope),
            address.instance_id == bind("instance_id", address.instance_id),
        ))  # fmt: skip
        rows = await self.unit.fetch(query, {"scope": scope, "instance_id": instance_id})
        return int(rows[0][0]) if rows else None

    async def holder(self, scope: str, number: int) -> str | None:
        query = self.unit.statements.get(
            "addresses.holder",
            lambda: sa.select(address.instance_id).where(
                address.scope == bind("scope", address.scope),
                address.number == bind("number", address.number),
            ),
        )
        rows = await self.unit.fetch(query, {"scope": scope, "number": number})
        return str(rows[0][0]) if rows else None

    async def count(self) -> int:
        query = self.unit.statements.get(
            "addresses.count", lambda: sa.select(sa.func.count()).select_from(tables.addresses)
        )
        return int((await self.unit.fetch(query, {}))[0][0])

    def take(self, scope: str, instance_id: str, first: int, last: int) -> None:
        query = self.unit.statements.get("addresses.take", take_statement)
        values, lock = self._bounds(scope, first, last)
        self.unit.write(
            Write(
                query,
                query.place({**values, "instance_id": instance_id}),
                missing=lambda: NoCapacity(Reason.NO_ADDRESS_LEFT, scope=scope),
                duplicate=lambda: Lost(f"a number of {scope} was taken meanwhile"),
                lock=lock,
            )
        )

    async def pick(self, scope: str, holder_id: str, first: int, last: int) -> int:
        query = self.unit.statements.get("addresses.next", next_statement)
        values, lock = self._bounds(scope, first, last)
        number = (await self.unit.fetch(query, values))[0][0]
        if number is None:
            raise NoCapacity(Reason.NO_ADDRESS_LEFT, scope=scope)
        self._add(scope, holder_id, int(number), lock)
        return int(number)

    def _bounds(self, scope: str, first: int, last: int) -> tuple[dict[str, Any], str | None]:
        """Return the bounds of the search, and the lock to hold meanwhile."""
        lane, width = self.unit.database.lane, (last - first + 1) // LANES
        whole = {"first": first, "last": last, "lane_first": first, "lane_last": last}
        values: dict[str, Any] = {"scope": scope, **whole}
        if lane is None or width < LANE_NUMBERS_MIN:
            return values, scope
        values["lane_first"] = first + lane * width
        values["lane_last"] = values["lane_first"] + width - 1
        return values, None

    def _add(self, scope: str, holder_id: str, number: int, lock: str | None) -> None:
        query = self.unit.statements.get("addresses.add", lambda: tables.addresses.insert())
        row = {"scope": scope, "number": number, "instance_id": holder_id}
        self.unit.write(
            Write(
                query,
                query.place(row),
                duplicate=lambda: Lost(f"number {number} of {scope} was taken meanwhile"),
                lock=lock,
            )
        )

    def release(self, instance_id: str, scope: str | None = None) -> None:
        def build() -> sa.ClauseElement:
            statement = tables.addresses.delete().where(
                address.instance_id == bind("instance_id", address.instance_id)
            )
            if scope is not None:
                statement = statement.where(address.scope == bind("scope", address.scope))
            return statement

        query = self.unit.statements.get(("addresses.release", scope is None), build)
        self.unit.write(Write(query, query.place({"instance_id": instance_id, "scope": scope})))


def take_statement() -> sa.ClauseElement:
    """A statement that returns no row if the range is full."""
    scope = bind("scope", address.scope)
    chosen = sa.select(
        scope.label("scope"),
        next_number().label("number"),
        bind("instance_id", address.instance_id).label("instance_id"),
    ).subquery("chosen")
    return tables.addresses.insert().from_select(
        ["scope", "number", "instance_id"],
        sa.select(chosen.c.scope, chosen.c.number, chosen.c.instance_id).where(
            chosen.c.number.is_not(None)
        ),
    )


def next_statement() -> sa.ClauseElement:
    return sa.select(next_number())


def next_number() -> sa.ColumnElement[Any]:
    """Return the next number of the lane, or of the whole range. NULL if that is full."""
    return sa.func.coalesce(next_between("lane_first", "lane_last"), next_between("first", "last"))


def next_between(first_name: str, last_name: str) -> sa.ColumnElement[Any]:
    """Return one more than the highest number, which the index finds quickly, or the lowest gap at
    the end of the range. NULL if the range is full."""
    scope = bind("scope", address.scope)
    first, last = bind(first_name, address.number), bind(last_name, address.number)
    within = sa.and_(address.scope == scope, address.number >= first, address.number <= last)
    highest = sa.select(sa.func.max(address.number)).where(within).scalar_subquery()
    beside = tables.addresses.alias("beside")
    gap = (
        sa.select(sa.func.min(address.number) + 1)
        .where(within, address.number < last)
        .where(~sa.exists().where(beside.c.scope == scope, beside.c.number == address.number + 1))
        .scalar_subquery()
    )
    lowest = sa.select(sa.func.min(address.number)).where(within).scalar_subquery()
    return sa.case(
        (sa.func.coalesce(highest, first - 1) < last, sa.func.coalesce(highest + 1, first)),
        (lowest > first, first),
        else_=gap,
    )
