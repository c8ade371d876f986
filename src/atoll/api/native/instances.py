"""`/v1/instances`."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from atoll.api.http import Call, version_of
from atoll.api.native import accelerators, named, wire
from atoll.api.native.accelerators import AcceleratorsBody, DeviceOut
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.proposals import DRY, DryRun, begin_or_propose, propose
from atoll.api.native.wire import ACCEPTED, Labels, Moment, Name, Wire, services_of, view_of
from atoll.api.rendered import Rendered
from atoll.domain.commands import (
    CreateInstance,
    DeleteInstance,
    RebootInstance,
    ResetInstance,
    Secret,
    StartInstance,
    StopInstance,
    UpdateInstance,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import (
    PASSWORD_MAX,
    PASSWORD_MIN,
    Instance,
    host_names_of,
    own_ports,
)
from atoll.domain.networks import ipv6_of
from atoll.service import pages, queries
from atoll.service.desk import View
from atoll.service.nouns import INSTANCES
from atoll.service.waiting import until_condition

WAIT_S_MAX = 60
WAIT = r"^(ready|[0-9]{1,9}(\.[0-9]{1,9})?)$"
State = Literal["provisioning", "running", "stopping", "stopped", "terminated"]


ChosenPassword = Annotated[str, Meta(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)]
UserData = Annotated[str, Meta(max_length=90_000)]


class InstanceMetadataIn(Wire, kw_only=True):
    name: wire.NewName
    labels: Labels = {}
    protected: bool = False
    expires_at: Moment | None = None


class InstanceSpecIn(Wire, kw_only=True):
    """`type`, `image`, networks, groups and keys are ids or names. `user_data` is base64.
    `generate_password` generates a password for root; `password` sets one of your choice, which
    is never shown."""

    type: Name
    image: Name
    vcpus: Annotated[int, Meta(ge=1, le=512)] | None = None
    memory_mb: Annotated[int, Meta(ge=64, le=4_194_304)] | None = None
    disk_gb: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    region: str | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None
    security_groups: Annotated[list[str], Meta(max_length=50)] | None = None
    ssh_key_ids: Annotated[list[str], Meta(max_length=100)] = []
    startup_script_id: str | None = None
    user_data: UserData = ""
    generate_password: bool = False
    password: ChosenPassword | None = None


class CreateInstanceBody(Wire, kw_only=True):
    metadata: InstanceMetadataIn
    spec: InstanceSpecIn


class InstanceMetadataPatch(Wire, kw_only=True):
    """`expires_at` null removes the expiry."""

    name: wire.NewName | None = None
    labels: Labels | None = None
    protected: bool | None = None
    expires_at: Moment | UnsetType | None = UNSET


class InstanceSpecPatch(Wire, kw_only=True):
    """Groups and keys apply to a running guest immediately; user data is used at the next
    reinstallation."""

    security_groups: Annotated[list[str], Meta(max_length=50)] | None = None
    ssh_key_ids: Annotated[list[str], Meta(max_length=100)] | None = None
    user_data: UserData | None = None


class PatchInstanceBody(Wire, kw_only=True):
    metadata: InstanceMetadataPatch | UnsetType = UNSET
    spec: InstanceSpecPatch | UnsetType = UNSET


class StopBody(Wire, kw_only=True):
    """`force` powers off immediately; otherwise the guest has `timeout_seconds` to shut down."""

    force: bool = False
    timeout_seconds: Annotated[int, Meta(ge=0, le=3600)] = 60


class InstanceMetadata(msgspec.Struct, kw_only=True):
    name: str
    labels: dict[str, str]
    created_at: str
    updated_at: str
    version: int
    protected: bool
    expires_at: str | None


class InstanceSpec(msgspec.Struct, kw_only=True):
    type: str
    image: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    accelerators: AcceleratorsBody | None
    region: str
    vpc_id: str
    subnet_id: str
    security_groups: tuple[str, ...]
    ssh_key_ids: tuple[str, ...]
    startup_script_id: str
    user_data: str  # empty in lists, and for keys that may only read


class Condition(msgspec.Struct, kw_only=True):
    """`type`: power (the machine is on), boot (the operating system is running), ready (the first
    boot is complete). `at`: the time of the last change."""

    type: Literal["power", "boot", "ready"]
    status: bool
    at: str | None


class NetworkOut(msgspec.Struct, kw_only=True):
    vpc_id: str
    subnet_id: str
    mac: str
    private_ip: str


class InstanceStatus(msgspec.Struct, kw_only=True):
    """`state`: provisioning, running, stopping, stopped, terminated. `ready` means that the
    first boot is complete and the guest executes; `reason` explains an unexpected state;
    `ports` are the addresses of the open ports, as `{"tcp/22": "127.16.0.5:22"}`. `networks` are
    additional networks, `iso_id` is the attached ISO image, `devices` are host devices for
    exclusive use. `default_password` is the generated password of root: only reading a single
    instance returns it, for ten minutes."""

    state: str
    hostname: str
    host_id: str
    private_ip: str
    public_ip: str
    ipv6: str
    ports: dict[str, str]
    floating_ips: tuple[str, ...]
    volume_ids: tuple[str, ...]
    iso_id: str
    networks: list[NetworkOut]
    devices: list[DeviceOut]
    conditions: list[Condition]
    ready: bool
    ready_at: str | None
    recoverable_until: str | None
    default_password: str | None
    reason: str


class InstanceOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: InstanceMetadata
    spec: InstanceSpec
    status: InstanceStatus
    operation_id: str


class InstanceList(msgspec.Struct, kw_only=True):
    items: list[InstanceOut]
    next: str | None


def parse_create(body: CreateInstanceBody) -> CreateInstance:
    spec = body.spec
    return CreateInstance(
        name=body.metadata.name, labels=body.metadata.labels, plan=spec.type, image=spec.image,
        region=spec.region or None, vcpus=spec.vcpus, memory_mib=spec.memory_mb,
        disk_gib=spec.disk_gb, vpc=spec.vpc_id or None, subnet=spec.subnet_id or None,
        security_groups=optional_tuple(spec.security_groups),
        ssh_keys=tuple(spec.ssh_key_ids), user_data=spec.user_data,
        startup_script=spec.startup_script_id or None,
        generate_password=spec.generate_password, password=secret_of(spec.password),
        protected=body.metadata.protected,
        expires_at_ms=wire.ms_of(body.metadata.expires_at),
    )  # fmt: skip


def secret_of(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def parse_update(reference: str, body: PatchInstanceBody, version: int | None) -> UpdateInstance:
    given, spec = body.metadata or InstanceMetadataPatch(), body.spec or InstanceSpecPatch()
    return UpdateInstance(
        instance=reference, name=given.name, labels=given.labels, protected=given.protected,
        security_groups=optional_tuple(spec.security_groups),
        ssh_keys=optional_tuple(spec.ssh_key_ids), user_data=spec.user_data,
        expires_at_ms=expiry_of(given), version=version,
    )  # fmt: skip


def expiry_of(given: InstanceMetadataPatch) -> int | None:
    """0 removes the expiry, None means no change."""
    if given.expires_at is UNSET:
        return None
    at_ms = wire.ms_of(given.expires_at)
    return 0 if at_ms is None else max(1, at_ms)


def optional_tuple(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def parse_stop(reference: str, body: StopBody | None) -> StopInstance:
    wanted = body or StopBody()
    return StopInstance(
        instance=reference, graceful_s=0 if wanted.force else wanted.timeout_seconds
    )


def show(instance: Instance, password: str | None = None) -> InstanceOut:
    spec = instance.spec
    return InstanceOut(
        id=instance.id,
        metadata=InstanceMetadata(
            name=instance.name, labels=instance.labels,
            created_at=wire.time_text(instance.created_at_ms),
            updated_at=wire.time_text(instance.updated_at_ms),
            version=instance.version, protected=instance.protected,
            expires_at=wire.time_of(instance.expires_at_ms),
        ),
        spec=InstanceSpec(
            type=spec.plan, image=spec.image, vcpus=spec.vcpus, memory_mb=spec.memory_mib,
            disk_gb=spec.disk_gib, accelerators=accelerators.show(spec.accelerators),
            region=spec.region, vpc_id=spec.vpc, subnet_id=spec.subnet,
            security_groups=spec.security_groups, ssh_key_ids=spec.ssh_keys,
            startup_script_id=spec.startup_script, user_data=spec.user_data,
        ),
        status=InstanceStatus(
            state=wire.instance_word(instance),
            hostname=host_names_of(instance)[0],
            host_id=instance.host_id or "",
            private_ip=instance.private_ip or "", public_ip=instance.public_ip or "",
            ipv6=ipv6_of(instance.network, instance.private_ip) if instance.private_ip else "",
            ports=own_ports(instance), floating_ips=instance.floating_ips,
            volume_ids=instance.volumes, iso_id=instance.iso_id or "",
            networks=show_networks(instance),
            devices=accelerators.show_devices(instance.devices),
            conditions=show_conditions(instance),
            ready=instance.ready_at_ms is not None, ready_at=wire.time_of(instance.ready_at_ms),
            recoverable_until=wire.time_of(instance.purge_at_ms), default_password=password,
            reason=instance.why,
        ),
        operation_id=instance.operation_id or "",
    )  # fmt: skip


def show_conditions(instance: Instance) -> list[Condition]:
    times: dict[Literal["power", "boot", "ready"], int | None] = {
        "power": instance.running_since_ms,
        "boot": instance.booted_at_ms,
        "ready": instance.ready_at_ms,
    }
    return [
        Condition(type=kind, status=at_ms is not None, at=wire.time_of(at_ms))
        for kind, at_ms in times.items()
    ]


def show_networks(instance: Instance) -> list[NetworkOut]:
    return [
        NetworkOut(
            vpc_id=place.vpc_id, subnet_id=place.subnet_id, mac=place.mac,
            private_ip=place.private_ip,
        )
        for place in instance.attachments
    ]  # fmt: skip


def show_listed(instance: Instance) -> InstanceOut:
    """A list leaves out the user data, which may be long."""
    spec = msgspec.structs.replace(instance.spec, user_data="")
    return show(msgspec.structs.replace(instance, spec=spec))


def listed_in(request: Call) -> Rendered[Instance]:
    rendered: Rendered[Instance] = request.app.state.listed_instances
    return rendered


def json_of(request: Call, view: View, instance: Instance) -> bytes:
    """The JSON of one instance; only that with all fields is cached."""
    if not view.may("write"):
        return wire.encode(show(instance))
    rendered: Rendered[Instance] = request.app.state.instances
    return rendered.json_of(instance)


class Instances(Controller):
    path = "/instances"
    tags = ("Instances",)

    @post("/", operation_id="createInstance", commands=(CreateInstance,),
          summary="Create an instance", status_code=201,
          responses=wire.WRITES | DRY | wire.shown(InstanceOut, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, data: JSONBody[CreateInstanceBody], dry_run: DryRun = False
    ) -> Response[bytes]:
        command = parse_create(data)
        if dry_run:
            return await propose(request, command)
        return await wire.mutate(request, show, command, 201)

    @get(
        "/", operation_id="listInstances", dependencies=LABELLED, summary="List instances",
        responses=wire.LISTS | wire.shown(InstanceList, "one page of the list"),
    )  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        states: Annotated[list[State] | None, QueryParameter(name="state")] = None,
    ) -> Response[bytes]:
        words = set(states or ())
        clauses = tuple(c for word in sorted(words) for c in wire.INSTANCE_CLAUSES[word])
        wanted = msgspec.structs.replace(paging.wanted, any_of=clauses)
        view = view_of(request)
        found, limit = await pages.read(
            lambda part: queries.find_page(view, INSTANCES, part), wanted
        )
        return wire.page_response(
            found, limit, listed_in(request).part_of, lambda i: i.id,
            keep=None if not words else lambda i: wire.instance_word(i) in words,
        )  # fmt: skip

    @get(
        "/{instance_id:str}", operation_id="getInstance", summary="Get an instance",
        responses=wire.READS | wire.shown(InstanceOut, "the instance"),
    )  # fmt: skip
    async def read(
        self,
        request: Call,
        instance_id: FromPath[str],
        wait: Annotated[str, QueryParameter(pattern=WAIT)] = "0",
        until: FromQuery[Literal["running", "ready"] | None] = None,
    ) -> Response[bytes]:
        services = services_of(request)
        if until is not None and "wait" not in request.query_params:
            raise Invalid("until requires wait, the number of seconds to wait", field="wait")
        wait_s = wait_s_of(wait)
        view = view_of(request)
        instance = await queries.get(view, INSTANCES, instance_id)
        if wait_s:
            waited = await until_condition(
                services.store, services.clock, instance.id, until or "ready", wait_s
            )
            (instance,) = queries.seen(view, [waited])
        if (password := services.passwords.of(instance)) is not None:
            return named.answer(show(instance, password))
        return named.answer_json(json_of(request, view, instance), instance.version)

    @patch(
        "/{instance_id:str}", operation_id="updateInstance", commands=(UpdateInstance,),
        summary="Update an instance",
        responses=wire.WRITES | wire.shown(InstanceOut, "updated"),
    )  # fmt: skip
    async def update(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[PatchInstanceBody]
    ) -> Response[bytes]:
        command = parse_update(instance_id, data, version_of(request))
        return await wire.mutate(request, show, command)

    @delete("/{instance_id:str}", operation_id="deleteInstance", commands=(DeleteInstance,),
            summary="Delete an instance", status_code=202, responses=ACCEPTED | DRY)  # fmt: skip
    async def remove(
        self,
        request: Call,
        instance_id: FromPath[str],
        dry_run: DryRun = False,
        purge: FromQuery[bool] = False,
    ) -> Response[bytes]:
        command = DeleteInstance(instance=instance_id, purge=purge, version=version_of(request))
        return await begin_or_propose(request, command, dry_run)

    @post("/{instance_id:str}/stop", operation_id="stopInstance", commands=(StopInstance,),
          summary="Stop an instance", status_code=202, responses=ACCEPTED | DRY)  # fmt: skip
    async def stop(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[StopBody | None] = None,
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        return await begin_or_propose(request, parse_stop(instance_id, data), dry_run)

    @post("/{instance_id:str}/start", operation_id="startInstance", commands=(StartInstance,),
          summary="Start an instance", status_code=202, responses=ACCEPTED | DRY)  # fmt: skip
    async def start(
        self, request: Call, instance_id: FromPath[str], dry_run: DryRun = False
    ) -> Response[bytes]:
        return await begin_or_propose(request, StartInstance(instance=instance_id), dry_run)

    @post(
        "/{instance_id:str}/reboot", operation_id="rebootInstance", commands=(RebootInstance,),
        summary="Reboot an instance", status_code=202,
        responses=ACCEPTED | DRY,
    )  # fmt: skip
    async def reboot(
        self, request: Call, instance_id: FromPath[str], dry_run: DryRun = False
    ) -> Response[bytes]:
        return await begin_or_propose(request, RebootInstance(instance=instance_id), dry_run)

    @post("/{instance_id:str}/reset", operation_id="resetInstance", commands=(ResetInstance,),
          summary="Reset an instance (at once, as by its reset button)", status_code=202,
          responses=ACCEPTED | DRY)  # fmt: skip
    async def reset(
        self, request: Call, instance_id: FromPath[str], dry_run: DryRun = False
    ) -> Response[bytes]:
        return await begin_or_propose(request, ResetInstance(instance=instance_id), dry_run)


def wait_s_of(wait: str) -> float:
    """Raises Invalid."""
    if wait == "ready":
        return WAIT_S_MAX
    seconds = float(wait)
    if seconds > WAIT_S_MAX:
        raise Invalid(f"wait must be at most {WAIT_S_MAX} seconds, or ready", field="wait")
    return seconds
