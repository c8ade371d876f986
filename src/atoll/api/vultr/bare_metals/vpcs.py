"""`/v2/bare-metals/…/vpcs` and `/vpc2`: each network under its own name."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.bare_metals.collection import PATH, metal_instance
from atoll.api.vultr.instances import vpcs
from atoll.api.vultr.instances.vpcs import VpcBody, VpcList
from atoll.api.vultr.wire import Paging
from atoll.domain.commands import AttachVpc, DetachVpc


async def listed(
    request: Call, baremetal_id: str, paging: Paging, *, vpc2: bool = False
) -> Response[bytes]:
    await metal_instance(request, baremetal_id)
    return await vpcs.vpc_list(request, baremetal_id, paging, vpc2=vpc2)


async def attach(
    request: Call, baremetal_id: str, body: VpcBody, *, vpc2: bool = False
) -> Response[None]:
    await metal_instance(request, baremetal_id)
    return await vpcs.attach(request, baremetal_id, body.vpc_id, "vpc_id", vpc2=vpc2)


async def detach(
    request: Call, baremetal_id: str, body: VpcBody, *, vpc2: bool = False
) -> Response[None]:
    await metal_instance(request, baremetal_id)
    return await vpcs.detach(request, baremetal_id, body.vpc_id, "vpc_id", vpc2=vpc2)


class BareMetalVpcs(Controller):
    path = "/bare-metals"
    tags = ("baremetal",)

    @get(f"{PATH}/vpcs", operation_id="list-baremetal-vpcs", summary="List Bare Metal VPC Networks",
         responses=wire.ANY_ERROR | wire.shown(VpcList, "one page"))  # fmt: skip
    async def vpc_list(
        self, request: Call, baremetal_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return await listed(request, baremetal_id, paging)

    @post(f"{PATH}/vpcs/attach", operation_id="attach-baremetals-vpcs", commands=(AttachVpc,),
          status_code=204, summary="Attach VPC Network to Bare Metal",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach_vpc(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await attach(request, baremetal_id, data)

    @post(f"{PATH}/vpcs/detach", operation_id="detach-baremetal-vpcs", commands=(DetachVpc,),
          status_code=204, summary="Detach VPC Network from Bare Metal",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach_vpc(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await detach(request, baremetal_id, data)

    @get(f"{PATH}/vpc2", operation_id="list-baremetal-vpc2",
         summary="List Bare Metal VPC 2.0 Networks",
         responses=wire.ANY_ERROR | wire.shown(VpcList, "one page"))  # fmt: skip
    async def vpc2(
        self, request: Call, baremetal_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return await listed(request, baremetal_id, paging, vpc2=True)

    @post(f"{PATH}/vpc2/attach", operation_id="attach-baremetals-vpc2", commands=(AttachVpc,),
          status_code=204, summary="Attach VPC 2.0 Network to Bare Metal",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach_vpc2(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await attach(request, baremetal_id, data, vpc2=True)

    @post(f"{PATH}/vpc2/detach", operation_id="detach-baremetal-vpc2", commands=(DetachVpc,),
          status_code=204, summary="Detach VPC 2.0 Network from Bare Metal",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach_vpc2(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[VpcBody]
    ) -> Response[None]:
        return await detach(request, baremetal_id, data, vpc2=True)
