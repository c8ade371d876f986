"""Addresses, each taken once: the next number of a scope, and gaps when its end is reached."""

from typing import Any

import sqlalchemy as sa

from atoll.domain.errors import Lost, NoCapacity
from atoll.store import tables
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

address = tables.addresses.c


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
        values = {"scope": scope, "instance_id": instance_id, "first": first, "last": last}
        self.unit.write(
            Write(
                query,
                query.place(values),
                missing=lambda: NoCapacity(f"no address is left in {scope}"),
                lock=scope,
            )
        )

    async def pick(self, scope: str, holder_id: str, first: int, last: int) -> int:
        query = self.unit.statements.get("addresses.next", next_statement)
        values = {"scope": scope, "first": first, "last": last}
        number = (await self.unit.fetch(query, values))[0][0]
        if number is None:
            raise NoCapacity(f"no address is left in {scope}")
        self._add(scope, holder_id, int(number))
        return int(number)

    def _add(self, scope: str, holder_id: str, number: int) -> None:
        query = self.unit.statements.get("addresses.add", lambda: tables.addresses.insert())
        row = {"scope": scope, "number": number, "instance_id": holder_id}
        self.unit.write(
            Write(
                query,
                query.place(row),
                duplicate=lambda: Lost(f"number {number} of {scope} was taken meanwhile"),
                lock=scope,
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
    """No row at all means that the range is full."""
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
    """One more than the highest, which the index answers at once. At the end of the range it
    looks for the lowest gap. NULL where the range is full."""
    scope = bind("scope", address.scope)
    first, last = bind("first", address.number), bind("last", address.number)
    highest = sa.select(sa.func.max(address.number)).where(address.scope == scope).scalar_subquery()
    beside = tables.addresses.alias("beside")
    gap = (
        sa.select(sa.func.min(address.number) + 1)
        .where(address.scope == scope, address.number < last)
        .where(~sa.exists().where(beside.c.scope == scope, beside.c.number == address.number + 1))
        .scalar_subquery()
    )
    lowest = sa.select(sa.func.min(address.number)).where(address.scope == scope).scalar_subquery()
    return sa.case(
        (sa.func.coalesce(highest, first - 1) < last, sa.func.coalesce(highest + 1, first)),
        (lowest > first, first),
        else_=gap,
    )
