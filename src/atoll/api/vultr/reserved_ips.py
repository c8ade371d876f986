"""`/v2/reserved-ips`: floating IPs. Each is one IPv4 address."""

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
    AttachFloatingIp,
    CreateFloatingIp,
    DeleteFloatingIp,
    DetachFloatingIp,
    UpdateFloatingIp,
)
from atoll.domain.errors import Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.service import queries
from atoll.service.nouns import FLOATING_IPS
from atoll.service.queries import Query, equal

V4, V4_BITS = "v4", 32


class CreateBody(Wire, kw_only=True):
    region: str
    ip_type: str
    label: str | None = None
    instance_id: str | None = None
    ip_address: str | None = None


class UpdateBody(Wire, kw_only=True):
    label: str


class AttachBody(Wire, kw_only=True):
    instance_id: str


class ConvertBody(Wire, kw_only=True):
    ip_address: str
    label: str | None = None


class ReservedIpOut(msgspec.Struct, kw_only=True):
    id: str
    region: str
    ip_type: str
    subnet: str
    subnet_size: int
    label: str
    instance_id: str


class ReservedIpAnswer(msgspec.Struct, kw_only=True):
    reserved_ip: ReservedIpOut


class ReservedIpList(msgspec.Struct, kw_only=True):
    reserved_ips: list[ReservedIpOut]
    meta: Meta


def parse_create(body: CreateBody) -> CreateFloatingIp:
    if body.ip_type != V4:
        raise Invalid(f"ip_type must be {V4}: only such addresses can be reserved", field="ip_type")
    if body.ip_address:
        raise Invalid(
            "ip_address: omit it to reserve a new address, or convert an address of an instance",
            field="ip_address",
        )
    instance = body.instance_id and wire.native_id_in(ids.INSTANCE, body.instance_id, "instance_id")
    return CreateFloatingIp(
        name=body.label or "", region=body.region, instance=instance or None, free_name=True
    )


def show(floating_ip: FloatingIp) -> ReservedIpOut:
    return ReservedIpOut(
        id=wire.uuid_of(floating_ip.id), region=floating_ip.region, ip_type=V4,
        subnet=floating_ip.address, subnet_size=V4_BITS, label=floating_ip.given_name,
        instance_id=wire.uuid_of(floating_ip.instance_id),
    )  # fmt: skip


def show_answer(floating_ip: FloatingIp) -> ReservedIpAnswer:
    return ReservedIpAnswer(reserved_ip=show(floating_ip))


async def second_address(request: Call, address: str) -> FloatingIp:
    """Convert an instance's additional address, which is a floating IP already: only its label
    changes. Raises Forbidden and Invalid."""
    view = view_of(request)
    view.require("write")
    wanted = Query(equals=equal(address=address), limit=1)
    found = await queries.find_page(view, FLOATING_IPS, wanted)
    if not found:
        raise Invalid(
            f"ip_address: {address} is not an additional address of an instance, and a main "
            "address cannot be converted: add an address to the instance, or reserve a new one",
            field="ip_address",
        )
    return found[0]


class ReservedIps(Controller):
    path = "/reserved-ips"
    tags = ("reserved-ip",)

    @get("/", operation_id="list-reserved-ips", summary="List Reserved IPs",
         responses=wire.ANY_ERROR | wire.shown(ReservedIpList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await wire.page_of(request, FLOATING_IPS, paging)
        return wire.answer(ReservedIpList(reserved_ips=[show(one) for one in page], meta=meta))

    @post("/", operation_id="create-reserved-ip", commands=(CreateFloatingIp,), status_code=201,
          summary="Create Reserved IP",
          responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "reserved", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_create(data)
        await offers.ensure_region(request, data.region)
        return await wire.mutate(request, show_answer, command, 201)

    @post("/convert", operation_id="convert-reserved-ip", commands=(UpdateFloatingIp,),
          status_code=201, summary="Convert Instance IP to Reserved IP",
          responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "reserved", 201))  # fmt: skip
    async def convert(self, request: Call, data: JSONBody[ConvertBody]) -> Response[bytes]:
        found = await second_address(request, data.ip_address)
        command = UpdateFloatingIp(floating_ip=found.id, name=data.label, free_name=True)
        return await wire.mutate(request, show_answer, command, 201)

    @get("/{reserved_ip:str}", operation_id="get-reserved-ip", summary="Get Reserved IP",
         responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "the address"))  # fmt: skip
    async def read(self, request: Call, reserved_ip: FromPath[str]) -> Response[bytes]:
        found = await foreign.get(request, FLOATING_IPS, ids.FLOATING_IP, reserved_ip)
        return wire.answer(ReservedIpAnswer(reserved_ip=show(found)))

    @patch("/{reserved_ip:str}", operation_id="patch-reserved-ips-reserved-ip",
           commands=(UpdateFloatingIp,), summary="Update Reserved IP",
           responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, reserved_ip: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        command = UpdateFloatingIp(floating_ip=reference, name=data.label, free_name=True)
        return await wire.mutate(request, show_answer, command)

    @delete("/{reserved_ip:str}", operation_id="delete-reserved-ip", commands=(DeleteFloatingIp,),
            status_code=204, summary="Delete Reserved IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, reserved_ip: FromPath[str]) -> Response[None]:
        """Delete a reserved IP, also an attached one."""
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        return await wire.no_content(request, DeleteFloatingIp(floating_ip=reference, detach=True))

    @post("/{reserved_ip:str}/attach", operation_id="attach-reserved-ip",
          commands=(AttachFloatingIp,), status_code=204, summary="Attach Reserved IP",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach(
        self, request: Call, reserved_ip: FromPath[str], data: JSONBody[AttachBody]
    ) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        instance_id = wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id")
        command = AttachFloatingIp(floating_ip=reference, instance=instance_id, move=False)
        return await wire.no_content(request, command)

    @post("/{reserved_ip:str}/detach", operation_id="detach-reserved-ip",
          commands=(DetachFloatingIp,), status_code=204, summary="Detach Reserved IP",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach(self, request: Call, reserved_ip: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        return await wire.no_content(request, DetachFloatingIp(floating_ip=reference))
