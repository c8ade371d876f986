"""`/v2/snapshots`: snapshots on request. Those of schedules are in `backups.py`."""

from collections.abc import Mapping

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.catalogue import CUSTOM, Catalogue
from atoll.api.vultr.descriptions import description_of
from atoll.api.vultr.instances.show import image_names, resolve_system
from atoll.api.vultr.wire import Meta, Paging, Wire, catalogue_of, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    Command,
    CreateSnapshot,
    DeleteSnapshot,
    ImportSnapshot,
    UpdateSnapshot,
)
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import ImageSource, SourceKind
from atoll.domain.names import NAME_MAX
from atoll.domain.snapshots import Snapshot, SnapshotKind, SnapshotState
from atoll.service import queries
from atoll.service.nouns import SNAPSHOTS
from atoll.service.queries import Query, equal

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
    """`size` is the size of the disk, `compressed_size` that of the snapshot: bytes, 0 until it is
    complete."""

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
    """Return the first line of a description, as the name in other dialects."""
    printable = "".join(c if c.isprintable() else " " for c in description)
    return printable[:NAME_MAX]


def status_of(snapshot: Snapshot) -> str:
    return "deleted" if snapshot.doing == "snapshot.delete" else STATUSES[snapshot.state]


def size_of(snapshot: Snapshot) -> int:
    return snapshot.disk_gib * GIB if snapshot.state is SnapshotState.COMPLETE else 0


def of_kind(kind: SnapshotKind, **columns: str) -> Query:
    """Return a query for snapshots of the kind, by the values of columns."""
    return Query(equals=equal(kind=str(kind), **columns))


def show(snapshot: Snapshot, names: Catalogue, images: Mapping[str, str]) -> SnapshotOut:
    """Show a snapshot. The system of an imported one is unknown."""
    os_id = CUSTOM
    if snapshot.instance_id:
        os_id = resolve_system(names, snapshot.annotations, snapshot.image_id, images).id
    return SnapshotOut(
        id=wire.uuid_of(snapshot.id), date_created=wire.date_of(snapshot.created_at_ms),
        description=description_of(snapshot), size=size_of(snapshot),
        compressed_size=snapshot.size_bytes or 0, status=status_of(snapshot), os_id=os_id,
        app_id=0,
    )  # fmt: skip


async def find(request: Call, snapshot_id: str, kind: SnapshotKind) -> Snapshot:
    """Find a snapshot. Raises NotFound, also for one of the other kind."""
    found = await foreign.get(request, SNAPSHOTS, ids.SNAPSHOT, snapshot_id)
    if found.kind is not kind:
        raise NotFound(f"snapshot {found.id} is of kind {found.kind}")
    return found


async def show_answer(request: Call, snapshot: Snapshot) -> SnapshotAnswer:
    names, images = catalogue_of(request), await image_names(view_of(request))
    return SnapshotAnswer(snapshot=show(snapshot, names, images))


async def create(request: Call, command: Command, status: int) -> Response[bytes]:
    outcome = await wire.execute(request, command)
    return wire.respond(outcome, await show_answer(request, outcome.thing), status)


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
        view, wanted = view_of(request), of_kind(SnapshotKind.MANUAL)
        if description:
            found = await queries.find_every(view, SNAPSHOTS, wanted)
            same = [one for one in found if description_of(one) == description]
            page, meta = wire.part_of(same, paging)
        else:
            page, meta = await wire.page_of(request, SNAPSHOTS, paging, wanted)
        names, images = catalogue_of(request), await image_names(view)
        out = [show(one, names, images) for one in page]
        return wire.answer(SnapshotList(snapshots=out, meta=meta))

    @post("/", operation_id="create-snapshot", commands=(CreateSnapshot,), status_code=201,
          summary="Create Snapshot",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        description = data.description or ""
        command = CreateSnapshot(
            name=one_line(description), description=description,
            instance=wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id"),
        )  # fmt: skip
        return await create(request, command, 201)

    @post("/create-from-url", operation_id="create-snapshot-create-from-url",
          commands=(ImportSnapshot,), status_code=202, summary="Create Snapshot from URL",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 202))  # fmt: skip
    async def create_from_url(
        self, request: Call, data: JSONBody[CreateFromUrlBody]
    ) -> Response[bytes]:
        if str(data.uefi or "").lower() not in NO_UEFI:
            raise Invalid("uefi: guests boot with a BIOS: omit it", field="uefi")
        description = data.description or ""
        command = ImportSnapshot(
            name=one_line(description), description=description,
            source=ImageSource(kind=SourceKind.URL, location=data.url),
        )  # fmt: skip
        return await create(request, command, 202)

    @get("/{snapshot_id:str}", operation_id="get-snapshot", summary="Get Snapshot",
         responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "the snapshot"))  # fmt: skip
    async def read(self, request: Call, snapshot_id: FromPath[str]) -> Response[bytes]:
        found = await find(request, snapshot_id, SnapshotKind.MANUAL)
        return wire.answer(await show_answer(request, found))

    @put("/{snapshot_id:str}", operation_id="put-snapshots-snapshot-id", commands=(UpdateSnapshot,),
         status_code=204, summary="Update Snapshot", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        found = await find(request, snapshot_id, SnapshotKind.MANUAL)
        command = UpdateSnapshot(
            snapshot=found.id, name=one_line(data.description), description=data.description
        )
        return await wire.no_content(request, command)

    @delete("/{snapshot_id:str}", operation_id="delete-snapshot", commands=(DeleteSnapshot,),
            status_code=204, summary="Delete Snapshot", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, snapshot_id: FromPath[str]) -> Response[None]:
        found = await find(request, snapshot_id, SnapshotKind.MANUAL)
        return await wire.no_content(request, DeleteSnapshot(snapshot=found.id))
