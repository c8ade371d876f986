"""`/v2/vpc2`: VPCs that were created here, and the instances of any VPC."""

from collections.abc import Sequence

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import descriptions, states, vpcs, wire
from atoll.api.vultr.descriptions import Description
from atoll.api.vultr.vpcs import UpdateBody
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    AttachVpc,
    Command,
    CreateVpc,
    DeleteVpc,
    DetachVpc,
    UpdateVpc,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance, InstanceState
from atoll.domain.networks import Vpc, VpcKind, cidr_of
from atoll.service import queries
from atoll.service.nouns import INSTANCES, SUBNETS
from atoll.service.queries import Query, equal

NODES_MAX = 1000


class CreateBody(Wire, kw_only=True):
    """Without `ip_block` the VPC gets a free range."""

    region: str
    description: Description | None = None
    ip_type: str | None = None
    ip_block: str | None = None
    prefix_length: int | None = None


class NodesBody(Wire, kw_only=True):
    """`nodes` are ids of instances."""

    nodes: list[str]


class Vpc2Out(msgspec.Struct, kw_only=True):
    id: str
    region: str
    date_created: str
    description: str
    ip_block: str
    prefix_length: int


class Vpc2Answer(msgspec.Struct, kw_only=True):
    vpc: Vpc2Out


class Vpc2List(msgspec.Struct, kw_only=True):
    vpcs: list[Vpc2Out]
    meta: Meta


class NodeOut(msgspec.Struct, kw_only=True):
    """`mac_address` is a number, as clients expect."""

    id: str
    ip_address: str
    mac_address: int
    description: str
    type: str
    node_status: str


class NodeList(msgspec.Struct, kw_only=True):
    nodes: list[NodeOut]
    meta: Meta


def show(vpc: Vpc) -> Vpc2Out:
    network = cidr_of(vpc.cidr, "cidr")
    return Vpc2Out(
        id=wire.uuid_of(vpc.id), region=vpc.region, date_created=wire.date_of(vpc.created_at_ms),
        description=descriptions.description_of(vpc), ip_block=str(network.network_address),
        prefix_length=network.prefixlen,
    )  # fmt: skip


def places_in(vpc: Vpc, instance: Instance) -> list[tuple[str, str]]:
    """Return an instance's addresses in the VPC with their MACs, of its first network as well."""
    places = [(a.private_ip, a.mac) for a in instance.attachments if a.vpc_id == vpc.id]
    if instance.resolved.vpc_id == vpc.id:
        places.insert(0, (instance.private_ip or "", instance.mac or "0"))
    return places


def show_nodes(vpc: Vpc, instance: Instance) -> list[NodeOut]:
    return [
        NodeOut(
            id=wire.uuid_of(instance.id), ip_address=address,
            mac_address=int(mac.replace(":", ""), 16), description=instance.given_name, type="vps",
            node_status=states.status(instance),
        )
        for address, mac in places_in(vpc, instance)
    ]  # fmt: skip


async def nodes_of(request: Call, vpc: Vpc) -> list[NodeOut]:
    view, found = view_of(request), dict[str, Instance]()
    for subnet in await queries.find_every(view, SUBNETS, Query(equals=equal(vpc_id=vpc.id))):
        for instance in await queries.find_every(view, INSTANCES, Query(uses=subnet.id)):
            if instance.state is not InstanceState.DELETED:
                found[instance.id] = instance
    return [node for _, instance in sorted(found.items()) for node in show_nodes(vpc, instance)]


async def to_change(request: Call, vpc: Vpc, body: NodesBody, *, there: bool) -> list[str]:
    """Return the ids of instances to attach or detach. Unknown ids stay: the commands refuse them.
    Raises Invalid, and Forbidden here, because no command may follow."""
    view = view_of(request)
    view.require("write")
    if not 1 <= len(body.nodes) <= NODES_MAX:
        raise Invalid(f"nodes must have 1 to {NODES_MAX} entries", field="nodes")
    given = [wire.native_id_in(ids.INSTANCE, node, "nodes") for node in dict.fromkeys(body.nodes)]
    own = await queries.find_by_ids(view, INSTANCES, given)
    return [one for one in given if one not in own or bool(places_in(vpc, own[one])) != there]


