"""`/v2/blocks`: volumes."""

from collections.abc import Mapping, Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import offers, wire
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    AttachVolume,
    Command,
    CreateVolume,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    UpdateVolume,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.volumes import Volume, serial_of
from atoll.service import queries
from atoll.service.nouns import INSTANCES, VOLUMES

# Fields of this dialect alone, kept in a volume's annotations.
BLOCK_TYPE = "vultr.block_type"
BLOCK_TYPES = ("high_perf", "storage_opt")
GIB_A_DOLLAR = 10
BLANK = "block storage is always created empty: omit it"


class CreateBody(Wire, kw_only=True):
    region: str
    size_gb: int
    label: str | None = None
    block_type: str | None = None
    os_id: int | str | None = None
    snapshot_id: str | None = None
    bootable: bool | None = None


class UpdateBody(Wire, kw_only=True):
    label: str | None = None
    size_gb: int | None = None


class AttachBody(Wire, kw_only=True):
    """`live` is accepted and ignored: disks are always attached without a restart."""

    instance_id: str
    live: bool | None = None


class DetachBody(Wire, kw_only=True):
    """`live` is accepted and ignored: disks are always detached without a restart."""

    live: bool | None = None


class BlockOut(msgspec.Struct, kw_only=True):
    """A guest sees the disk as `/dev/disk/by-id/virtio-` followed by `mount_id`."""

    id: str
    cost: int
    pending_charges: float
    status: str
    size_gb: int
    region: str
    attached_to_instance: str
    attached_to_instance_ip: str
    attached_to_instance_label: str
    date_created: str
    label: str
    mount_id: str
    block_type: str
    os_id: int
    snapshot_id: str
    bootable: bool


class BlockAnswer(msgspec.Struct, kw_only=True):
    block: BlockOut


class BlockList(msgspec.Struct, kw_only=True):
    blocks: list[BlockOut]
    meta: Meta


def parse_create(body: CreateBody) -> CreateVolume:
    block_type = body.block_type or BLOCK_TYPES[0]
    if block_type not in BLOCK_TYPES:
        raise Invalid(f"block_type must be {' or '.join(BLOCK_TYPES)}", field="block_type")
    for field in ("os_id", "snapshot_id", "bootable"):
        if getattr(body, field):
            raise Invalid(f"{field}: {BLANK}", field=field)
    return CreateVolume(
        name=body.label or "", annotations={BLOCK_TYPE: block_type}, size_gib=body.size_gb,
        region=body.region, free_name=True,
    )  # fmt: skip


def show(volume: Volume, holders: Mapping[str, Instance]) -> BlockOut:
    holder = None if leaves(volume) else holders.get(volume.instance_id or "")
    return BlockOut(
        id=wire.uuid_of(volume.id), cost=-(-volume.size_gib // GIB_A_DOLLAR), pending_charges=0.0,
        status="active" if volume.doing is None else "pending", size_gb=volume.size_gib,
        region=volume.region, attached_to_instance=wire.uuid_of(holder.id if holder else None),
        attached_to_instance_ip=(holder.public_ip if holder else None) or "",
        attached_to_instance_label=holder.given_name if holder else "",
        date_created=wire.date_of(volume.created_at_ms), label=volume.given_name,
        mount_id=serial_of(volume.id),
        block_type=volume.annotations.get(BLOCK_TYPE, BLOCK_TYPES[0]),
        os_id=0, snapshot_id="", bootable=False,
    )  # fmt: skip


def leaves(volume: Volume) -> bool:
    """Return whether the volume is being detached from its instance."""
    return volume.leaving


def show_new(volume: Volume) -> BlockAnswer:
    return BlockAnswer(block=show(volume, {}))


async def holders_of(request: Call, found: Sequence[Volume]) -> dict[str, Instance]:
    """Return the instances that the volumes are attached to, by id."""
    held = [one.instance_id for one in found]
    return await queries.find_by_ids(view_of(request), INSTANCES, held)


def parse_update(reference: str, body: UpdateBody) -> list[Command]:
    """Return the resize, unless the volume has that size already."""
    wishes: list[Command] = [UpdateVolume(volume=reference, name=body.label, free_name=True)]
    if body.size_gb is not None:
        wishes.append(GrowVolume(volume=reference, size_gib=body.size_gb, same_ok=True))
    return wishes


class Blocks(Controller):
    path = "/blocks"
    tags = ("block",)

    @get("/", operation_id="list-blocks", summary="List Block storages",
         responses=wire.ANY_ERROR | wire.shown(BlockList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await wire.page_of(request, VOLUMES, paging)
        holders = await holders_of(request, page)
        return wire.answer(BlockList(blocks=[show(one, holders) for one in page], meta=meta))

    @post("/", operation_id="create-block", commands=(CreateVolume,), status_code=202,
          summary="Create Block Storage",
          responses=wire.ANY_ERROR | wire.shown(BlockAnswer, "created", 202))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_create(data)
        await offers.ensure_region(request, data.region)
        return await wire.mutate(request, show_new, command, 202)

    @get("/{block_id:str}", operation_id="get-block", summary="Get Block Storage",
         responses=wire.ANY_ERROR | wire.shown(BlockAnswer, "the block storage"))  # fmt: skip
    async def read(self, request: Call, block_id: FromPath[str]) -> Response[bytes]:
        volume = await foreign.get(request, VOLUMES, ids.VOLUME, block_id)
        holders = await holders_of(request, [volume])
        return wire.answer(BlockAnswer(block=show(volume, holders)))

    @patch("/{block_id:str}", operation_id="update-block", commands=(UpdateVolume, GrowVolume,),
           status_code=204, summary="Update Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, block_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        wishes = parse_update(wire.native_id(ids.VOLUME, block_id), data)
        return await wire.no_content(request, *wishes)

    @delete("/{block_id:str}", operation_id="delete-block", commands=(DeleteVolume,),
            status_code=204, summary="Delete Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, block_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.VOLUME, block_id)
        return await wire.no_content(request, DeleteVolume(volume=reference, detach=True))

    @post("/{block_id:str}/attach", operation_id="attach-block", commands=(AttachVolume,),
          status_code=204, summary="Attach Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def attach(
        self, request: Call, block_id: FromPath[str], data: JSONBody[AttachBody]
    ) -> Response[None]:
        reference = wire.native_id(ids.VOLUME, block_id)
        instance_id = wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id")
        command = AttachVolume(volume=reference, instance=instance_id, attached_ok=True)
        return await wire.no_content(request, command)

    @post("/{block_id:str}/detach", operation_id="detach-block", commands=(DetachVolume,),
          status_code=204, summary="Detach Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def detach(
        self,
        request: Call,
        block_id: FromPath[str],
        data: JSONBody[DetachBody | None] = None,
    ) -> Response[None]:
        reference = wire.native_id(ids.VOLUME, block_id)
        return await wire.no_content(request, DetachVolume(volume=reference))
