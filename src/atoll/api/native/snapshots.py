"""`/v1/snapshots`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, Name, NewMetadata, NewName, Text, Wire
from atoll.domain.commands import CloneSnapshot, CreateSnapshot, DeleteSnapshot, UpdateSnapshot
from atoll.domain.snapshots import Snapshot
from atoll.service.nouns import SNAPSHOTS
from atoll.service.queries import equal


class SnapshotSpecIn(Wire, kw_only=True):
    """`instance_id` is the id or name of the instance whose root volume to copy."""

    instance_id: Name
    description: Text = ""


class CreateSnapshotBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: SnapshotSpecIn


class CloneSnapshotBody(Wire, kw_only=True):
    """`name` of the copy; default: the same name."""

    region: Name
    name: NewName | None = None


class SnapshotSpec(msgspec.Struct, kw_only=True):
    instance_id: str
    description: str
    region: str


class SnapshotStatus(msgspec.Struct, kw_only=True):
    """`state`: pending, complete, deleting or error. `size_bytes` is its own space on the host;
    `disk_gb` is the size of the disk."""

    state: str
    kind: str
    size_bytes: int | None
    disk_gb: int
    image_id: str
    host_id: str
    reason: str


class SnapshotOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: SnapshotSpec
    status: SnapshotStatus
    operation_id: str


class SnapshotList(msgspec.Struct, kw_only=True):
    items: list[SnapshotOut]
    next: str | None


def parse_create(body: CreateSnapshotBody) -> CreateSnapshot:
    given, spec = body.metadata, body.spec
    return CreateSnapshot(
        name=given.name, labels=given.labels, instance=spec.instance_id,
        description=spec.description,
    )  # fmt: skip


def show(snapshot: Snapshot) -> SnapshotOut:
    deleting = snapshot.doing == "snapshot.delete"
    return SnapshotOut(
        id=snapshot.id,
        metadata=named.metadata(snapshot),
        spec=SnapshotSpec(
            instance_id=snapshot.instance_id, description=snapshot.description,
            region=snapshot.region,
        ),
        status=SnapshotStatus(
            state="deleting" if deleting else snapshot.state, kind=snapshot.kind,
            size_bytes=snapshot.size_bytes, disk_gb=snapshot.disk_gib,
            image_id=snapshot.image_id, host_id=snapshot.host_id or "", reason=snapshot.reason,
        ),
        operation_id=snapshot.operation_id or "",
    )  # fmt: skip


class Snapshots(Controller):
    path = "/snapshots"
    tags = ("Snapshots",)

    @post("/", operation_id="createSnapshot", commands=(CreateSnapshot,), status_code=201,
          summary="Create a snapshot of an instance's root volume",
          responses=wire.WRITES | wire.shown(SnapshotOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateSnapshotBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listSnapshots", dependencies=LABELLED, summary="List snapshots",
         responses=wire.LISTS | wire.shown(SnapshotList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        instance_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        wanted = paging.changed(equals=equal(instance_id=instance_id))
        return await named.page(request, SNAPSHOTS, wanted, show)

    @get("/{snapshot_id:str}", operation_id="getSnapshot", summary="Get a snapshot",
         responses=wire.READS | wire.shown(SnapshotOut, "the snapshot"))  # fmt: skip
    async def read(self, request: Call, snapshot_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, SNAPSHOTS, snapshot_id, show)

    @patch("/{snapshot_id:str}", operation_id="updateSnapshot", commands=(UpdateSnapshot,),
           summary="Update a snapshot",
           responses=wire.WRITES | wire.shown(SnapshotOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateSnapshot, snapshot=snapshot_id)
        return await wire.mutate(request, show, command)

    @post("/{snapshot_id:str}/clone", operation_id="cloneSnapshot", commands=(CloneSnapshot,),
          status_code=202, summary="Clone a snapshot to another region",
          responses=wire.ACCEPTED)  # fmt: skip
    async def clone(
        self, request: Call, snapshot_id: FromPath[str], data: JSONBody[CloneSnapshotBody]
    ) -> Response[bytes]:
        command = CloneSnapshot(snapshot=snapshot_id, region=data.region, name=data.name)
        return await wire.begin(request, command)

    @delete("/{snapshot_id:str}", operation_id="deleteSnapshot", commands=(DeleteSnapshot,),
            status_code=202, summary="Delete a snapshot", responses=wire.ACCEPTED)  # fmt: skip
    async def remove(self, request: Call, snapshot_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(
            request, DeleteSnapshot(snapshot=snapshot_id, version=version_of(request))
        )
