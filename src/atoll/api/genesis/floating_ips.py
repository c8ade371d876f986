"""`/compute/v1/floating-ips`: IPv4 addresses. One can be attached when an instance is created."""

from collections.abc import Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.volumes import require_description
from atoll.api.genesis.wire import Named, Page, Paging, Wire, view_of
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import (
    Command,
    CreateFloatingIp,
    DeleteFloatingIp,
    UpdateFloatingIp,
)
from atoll.domain.errors import Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.instances import Instance
from atoll.service import queries
from atoll.service.nouns import FLOATING_IPS, INSTANCES

V4 = "ipv4"
# Fields of this dialect alone, kept in an address's annotations.
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
        raise Invalid(f"version must be {V4}", field="version")
    require_description(body.description)
    notes = {DESCRIPTION: body.description or ""}
    return CreateFloatingIp(name=body.name, region=region, annotations=notes, free_name=True)


def show(floating_ip: FloatingIp, holder: Instance | None) -> FloatingIpOut:
    made_at = wire.time_of(floating_ip.created_at_ms)
    return FloatingIpOut(
        id=wire.uuid_of(floating_ip.id), name=floating_ip.given_name,
        description=floating_ip.annotations.get(DESCRIPTION, ""), ip_address=floating_ip.address,
        is_public=True, version=V4, region=floating_ip.region, status="created",
        instance=Named(id=wire.uuid_of(holder.id), name=holder.given_name) if holder else None,
        created_at=made_at, updated_at=made_at,
    )  # fmt: skip


async def shown(request: Call, found: Sequence[FloatingIp]) -> list[FloatingIpOut]:
    held = [one.instance_id for one in found]
    holders = await queries.find_by_ids(view_of(request), INSTANCES, held)
    return [show(one, holders.get(one.instance_id or "")) for one in found]


async def answer_of(request: Call, floating_ip: FloatingIp) -> FloatingIpAnswer:
    (out,) = await shown(request, [floating_ip])
    return FloatingIpAnswer(floating_ip=out)


def parse_update(reference: str, body: UpdateBody) -> UpdateFloatingIp:
    require_description(body.description)
    notes = {} if body.description is None else {DESCRIPTION: body.description}
    return UpdateFloatingIp(
        floating_ip=reference, name=body.name, annotations=notes, free_name=True
    )


async def change(request: Call, command: Command, status: int = 200) -> Response[bytes]:
    outcome = await wire.execute(request, command)
    return wire.respond(outcome, await answer_of(request, outcome.thing), status)


class FloatingIps(Controller):
    path = "/floating-ips"
    tags = ("floating-ips",)

    @get("/", operation_id="listFloatingIPs", summary="List floating IPs",
         responses=wire.ANY_ERROR | wire.shown(FloatingIpList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, about = await wire.page_of(request, FLOATING_IPS, paging)
        out = await shown(request, page)
        return wire.answer(FloatingIpList(floating_ips=out, **about))

    @post("/", operation_id="createFloatingIP", commands=(CreateFloatingIp,), status_code=201,
          summary="Create a floating IP",
          responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_create(data, await offers.ensure_region(request, data.region))
        return await change(request, command, 201)

    @get("/{floating_ip_id:str}", operation_id="getFloatingIP", summary="Get a floating IP",
         responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "the address"))  # fmt: skip
    async def read(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        found = await foreign.get(request, FLOATING_IPS, ids.FLOATING_IP, floating_ip_id)
        return wire.answer(await answer_of(request, found))

    @patch("/{floating_ip_id:str}", operation_id="updateFloatingIP", commands=(UpdateFloatingIp,),
           summary="Update a floating IP",
           responses=wire.ANY_ERROR | wire.shown(FloatingIpAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.FLOATING_IP, floating_ip_id)
        return await change(request, parse_update(reference, data))

    @delete("/{floating_ip_id:str}", operation_id="deleteFloatingIP", commands=(DeleteFloatingIp,),
            status_code=204, summary="Delete a floating IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, floating_ip_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, floating_ip_id)
        return await wire.no_content(request, DeleteFloatingIp(floating_ip=reference))
