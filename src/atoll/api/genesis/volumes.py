"""`/compute/v1/volumes`."""

from collections.abc import Mapping
from functools import partial

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.wire import Named, Page, Paging, Wire, services_of
from atoll.api.http import Call, caller_of
from atoll.domain import ids
from atoll.domain.commands import CreateVolume, Update
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.volumes import Volume
from atoll.operations import volume_grow
from atoll.ports import Filter
from atoll.service import owned, references, volumes
from atoll.service.desk import Accepted, Case, UseCase, require

# What only this dialect speaks of, in a volume's annotations.
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
        raise Invalid(f"type: {' or '.join(TYPES)}", field="type")
    require_description(body.description)
    return CreateVolume(
        name=body.name, size_gib=body.size, region=region,
        annotations={DESCRIPTION: body.description or "", TYPE: kind},
    )  # fmt: skip


def require_description(text: str | None) -> None:
    if text is not None and len(text) > DESCRIPTION_MAX:
        field = "description"
        raise Invalid(f"{field}: at most {DESCRIPTION_MAX} characters are allowed", field=field)


def show(volume: Volume, holders: Mapping[str, Instance], size_gib: int) -> VolumeOut:
    holder = None if volume.doing == "volume.detach" else holders.get(volume.instance_id or "")
    notes = volume.annotations
    return VolumeOut(
        id=wire.uuid_of(volume.id), name=volume.name, description=notes.get(DESCRIPTION, ""),
        type=notes.get(TYPE, TYPES[0]), size=size_gib, region=volume.region,
        instances=[Named(id=wire.uuid_of(holder.id), name=holder.name)] if holder else [],
        status=wire.volume_status(volume), created_at=wire.time_of(volume.created_at_ms),
        updated_at=wire.time_of(volume.updated_at_ms),
    )  # fmt: skip


async def shown(request: Call, found: list[Volume]) -> list[VolumeOut]:
    """With their instances, and as large as they are to become."""
    tx = services_of(request).store.read()
    holders = await foreign.by_id(tx.instances, [one.instance_id for one in found])
    sizes = {one.id: one.size_gib for one in found}
    for one in found:
        if one.doing == volume_grow.WORKFLOW.kind and one.operation_id is not None:
            operation = await tx.operations.get(one.operation_id)
            sizes[one.id] = int(operation.arguments["size_gib"])
    return [show(one, holders, sizes[one.id]) for one in found]


def update(reference: str, body: UpdateBody) -> UseCase[Accepted[Volume]]:
    """The size that it has already is no change."""
    require_description(body.description)

    async def use_case(case: Case) -> Accepted[Volume]:
        case.require("write")
        rows, project_id = case.tx.volumes, case.caller.project_id
        volume = await references.get(rows, project_id, reference, volumes.NOUN)
        notes = volume.annotations
        if body.description is not None:
            notes = {**notes, DESCRIPTION: body.description}
        accepted: Accepted[Volume] = await owned.update(
            lambda tx: tx.volumes, volumes.NOUN, reference, Update(name=body.name), unique=False,
            annotations=notes, updated_at_ms=case.now_ms,
        )(case)  # fmt: skip
        if body.size is not None and body.size != volume.size_gib:
            accepted = await volumes.grow(reference, body.size)(case)
        return accepted

    return use_case


async def answer_of(request: Call, volume_id: str) -> VolumeAnswer:
    (out,) = await shown(request, [await services_of(request).store.read().volumes.get(volume_id)])
    return VolumeAnswer(volume=out)


class Volumes(Controller):
    path = "/volumes"
    tags = ("volumes",)

    @get("/", operation_id="listVolumes", summary="List volumes",
         responses=wire.ANY_ERROR | wire.shown(VolumeList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().volumes
        page, about = await wire.page_of(request, rows, paging, Filter())
        return wire.answer(VolumeList(volumes=await shown(request, list(page)), **about))

    @post("/", operation_id="createVolume", status_code=201, summary="Create a volume",
          responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require(caller_of(request), "write")
        command = parse_create(data, await offers.ensure_region(request, data.region))
        return await wire.shown_after(
            request, volumes.create(command), partial(answer_of, request), 201
        )

    @get("/{volume_id:str}", operation_id="getVolume", summary="Get a volume",
         responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "the volume"))  # fmt: skip
    async def read(self, request: Call, volume_id: FromPath[str]) -> Response[bytes]:
        rows = services_of(request).store.read().volumes
        found = await foreign.one(request, rows, ids.VOLUME, volume_id, volumes.NOUN)
        return wire.answer(await answer_of(request, found.id))

    @patch("/{volume_id:str}", operation_id="updateVolume", summary="Update a volume",
           responses=wire.ANY_ERROR | wire.shown(VolumeAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, volume_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        use_case = update(wire.native_id(ids.VOLUME, volume_id), data)
        return await wire.shown_after(request, use_case, partial(answer_of, request))

    @delete("/{volume_id:str}", operation_id="deleteVolume", status_code=204,
            summary="Delete a volume", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, volume_id: FromPath[str]) -> Response[None]:
        return await wire.gone(request, volumes.delete(wire.native_id(ids.VOLUME, volume_id)))
