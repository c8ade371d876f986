"""`/compute/v1/snapshots`: all snapshots of the project, including those of schedules."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.instance_views import LINUX
from atoll.api.genesis.wire import Page, Paging, Wire
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import CloneSnapshot, DeleteSnapshot, ImportSnapshot, UpdateSnapshot
from atoll.domain.images import ImageSource, SourceKind
from atoll.domain.snapshots import Snapshot
from atoll.service.nouns import SNAPSHOTS
from atoll.service.queries import ALL, Query

# The source of a clone, kept in a snapshot's annotations.
CLONE_OF = "genesis.clone_of"


class CreateBody(Wire, kw_only=True):
    """The size is unknown until the disk is imported."""

    name: str
    url: str
    region: str | None = None
    size: int | None = None
    os_type: str | None = None


class CloneBody(Wire, kw_only=True):
    region: str
    name: str | None = None


class UpdateBody(Wire, kw_only=True):
    name: str | None = None


class SnapshotOut(msgspec.Struct, kw_only=True):
    """Only one of the two sources is present."""

    id: str
    name: str
    size: int
    region: str
    status: str
    os_type: str
    resource_id: str
    source_instance_id: str | UnsetType = UNSET
    source_snapshot_id: str | UnsetType = UNSET
    created_at: str
    updated_at: str


class SnapshotAnswer(msgspec.Struct, kw_only=True):
    snapshot: SnapshotOut


class SnapshotList(Page, kw_only=True):
    snapshots: list[SnapshotOut]


def show(snapshot: Snapshot) -> SnapshotOut:
    """Show a snapshot. An imported one has no source."""
    instance = wire.uuid_of(snapshot.instance_id)
    first = wire.uuid_of(snapshot.annotations.get(CLONE_OF))
    return SnapshotOut(
        id=wire.uuid_of(snapshot.id), name=snapshot.name, size=snapshot.disk_gib,
        region=snapshot.region, status=wire.snapshot_status(snapshot), os_type=LINUX,
        resource_id=first or instance,
        source_instance_id=instance if instance and not first else UNSET,
        source_snapshot_id=first or UNSET,
        created_at=wire.time_of(snapshot.created_at_ms),
        updated_at=wire.time_of(snapshot.updated_at_ms),
    )  # fmt: skip


def show_answer(snapshot: Snapshot) -> SnapshotAnswer:
    return SnapshotAnswer(snapshot=show(snapshot))


def parse_import(body: CreateBody, region: str) -> ImportSnapshot:
    source = ImageSource(kind=SourceKind.URL, location=body.url)
    return ImportSnapshot(name=body.name, source=source, region=region)


def parse_clone(reference: str, body: CloneBody, region: str) -> CloneSnapshot:
    """Return the command. The copy keeps the id of its source."""
    return CloneSnapshot(
        snapshot=reference, region=region, name=body.name, annotations={CLONE_OF: reference}
    )


async def page_of(request: Call, asked: Paging, wanted: Query = ALL) -> Response[bytes]:
    page, about = await wire.page_of(request, SNAPSHOTS, asked, wanted)
    return wire.answer(SnapshotList(snapshots=[show(one) for one in page], **about))


class Snapshots(Controller):
    path = "/snapshots"
    tags = ("snapshots",)

    @get("/", operation_id="listSnapshots", summary="List snapshots",
         responses=wire.ANY_ERROR | wire.shown(SnapshotList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        return await page_of(request, paging)

    @post("/", operation_id="createSnapshot", commands=(ImportSnapshot,), status_code=201,
          summary="Create a snapshot from a URL",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_import(data, await offers.ensure_region(request, data.region))
        return await wire.mutate(request, show_answer, command, 201)

    @get("/{snapshot_id:str}", operation_id="getSnapshot", summary="Get a snapshot",
         responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "the snapshot"))  # fmt: skip
    async def read(self, request: Call, snapshot_id: FromPath[str]) -> Response[bytes]:
        found = await foreign.get(request, SNAPSHOTS, ids.SNAPSHOT, snapshot_id)
        return wire.answer(SnapshotAnswer(snapshot=show(found)))

    @patch("/{snapshot_id:str}", operation_id="updateSnapshot", commands=(UpdateSnapshot,),
           summary="Update a snapshot",
           responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.SNAPSHOT, snapshot_id)
        command = UpdateSnapshot(snapshot=reference, name=data.name)
        return await wire.mutate(request, show_answer, command)

    @post("/{snapshot_id:str}/clone", operation_id="cloneSnapshot", commands=(CloneSnapshot,),
          status_code=201, summary="Clone a snapshot to another region",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 201))  # fmt: skip
    async def clone(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[CloneBody]
    ) -> Response[bytes]:
        wire.view_of(request).require("write")
        reference = wire.native_id(ids.SNAPSHOT, snapshot_id)
        region = await offers.ensure_region(request, data.region)
        return await wire.mutate(request, show_answer, parse_clone(reference, data, region), 201)

    @delete("/{snapshot_id:str}", operation_id="deleteSnapshot", commands=(DeleteSnapshot,),
            status_code=204, summary="Delete a snapshot", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, snapshot_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.SNAPSHOT, snapshot_id)
        return await wire.no_content(request, DeleteSnapshot(snapshot=reference))
