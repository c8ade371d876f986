"""`/v1/vpcs`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, NewMetadata, Wire
from atoll.domain.commands import CreateVpc, DeleteVpc, UpdateVpc
from atoll.domain.networks import Vpc
from atoll.service.nouns import VPCS


class VpcSpec(Wire, kw_only=True):
    cidr: wire.Cidr


class CreateVpcBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: VpcSpec


class VpcOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: VpcSpec


class VpcList(msgspec.Struct, kw_only=True):
    items: list[VpcOut]
    next: str | None


def parse_create(body: CreateVpcBody) -> CreateVpc:
    given = body.metadata
    return CreateVpc(name=given.name, labels=given.labels, cidr=body.spec.cidr)


def show(vpc: Vpc) -> VpcOut:
    return VpcOut(
        id=vpc.id, metadata=named.metadata(vpc), spec=VpcSpec(cidr=vpc.cidr),
    )  # fmt: skip


class Vpcs(Controller):
    path = "/vpcs"
    tags = ("VPCs",)

    @post("/", operation_id="createVpc", commands=(CreateVpc,), status_code=201,
          summary="Create a VPC",
          responses=wire.WRITES | wire.shown(VpcOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateVpcBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listVpcs", dependencies=LABELLED, summary="List VPCs",
         responses=wire.LISTS | wire.shown(VpcList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, VPCS, paging, show)

    @get("/{vpc_id:str}", operation_id="getVpc", summary="Get a VPC",
         responses=wire.READS | wire.shown(VpcOut, "the VPC"))  # fmt: skip
    async def read(self, request: Call, vpc_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, VPCS, vpc_id, show)

    @patch("/{vpc_id:str}", operation_id="updateVpc", commands=(UpdateVpc,), summary="Update a VPC",
           responses=wire.WRITES | wire.shown(VpcOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateVpc, vpc=vpc_id)
        return await wire.mutate(request, show, command)

    @delete("/{vpc_id:str}", operation_id="deleteVpc", commands=(DeleteVpc,), status_code=204,
            summary="Delete a VPC", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, vpc_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeleteVpc(vpc=vpc_id, version=version_of(request)))
