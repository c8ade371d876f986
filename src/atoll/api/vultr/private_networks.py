"""`/v2/private-networks`: the former name of VPCs."""

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.vultr import vpcs, wire
from atoll.api.vultr.vpcs import CreateBody, UpdateBody, VpcOut
from atoll.api.vultr.wire import Meta, Paging
from atoll.domain.commands import CreateVpc, DeleteVpc, UpdateVpc


class NetworkAnswer(msgspec.Struct, kw_only=True):
    network: VpcOut


class NetworkList(msgspec.Struct, kw_only=True):
    networks: list[VpcOut]
    meta: Meta


class PrivateNetworks(Controller):
    path = "/private-networks"
    tags = ("private Networks",)

    @get("/", operation_id="list-networks", summary="List Private Networks",
         responses=wire.ANY_ERROR | wire.shown(NetworkList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await vpcs.page_of(request, paging)
        return wire.answer(NetworkList(networks=[vpcs.show(vpc) for vpc in page], meta=meta))

    @post("/", operation_id="create-network", commands=(CreateVpc,), status_code=201,
          summary="Create a Private Network",
          responses=wire.ANY_ERROR | wire.shown(NetworkAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        fields = ("v4_subnet", "v4_subnet_mask")
        cidr = vpcs.range_of(data.v4_subnet, data.v4_subnet_mask, fields)
        return await vpcs.created(
            request, data, cidr, lambda vpc: NetworkAnswer(network=vpcs.show(vpc)), "v4_subnet"
        )

    @get("/{network_id:str}", operation_id="get-network", summary="Get a private network",
         responses=wire.ANY_ERROR | wire.shown(NetworkAnswer, "the network"))  # fmt: skip
    async def read(self, request: Call, network_id: FromPath[str]) -> Response[bytes]:
        vpc = await vpcs.vpc_of(request, network_id)
        return wire.answer(NetworkAnswer(network=vpcs.show(vpc)))

    @put("/{network_id:str}", operation_id="update-network", commands=(UpdateVpc,), status_code=204,
         summary="Update a Private Network", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, network_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        return await vpcs.updated(request, network_id, data.description)

    @delete("/{network_id:str}", operation_id="delete-network", commands=(DeleteVpc,),
            status_code=204, summary="Delete a private network",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, network_id: FromPath[str]) -> Response[None]:
        return await vpcs.removed(request, network_id)
