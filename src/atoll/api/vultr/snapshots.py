"""`/v2/snapshots`: those that somebody asked for. What a schedule makes is in `backups.py`."""

from collections.abc import Mapping

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call, caller_of
from atoll.api.vultr import wire
from atoll.api.vultr.catalogue import CUSTOM, Catalogue
from atoll.api.vultr.described import description_of
from atoll.api.vultr.instance_views import images_of, system_meant
from atoll.api.vultr.wire import Meta, Paging, Wire, catalogue_of, services_of
from atoll.domain import ids
from atoll.domain.commands import CreateSnapshot, ImportSnapshot, Update
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import ImageSource, SourceKind
from atoll.domain.projects import Caller
from atoll.domain.snapshots import Snapshot, SnapshotKind, SnapshotState
from atoll.ports import Filter, Transaction
from atoll.service import references, snapshots
from atoll.service.desk import Accepted, Case, UseCase, require

GIB = 2**30
NO_UEFI = ("", "false", "0", "no")
STATUSES = {
    SnapshotState.PENDING: "pending",
    SnapshotState.COMPLETE: "complete",
    SnapshotState.ERROR: "failed",
}


class CreateBody(Wire, kw_only=True):
    instance_id: str
    description: str | None = None


class CreateFromUrlBody(Wire, kw_only=True):
    url: str
    description: str | None = None
    uefi: str | bool | None = None


class UpdateBody(Wire, kw_only=True):
    description: str


class SnapshotOut(msgspec.Struct, kw_only=True):
    """`size` is that of the disk, `compressed_size` what the snapshot takes; both in bytes, and 0
    until it is complete."""

    id: str
    date_created: str
    description: str
    size: int
    compressed_size: int
    status: str
    os_id: int
    app_id: int


class SnapshotAnswer(msgspec.Struct, kw_only=True):
    snapshot: SnapshotOut


class SnapshotList(msgspec.Struct, kw_only=True):
    snapshots: list[SnapshotOut]
    meta: Meta


def one_line(description: str) -> str:
    """What other dialects call it: one line of the description."""
    printable = "".join(c if c.isprintable() else " " for c in description)
    return printable[: references.NAME_MAX]


def status_of(snapshot: Snapshot) -> str:
    return "deleted" if snapshot.doing == "snapshot.delete" else STATUSES[snapshot.state]


def size_of(snapshot: Snapshot) -> int:
    return snapshot.disk_gib * GIB if snapshot.state is SnapshotState.COMPLETE else 0


def of_kind(kind: SnapshotKind, **columns: str) -> Filter:
    """Those of that kind, of which these columns have these values."""
    every = {"kind": str(kind), **columns}
    return Filter(any_of=(tuple((column, (value,)) for column, value in every.items()),))


def show(snapshot: Snapshot, names: Catalogue, images: Mapping[str, str]) -> SnapshotOut:
    """An imported one is of no system that could be named."""
    os_id = CUSTOM
    if snapshot.instance_id:
        os_id = system_meant(names, snapshot.annotations, snapshot.image_id, images).id
    return SnapshotOut(
        id=wire.uuid_of(snapshot.id), date_created=wire.date_of(snapshot.created_at_ms),
        description=description_of(snapshot), size=size_of(snapshot),
        compressed_size=snapshot.size_bytes or 0, status=status_of(snapshot), os_id=os_id,
        app_id=0,
    )  # fmt: skip


async def find(tx: Transaction, caller: Caller, snapshot_id: str, kind: SnapshotKind) -> Snapshot:
    """Raises NotFound, of the other kind too."""
    require(caller, "read")
    reference = wire.native_id(ids.SNAPSHOT, snapshot_id)
    found = await references.get(tx.snapshots, caller.project_id, reference, snapshots.NOUN)
    if found.kind is not kind:
        raise NotFound(f"snapshot {reference} is a {found.kind} one")
    return found


