"""`/v1/volumes`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, Name, NewMetadata, Wire
from atoll.domain.commands import (
    AttachVolume,
    CreateVolume,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    UpdateVolume,
)
from atoll.domain.volumes import Volume, serial_of
from atoll.service.nouns import VOLUMES
from atoll.service.queries import equal

SizeGb = Annotated[int, Meta(ge=1, le=65_536)]


class VolumeSpecIn(Wire, kw_only=True):
    """`instance_id`, an id or a name: the instance to attach the new volume to."""

    size_gb: SizeGb
    region: str | None = None
    instance_id: str | None = None


class CreateVolumeBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: VolumeSpecIn


class AttachVolumeBody(Wire, kw_only=True):
    instance_id: Name


class ResizeVolumeBody(Wire, kw_only=True):
    """A volume cannot shrink."""

    size_gb: SizeGb


class VolumeSpec(msgspec.Struct, kw_only=True):
    size_gb: int
    region: str


class VolumeStatus(msgspec.Struct, kw_only=True):
    """`state`: available, attaching, attached, detaching, resizing, deleting or error. `device` is
    its name in `/dev/disk/by-id/` in the guest."""

    state: str
    instance_id: str
    host_id: str
    device: str
    reason: str


class VolumeOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: VolumeSpec
    status: VolumeStatus
    operation_id: str


class VolumeList(msgspec.Struct, kw_only=True):
    items: list[VolumeOut]
    next: str | None


DOING = {
    "volume.attach": "attaching",
    "volume.detach": "detaching",
    "volume.grow": "resizing",
    "volume.delete": "deleting",
}


def parse_create(body: CreateVolumeBody) -> CreateVolume:
    given, spec = body.metadata, body.spec
    return CreateVolume(
        name=given.name, labels=given.labels, size_gib=spec.size_gb, region=spec.region or None,
        instance=spec.instance_id or None,
    )  # fmt: skip


def show(volume: Volume) -> VolumeOut:
    return VolumeOut(
        id=volume.id,
        metadata=named.metadata(volume),
        spec=VolumeSpec(size_gb=volume.size_gib, region=volume.region),
        status=VolumeStatus(
            state=DOING.get(volume.doing or "", volume.state),
            instance_id=volume.instance_id or "", host_id=volume.host_id or "",
            device=f"virtio-{serial_of(volume.id)}", reason=volume.reason,
        ),
        operation_id=volume.operation_id or "",
    )  # fmt: skip


class Volumes(Controller):
    path = "/volumes"
    tags = ("Volumes",)

    @post("/", operation_id="createVolume", commands=(CreateVolume,), status_code=201,
          summary="Create a volume",
          responses=wire.WRITES | wire.shown(VolumeOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateVolumeBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listVolumes", dependencies=LABELLED, summary="List volumes",
         responses=wire.LISTS | wire.shown(VolumeList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        instance_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        wanted = paging.changed(equals=equal(instance_id=instance_id))
        return await named.page(request, VOLUMES, wanted, show)

    @get("/{volume_id:str}", operation_id="getVolume", summary="Get a volume",
         responses=wire.READS | wire.shown(VolumeOut, "the volume"))  # fmt: skip
    async def read(self, request: Call, volume_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, VOLUMES, volume_id, show)

    @patch("/{volume_id:str}", operation_id="updateVolume", commands=(UpdateVolume,),
           summary="Update a volume",
           responses=wire.WRITES | wire.shown(VolumeOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, volume_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateVolume, volume=volume_id)
        return await wire.mutate(request, show, command)

    @post("/{volume_id:str}/attach", operation_id="attachVolume", commands=(AttachVolume,),
          status_code=202, summary="Attach a volume to an instance (running or stopped)",
          responses=wire.ACCEPTED)  # fmt: skip
    async def attach(
        self, request: Call, volume_id: FromPath[str], data: JSONBody[AttachVolumeBody]
    ) -> Response[bytes]:
        return await wire.begin(request, AttachVolume(volume=volume_id, instance=data.instance_id))

    @post("/{volume_id:str}/detach", operation_id="detachVolume", commands=(DetachVolume,),
          status_code=202, summary="Detach a volume (once the guest releases it)",
          responses=wire.ACCEPTED)  # fmt: skip
    async def detach(self, request: Call, volume_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, DetachVolume(volume=volume_id))

    @post("/{volume_id:str}/resize", operation_id="resizeVolume", commands=(GrowVolume,),
          status_code=202, summary="Resize a volume (larger only; the guest may run)",
          responses=wire.ACCEPTED)  # fmt: skip
    async def resize(
        self, request: Call, volume_id: FromPath[str], data: JSONBody[ResizeVolumeBody]
    ) -> Response[bytes]:
        return await wire.begin(request, GrowVolume(volume=volume_id, size_gib=data.size_gb))

    @delete("/{volume_id:str}", operation_id="deleteVolume", commands=(DeleteVolume,),
            status_code=202, summary="Delete a volume that is not attached",
            responses=wire.ACCEPTED)  # fmt: skip
    async def remove(self, request: Call, volume_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(
            request, DeleteVolume(volume=volume_id, version=version_of(request))
        )
