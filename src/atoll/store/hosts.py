"""The queries that only hosts have: capacity that is promised and given back."""

from typing import Any

import sqlalchemy as sa

from atoll.domain.errors import Lost
from atoll.domain.hosts import Host, Reservation
from atoll.store import tables
from atoll.store.rows import ColumnMapping, NounRows
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

HOSTS = ColumnMapping(Host, tables.hosts, "host")
RESERVATIONS = ColumnMapping(Reservation, tables.reservations, "reservation")
SIZES = ("vcpus", "memory_mib", "disk_gib")


class HostRows(NounRows[Host]):
    """`ports.Hosts`. What is used changes without a new version: many do it at once."""

    counted = frozenset(f"{size}_used" for size in SIZES)

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, HOSTS)

    async def reservation(self, instance_id: str) -> Reservation | None:
        column = tables.reservations.c.id
        query = self._query(
            "reservation",
            lambda: sa.select(*RESERVATIONS.columns).where(column == bind("id", column)),
        )
        rows = await self.unit.fetch(query, {"id": instance_id})
        return RESERVATIONS.thing(rows[0]) if rows else None

    def reserve(self, reservation: Reservation) -> None:
        sizes = {size: getattr(reservation, size) for size in SIZES}
        self._use(reservation.host_id, sizes, new=True)
        query = self._query("reservation.add", lambda: tables.reservations.insert())
        self.unit.write(
            Write(
                query,
                query.place(RESERVATIONS.values(reservation)),
                duplicate=lambda: Lost(f"{reservation.id} has its place already"),
            )
        )

    def release(self, reservation: Reservation) -> None:
        column = tables.reservations.c.id
        query = self._query(
            "reservation.remove",
            lambda: tables.reservations.delete().where(column == bind("id", column)),
        )
        self.unit.write(
            Write(
                query,
                query.place({"id": reservation.id}),
                missing=lambda: Lost(f"{reservation.id} gave up its place already"),
            )
        )
        sizes = {size: -getattr(reservation, size) for size in SIZES}
        self._use(reservation.host_id, sizes)

    def change_reservation(self, held: Reservation, wanted: Reservation) -> None:
        def build() -> sa.ClauseElement:
            row = tables.reservations.c
            statement = tables.reservations.update().where(row.id == bind("of_id", row.id))
            for size in SIZES:
                statement = statement.where(row[size] == bind(f"old_{size}", row[size]))
            return statement.values({name: bind(name, row[name]) for name in ("id", *SIZES)})

        query = self._query("reservation.change", build)
        values = {"id": wanted.id} | {size: getattr(wanted, size) for size in SIZES}
        values |= {f"old_{size}": getattr(held, size) for size in SIZES}
        self.unit.write(
            Write(
                query,
                query.place({"of_id": held.id, **values}),
                missing=lambda: Lost(f"the place of {held.id} has changed meanwhile"),
                duplicate=lambda: Lost(f"{wanted.id} has its place already"),
            )
        )
        more = {size: getattr(wanted, size) - getattr(held, size) for size in SIZES}
        self._use(held.host_id, more)

    def change(self, thing: Host, **changes: Any) -> Host:
        if self.counted & set(changes):
            raise AssertionError("what is used changes by reserve and release alone")
        return super().change(thing, **changes)

    def _use(self, host_id: str, more: dict[str, int], *, new: bool = False) -> None:
        """Less is always possible, on a disabled host and on one that shrank or went too."""
        growing = any(by > 0 for by in more.values())

        def build() -> sa.ClauseElement:
            host = tables.hosts.c
            statement = tables.hosts.update().where(host.id == bind("of_host", host.id))
            changes = {}
            for size in SIZES:
                used, by = host[f"{size}_used"], bind(size, host[f"{size}_used"])
                changes[used.name] = used + by
                if growing:
                    statement = statement.where(sa.or_(by <= 0, used + by <= host[size]))
            if new:
                statement = statement.where(host.enabled.is_(sa.true()))
            return statement.values(changes)

        query = self._query(f"use.{growing}.{new}", build)
        missing = None
        if growing:
            missing = lambda: Lost(f"host {host_id} has no room any more")  # noqa: E731
        self.unit.write(Write(query, query.place({"of_host": host_id, **more}), missing=missing))
