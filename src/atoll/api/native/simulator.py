"""`/v1/simulator/faults`: planned faults of simulated hosts. Only for admins, and only with the
simulator."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.api.native.wire import Wire, services_of, view_of
from atoll.domain.errors import NotFound
from atoll.domain.faults import Fault, FaultError
from atoll.domain.instances import Halt
from atoll.ports import Faults as FaultsPort

Verb = Literal[
    "*", "ensure_image", "remove_image", "ensure_volume", "remove_volume", "ensure_snapshot",
    "remove_snapshot", "ensure_export", "read_export", "remove_export", "inspect_import",
    "write_import", "remove_import", "ensure_running", "ensure_configured", "ensure_stopped",
    "remove", "inspect", "list", "read_log", "read_screen", "measure", "open_console",
]  # fmt: skip


class FaultBody(Wire, kw_only=True):
    """After `skip` calls of the verb succeed, the next `times` calls fail, before or after
    doing their work. With `lost_seconds`, the host does not answer for that time instead. With
    `halt`, running guests of the host, or only that of `instance_id`, no longer execute:
    `disk-full` until the fault is deleted, the others until they are started or reset."""

    verb: Verb = "*"
    host: str | None = None
    error: FaultError = FaultError.UNAVAILABLE
    when: Literal["before", "after"] = "before"
    skip: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    lost_seconds: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    halt: Halt | None = None
    instance_id: Annotated[str, Meta(max_length=100)] | None = None
    message: Annotated[str, Meta(max_length=500)] = "a fault was asked for"


class FaultOut(msgspec.Struct, kw_only=True):
    id: str
    verb: str
    host: str | None
    error: str
    when: str
    skip: int
    times: int
    lost_seconds: float | None
    halt: str | None
    instance_id: str | None
    message: str


class FaultList(msgspec.Struct, kw_only=True):
    items: list[FaultOut]
    next: str | None


def show(fault: Fault) -> FaultOut:
    return FaultOut(
        id=fault.id, verb=fault.verb, host=fault.host, error=fault.error, when=fault.when,
        skip=fault.skip, times=fault.times, lost_seconds=fault.lost_s,
        halt=fault.halt, instance_id=fault.instance, message=fault.message,
    )  # fmt: skip


def parse(fault_id: str, body: FaultBody) -> Fault:
    return Fault(
        id=fault_id, verb=body.verb, host=body.host, error=body.error, when=body.when,
        skip=body.skip, times=body.times, lost_s=body.lost_seconds,
        halt=body.halt, instance=body.instance_id, message=body.message,
    )  # fmt: skip


def plan_of(request: Call) -> FaultsPort:
    view_of(request).require("administer")
    faults = services_of(request).faults
    if faults is None:
        raise NotFound("faults require the simulator: start atoll with --driver simulator")
    return faults


class Faults(Controller):
    path = "/simulator/faults"
    tags = ("Simulator",)

    @get("/", operation_id="listFaults", summary="List faults",
         responses=wire.READS | wire.shown(FaultList, "all pending faults"))  # fmt: skip
    async def page(self, request: Call) -> Response[bytes]:
        faults = [show(fault) for fault in plan_of(request).list()]
        return json_response(wire.encode(FaultList(items=faults, next=None)))

    @post("/", operation_id="createFault", status_code=201, summary="Create a fault",
          responses=wire.WRITES | wire.shown(FaultOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[FaultBody]) -> Response[bytes]:
        plan = plan_of(request)
        fault = parse(services_of(request).ids.new("fault"), data)
        plan.add(fault)
        return json_response(wire.encode(show(fault)), 201)

    @delete("/", operation_id="deleteFaults", status_code=204, summary="Delete all faults",
            responses=wire.WRITES)  # fmt: skip
    async def clear(self, request: Call) -> None:
        plan_of(request).remove()

    @delete("/{fault_id:str}", operation_id="deleteFault", status_code=204,
            summary="Delete a fault", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, fault_id: FromPath[str]) -> None:
        plan_of(request).remove(fault_id)
