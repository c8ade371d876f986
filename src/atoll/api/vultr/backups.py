"""`/v2/backups`: the snapshots that schedules made."""

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.descriptions import description_of
from atoll.api.vultr.snapshots import find, of_kind, size_of, status_of
from atoll.api.vultr.wire import Meta, Paging
from atoll.domain import ids
from atoll.domain.snapshots import Snapshot, SnapshotKind
from atoll.service.nouns import SNAPSHOTS


class BackupOut(msgspec.Struct, kw_only=True):
    """`size` is that of the disk, in bytes, and 0 until the backup is complete."""

    id: str
    date_created: str
    description: str
    size: int
    status: str


class BackupAnswer(msgspec.Struct, kw_only=True):
    backup: BackupOut


class BackupList(msgspec.Struct, kw_only=True):
    backups: list[BackupOut]
    meta: Meta


def show(snapshot: Snapshot) -> BackupOut:
    return BackupOut(
        id=wire.uuid_of(snapshot.id), date_created=wire.date_of(snapshot.created_at_ms),
        description=description_of(snapshot), size=size_of(snapshot), status=status_of(snapshot),
    )  # fmt: skip


class Backups(Controller):
    path = "/backups"
    tags = ("backup",)

    @get("/", operation_id="list-backups", summary="List Backups",
         responses=wire.ANY_ERROR | wire.shown(BackupList, "one page"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        instance_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        columns = {}
        if instance_id:
            columns["instance_id"] = wire.native_id_in(ids.INSTANCE, instance_id, "instance_id")
        wanted = of_kind(SnapshotKind.BACKUP, **columns)
        page, meta = await wire.page_of(request, SNAPSHOTS, paging, wanted)
        return wire.answer(BackupList(backups=[show(one) for one in page], meta=meta))

    @get("/{backup_id:str}", operation_id="get-backup", summary="Get a Backup",
         responses=wire.ANY_ERROR | wire.shown(BackupAnswer, "the backup"))  # fmt: skip
    async def read(self, request: Call, backup_id: FromPath[str]) -> Response[bytes]:
        found = await find(request, backup_id, SnapshotKind.BACKUP)
        return wire.answer(BackupAnswer(backup=show(found)))
