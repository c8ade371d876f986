"""`/v2/blocks`: volumes."""

from collections.abc import Mapping, Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call, caller_of
from atoll.api.vultr import wire
from atoll.api.vultr.offers import region_meant
from atoll.api.vultr.wire import Meta, Paging, Wire, catalogue_of, services_of
from atoll.domain import ids
from atoll.domain.commands import CreateVolume, Update
from atoll.domain.errors import InUse, Invalid
from atoll.domain.instances import Instance
from atoll.domain.volumes import Volume, serial_of
from atoll.ports import Filter, Transaction
from atoll.service import catalogue, owned, references, volumes
from atoll.service.desk import Accepted, Case, UseCase, require

# What only this dialect speaks of, in a volume's annotations.
BLOCK_TYPE = "vultr.block_type"
BLOCK_TYPES = ("high_perf", "storage_opt")
GIB_A_DOLLAR = 10
ELSEWHERE = "Block storage is already attached to another server"
BLANK = "block storage is made blank here: leave it out"


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
    """A guest gets the disk while it runs, whatever `live` says."""

    instance_id: str
    live: bool | None = None


class DetachBody(Wire, kw_only=True):
    """As `AttachBody`."""

    live: bool | None = None


class BlockOut(msgspec.Struct, kw_only=True):
    """In a guest it is `/dev/disk/by-id/virtio-` and the `mount_id`."""

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
        raise Invalid(f"block_type: {' or '.join(BLOCK_TYPES)}", field="block_type")
    for field in ("os_id", "snapshot_id", "bootable"):
        if getattr(body, field):
            raise Invalid(f"{field}: {BLANK}", field=field)
    return CreateVolume(
        name=body.label or "", annotations={BLOCK_TYPE: block_type}, size_gib=body.size_gb,
        region=body.region,
    )  # fmt: skip


def show(volume: Volume, holders: Mapping[str, Instance]) -> BlockOut:
    holder = None if leaves(volume) else holders.get(volume.instance_id or "")
    return BlockOut(
        id=wire.uuid_of(volume.id), cost=-(-volume.size_gib // GIB_A_DOLLAR), pending_charges=0.0,
        status="active" if volume.doing is None else "pending", size_gb=volume.size_gib,
        region=volume.region, attached_to_instance=wire.uuid_of(holder.id if holder else None),
        attached_to_instance_ip=(holder.public_ip if holder else None) or "",
        attached_to_instance_label=holder.name if holder else "",
        date_created=wire.date_of(volume.created_at_ms), label=volume.name,
        mount_id=serial_of(volume.id),
        block_type=volume.annotations.get(BLOCK_TYPE, BLOCK_TYPES[0]),
        os_id=0, snapshot_id="", bootable=False,
    )  # fmt: skip


def leaves(volume: Volume) -> bool:
    """Whether it is on its way out of the instance that still has it."""
    return volume.doing == "volume.detach"


def show_new(accepted: Accepted[Volume]) -> BlockAnswer:
    return BlockAnswer(block=show(accepted.thing, {}))


async def holders_of(tx: Transaction, found: Sequence[Volume]) -> dict[str, Instance]:
    """The instances that have them, by their ids."""
    return await foreign.by_id(tx.instances, [one.instance_id for one in found])


def update(reference: str, body: UpdateBody) -> UseCase[Accepted[Volume]]:
    """The size that it has already is no change."""

    async def use_case(case: Case) -> Accepted[Volume]:
        accepted: Accepted[Volume] = await owned.update(
            lambda tx: tx.volumes, volumes.NOUN, reference, Update(name=body.label), unique=False
        )(case)
        if body.size_gb is not None and body.size_gb != accepted.thing.size_gib:
            accepted = await volumes.grow(reference, body.size_gb)(case)
        return accepted

    return use_case


def attach(reference: str, instance_id: str) -> UseCase[Accepted[Volume]]:
    """To the instance that has it already is no change."""

    async def use_case(case: Case) -> Accepted[Volume]:
        case.require("write")
        volume = await references.get(
            case.tx.volumes, case.caller.project_id, reference, volumes.NOUN
        )
        if volume.instance_id not in {None, instance_id}:
            raise InUse(ELSEWHERE)
        if volume.instance_id == instance_id and not leaves(volume):
            return Accepted(volume)
        return await volumes.attach(reference, instance_id)(case)

    return use_case


class Blocks(Controller):
    path = "/blocks"
    tags = ("block",)

    @get("/", operation_id="list-blocks", summary="List Block storages",
         responses=wire.ANY_ERROR | wire.shown(BlockList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        tx = services_of(request).store.read()
        page, meta = await wire.page_of(request, tx.volumes, paging, Filter())
        holders = await holders_of(tx, page)
        return wire.answer(BlockList(blocks=[show(one, holders) for one in page], meta=meta))

    @post("/", operation_id="create-block", status_code=202, summary="Create Block Storage",
          responses=wire.ANY_ERROR | wire.shown(BlockAnswer, "created", 202))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        store, command = services_of(request).store, parse_create(data)
        region = await region_meant(store.read(), catalogue_of(request), data.region)
        await catalogue.adopt(store, region=region)
        return await wire.mutate(request, volumes.create(command), show_new, 202)

    @get("/{block_id:str}", operation_id="get-block", summary="Get Block Storage",
         responses=wire.ANY_ERROR | wire.shown(BlockAnswer, "the block storage"))  # fmt: skip
    async def read(self, request: Call, block_id: FromPath[str]) -> Response[bytes]:
        caller = caller_of(request)
        require(caller, "read")
        tx = services_of(request).store.read()
        reference = wire.native_id(ids.VOLUME, block_id)
        volume = await references.get(tx.volumes, caller.project_id, reference, volumes.NOUN)
        return wire.answer(BlockAnswer(block=show(volume, await holders_of(tx, [volume]))))

    @patch("/{block_id:str}", operation_id="update-block", status_code=204,
           summary="Update Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, block_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        return await wire.gone(request, update(wire.native_id(ids.VOLUME, block_id), data))

    @delete("/{block_id:str}", operation_id="delete-block", status_code=204,
            summary="Delete Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, block_id: FromPath[str]) -> Response[None]:
        return await wire.gone(request, volumes.delete(wire.native_id(ids.VOLUME, block_id)))

    @post("/{block_id:str}/attach", operation_id="attach-block", status_code=204,
          summary="Attach Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def attach(
        self, request: Call, block_id: FromPath[str], data: JSONBody[AttachBody]
    ) -> Response[None]:
        reference = wire.native_id(ids.VOLUME, block_id)
        instance_id = wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id")
        return await wire.gone(request, attach(reference, instance_id))

    @post("/{block_id:str}/detach", operation_id="detach-block", status_code=204,
          summary="Detach Block Storage", responses=wire.ANY_ERROR)  # fmt: skip
    async def detach(
        self,
        request: Call,
        block_id: FromPath[str],
        data: JSONBody[DetachBody | None] = None,
    ) -> Response[None]:
        return await wire.gone(request, volumes.detach(wire.native_id(ids.VOLUME, block_id)))
