"""`/v2/instances/…`: power, reinstall, restore, and the jobs that such requests become."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, caller_of
from atoll.api.vultr import wire
from atoll.api.vultr.instances import InstanceAnswer, begun
from atoll.api.vultr.wire import Wire, services_of
from atoll.domain import ids
from atoll.domain.commands import Power, Reinstall
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.operations import Operation, OperationState
from atoll.service import instance_rebuild, instances, operations
from atoll.service.desk import Accepted, Case, UseCase

PATH = "/{instance_id:str}"
GRACE_S = 60.0
BULK_MAX = 500
JOB_WORDS = {
    OperationState.DONE: "success",
    OperationState.FAILED: "failed",
    OperationState.CANCELLED: "failed",
}


class ReinstallBody(Wire, kw_only=True):
    hostname: str | None = None


class RestoreBody(Wire, kw_only=True):
    """One of both."""

    backup_id: str | None = None
    snapshot_id: str | None = None


class BulkBody(Wire, kw_only=True):
    instance_ids: list[str]


class RestoreStatus(msgspec.Struct, kw_only=True):
    restore_type: str
    restore_id: str
    status: str


class RestoreAnswer(msgspec.Struct, kw_only=True):
    status: RestoreStatus


class Job(msgspec.Struct, kw_only=True):
    id: str
    vps_id: str
    type: str
    state: str
    info: str
    added_at: str
    updated_at: str


class JobAnswer(msgspec.Struct, kw_only=True):
    """`state` stands at the top as well, where some clients look for it."""

    job: Job
    state: str


def show_job(operation: Operation) -> JobAnswer:
    state = JOB_WORDS.get(operation.state, "processing")
    changed_at_ms = operation.ended_at_ms or operation.started_at_ms or operation.created_at_ms
    job = Job(
        id=wire.uuid_of(operation.id), vps_id=wire.uuid_of(operation.resource_id), type="UPGRADE",
        state=state, info=operation.error_message or operation.message,
        added_at=wire.plain_date_of(operation.created_at_ms),
        updated_at=wire.plain_date_of(changed_at_ms),
    )  # fmt: skip
    return JobAnswer(job=job, state=state)


def power(verb: str, instance_ids: list[str]) -> Callable[[Case], Awaitable[None]]:
    """Of one or many: all of them, or none."""
    command = Power(verb=verb, graceful_s=GRACE_S)

    async def use_case(case: Case) -> None:
        for instance_id in instance_ids:
            await instances.power(instance_id, command)(case)

    return use_case


async def one(request: Call, verb: str, instance_id: str) -> Response[None]:
    reference = wire.native_id(ids.INSTANCE, instance_id)
    return await wire.gone(request, power(verb, [reference]))


async def many(request: Call, verb: str, body: BulkBody) -> Response[None]:
    if not 1 <= len(body.instance_ids) <= BULK_MAX:
        raise Invalid(f"instance_ids: 1 to {BULK_MAX} are allowed", field="instance_ids")
    given = dict.fromkeys(body.instance_ids)
    references = [wire.native_id(ids.INSTANCE, instance_id) for instance_id in given]
    return await wire.gone(request, power(verb, references))


def restored_from(body: RestoreBody) -> tuple[str, str]:
    """Which field names the source, and the source."""
    given = {"backup_id": body.backup_id, "snapshot_id": body.snapshot_id}
    named = [(field, text) for field, text in given.items() if text]
    if len(named) != 1:
        raise Invalid("snapshot_id: name one, or a backup_id", field="snapshot_id")
    return named[0]


def reinstall(
    request: Call, instance_id: str, body: ReinstallBody | None
) -> UseCase[Accepted[Instance]]:
    """It answers the instance with the password and the host name that it is about to have."""
    services = services_of(request)
    command = Reinstall(
        hostname=(body.hostname if body else None) or None,
        password=services.passwords.new(services.secret()),
    )

    async def use_case(case: Case) -> Accepted[Instance]:
        accepted = await instance_rebuild.reinstall(instance_id, command)(case)
        before = accepted.thing
        hostname = command.hostname or before.hostname
        shown = msgspec.structs.replace(before, password=command.password, hostname=hostname)
        return Accepted(shown, accepted.operation)

    return use_case


class InstanceActions(Controller):
    path = "/instances"
    tags = ("instances",)

    @post("/halt", operation_id="halt-instances", status_code=204, summary="Halt Instances",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def halt_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, "stop", data)

    @post("/start", operation_id="start-instances", status_code=204, summary="Start instances",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def start_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, "start", data)

    @post("/reboot", operation_id="reboot-instances", status_code=204, summary="Reboot instances",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, "reboot", data)

    @post(f"{PATH}/halt", operation_id="halt-instance", status_code=204, summary="Halt Instance",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def halt(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, "stop", instance_id)

    @post(f"{PATH}/start", operation_id="start-instance", status_code=204,
          summary="Start instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def start(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, "start", instance_id)

    @post(f"{PATH}/reboot", operation_id="reboot-instance", status_code=204,
          summary="Reboot Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, "reboot", instance_id)

    @post(f"{PATH}/reinstall", operation_id="reinstall-instance", status_code=202,
          summary="Reinstall Instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 202))  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
    ) -> Response[bytes]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        return await begun(request, reinstall(request, reference, data))

    @post(f"{PATH}/restore", operation_id="restore-instance", status_code=202,
          summary="Restore Instance",
          responses=wire.ANY_ERROR | wire.shown(RestoreAnswer, "accepted", 202))  # fmt: skip
    async def restore(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[RestoreBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        field, source = restored_from(data)
        snapshot = wire.native_id_in(ids.SNAPSHOT, source, field)
        status = RestoreStatus(restore_type=field, restore_id=source, status="inprogress")

        def answer(accepted: Any) -> RestoreAnswer:
            return RestoreAnswer(status=status)

        use_case = wire.about(field, instance_rebuild.restore(reference, snapshot), "snapshot_id")
        return await wire.mutate(request, use_case, answer, 202)

    @get("/jobs/{job_id:str}", operation_id="get-instance-job", summary="Get Instance Job",
         responses=wire.ANY_ERROR | wire.shown(JobAnswer, "the job"))  # fmt: skip
    async def job(self, request: Call, job_id: FromPath[str]) -> Response[bytes]:
        reference = wire.native_id(ids.OPERATION, job_id)
        read = services_of(request).store.read()
        operation = await operations.get(read, caller_of(request), reference)
        return wire.answer(show_job(operation))
