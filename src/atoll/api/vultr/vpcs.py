"""`/v2/vpcs`, and the code that `/v2/vpc2` and `/v2/private-networks` share with it.

Each VPC has one subnet, with the same range.

A private network is a VPC by another name. A VPC 2.0 is another resource at Vultr. Clients read the
lists of both, so the kind of a VPC says which list shows it.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import descriptions, offers, wire
from atoll.api.vultr.descriptions import Description
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import CreateVpc, DeleteVpc, UpdateVpc
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.networks import Vpc, VpcKind, cidr_of
from atoll.service import instances, queries
from atoll.service.desk import View
from atoll.service.nouns import VPCS
from atoll.service.queries import Query, equal

BITS_MAX = 32
Show = Callable[[Vpc], msgspec.Struct]


class NewVpc(Protocol):
    """The fields that all three bodies share."""

    region: str
    description: str | None


class CreateBody(Wire, kw_only=True):
    """Without `v4_subnet` the VPC gets a free range."""

    region: str
    description: Description | None = None
    v4_subnet: str | None = None
    v4_subnet_mask: int | None = None


class UpdateBody(Wire, kw_only=True):
    description: Description


class VpcOut(msgspec.Struct, kw_only=True):
    id: str
    region: str
    date_created: str
    description: str
    v4_subnet: str
    v4_subnet_mask: int


class VpcAnswer(msgspec.Struct, kw_only=True):
    vpc: VpcOut


class VpcList(msgspec.Struct, kw_only=True):
    vpcs: list[VpcOut]
    meta: Meta


def show(vpc: Vpc) -> VpcOut:
    network = cidr_of(vpc.cidr, "cidr")
    return VpcOut(
        id=wire.uuid_of(vpc.id), region=vpc.region, date_created=wire.date_of(vpc.created_at_ms),
        description=descriptions.description_of(vpc), v4_subnet=str(network.network_address),
        v4_subnet_mask=network.prefixlen,
    )  # fmt: skip


async def placed(request: Call, vpcs: Sequence[Vpc]) -> list[Vpc]:
    """Return the region. A VPC of all regions is shown in the server's own."""
    if all(vpc.region for vpc in vpcs):
        return list(vpcs)
    own = await own_region(request)
    return [msgspec.structs.replace(vpc, region=vpc.region or own) for vpc in vpcs]


async def own_region(request: Call) -> str:
    """Return the server's region, or an empty string if there are several."""
    try:
        return await instances.region_of(view_of(request), None)
    except Invalid:
        return ""


def is_vpc2(vpc: Vpc) -> bool:
    return vpc.kind is VpcKind.VPC2


async def page_of(request: Call, paging: Paging, *, vpc2: bool = False) -> tuple[list[Vpc], Meta]:
    kind = VpcKind.VPC2 if vpc2 else VpcKind.VPC
    page, meta = await wire.page_of(request, VPCS, paging, Query(equals=equal(kind=kind)))
    return await placed(request, page), meta


async def vpc_of(request: Call, vpc_id: str, *, vpc2: bool = False) -> Vpc:
    """Find the VPC of a path. Raises NotFound, also for the other resource."""
    found = await any_vpc_of(request, vpc_id)
    if is_vpc2(found) != vpc2:
        raise NotFound(f"vpc {found.id} is listed elsewhere")
    return found


async def any_vpc_of(request: Call, vpc_id: str) -> Vpc:
    found = await foreign.get(request, VPCS, ids.VPC, vpc_id)
    return (await placed(request, [found]))[0]


async def find_vpc2(view: View, wanted: Iterable[str]) -> frozenset[str]:
    """Return which of the ids are VPCs 2.0 of the project."""
    found = await queries.find_by_ids(view, VPCS, wanted)
    return frozenset(vpc.id for vpc in found.values() if is_vpc2(vpc))


async def require_kind(view: View, vpc_id: str, field: str, *, vpc2: bool) -> None:
    """Raises Invalid if the field names a network of the other kind. The command refuses an unknown
    one."""
    vpc = (await queries.find_by_ids(view, VPCS, [vpc_id])).get(vpc_id)
    if vpc is not None and is_vpc2(vpc) != vpc2:
        kind = "a VPC" if vpc2 else "a VPC 2.0"
        raise Invalid(f"{field}: {wire.uuid_of(vpc_id)} is {kind} network", field=field)


