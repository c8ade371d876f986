"""`/v1/subnets`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, NewMetadata, Wire
from atoll.domain.commands import CreateSubnet, DeleteSubnet, UpdateSubnet
from atoll.domain.networks import Subnet
from atoll.service.nouns import SUBNETS


class SubnetSpec(Wire, kw_only=True):
    vpc_id: wire.Name
    cidr: wire.Cidr


class CreateSubnetBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: SubnetSpec


class SubnetOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: SubnetSpec


class SubnetList(msgspec.Struct, kw_only=True):
    items: list[SubnetOut]
    next: str | None


def parse_create(body: CreateSubnetBody) -> CreateSubnet:
    given = body.metadata
    return CreateSubnet(
        name=given.name, labels=given.labels, vpc=body.spec.vpc_id, cidr=body.spec.cidr
    )


def show(subnet: Subnet) -> SubnetOut:
    return SubnetOut(
        id=subnet.id,
        metadata=named.metadata(subnet),
        spec=SubnetSpec(vpc_id=subnet.vpc_id, cidr=subnet.cidr),
    )  # fmt: skip


class Subnets(Controller):
    path = "/subnets"
    tags = ("Subnets",)

    @post("/", operation_id="createSubnet", commands=(CreateSubnet,), status_code=201,
          summary="Create a subnet",
          responses=wire.WRITES | wire.shown(SubnetOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateSubnetBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listSubnets", dependencies=LABELLED, summary="List subnets",
         responses=wire.LISTS | wire.shown(SubnetList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, SUBNETS, paging, show)

    @get("/{subnet_id:str}", operation_id="getSubnet", summary="Get a subnet",
         responses=wire.READS | wire.shown(SubnetOut, "the subnet"))  # fmt: skip
    async def read(self, request: Call, subnet_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, SUBNETS, subnet_id, show)

    @patch("/{subnet_id:str}", operation_id="updateSubnet", commands=(UpdateSubnet,),
           summary="Update a subnet",
           responses=wire.WRITES | wire.shown(SubnetOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, subnet_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateSubnet, subnet=subnet_id)
        return await wire.mutate(request, show, command)

    @delete("/{subnet_id:str}", operation_id="deleteSubnet", commands=(DeleteSubnet,),
            status_code=204, summary="Delete a subnet", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, subnet_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(
            request, DeleteSubnet(subnet=subnet_id, version=version_of(request))
        )
