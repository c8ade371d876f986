"""`/v2/instances/…/vpcs`, `/vpc2` and `/private-networks`: the networks of an instance."""

from collections.abc import Sequence

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import wire
from atoll.api.vultr.instances.collection import instance_of
from atoll.api.vultr.vpcs import find_vpc2, require_kind
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import AttachVpc, DetachVpc
from atoll.domain.errors import Invalid
from atoll.domain.instances import Attachment

PATH = "/{instance_id:str}"


class VpcBody(Wire, kw_only=True):
    """`ip_address` cannot be chosen: the instance gets the next free address."""

    vpc_id: str
    ip_address: str | None = None


class NetworkBody(Wire, kw_only=True):
    network_id: str


class PlaceOut(msgspec.Struct, kw_only=True):
    id: str
    mac_address: str
    ip_address: str


class VpcList(msgspec.Struct, kw_only=True):
    vpcs: list[PlaceOut]
    meta: Meta


class PrivateNetworkList(msgspec.Struct, kw_only=True):
    private_networks: list[PlaceOut]
    meta: Meta


def show(place: Attachment) -> PlaceOut:
    return PlaceOut(
        id=wire.uuid_of(place.vpc_id), mac_address=place.mac, ip_address=place.private_ip
    )


async def places_of(
    request: Call, instance_id: str, paging: Paging, *, vpc2: bool = False
) -> tuple[Sequence[Attachment], Meta]:
    instance = await instance_of(request, instance_id)
    second = await find_vpc2(view_of(request), [one.vpc_id for one in instance.attachments])
    places = [one for one in instance.attachments if (one.vpc_id in second) == vpc2]
    return wire.part_of(places, paging)


async def vpc_list(
    request: Call, instance_id: str, paging: Paging, *, vpc2: bool = False
) -> Response[bytes]:
    page, meta = await places_of(request, instance_id, paging, vpc2=vpc2)
    return wire.answer(VpcList(vpcs=[show(place) for place in page], meta=meta))


async def network_in(request: Call, network: str, field: str, *, vpc2: bool) -> str:
    """Find the network of a field in the body. Raises Invalid."""
    vpc = wire.native_id_in(ids.VPC, network, field)
    await require_kind(view_of(request), vpc, field, vpc2=vpc2)
    return vpc


async def attach(
    request: Call, instance_id: str, network: str, field: str, *, vpc2: bool = False
) -> Response[None]:
    """Attach a VPC. One that is attached already is no error, because clients retry."""
    instance = await instance_of(request, instance_id)
    vpc = await network_in(request, network, field, vpc2=vpc2)
    command = AttachVpc(instance=instance.id, vpc=vpc, attached_ok=True)
    return await wire.no_content(request, Asked(command, {"vpc": field, "subnet": field}))


async def detach(
    request: Call, instance_id: str, network: str, field: str, *, vpc2: bool = False
) -> Response[None]:
    instance = await instance_of(request, instance_id)
    vpc = await network_in(request, network, field, vpc2=vpc2)
    command = DetachVpc(instance=instance.id, vpc=vpc)
    return await wire.no_content(request, Asked(command, {"vpc": field}))


def taken(response: Response[None]) -> Response[None]:
    """Answer with the status of VPC 2.0."""
    response.status_code = 202
    return response


class InstanceVpcs(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(f"{PATH}/vpcs", operation_id="list-instance-vpcs", summary="List instance VPCs",
         responses=wire.ANY_ERROR | wire.shown(VpcList, "one page"))  # fmt: skip
    async def vpcs(
        self, request: Call, instance_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return await vpc_list(request, instance_id, paging)

    @post(f"{PATH}/vpcs/attach", operation_id="attach-instance-vpc", commands=(AttachVpc,),
          status_code=204, summary="Attach VPC to Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def attach_vpc(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await attach(request, instance_id, data.vpc_id, "vpc_id")

    @post(f"{PATH}/vpcs/detach", operation_id="detach-instance-vpc", commands=(DetachVpc,),
          status_code=204, summary="Detach VPC from instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach_vpc(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await detach(request, instance_id, data.vpc_id, "vpc_id")

    @get(f"{PATH}/vpc2", operation_id="list-instance-vpc2",
         summary="List Instance VPC 2.0 Networks",
         responses=wire.ANY_ERROR | wire.shown(VpcList, "one page"))  # fmt: skip
    async def vpc2(
        self, request: Call, instance_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return await vpc_list(request, instance_id, paging, vpc2=True)

    @post(f"{PATH}/vpc2/attach", operation_id="attach-instance-vpc2", commands=(AttachVpc,),
          status_code=202, summary="Attach VPC 2.0 Network to Instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach_vpc2(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        if data.ip_address:
            raise Invalid("ip_address cannot be chosen: omit it", field="ip_address")
        return taken(await attach(request, instance_id, data.vpc_id, "vpc_id", vpc2=True))

    @post(f"{PATH}/vpc2/detach", operation_id="detach-instance-vpc2", commands=(DetachVpc,),
          status_code=202, summary="Detach VPC 2.0 Network from Instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach_vpc2(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return taken(await detach(request, instance_id, data.vpc_id, "vpc_id", vpc2=True))

    @get(f"{PATH}/private-networks", operation_id="list-instance-private-networks",
         summary="List instance Private Networks",
         responses=wire.ANY_ERROR | wire.shown(PrivateNetworkList, "one page"))  # fmt: skip
    async def private_networks(
        self, request: Call, instance_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        page, meta = await places_of(request, instance_id, paging)
        shown = [show(place) for place in page]
        return wire.answer(PrivateNetworkList(private_networks=shown, meta=meta))

    @post(f"{PATH}/private-networks/attach", operation_id="attach-instance-network",
          commands=(AttachVpc,), status_code=204, summary="Attach Private Network to Instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach_network(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[NetworkBody]
    ) -> Response[None]:
        return await attach(request, instance_id, data.network_id, "network_id")

    @post(f"{PATH}/private-networks/detach", operation_id="detach-instance-network",
          commands=(DetachVpc,), status_code=204, summary="Detach Private Network from Instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach_network(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[NetworkBody]
    ) -> Response[None]:
        return await detach(request, instance_id, data.network_id, "network_id")
