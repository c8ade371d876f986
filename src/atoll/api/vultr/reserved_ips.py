"""`/v2/reserved-ips`: floating IPs, of which each is one IPv4 address."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.offers import region_meant
from atoll.api.vultr.wire import Meta, Paging, Wire, catalogue_of, services_of
from atoll.domain import ids
from atoll.domain.commands import CreateFloatingIp, Update
from atoll.domain.errors import InUse, Invalid
from atoll.domain.floating_ips import FloatingIp
from atoll.ports import Filter
from atoll.service import catalogue, floating_ips, owned
from atoll.service.desk import Accepted, Case, UseCase

V4, V4_BITS = "v4", 32
ELSEWHERE = "Floating IPv4 address is already attached to another server"


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
        raise Invalid(f"ip_type: only {V4} addresses can be reserved here", field="ip_type")
    if body.ip_address:
        raise Invalid(
            "ip_address: leave it out for a new address, or convert the one that an instance has",
            field="ip_address",
        )
    instance = body.instance_id and wire.native_id_in(ids.INSTANCE, body.instance_id, "instance_id")
    return CreateFloatingIp(name=body.label or "", region=body.region, instance=instance or None)


def show(floating_ip: FloatingIp) -> ReservedIpOut:
    return ReservedIpOut(
        id=wire.uuid_of(floating_ip.id), region=floating_ip.region, ip_type=V4,
        subnet=floating_ip.address, subnet_size=V4_BITS, label=floating_ip.name,
        instance_id=wire.uuid_of(floating_ip.instance_id),
    )  # fmt: skip


def show_answer(accepted: Accepted[FloatingIp]) -> ReservedIpAnswer:
    return ReservedIpAnswer(reserved_ip=show(accepted.thing))


async def meant(case: Case, reference: str) -> FloatingIp:
    case.require("write")
    return await floating_ips.meant(case, reference)


def attach(reference: str, instance_id: str) -> UseCase[Accepted[FloatingIp]]:
    """Vultr's addresses are detached before they move."""

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        if (await meant(case, reference)).instance_id not in {None, instance_id}:
            raise InUse(ELSEWHERE)
        return await floating_ips.attach(reference, instance_id)(case)

    return use_case


def remove(reference: str) -> UseCase[Accepted[FloatingIp]]:
    """Also while it is attached."""

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        if (await meant(case, reference)).instance_id is not None:
            await floating_ips.detach(reference)(case)
        return await floating_ips.delete(reference)(case)

    return use_case


def rename(reference: str, label: str | None) -> UseCase[Accepted[FloatingIp]]:
    return owned.update(
        lambda tx: tx.floating_ips, floating_ips.NOUN, reference, Update(name=label), unique=False
    )


def convert(body: ConvertBody) -> UseCase[Accepted[FloatingIp]]:
    """An instance's second address is one already, and only gets its label."""

    async def use_case(case: Case) -> Accepted[FloatingIp]:
        case.require("write")
        here = (("address", (body.ip_address,)),)
        wanted = Filter(project_id=case.caller.project_id, any_of=(here,), limit=1)
        found = await case.tx.floating_ips.page(wanted)
        if not found:
            raise Invalid(
                f"ip_address: {body.ip_address} is no second address of an instance, and a main "
                "one stays as long as its instance: add one to the instance, or reserve a new one",
                field="ip_address",
            )
        return await rename(found[0].id, body.label)(case)

    return use_case


class ReservedIps(Controller):
    path = "/reserved-ips"
    tags = ("reserved-ip",)

    @get("/", operation_id="list-reserved-ips", summary="List Reserved IPs",
         responses=wire.ANY_ERROR | wire.shown(ReservedIpList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().floating_ips
        page, meta = await wire.page_of(request, rows, paging, Filter())
        return wire.answer(ReservedIpList(reserved_ips=[show(one) for one in page], meta=meta))

    @post("/", operation_id="create-reserved-ip", status_code=201, summary="Create Reserved IP",
          responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "reserved", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        services, command = services_of(request), parse_create(data)
        region = await region_meant(services.store.read(), catalogue_of(request), data.region)
        await catalogue.adopt(services.store, region=region)
        use_case = floating_ips.create(command, services.ranges)
        return await wire.mutate(request, use_case, show_answer, 201)

    @post("/convert", operation_id="convert-reserved-ip", status_code=201,
          summary="Convert Instance IP to Reserved IP",
          responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "reserved", 201))  # fmt: skip
    async def convert(self, request: Call, data: JSONBody[ConvertBody]) -> Response[bytes]:
        return await wire.mutate(request, convert(data), show_answer, 201)

    @get("/{reserved_ip:str}", operation_id="get-reserved-ip", summary="Get Reserved IP",
         responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "the address"))  # fmt: skip
    async def read(self, request: Call, reserved_ip: FromPath[str]) -> Response[bytes]:
        rows = services_of(request).store.read().floating_ips
        found = await foreign.one(request, rows, ids.FLOATING_IP, reserved_ip, floating_ips.NOUN)
        return wire.answer(ReservedIpAnswer(reserved_ip=show(found)))

    @patch("/{reserved_ip:str}", operation_id="patch-reserved-ips-reserved-ip",
           summary="Update Reserved IP",
           responses=wire.ANY_ERROR | wire.shown(ReservedIpAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, reserved_ip: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        use_case = rename(wire.native_id(ids.FLOATING_IP, reserved_ip), data.label)
        return await wire.mutate(request, use_case, show_answer)

    @delete("/{reserved_ip:str}", operation_id="delete-reserved-ip", status_code=204,
            summary="Delete Reserved IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, reserved_ip: FromPath[str]) -> Response[None]:
        return await wire.gone(request, remove(wire.native_id(ids.FLOATING_IP, reserved_ip)))

    @post("/{reserved_ip:str}/attach", operation_id="attach-reserved-ip", status_code=204,
          summary="Attach Reserved IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def attach(
        self, request: Call, reserved_ip: FromPath[str], data: JSONBody[AttachBody]
    ) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        instance_id = wire.native_id_in(ids.INSTANCE, data.instance_id, "instance_id")
        return await wire.gone(request, attach(reference, instance_id))

    @post("/{reserved_ip:str}/detach", operation_id="detach-reserved-ip", status_code=204,
          summary="Detach Reserved IP", responses=wire.ANY_ERROR)  # fmt: skip
    async def detach(self, request: Call, reserved_ip: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.FLOATING_IP, reserved_ip)
        return await wire.gone(request, floating_ips.detach(reference))
