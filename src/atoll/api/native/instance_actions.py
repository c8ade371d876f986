"""`/v1/instances/{instance_id}/…`: actions on an instance, and its networks."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.api.native.instances import ChosenPassword, UserData, optional_tuple, secret_of
from atoll.api.native.proposals import DRY, DryRun, begin_or_propose
from atoll.api.native.wire import Name, Wire, view_of
from atoll.domain.commands import (
    AttachDisc,
    AttachNetwork,
    DetachDisc,
    DetachNetwork,
    DisableBackups,
    RecoverInstance,
    ReinstallInstance,
    ResizeInstance,
    RestoreInstance,
    SetBackups,
)
from atoll.domain.timers import Backups, Timer
from atoll.service import timers

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


def parse_reinstall(reference: str, body: ReinstallBody | None) -> ReinstallInstance:
    given = body or ReinstallBody()
    return ReinstallInstance(
        instance=reference, image=given.image, hostname=given.hostname,
        user_data=given.user_data, ssh_keys=optional_tuple(given.ssh_key_ids),
        generate_password=given.generate_password, password=secret_of(given.password),
    )  # fmt: skip


def parse_resize(reference: str, body: ResizeBody) -> ResizeInstance:
    return ResizeInstance(
        instance=reference, plan=body.type, vcpus=body.vcpus, memory_mib=body.memory_mb,
        disk_gib=body.disk_gb,
    )  # fmt: skip


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

    @post(f"{PATH}/reinstall", operation_id="reinstallInstance", commands=(ReinstallInstance,),
          status_code=202,
          summary="Reinstall an instance (new root disk; id, addresses and volumes stay)",
          responses=RESPONSES)  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        return await begin_or_propose(request, parse_reinstall(instance_id, data), dry_run)

    @post(f"{PATH}/restore", operation_id="restoreInstance", commands=(RestoreInstance,),
          status_code=202, summary="Restore an instance to a snapshot",
          responses=RESPONSES)  # fmt: skip
    async def restore(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[RestoreBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        command = RestoreInstance(instance=instance_id, snapshot=data.snapshot_id)
        return await begin_or_propose(request, command, dry_run)

    @post(f"{PATH}/iso", operation_id="attachIso", commands=(AttachDisc,), status_code=202,
          summary="Attach an ISO, and boot from it",
          responses=RESPONSES)  # fmt: skip
    async def attach_iso(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[AttachIsoBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        command = AttachDisc(instance=instance_id, image=data.image)
        return await begin_or_propose(request, command, dry_run)

    @delete(f"{PATH}/iso", operation_id="detachIso", commands=(DetachDisc,), status_code=202,
            summary="Detach the ISO, and boot from the root disk",
            responses=RESPONSES)  # fmt: skip
    async def detach_iso(
        self, request: Call, instance_id: FromPath[str], dry_run: DryRun = False
    ) -> Response[bytes]:
        return await begin_or_propose(request, DetachDisc(instance=instance_id), dry_run)

    @post(f"{PATH}/resize", operation_id="resizeInstance", commands=(ResizeInstance,),
          status_code=202, summary="Resize an instance", responses=RESPONSES)  # fmt: skip
    async def resize(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ResizeBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        return await begin_or_propose(request, parse_resize(instance_id, data), dry_run)

    @post(f"{PATH}/networks", operation_id="attachNetwork", commands=(AttachNetwork,),
          status_code=202, summary="Attach an instance to another subnet",
          responses=RESPONSES)  # fmt: skip
    async def attach(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[AttachNetworkBody],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        command = AttachNetwork(instance=instance_id, subnet=data.subnet_id)
        return await begin_or_propose(request, command, dry_run)

    @delete(f"{PATH}/networks/{{subnet_id:str}}", operation_id="detachNetwork",
            commands=(DetachNetwork,), status_code=202, summary="Detach an instance from a subnet",
            responses=RESPONSES)  # fmt: skip
    async def detach(
        self,
        request: Call,
        instance_id: FromPath[str],
        subnet_id: FromPath[str],
        dry_run: DryRun = False,
    ) -> Response[bytes]:
        command = DetachNetwork(instance=instance_id, subnet=subnet_id)
        return await begin_or_propose(request, command, dry_run)

    @post(f"{PATH}/recover", operation_id="recoverInstance", commands=(RecoverInstance,),
          status_code=202, summary="Recover a deleted instance",
          responses=wire.ACCEPTED)  # fmt: skip
    async def recover(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, RecoverInstance(instance=instance_id))

    @get(f"{PATH}/backups", operation_id="getBackupSchedule", summary="Get the backup schedule",
         responses=wire.READS | wire.shown(BackupsOut, "the schedule"))  # fmt: skip
    async def backups(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        timer = await timers.get_backups(view_of(request), instance_id)
        return json_response(wire.encode(show_backups(timer)))

    @put(f"{PATH}/backups", operation_id="setBackupSchedule", commands=(SetBackups,),
         summary="Set the backup schedule",
         responses=wire.WRITES | wire.shown(BackupsOut, "the schedule"))  # fmt: skip
    async def back_up(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[BackupsBody]
    ) -> Response[bytes]:
        backups = Backups(cron=data.cron, keep=data.keep)
        command = SetBackups(instance=instance_id, backups=backups)
        return await wire.mutate(request, show_backups, command)

    @delete(f"{PATH}/backups", operation_id="deleteBackupSchedule", commands=(DisableBackups,),
            status_code=204, summary="Disable backups (existing ones are kept)",
            responses=wire.WRITES)  # fmt: skip
    async def stop_backing_up(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DisableBackups(instance=instance_id))