async def require_kinds(view: View, fields: Mapping[str, str]) -> None:
    """Check the kind of several VPCs. `fields` has the field that named each id. Raises Invalid."""
    for vpc_id, field in fields.items():
        await require_kind(view, vpc_id, field, vpc2=field.endswith("vpc2"))


def range_of(block: str | None, bits: int | None, fields: tuple[str, str]) -> str | None:
    """Return the requested range, or None. Raises Invalid."""
    if not block and not bits:
        return None
    if not block or not bits:
        missing = fields[1] if block else fields[0]
        beside = fields[0] if block else fields[1]
        raise Invalid(f"{missing} is required together with {beside}", field=missing)
    try:
        ipaddress.IPv4Address(block)
    except ValueError as error:
        raise Invalid(
            f"{fields[0]}: {block!r} is not an IPv4 address, such as 10.0.0.0", field=fields[0]
        ) from error
    if not 1 <= bits <= BITS_MAX:
        raise Invalid(f"{fields[1]} must be 1 to {BITS_MAX}", field=fields[1])
    network = ipaddress.IPv4Interface(f"{block}/{bits}").network
    if str(network.network_address) != block:
        raise Invalid(
            f"{fields[0]}: {block} is not the first address of {network}: "
            f"use {network.network_address}",
            field=fields[0],
        )
    return f"{block}/{bits}"


async def created(
    request: Call,
    body: NewVpc,
    cidr: str | None,
    answer: Show,
    field: str,
    *,
    kind: VpcKind = VpcKind.VPC,
) -> Response[bytes]:
    """Create the VPC. `field` is the name of the range in the body."""
    await offers.ensure_region(request, body.region)
    description = body.description or ""
    command = CreateVpc(
        name=description, description=description, cidr=cidr, region=body.region,
        kind=kind, with_subnet=True, free_name=True,
    )  # fmt: skip
    return await wire.mutate(request, answer, Asked(command, {"cidr": field}), 201)


async def updated(
    request: Call, vpc_id: str, description: str, *, vpc2: bool = False
) -> Response[None]:
    vpc = await vpc_of(request, vpc_id, vpc2=vpc2)
    command = UpdateVpc(
        vpc=vpc.id, name=descriptions.new_name(vpc, description), description=description,
        free_name=True,
    )  # fmt: skip
    return await wire.no_content(request, command)


async def removed(request: Call, vpc_id: str, *, vpc2: bool = False) -> Response[None]:
    vpc = await vpc_of(request, vpc_id, vpc2=vpc2)
    return await wire.no_content(request, DeleteVpc(vpc=vpc.id, with_subnets=True))


class Vpcs(Controller):
    path = "/vpcs"
    tags = ("VPCs",)

    @get("/", operation_id="list-vpcs", summary="List VPCs",
         responses=wire.ANY_ERROR | wire.shown(VpcList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await page_of(request, paging)
        return wire.answer(VpcList(vpcs=[show(vpc) for vpc in page], meta=meta))

    @post("/", operation_id="create-vpc", commands=(CreateVpc,), status_code=201,
          summary="Create a VPC",
          responses=wire.ANY_ERROR | wire.shown(VpcAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        cidr = range_of(data.v4_subnet, data.v4_subnet_mask, ("v4_subnet", "v4_subnet_mask"))
        return await created(request, data, cidr, lambda vpc: VpcAnswer(vpc=show(vpc)), "v4_subnet")

    @get("/{vpc_id:str}", operation_id="get-vpc", summary="Get a VPC",
         responses=wire.ANY_ERROR | wire.shown(VpcAnswer, "the VPC"))  # fmt: skip
    async def read(self, request: Call, vpc_id: FromPath[str]) -> Response[bytes]:
        return wire.answer(VpcAnswer(vpc=show(await vpc_of(request, vpc_id))))

    @put("/{vpc_id:str}", operation_id="update-vpc", commands=(UpdateVpc,), status_code=204,
         summary="Update a VPC", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        return await updated(request, vpc_id, data.description)

    @delete("/{vpc_id:str}", operation_id="delete-vpc", commands=(DeleteVpc,), status_code=204,
            summary="Delete a VPC", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, vpc_id: FromPath[str]) -> Response[None]:
        return await removed(request, vpc_id)
