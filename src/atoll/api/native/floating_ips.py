"""`/v1/floating-ips`."""

from collections.abc import Callable, Sequence

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call, caller_of, json_response, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, Name, NewMetadata, Wire, services_of
from atoll.domain.commands import CreateFloatingIp
from atoll.domain.floating_ips import FloatingIp
from atoll.ports import Rows, Transaction
from atoll.service import floating_ips, owned, references
from atoll.service.desk import Accepted, require


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


def rows(tx: Transaction) -> Rows[FloatingIp]:
    return tx.floating_ips


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


def show_accepted(accepted: Accepted[FloatingIp]) -> FloatingIpOut:
    operation = accepted.operation
    return show(accepted.thing, operation_id=operation.id if operation else "")


async def shower(
    tx: Transaction, found: Sequence[FloatingIp]
) -> Callable[[FloatingIp], FloatingIpOut]:
    """Shows one of these with its ports."""
    ports = await floating_ips.ports_of(tx, found)
    return lambda one: show(one, ports=ports.get(one.id, {}))


class FloatingIps(Controller):
    path = "/floating-ips"
    tags = ("Floating IPs",)

    @post("/", operation_id="createFloatingIp", status_code=201, summary="Reserve a floating IP",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateFloatingIpBody]) -> Response[bytes]:
        use_case = floating_ips.create(parse_create(data), services_of(request).ranges)
        return await wire.mutate(request, use_case, show_accepted, 201)

    @get("/", operation_id="listFloatingIps", dependencies=LABELLED, summary="List floating IPs",
         responses=wire.LISTS | wire.shown(FloatingIpList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        instance_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        require(caller_of(request), "read")
        wanted = paging.changed(any_of=wire.equals("instance_id", instance_id))
        tx = services_of(request).store.read()
        found = await tx.floating_ips.page(wanted.wanted)
        return wire.page_response(found, wanted.limit, await shower(tx, found), lambda one: one.id)

    @get("/{floating_ip_id:str}", operation_id="getFloatingIp", summary="Get a floating IP",
         responses=wire.READS | wire.shown(FloatingIpOut, "the floating IP"))  # fmt: skip
    async def read(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        caller, tx = caller_of(request), services_of(request).store.read()
        require(caller, "read")
        found = await references.get(
            tx.floating_ips, caller.project_id, floating_ip_id, floating_ips.NOUN
        )
        answer = (await shower(tx, [found]))(found)
        return json_response(wire.encode(answer), headers={"ETag": f'"{found.version}"'})

    @patch("/{floating_ip_id:str}", operation_id="updateFloatingIp",
           summary="Update the name or labels of a floating IP",
           responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data)
        use_case = owned.update(rows, floating_ips.NOUN, floating_ip_id, command, unique=False)
        return await wire.mutate(request, use_case, lambda a: show(a.thing))

    @post("/{floating_ip_id:str}/attach", operation_id="attachFloatingIp", status_code=200,
          summary="Attach a floating IP (moves it if attached)",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def attach(
        self, request: Call, floating_ip_id: FromPath[str], data: JSONBody[AttachFloatingIpBody]
    ) -> Response[bytes]:
        use_case = floating_ips.attach(floating_ip_id, data.instance_id)
        return await wire.mutate(request, use_case, show_accepted)

    @post("/{floating_ip_id:str}/detach", operation_id="detachFloatingIp", status_code=200,
          summary="Detach a floating IP",
          responses=wire.WRITES | wire.shown(FloatingIpOut, "updated"))  # fmt: skip
    async def detach(self, request: Call, floating_ip_id: FromPath[str]) -> Response[bytes]:
        use_case = floating_ips.detach(floating_ip_id)
        return await wire.mutate(request, use_case, show_accepted)

    @delete("/{floating_ip_id:str}", operation_id="deleteFloatingIp", status_code=204,
            summary="Delete (release) a floating IP", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, floating_ip_id: FromPath[str]) -> Response[None]:
        use_case = floating_ips.delete(floating_ip_id, version_of(request))
        return await named.gone(request, use_case)
