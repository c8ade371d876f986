"""The queries of hosts: reserving and releasing capacity."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from atoll.domain.accelerators import Device
from atoll.domain.errors import Lost
from atoll.domain.hosts import Host, HostState, Reservation
from atoll.ports import Filter
from atoll.store import tables
from atoll.store.mappings import ColumnMapping
from atoll.store.rows import NounRows
from atoll.store.sql import Query, Write, bind
from atoll.store.unit import Unit

HOSTS = ColumnMapping(Host, tables.hosts, "host")
RESERVATIONS = ColumnMapping(Reservation, tables.reservations, "reservation")
SIZES = ("vcpus", "memory_mib", "disk_gib")
# The conditions under which a host accepts instances.
CANDIDATE = ("region", "state", "enabled", "node_type")
CARRIERS = ("hybrid", "execution")
PAGE = 1000


class HostRows(NounRows[Host]):
    """`ports.Hosts`. Used capacity changes without a new version, because many transactions change
    it concurrently."""

    counted = frozenset(f"{size}_used" for size in SIZES)

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, HOSTS)

    async def _things(self, query: Query, values: dict[str, Any]) -> list[Host]:
        """Reserved devices are queried only for hosts that have devices."""
        hosts = await super()._things(query, values)
        if not any(host.devices for host in hosts):
            return hosts
        promised = await self._promised()
        return [
            msgspec.structs.replace(host, devices_used=tuple(promised.get(host.id, ())))
            for host in hosts
        ]

    async def every(self) -> list[Host]:
        """Other requests run between two pages."""
        found: list[Host] = []
        while True:
            after = found[-1].id if found else None
            page = await self.page(Filter(after=after, limit=PAGE))
            found += page
            if len(page) < PAGE:
                return found
            await asyncio.sleep(0)

    async def candidates(self, region: str) -> Sequence[str]:
        kept, table = self.unit.database.kept, tables.hosts.name
        ids: tuple[str, ...] | None = kept.find(table, region)
        if ids is None:
            forgotten = kept.forgotten(table)
            query = self._query("candidates", candidates_statement)
            rows = await self.unit.fetch(query, {"region": region, "ready": HostState.READY.value})
            ids = tuple(row[0] for row in rows)
            kept.keep(table, region, ids, forgotten)
        return ids

    async def _promised(self) -> dict[str, list[str]]:
        table = tables.promised_devices
        query = self._query(
            "promised",
            lambda: sa.select(table.c.host_id, table.c.address).order_by(table.c.address),
        )
        by_host: dict[str, list[str]] = {}
        for host_id, address in await self.unit.fetch(query, {}):
            by_host.setdefault(host_id, []).append(address)
        return by_host

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
        self._promise(reservation.host_id, reservation.devices)

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
        self._give_back(reservation.host_id, reservation.devices)

    def change_reservation(self, held: Reservation, wanted: Reservation) -> None:
        def build() -> sa.ClauseElement:
            row = tables.reservations.c
            statement = tables.reservations.update().where(row.id == bind("of_id", row.id))
            for size in SIZES:
                statement = statement.where(row[size] == bind(f"old_{size}", row[size]))
            statement = statement.where(row.devices == bind("old_devices", row.devices))
            changed = ("id", *SIZES, "devices")
            return statement.values({name: bind(name, row[name]) for name in changed})

        query = self._query("reservation.change", build)
        values = RESERVATIONS.values(wanted)
        values |= {f"old_{name}": value for name, value in RESERVATIONS.values(held).items()}
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
        self._give_back(held.host_id, [d for d in held.devices if d not in wanted.devices])
        self._promise(held.host_id, [d for d in wanted.devices if d not in held.devices])

    def _promise(self, host_id: str, devices: Iterable[Device]) -> None:
        """Reserve devices. The table's key prevents a device from being reserved twice."""
        query = self._query("promise", lambda: tables.promised_devices.insert())
        for device in devices:
            self.unit.write(
                Write(
                    query,
                    query.place({"host_id": host_id, "address": device.address}),
                    duplicate=lambda: Lost(f"a device of host {host_id} was given to another"),
                )
            )

    def _give_back(self, host_id: str, devices: Iterable[Device]) -> None:
        """Release devices, after the write of their reservation, which proves who holds them."""
        row = tables.promised_devices.c
        query = self._query(
            "give back",
            lambda: (
                tables.promised_devices.delete()
                .where(row.host_id == bind("host_id", row.host_id))
                .where(row.address == bind("address", row.address))
            ),
        )
        for device in devices:
            values = {"host_id": host_id, "address": device.address}
            self.unit.write(Write(query, query.place(values)))

    def change(self, thing: Host, **changes: Any) -> Host:
        if self.counted & set(changes):
            raise AssertionError("what is used changes by reserve and release alone")
        changed = super().change(thing, **changes)
        if any(getattr(changed, name) != getattr(thing, name) for name in CANDIDATE):
            self._forget_candidates()
        return changed

    def add(self, thing: Host) -> None:
        super().add(thing)
        self._forget_candidates()

    def _forget_candidates(self) -> None:
        """Clear the cache of candidates after the last write, so that this process sees its own
        changes immediately."""
        self.unit.writes[-1] = self.unit.writes[-1]._replace(kept=tables.hosts.name)

    def _use(self, host_id: str, more: dict[str, int], *, new: bool = False) -> None:
        """A decrease is always possible, also on a disabled host and on one that shrank."""
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
        values = query.place({"of_host": host_id, **more})
        self.unit.write(Write(query, values, missing=missing, lock=host_id))


def candidates_statement() -> sa.ClauseElement:
    host = tables.hosts.c
    return sa.select(host.id).where(
        host.region == bind("region", host.region),
        host.state == bind("ready", host.state),
        host.enabled.is_(sa.true()),
        host.node_type.in_([sa.literal_column(f"'{kind}'") for kind in CARRIERS]),
    )
