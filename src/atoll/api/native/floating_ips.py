"""`/v1/floating-ips`."""

from collections.abc import Callable, Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, Name, NewMetadata, Wire, view_of
from atoll.domain.commands import (
    AttachFloatingIp,
    Command,
    CreateFloatingIp,
    DeleteFloatingIp,
    DetachFloatingIp,
    UpdateFloatingIp,
)
from atoll.domain.floating_ips import FloatingIp
from atoll.service import floating_ips, pages, queries
from atoll.service.desk import View
from atoll.service.nouns import FLOATING_IPS
from atoll.service.outcomes import Outcome
from atoll.service.queries import equal


class FloatingIpSpecIn(Wire, kw_only=True):
    """`instance_id`, an id or a name: the instance to attach the new address to."""

    region: str | None = None
    instance_id: str | None = None


class CreateFloatingIpBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: FloatingIpSpecIn = msgspec.field(default_factory=FloatingIpSpecIn)


class AttachFloatingIpBody(Wire, kw_only=True):
    instance_id: Name


class FloatingIpSpec(msgspec.Struct, kw_only=True):
    region: str


class FloatingIpStatus(msgspec.Struct, kw_only=True):
    """`ports` are the open ports at this address: `{"tcp/22": "127.16.0.9:22"}`. They are null in
    the response to a change, because the host of the guest reports them later."""

    address: str
    instance_id: str
    ports: dict[str, str] | None


class FloatingIpOut(msgspec.Struct, kw_only=True):
    """`operation_id` is set if a running guest must be configured: the operation ends when the
    address works."""

    id: str
    metadata: Metadata
    spec: FloatingIpSpec
    status: FloatingIpStatus
    operation_id: str = ""


class FloatingIpList(msgspec.Struct, kw_only=True):
    items: list[FloatingIpOut]
    next: str | None


def parse_create(body: CreateFloatingIpBody) -> CreateFloatingIp:
    given, spec = body.metadata, body.spec
    return CreateFloatingIp(
        name=given.name, labels=given.labels, region=spec.region or None,
        instance=spec.instance_id or None,
    )  # fmt: skip


def show(
    floating_ip: FloatingIp, *, operation_id: str = "", ports: dict[str, str] | None = None
) -> FloatingIpOut:
    return FloatingIpOut(
        id=floating_ip.id,
        metadata=named.metadata(floating_ip),
        spec=FloatingIpSpec(region=floating_ip.region),
        status=FloatingIpStatus(
            address=floating_ip.address, instance_id=floating_ip.instance_id or "", ports=ports
        ),
        operation_id=operation_id,
    )


def show_outcome(outcome: Outcome[FloatingIp]) -> FloatingIpOut:
    operations = outcome.operations
    return show(outcome.thing, operation_id=operations[0].id if operations else "")


async def change(request: Call, command: Command, status: int = 200) -> Response[bytes]:
    outcome = await wire.execute(request, command)
    return wire.respond(outcome, show_outcome(outcome), status)


async def shower(view: View, found: Sequence[FloatingIp]) -> Callable[[FloatingIp], FloatingIpOut]:
    """Return a function that shows one of these with its ports."""
    ports = await floating_ips.ports_of(view, found)
    return lambda one: show(one, ports=ports.get(one.id, {}))


class FloatingIps(Controller):
    path = "/floating-ips"
    tags = ("Floating IPs",)

    @post("/", operation_id="createFloatingIp", commands=(CreateFloatingIp,), status_code=201,
          summary="Create a floating IP",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateFloatingIpBody]) -> Response[bytes]:
        return await change(request, parse_create(data), 201)

    @get("/", operation_id="listFloatingIps", dependencies=LABELLED, summary="List floating IPs",
         responses=wire.LISTS | wire.shown(FloatingIpList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        instance_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        wanted, view = paging.changed(equals=equal(instance_id=instance_id)), view_of(request)
        found, limit = await pages.read(
            lambda part: queries.find_page(view, FLOATING_IPS, part), wanted.wanted
        )
        show_one = await shower(view, found)
        return wire.page_response(found, limit, show_one, lambda one: one.id)

    @get("/{floating_ip_id:str}", operation_id="getFloatingIp", summary="Get a floating IP",
         responses=wire.READS | wire.shown(FloatingIpOut, "the floating IP"))  # fmt: skip
    async def read(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        view = view_of(request)
        found = await queries.get(view, FLOATING_IPS, floating_ip_id)
        return named.answer((await shower(view, [found]))(found))

    @patch("/{floating_ip_id:str}", operation_id="updateFloatingIp", commands=(UpdateFloatingIp,),
           summary="Update a floating IP",
           responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateFloatingIp, floating_ip=floating_ip_id)
        return await wire.mutate(request, show, command)

    @post("/{floating_ip_id:str}/attach", operation_id="attachFloatingIp",
          commands=(AttachFloatingIp,), status_code=200,
          summary="Attach a floating IP (moves it if attached)",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def attach(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[AttachFloatingIpBody]
    ) -> Response[bytes]:
        command = AttachFloatingIp(floating_ip=floating_ip_id, instance=data.instance_id)
        return await change(request, command)

    @post("/{floating_ip_id:str}/detach", operation_id="detachFloatingIp",
          commands=(DetachFloatingIp,), status_code=200, summary="Detach a floating IP",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def detach(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        return await change(request, DetachFloatingIp(floating_ip=floating_ip_id))

    @delete("/{floating_ip_id:str}", operation_id="deleteFloatingIp", commands=(DeleteFloatingIp,),
            status_code=204, summary="Delete a floating IP", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, floating_ip_id: FromPath[str]) -> Response[None]:
        command = DeleteFloatingIp(floating_ip=floating_ip_id, version=version_of(request))
        return await wire.no_content(request, command)
