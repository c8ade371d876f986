"""`/compute/v1/volumes`."""

from collections.abc import Mapping, Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.wire import Named, Page, Paging, Wire, view_of
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import (
    Command,
    CreateVolume,
    DeleteVolume,
    GrowVolume,
    UpdateVolume,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.volumes import Volume
from atoll.service import queries, volumes
from atoll.service.nouns import INSTANCES, VOLUMES

# Fields of this dialect alone, kept in a volume's annotations.
DESCRIPTION, TYPE = "genesis.description", "genesis.type"
TYPES = ("hdd", "ssd")
DESCRIPTION_MAX = 1000


class CreateBody(Wire, kw_only=True):
    name: str
    size: int
    region: str | None = None
    description: str | None = None
    type: str | None = None


class UpdateBody(Wire, kw_only=True):
    name: str | None = None
    description: str | None = None
    size: int | None = None


class VolumeOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    description: str
    type: str
    size: int
    region: str
    instances: list[Named]
    status: str
    created_at: str
    updated_at: str


class VolumeAnswer(msgspec.Struct, kw_only=True):
    volume: VolumeOut


class VolumeList(Page, kw_only=True):
    volumes: list[VolumeOut]


def parse_create(body: CreateBody, region: str) -> CreateVolume:
    kind = body.type or TYPES[0]
    if kind not in TYPES:
        raise Invalid(f"type must be {' or '.join(TYPES)}", field="type")
    require_description(body.description)
    return CreateVolume(
        name=body.name, size_gib=body.size, region=region, free_name=True,
        annotations={DESCRIPTION: body.description or "", TYPE: kind},
    )  # fmt: skip


def require_description(text: str | None) -> None:
    if text is not None and len(text) > DESCRIPTION_MAX:
        field = "description"
        raise Invalid(f"{field} must have at most {DESCRIPTION_MAX} characters", field=field)


def show(volume: Volume, holders: Mapping[str, Instance], size_gib: int) -> VolumeOut:
    holder = None if volume.leaving else holders.get(volume.instance_id or "")
    notes = volume.annotations
    return VolumeOut(
        id=wire.uuid_of(volume.id), name=volume.given_name, description=notes.get(DESCRIPTION, ""),
        type=notes.get(TYPE, TYPES[0]), size=size_gib, region=volume.region,
        instances=[Named(id=wire.uuid_of(holder.id), name=holder.given_name)] if holder else [],
        status=wire.volume_status(volume), created_at=wire.time_of(volume.created_at_ms),
        updated_at=wire.time_of(volume.updated_at_ms),
    )  # fmt: skip


async def shown(request: Call, found: Sequence[Volume]) -> list[VolumeOut]:
    """Show volumes with their instances, and with the sizes of running resizes."""
    view = view_of(request)
    held = [one.instance_id for one in found]
    holders = await queries.find_by_ids(view, INSTANCES, held)
    sizes = await volumes.growing_volumes(view, found)
    return [show(one, holders, sizes.get(one.id, one.size_gib)) for one in found]


def parse_update(reference: str, body: UpdateBody) -> list[Command]:
    """Return the commands. The present size is no change."""
    require_description(body.description)
    notes = {} if body.description is None else {DESCRIPTION: body.description}
    command = UpdateVolume(volume=reference, name=body.name, annotations=notes, free_name=True)
    wishes: list[Command] = [command]
    if body.size is not None:
        wishes.append(GrowVolume(volume=reference, size_gib=body.size, same_ok=True))
    return wishes


async def answer_of(request: Call, volume: Volume) -> VolumeAnswer:
    (out,) = await shown(request, [volume])
    return VolumeAnswer(volume=out)


async def change(request: Call, wishes: Sequence[Command], status: int = 200) -> Response[bytes]:
    outcome = await wire.execute(request, *wishes)
    return wire.respond(outcome, await answer_of(request, outcome.thing), status)


class Volumes(Controller):
    path = "/volumes"
    tags = ("volumes",)

    @get("/", operation_id="listVolumes", summary="List volumes",
         responses=wire.ANY_ERROR | wire.shown(VolumeList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, about = await wire.page_of(request, VOLUMES, paging)
        return wire.answer(VolumeList(volumes=await shown(request, page), **about))

    @post("/", operation_id="createVolume", commands=(CreateVolume,), status_code=201,
          summary="Create a volume",
          responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_create(data, await offers.ensure_region(request, data.region))
        return await change(request, [command], 201)

    @get("/{volume_id:str}", operation_id="getVolume", summary="Get a volume",
         responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "the volume"))  # fmt: skip
    async def read(self, request: Call, volume_id: FromPath[str]) -> Response[bytes]:
        found = await foreign.get(request, VOLUMES, ids.VOLUME, volume_id)
        return wire.answer(await answer_of(request, found))

    @patch("/{volume_id:str}", operation_id="updateVolume", commands=(UpdateVolume, GrowVolume,),
           summary="Update a volume",
           responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, volume_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        return await change(request, parse_update(wire.native_id(ids.VOLUME, volume_id), data))

    @delete("/{volume_id:str}", operation_id="deleteVolume", commands=(DeleteVolume,),
            status_code=204, summary="Delete a volume", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, volume_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.VOLUME, volume_id)
        return await wire.no_content(request, DeleteVolume(volume=reference))