async def change_nodes(request: Call, commands: Sequence[Command]) -> Response[None]:
    """Attach or detach all instances, or none."""
    wishes = [Asked(command, {"instance": "nodes"}) for command in commands]
    response = await wire.no_content(request, *wishes)
    response.status_code = 202
    return response


class Vpc2s(Controller):
    path = "/vpc2"
    tags = ("VPC2",)

    @get("/", operation_id="list-vpc2", summary="List VPC 2.0 networks",
         responses=wire.ANY_ERROR | wire.shown(Vpc2List, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await vpcs.page_of(request, paging, vpc2=True)
        return wire.answer(Vpc2List(vpcs=[show(vpc) for vpc in page], meta=meta))

    @post("/", operation_id="create-vpc2", commands=(CreateVpc,), status_code=201,
          summary="Create a VPC 2.0 network",
          responses=wire.ANY_ERROR | wire.shown(Vpc2Answer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        if data.ip_type and data.ip_type != "v4":
            raise Invalid("ip_type must be v4", field="ip_type")
        cidr = vpcs.range_of(data.ip_block, data.prefix_length, ("ip_block", "prefix_length"))
        return await vpcs.created(
            request, data, cidr, lambda vpc: Vpc2Answer(vpc=show(vpc)), "ip_block",
            kind=VpcKind.VPC2,
        )  # fmt: skip

    @get("/{vpc_id:str}", operation_id="get-vpc2", summary="Get a VPC 2.0 network",
         responses=wire.ANY_ERROR | wire.shown(Vpc2Answer, "the VPC"))  # fmt: skip
    async def read(self, request: Call, vpc_id: FromPath[str]) -> Response[bytes]:
        vpc = await vpcs.vpc_of(request, vpc_id, vpc2=True)
        return wire.answer(Vpc2Answer(vpc=show(vpc)))

    @put("/{vpc_id:str}", operation_id="update-vpc2", commands=(UpdateVpc,), status_code=204,
         summary="Update a VPC 2.0 network", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        return await vpcs.updated(request, vpc_id, data.description, vpc2=True)

    @delete("/{vpc_id:str}", operation_id="delete-vpc2", commands=(DeleteVpc,), status_code=204,
            summary="Delete a VPC 2.0 network", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, vpc_id: FromPath[str]) -> Response[None]:
        return await vpcs.removed(request, vpc_id, vpc2=True)

    @get("/{vpc_id:str}/nodes", operation_id="list-vpc2-nodes",
         summary="Get a list of nodes attached to a VPC 2.0 network",
         responses=wire.ANY_ERROR | wire.shown(NodeList, "one page"))  # fmt: skip
    async def nodes(
        self, request: Call, vpc_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        every = await nodes_of(request, await vpcs.any_vpc_of(request, vpc_id))
        page, meta = wire.part_of(every, paging)
        return wire.answer(NodeList(nodes=list(page), meta=meta))

    @post("/{vpc_id:str}/nodes/attach", operation_id="attach-vpc2-nodes", commands=(AttachVpc,),
          status_code=202, summary="Attach nodes to a VPC 2.0 network",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def attach(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[NodesBody]
    ) -> Response[None]:
        """Attach instances. Those that are attached already are skipped."""
        vpc = await vpcs.any_vpc_of(request, vpc_id)
        nodes = await to_change(request, vpc, data, there=True)
        joins = [AttachVpc(instance=one, vpc=vpc.id, attached_ok=True) for one in nodes]
        return await change_nodes(request, joins)

    @post("/{vpc_id:str}/nodes/detach", operation_id="detach-vpc2-nodes", commands=(DetachVpc,),
          status_code=202, summary="Remove nodes from a VPC 2.0 network",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def detach(
        self, request: Call, vpc_id: FromPath[str], data: JSONBody[NodesBody]
    ) -> Response[None]:
        """Detach instances. Those that are not attached are skipped."""
        vpc = await vpcs.any_vpc_of(request, vpc_id)
        nodes = await to_change(request, vpc, data, there=False)
        return await change_nodes(request, [DetachVpc(instance=one, vpc=vpc.id) for one in nodes])
