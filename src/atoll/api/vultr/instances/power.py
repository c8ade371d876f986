"""`/v2/instances/…`: power, reinstall, restore, and the jobs of such requests."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import wire
from atoll.api.vultr.instances.collection import InstanceAnswer
from atoll.api.vultr.instances.show import load_related, show_with_password
from atoll.api.vultr.wire import Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    RebootInstance,
    ReinstallInstance,
    RestoreInstance,
    StartInstance,
    StopInstance,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.operations import Operation, OperationState
from atoll.service import instance_rebuild, operations
from atoll.service.outcomes import Outcome

PATH = "/{instance_id:str}"
Power = StartInstance | StopInstance | RebootInstance
BULK_MAX = 500
JOB_WORDS = {
    OperationState.DONE: "success",
    OperationState.FAILED: "failed",
    OperationState.CANCELLED: "failed",
}


class ReinstallBody(Wire, kw_only=True):
    hostname: str | None = None


class RestoreBody(Wire, kw_only=True):
    """Either `backup_id` or `snapshot_id`."""

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
    """`state` is also at the top level, because some clients read it there."""

    job: Job
    state: str


def show_job(operation: Operation) -> JobAnswer:
    state = JOB_WORDS.get(operation.state, "processing")
    changed_at_ms = operation.ended_at_ms or operation.started_at_ms or operation.created_at_ms
    job = Job(
        id=wire.uuid_of(operation.id), vps_id=wire.uuid_of(operation.resource_id), type="UPGRADE",
        state=state, info=(operation.error_code and operation.error_message) or operation.message,
        added_at=wire.plain_date_of(operation.created_at_ms),
        updated_at=wire.plain_date_of(changed_at_ms),
    )  # fmt: skip
    return JobAnswer(job=job, state=state)


def power(verb: type[Power], instance_ids: Iterable[str]) -> list[Power]:
    """Change the power of one or many instances: all of them, or none."""
    return [verb(instance=instance_id) for instance_id in instance_ids]


async def one(request: Call, verb: type[Power], instance_id: str) -> Response[None]:
    reference = wire.native_id(ids.INSTANCE, instance_id)
    return await wire.no_content(request, *power(verb, [reference]))


async def many(request: Call, verb: type[Power], body: BulkBody) -> Response[None]:
    if not 1 <= len(body.instance_ids) <= BULK_MAX:
        raise Invalid(f"instance_ids must have 1 to {BULK_MAX} entries", field="instance_ids")
    given = dict.fromkeys(body.instance_ids)
    references = [wire.native_id(ids.INSTANCE, instance_id) for instance_id in given]
    return await wire.no_content(request, *power(verb, references))


def restored_from(body: RestoreBody) -> tuple[str, str]:
    """Return the field that names the source, and the source."""
    given = {"backup_id": body.backup_id, "snapshot_id": body.snapshot_id}
    named = [(field, text) for field, text in given.items() if text]
    if len(named) != 1:
        raise Invalid("snapshot_id or backup_id is required", field="snapshot_id")
    return named[0]


def parse_reinstall(reference: str, body: ReinstallBody | None) -> ReinstallInstance:
    hostname = (body.hostname if body else None) or None
    return ReinstallInstance(instance=reference, hostname=hostname, generate_password=True)


async def reinstalled(request: Call, command: ReinstallInstance) -> tuple[Outcome[Any], Instance]:
    """Return the instance with its new password and host name."""
    outcome = await wire.execute(request, command)
    return outcome, instance_rebuild.apply_body(outcome.thing, outcome.operation)


class InstanceActions(Controller):
    path = "/instances"
    tags = ("instances",)

    @post("/halt", operation_id="halt-instances", commands=(StopInstance,), status_code=204,
          summary="Halt Instances", responses=wire.ANY_ERROR)  # fmt: skip
    async def halt_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, StopInstance, data)

    @post("/start", operation_id="start-instances", commands=(StartInstance,), status_code=204,
          summary="Start instances", responses=wire.ANY_ERROR)  # fmt: skip
    async def start_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, StartInstance, data)

    @post("/reboot", operation_id="reboot-instances", commands=(RebootInstance,), status_code=204,
          summary="Reboot instances", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await many(request, RebootInstance, data)

    @post(f"{PATH}/halt", operation_id="halt-instance", commands=(StopInstance,), status_code=204,
          summary="Halt Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def halt(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, StopInstance, instance_id)

    @post(f"{PATH}/start", operation_id="start-instance", commands=(StartInstance,),
          status_code=204, summary="Start instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def start(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, StartInstance, instance_id)

    @post(f"{PATH}/reboot", operation_id="reboot-instance", commands=(RebootInstance,),
          status_code=204, summary="Reboot Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        return await one(request, RebootInstance, instance_id)

    @post(f"{PATH}/reinstall", operation_id="reinstall-instance", commands=(ReinstallInstance,),
          status_code=202, summary="Reinstall Instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 202))  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
    ) -> Response[bytes]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        outcome, instance = await reinstalled(request, parse_reinstall(reference, data))
        related = await load_related(request, [instance])
        answer = InstanceAnswer(instance=show_with_password(instance, related))
        return wire.respond(outcome, answer, 202)

    @post(f"{PATH}/restore", operation_id="restore-instance", commands=(RestoreInstance,),
          status_code=202, summary="Restore Instance",
          responses=wire.ANY_ERROR | wire.shown(RestoreAnswer, "accepted", 202))  # fmt: skip
    async def restore(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[RestoreBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        field, source = restored_from(data)
        snapshot = wire.native_id_in(ids.SNAPSHOT, source, field)
        status = RestoreStatus(restore_type=field, restore_id=source, status="inprogress")

        command = RestoreInstance(instance=reference, snapshot=snapshot)
        outcome = await wire.execute(request, Asked(command, {"snapshot": field}))
        return wire.respond(outcome, RestoreAnswer(status=status), 202)

    @get("/jobs/{job_id:str}", operation_id="get-instance-job", summary="Get Instance Job",
         responses=wire.ANY_ERROR | wire.shown(JobAnswer, "the job"))  # fmt: skip
    async def job(self, request: Call, job_id: FromPath[str]) -> Response[bytes]:
        reference = wire.native_id(ids.OPERATION, job_id)
        operation = await operations.get(view_of(request), reference)
        return wire.answer(show_job(operation))
