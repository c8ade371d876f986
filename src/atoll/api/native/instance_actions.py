"""`/v1/instances/{instance_id}/…`: what changes an instance as a whole, and its networks."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, caller_of, json_response
from atoll.api.native import named, passwords, wire
from atoll.api.native.instances import DRY, DryRun, UserData, planned
from atoll.api.native.passwords import ChosenPassword
from atoll.api.native.wire import Name, Wire, services_of
from atoll.domain.commands import Reinstall, Resize
from atoll.domain.timers import Backups, Timer
from atoll.service import (
    instance_delete,
    instance_iso,
    instance_rebuild,
    instance_resize,
    networks,
    timers,
)
from atoll.service.bundle import Services

RESPONSES = wire.ACCEPTED | DRY
PATH = "/{instance_id:str}"


class ReinstallBody(Wire, kw_only=True):
    """Omitted fields keep their values. `image` is an image or a snapshot, by id or name.
    `generate_password` generates a new password for root, `password` sets one."""

    image: Name | None = None
    hostname: Name | None = None
    ssh_key_ids: Annotated[list[str], Meta(max_length=100)] | None = None
    user_data: UserData | None = None
    generate_password: bool = False
    password: ChosenPassword | None = None


class RestoreBody(Wire, kw_only=True):
    snapshot_id: Name


class AttachIsoBody(Wire, kw_only=True):
    """`image` is an image of kind iso, by id or name."""

    image: Name


class ResizeBody(Wire, kw_only=True):
    """A type includes a size; single values override it. A disk cannot shrink."""

    type: Name | None = None
    vcpus: Annotated[int, Meta(ge=1, le=512)] | None = None
    memory_mb: Annotated[int, Meta(ge=64, le=4_194_304)] | None = None
    disk_gb: Annotated[int, Meta(ge=1, le=65_536)] | None = None


class AttachNetworkBody(Wire, kw_only=True):
    subnet_id: Name


async def parse_reinstall(body: ReinstallBody | None, services: Services) -> Reinstall:
    given = body or ReinstallBody()
    password = await passwords.wanted(
        services, generate=given.generate_password, chosen=given.password, field="password"
    )
    return Reinstall(
        image=given.image, hostname=given.hostname, user_data=given.user_data,
        ssh_keys=None if given.ssh_key_ids is None else tuple(given.ssh_key_ids),
        password=password,
    )  # fmt: skip


def parse_resize(body: ResizeBody) -> Resize:
    return Resize(
        plan=body.type, vcpus=body.vcpus, memory_mib=body.memory_mb, disk_gib=body.disk_gb
    )


class BackupsBody(Wire, kw_only=True):
    """`cron` has five fields, in UTC; the newest `keep` complete backups are kept."""

    cron: Annotated[str, Meta(max_length=100)]
    keep: Annotated[int, Meta(ge=1, le=30)] = 7


class BackupsOut(msgspec.Struct, kw_only=True):
    instance_id: str
    cron: str
    keep: int
    next_at: str


def show_backups(timer: Timer) -> BackupsOut:
    assert timer.backups is not None, "a backup timer has a schedule"
    return BackupsOut(
        instance_id=timer.instance_id, cron=timer.backups.cron, keep=timer.backups.keep,
        next_at=wire.time_text(timer.due_at_ms),
    )  # fmt: skip


class InstanceActions(Controller):
    path = "/instances"
    tags = ("Instances",)

    @post(f"{PATH}/reinstall", operation_id="reinstallInstance", status_code=202,
          summary="Reinstall an instance (keeps id, addresses and volumes)",
          responses=RESPONSES)  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        command = await parse_reinstall(data, services_of(request))
        use_case = instance_rebuild.reinstall(instance_id, command)
        return await begun(request, use_case, dry_run)

    @post(f"{PATH}/restore", operation_id="restoreInstance", status_code=202,
          summary="Restore the root disk from a snapshot", responses=RESPONSES)  # fmt: skip
    async def restore(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[RestoreBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        use_case = instance_rebuild.restore(instance_id, data.snapshot_id)
        return await begun(request, use_case, dry_run)

    @post(f"{PATH}/iso", operation_id="attachIso", status_code=202,
          summary="Attach an ISO image and restart from it",
          responses=RESPONSES)  # fmt: skip
    async def attach_iso(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[AttachIsoBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        return await begun(request, instance_iso.attach(instance_id, data.image), dry_run)

    @delete(f"{PATH}/iso", operation_id="detachIso", status_code=202,
            summary="Detach the ISO image and restart from the root disk",
            responses=RESPONSES)  # fmt: skip
    async def detach_iso(
        self, request: Call, instance_id: FromPath[str], dry_run: DryRun = False
    ) -> Response[bytes]:
        return await begun(request, instance_iso.detach(instance_id), dry_run)

    @post(f"{PATH}/resize", operation_id="resizeInstance", status_code=202,
          summary="Resize an instance", responses=RESPONSES)  # fmt: skip
    async def resize(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ResizeBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        use_case = instance_resize.resize(instance_id, parse_resize(data))
        return await begun(request, use_case, dry_run)

    @post(f"{PATH}/networks", operation_id="attachNetwork", status_code=202,
          summary="Attach an instance to another subnet", responses=RESPONSES)  # fmt: skip
    async def attach(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[AttachNetworkBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        inside = services_of(request).ranges.private_cidr
        return await begun(request, networks.attach(instance_id, data.subnet_id, inside), dry_run)

    @delete(f"{PATH}/networks/{{subnet_id:str}}", operation_id="detachNetwork", status_code=202,
            summary="Detach an instance from a subnet", responses=RESPONSES)  # fmt: skip
    async def detach(
        self,
        request: Call,
        instance_id: FromPath[str],
        subnet_id: FromPath[str],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        return await begun(request, networks.detach(instance_id, subnet_id), dry_run)

    @post(f"{PATH}/recover", operation_id="recoverInstance", status_code=202,
          summary="Recover a deleted instance (within its window)",
          responses=wire.ACCEPTED)  # fmt: skip
    async def recover(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        return await begun(request, instance_delete.recover(instance_id), dry_run=False)

    @get(f"{PATH}/backups", operation_id="getBackupSchedule", summary="Get the backup schedule",
         responses=wire.READS | wire.shown(BackupsOut, "the schedule"))  # fmt: skip
    async def backups(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        tx = services_of(request).store.read()
        timer = await timers.backups_of(tx, caller_of(request), instance_id)
        return json_response(wire.encode(show_backups(timer)))

    @put(f"{PATH}/backups", operation_id="setBackupSchedule",
         summary="Set the backup schedule",
         responses=wire.WRITES | wire.shown(BackupsOut, "the schedule"))  # fmt: skip
    async def back_up(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[BackupsBody]
    ) -> Response[bytes]:
        use_case = timers.back_up(instance_id, Backups(cron=data.cron, keep=data.keep))
        return await wire.mutate(request, use_case, lambda a: show_backups(a.thing))

    @delete(f"{PATH}/backups", operation_id="deleteBackupSchedule", status_code=204,
            summary="Disable backups (existing ones are kept)",
            responses=wire.WRITES)  # fmt: skip
    async def stop_backing_up(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await named.gone(request, timers.stop_backing_up(instance_id))


async def begun(request: Call, use_case: Any, dry_run: bool) -> Response[bytes]:
    if dry_run:
        return await planned(request, use_case)
    return await wire.mutate(request, use_case, wire.show_operation_ref, 202)
