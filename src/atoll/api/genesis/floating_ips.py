"""`/compute/v1/floating-ips`: IPv4 addresses. One is attached when an instance is made."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.volumes import require_description
from atoll.api.genesis.wire import Named, Page, Paging, Wire, services_of
from atoll.api.http import Call, caller_of
from atoll.domain import ids
from atoll.domain.commands import CreateFloatingIp, Update
from atoll.domain.errors import Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.instances import Instance
from atoll.ports import Filter
from atoll.service import floating_ips, owned
from atoll.service.desk import Accepted, Case, UseCase, require

V4 = "ipv4"
# What only this dialect speaks of, in an address' annotations.
DESCRIPTION = "genesis.description"


class CreateBody(Wire, kw_only=True):
    name: str
    region: str | None = None
    description: str | None = None
    version: str | None = None


class UpdateBody(Wire, kw_only=True):
    name: str | None = None
    description: str | None = None


class FloatingIpOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    description: str
    ip_address: str
    is_public: bool
    version: str
    region: str
    status: str
    instance: Named | None
    created_at: str
    updated_at: str


class FloatingIpAnswer(msgspec.Struct, kw_only=True):
    floating_ip: FloatingIpOut


class FloatingIpList(Page, kw_only=True):
    floating_ips: list[FloatingIpOut]


def parse_create(body: CreateBody, region: str) -> CreateFloatingIp:
    if body.version not in {None, V4}:
        raise Invalid(f"version: only {V4} is served", field="version")
    require_description(body.description)
    notes = {DESCRIPTION: body.description or ""}
    return CreateFloatingIp(name=body.name, region=region, annotations=notes)


def show(floating_ip: FloatingIp, holder: Instance | None) -> FloatingIpOut:
    made_at = wire.time_of(floating_ip.created_at_ms)
    return FloatingIpOut(
        id=wire.uuid_of(floating_ip.id), name=floating_ip.name,
        description=floating_ip.annotations.get(DESCRIPTION, ""), ip_address=floating_ip.address,
        is_public=True, version=V4, region=floating_ip.region, status="created",
        instance=Named(id=wire.uuid_of(holder.id), name=holder.name) if holder else None,
        created_at=made_at, updated_at=made_at,
    )  # fmt: skip


async def shown(request: Call, found: list[FloatingIp]) -> list[FloatingIpOut]:
    tx = services_of(request).store.read()
    holders = await foreign.by_id(tx.instances, [one.instance_id for one in found])
    return [show(one, holders.get(one.instance_id or "")) for one in found]


async def of_path(request: Call, floating_ip_id: str) -> FloatingIp:
    rows = services_of(request).store.read().floating_ips
    return await foreign.one(request, rows, ids.FLOATING_IP, floating_ip_id, floating_ips.NOUN)


def update(reference: str, body: UpdateBody) -> UseCase[Accepted[FloatingIp]]:
    require_description(body.description)

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        notes = (await floating_ips.meant(case, reference)).annotations
        if body.description is not None:
            notes = {**notes, DESCRIPTION: body.description}
        accepted: Accepted[FloatingIp] = await owned.update(
            lambda tx: tx.floating_ips, floating_ips.NOUN, reference, Update(name=body.name),
            unique=False, annotations=notes,
        )(case)  # fmt: skip
        return accepted

    return use_case


class FloatingIps(Controller):
    path = "/floating-ips"
    tags = ("floating-ips",)

    @get("/", operation_id="listFloatingIPs", summary="List floating IPs",
         responses=wire.ANY_ERROR | wire.shown(FloatingIpList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().floating_ips
        page, about = await wire.page_of(request, rows, paging, Filter())
        out = await shown(request, list(page))
        return wire.answer(FloatingIpList(floating_ips=out, **about))

    @post("/", operation_id="createFloatingIP", status_code=201, summary="Create a floating IP",
          responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require(caller_of(request), "write")
        command = parse_create(data, await offers.ensure_region(request, data.region))
        use_case = floating_ips.create(command, services_of(request).ranges)
        return await wire.mutate(
            request, use_case, lambda one: FloatingIpAnswer(floating_ip=show(one.thing, None)), 201
        )

    @get("/{floating_ip_id:str}", operation_id="getFloatingIP", summary="Get a floating IP",
         responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "the address"))  # fmt: skip
    async def read(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        (out,) = await shown(request, [await of_path(request, floating_ip_id)])
        return wire.answer(FloatingIpAnswer(floating_ip=out))

    @patch("/{floating_ip_id:str}", operation_id="updateFloatingIP",
           summary="Update a floating IP",
           responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        found = await of_path(request, floating_ip_id)
        tx = services_of(request).store.read()
        holder = await tx.instances.find(found.instance_id) if found.instance_id else None

        def answer(accepted: Accepted[FloatingIp]) -> FloatingIpAnswer:
            return FloatingIpAnswer(floating_ip=show(accepted.thing, holder))

        return await wire.mutate(request, update(found.id, data), answer)

    @delete("/{floating_ip_id:str}", operation_id="deleteFloatingIP", status_code=204,
            summary="Delete a floating IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, floating_ip_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, floating_ip_id)
        return await wire.gone(request, floating_ips.delete(reference))
