"""`/v1/hosts`."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from atoll.api.http import Call, caller_of, json_response, version_of
from atoll.api.native import named, wire
from atoll.api.native.accelerators import HostDeviceOut, show_host_devices
from atoll.api.native.paging import NAMED, Paging
from atoll.api.native.wire import Wire, services_of, view_of
from atoll.domain.actions import ACTIONS
from atoll.domain.commands import RemoveHost, UpdateHost
from atoll.domain.hosts import Host, is_disk_low
from atoll.domain.instances import Instance
from atoll.domain.snapshots import Snapshot
from atoll.domain.volumes import Volume
from atoll.operations import host_remove
from atoll.service import hosts
from atoll.service.nouns import HOSTS

DISK_LOW = (
    "disk space is low: it is left to running guests, and there is none for new instances, volumes "
    "and images"
)
State = Literal["ready", "lost", "removing"]


class HostSpecPatch(Wire, kw_only=True):
    enabled: bool


class PatchHostBody(Wire, kw_only=True):
    spec: HostSpecPatch


class HostMetadata(msgspec.Struct, kw_only=True):
    name: str
    created_at: str
    version: int


class HostSpec(msgspec.Struct, kw_only=True):
    region: str
    node_type: str
    enabled: bool


class HostStatus(msgspec.Struct, kw_only=True):
    """Capacity is the allocatable amount, including overcommit; `…_used` is allocated. `devices`
    are those that instances can use exclusively. `disk_spare_mb` is the disk space that is really
    free, without the reserve for running guests: at 0 or less, the host gets no new disks, and
    `reason` says so."""

    state: str
    seen_at: str
    driver: str
    accelerator: str
    emulated: bool
    vcpus: int
    vcpus_used: int
    memory_mb: int
    memory_mb_used: int
    disk_gb: int
    disk_gb_used: int
    disk_spare_mb: int | None
    reason: str
    devices: list[HostDeviceOut]


class HostOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: HostMetadata
    spec: HostSpec
    status: HostStatus


class HostList(msgspec.Struct, kw_only=True):
    items: list[HostOut]
    next: str | None


class LostThing(msgspec.Struct, kw_only=True):
    id: str
    name: str
    project_id: str


class LostThings(msgspec.Struct, kw_only=True):
    count: int
    first: list[LostThing]


class RemovalProposal(msgspec.Struct, kw_only=True):
    kind: str
    resource_id: str
    host: str
    steps: tuple[str, ...]
    impact: str
    reverted_by: str
    instances: LostThings
    volumes: LostThings
    snapshots: LostThings


class RemovalBody(msgspec.Struct, kw_only=True):
    plan: RemovalProposal


def show(host: Host) -> HostOut:
    can = host.capabilities
    return HostOut(
        id=host.id,
        metadata=HostMetadata(
            name=host.name, created_at=wire.time_text(host.created_at_ms), version=host.version
        ),
        spec=HostSpec(region=host.region, node_type=host.node_type, enabled=host.enabled),
        status=HostStatus(
            state=host.state, seen_at=wire.time_text(host.seen_at_ms), driver=can.driver,
            accelerator=can.accelerator, emulated=can.emulated, vcpus=host.vcpus,
            vcpus_used=host.vcpus_used, memory_mb=host.memory_mib,
            memory_mb_used=host.memory_mib_used, disk_gb=host.disk_gib,
            disk_gb_used=host.disk_gib_used, disk_spare_mb=host.spare_disk_mib,
            reason=DISK_LOW if is_disk_low(host) else "",
            devices=show_host_devices(host.devices, host.devices_used),
        ),
    )  # fmt: skip


def show_removal(host: Host, lost: hosts.Losses) -> RemovalBody:
    workflow, action = host_remove.WORKFLOW, ACTIONS[RemoveHost]
    return RemovalBody(
        plan=RemovalProposal(
            kind=workflow.kind, resource_id=host.id, host=host.name,
            steps=tuple(step.name for step in workflow.steps), impact=action.impact,
            reverted_by=action.undo, instances=show_lost(lost.instances, lost.instances_count),
            volumes=show_lost(lost.volumes, len(lost.volumes)),
            snapshots=show_lost(lost.snapshots, len(lost.snapshots)),
        )
    )  # fmt: skip


def show_lost(things: Sequence[Instance | Volume | Snapshot], count: int) -> LostThings:
    first = [
        LostThing(id=t.id, name=t.name, project_id=t.project_id) for t in things[: hosts.SHOWN]
    ]
    return LostThings(count=count, first=first)


DRY = wire.shown(RemovalBody, "with dry_run=true: what would be lost", 200)


class Hosts(Controller):
    path = "/hosts"
    tags = ("Hosts",)

    @get("/", operation_id="listHosts", dependencies=NAMED, summary="List hosts",
         responses=wire.LISTS | wire.shown(HostList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        states: Annotated[list[State] | None, QueryParameter(name="state")] = None,
    ) -> Response[bytes]:
        clause = ((("state", tuple(states)),),) if states else ()
        return await named.page(request, HOSTS, paging.changed(any_of=clause), show)

    @get("/{host_id:str}", operation_id="getHost", summary="Get a host",
         responses=wire.READS | wire.shown(HostOut, "the host"))  # fmt: skip
    async def read(self, request: Call, host_id: FromPath[str]) -> Response[bytes]:
        return named.answer(show(await hosts.get(view_of(request), host_id)))

    @patch("/{host_id:str}", operation_id="updateHost", commands=(UpdateHost,),
           summary="Enable or disable a host for new guests",
           responses=wire.WRITES | wire.shown(HostOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, host_id: FromPath[str], data: JSONBody[PatchHostBody]
    ) -> Response[bytes]:
        command = UpdateHost(host=host_id, enabled=data.spec.enabled, version=version_of(request))
        return await wire.mutate(request, show, command)

    @delete("/{host_id:str}", operation_id="deleteHost", commands=(RemoveHost,), status_code=202,
            summary="Delete a lost host and everything on it",
            responses=wire.ACCEPTED | DRY)  # fmt: skip
    async def remove(
        self, request: Call, host_id: FromPath[str], dry_run: FromQuery[bool] = False
    ) -> Response[bytes]:
        command = RemoveHost(host=host_id, version=version_of(request))
        if not dry_run:
            return await wire.begin(request, command)
        outcome = await services_of(request).desk.rehearse(caller_of(request), command)
        host, view = outcome.thing, view_of(request)
        lost = await hosts.losses(view, host)
        return json_response(wire.encode(show_removal(host, lost)))