def about(snapshot_id: str, use_case: UseCase[Accepted[Snapshot]]) -> UseCase[Accepted[Snapshot]]:
    """The use case, unless it is a backup."""

    async def manual_only(case: Case) -> Accepted[Snapshot]:
        await find(case.tx, case.caller, snapshot_id, SnapshotKind.MANUAL)
        return await use_case(case)

    return manual_only


async def made(
    request: Call, use_case: UseCase[Accepted[Snapshot]], status: int
) -> Response[bytes]:
    names = catalogue_of(request)
    images = await images_of(services_of(request).store.read(), caller_of(request))

    def answer(accepted: Accepted[Snapshot]) -> SnapshotAnswer:
        return SnapshotAnswer(snapshot=show(accepted.thing, names, images))

    return await wire.mutate(request, use_case, answer, status)


class Snapshots(Controller):
    path = "/snapshots"
    tags = ("snapshot",)

    @get("/", operation_id="list-snapshots", summary="List Snapshots",
         responses=wire.ANY_ERROR | wire.shown(SnapshotList, "one page"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        description: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        tx, wanted = services_of(request).store.read(), of_kind(SnapshotKind.MANUAL)
        if description:
            found = await wire.every(request, tx.snapshots, wanted)
            same = [one for one in found if description_of(one) == description]
            page, meta = wire.part_of(same, paging)
        else:
            page, meta = await wire.page_of(request, tx.snapshots, paging, wanted)
        names, images = catalogue_of(request), await images_of(tx, caller_of(request))
        out = [show(one, names, images) for one in page]
        return wire.answer(SnapshotList(snapshots=out, meta=meta))

    @post("/", operation_id="create-snapshot", status_code=201, summary="Create Snapshot",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        description = data.description or ""
        command = CreateSnapshot(
            name=one_line(description), description=description,
            instance=wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id"),
        )  # fmt: skip
        return await made(request, snapshots.create(command), 201)

    @post("/create-from-url", operation_id="create-snapshot-create-from-url", status_code=202,
          summary="Create Snapshot from URL",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 202))  # fmt: skip
    async def create_from_url(
        self, request: Call, data: JSONBody[CreateFromUrlBody]
    ) -> Response[bytes]:
        if str(data.uefi or "").lower() not in NO_UEFI:
            raise Invalid("uefi: guests start from a BIOS here: leave it out", field="uefi")
        description = data.description or ""
        command = ImportSnapshot(
            name=one_line(description), description=description,
            source=ImageSource(kind=SourceKind.URL, location=data.url),
        )  # fmt: skip
        return await made(request, snapshots.import_(command), 202)

    @get("/{snapshot_id:str}", operation_id="get-snapshot", summary="Get Snapshot",
         responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "the snapshot"))  # fmt: skip
    async def read(self, request: Call, snapshot_id: FromPath[str]) -> Response[bytes]:
        tx, caller = services_of(request).store.read(), caller_of(request)
        found = await find(tx, caller, snapshot_id, SnapshotKind.MANUAL)
        out = show(found, catalogue_of(request), await images_of(tx, caller))
        return wire.answer(SnapshotAnswer(snapshot=out))

    @put("/{snapshot_id:str}", operation_id="put-snapshots-snapshot-id", status_code=204,
         summary="Update Snapshot", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        use_case = snapshots.update(
            wire.native_id(ids.SNAPSHOT, snapshot_id), Update(name=one_line(data.description)),
            data.description,
        )  # fmt: skip
        return await wire.gone(request, about(snapshot_id, use_case))

    @delete("/{snapshot_id:str}", operation_id="delete-snapshot", status_code=204,
            summary="Delete Snapshot", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, snapshot_id: FromPath[str]) -> Response[None]:
        use_case = snapshots.delete(wire.native_id(ids.SNAPSHOT, snapshot_id))
        return await wire.gone(request, about(snapshot_id, use_case))
