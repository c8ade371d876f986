"""`/v1/types` (our plans) and `/v1/regions`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import accelerators, named, wire
from atoll.api.native.accelerators import AcceleratorsBody
from atoll.api.native.paging import NAMED, Paging
from atoll.api.native.wire import NewName, Wire, view_of
from atoll.domain.commands import CreatePlan, CreateRegion, DeletePlan, DeleteRegion
from atoll.domain.plans import Plan
from atoll.domain.regions import Region
from atoll.service import queries
from atoll.service.nouns import PLANS, REGIONS


class TypeMetadata(Wire, kw_only=True):
    name: NewName


class TypeSpec(Wire, kw_only=True):
    vcpus: Annotated[int, Meta(ge=1, le=512)]
    memory_mb: Annotated[int, Meta(ge=64, le=4_194_304)]
    disk_gb: Annotated[int, Meta(ge=1, le=65_536)]
    accelerators: AcceleratorsBody | None = None
    description: Annotated[str, Meta(max_length=1000)] = ""


class CreateTypeBody(Wire, kw_only=True):
    metadata: TypeMetadata
    spec: TypeSpec


class TypeOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: TypeMetadata
    spec: TypeSpec


class TypeList(msgspec.Struct, kw_only=True):
    items: list[TypeOut]
    next: str | None


class RegionSpec(Wire, kw_only=True):
    description: Annotated[str, Meta(max_length=1000)] = ""


class CreateRegionBody(Wire, kw_only=True):
    metadata: TypeMetadata
    spec: RegionSpec = msgspec.field(default_factory=RegionSpec)


class RegionOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: TypeMetadata
    spec: RegionSpec


class RegionList(msgspec.Struct, kw_only=True):
    items: list[RegionOut]
    next: str | None


def show_type(plan: Plan) -> TypeOut:
    spec = TypeSpec(
        vcpus=plan.vcpus, memory_mb=plan.memory_mib, disk_gb=plan.disk_gib,
        accelerators=accelerators.show(plan.accelerators), description=plan.description,
    )  # fmt: skip
    return TypeOut(id=plan.id, metadata=TypeMetadata(name=plan.id), spec=spec)


def show_region(region: Region) -> RegionOut:
    spec = RegionSpec(description=region.description)
    return RegionOut(id=region.id, metadata=TypeMetadata(name=region.id), spec=spec)


def parse_type(body: CreateTypeBody) -> CreatePlan:
    spec = body.spec
    return CreatePlan(
        name=body.metadata.name, vcpus=spec.vcpus, memory_mib=spec.memory_mb,
        disk_gib=spec.disk_gb, accelerators=accelerators.parse(spec.accelerators),
        description=spec.description,
    )  # fmt: skip


def by_id(paging: Paging) -> Paging:
    """Get a catalogue entry: entries belong to no project, and their names are their ids."""
    return paging.changed(name=None, equals=queries.equal(id=paging.wanted.name))


class Types(Controller):
    path = "/types"
    tags = ("Types",)

    @get("/", operation_id="listTypes", dependencies=NAMED, summary="List instance types",
         responses=wire.LISTS | wire.shown(TypeList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, PLANS, by_id(paging), show_type)

    @get("/{name:str}", operation_id="getType", summary="Get an instance type",
         responses=wire.READS | wire.shown(TypeOut, "the type"))  # fmt: skip
    async def read(self, request: Call, name: FromPath[str]) -> Response[bytes]:
        plan = await queries.get_by_id(view_of(request), PLANS, name)
        return json_response(wire.encode(show_type(plan)))

    @post("/", operation_id="createType", commands=(CreatePlan,), status_code=201,
          summary="Create a type",
          responses=wire.WRITES | wire.shown(TypeOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateTypeBody]) -> Response[bytes]:
        return await wire.mutate(request, show_type, parse_type(data), 201)

    @delete("/{name:str}", operation_id="deleteType", commands=(DeletePlan,), status_code=204,
            summary="Delete a type (instances keep their size)", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, name: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeletePlan(plan=name))


class Regions(Controller):
    path = "/regions"
    tags = ("Regions",)

    @get("/", operation_id="listRegions", dependencies=NAMED, summary="List regions",
         responses=wire.LISTS | wire.shown(RegionList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, REGIONS, by_id(paging), show_region)

    @get("/{name:str}", operation_id="getRegion", summary="Get a region",
         responses=wire.READS | wire.shown(RegionOut, "the region"))  # fmt: skip
    async def read(self, request: Call, name: FromPath[str]) -> Response[bytes]:
        region = await queries.get_by_id(view_of(request), REGIONS, name)
        return json_response(wire.encode(show_region(region)))

    @post("/", operation_id="createRegion", commands=(CreateRegion,), status_code=201,
          summary="Create a region",
          responses=wire.WRITES | wire.shown(RegionOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateRegionBody]) -> Response[bytes]:
        command = CreateRegion(name=data.metadata.name, description=data.spec.description)
        return await wire.mutate(request, show_region, command, 201)

    @delete("/{name:str}", operation_id="deleteRegion", commands=(DeleteRegion,), status_code=204,
            summary="Delete a region", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, name: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeleteRegion(region=name))
