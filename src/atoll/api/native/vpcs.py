"""`/v1/vpcs`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, NewMetadata, Wire
from atoll.domain.commands import CreateVpc
from atoll.domain.networks import Vpc
from atoll.ports import Rows, Transaction
from atoll.service import networks, owned


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


def rows(tx: Transaction) -> Rows[Vpc]:
    return tx.vpcs


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

    @post("/", operation_id="createVpc", status_code=201, summary="Create a VPC",
          responses=wire.WRITES | wire.shown(VpcOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateVpcBody]) -> Response[bytes]:
        use_case = networks.create_vpc(parse_create(data))
        return await wire.mutate(request, use_case, lambda a: show(a.thing), 201)

    @get("/", operation_id="listVpcs", dependencies=LABELLED, summary="List VPCs",
         responses=wire.LISTS | wire.shown(VpcList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, rows, paging, show)

    @get("/{vpc_id:str}", operation_id="getVpc", summary="Get a VPC",
         responses=wire.READS | wire.shown(VpcOut, "the VPC"))  # fmt: skip
    async def read(self, request: Call, vpc_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, rows, vpc_id, "vpc", show)

    @patch("/{vpc_id:str}", operation_id="updateVpc", summary="Update a VPC",
           responses=wire.WRITES | wire.shown(VpcOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data)
        use_case = owned.update(rows, "vpc", vpc_id, command)
        return await wire.mutate(request, use_case, lambda a: show(a.thing))

    @delete("/{vpc_id:str}", operation_id="deleteVpc", status_code=204,
            summary="Delete a VPC", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, vpc_id: FromPath[str]) -> Response[None]:
        use_case = networks.delete_vpc(vpc_id, version_of(request))
        return await named.gone(request, use_case)
