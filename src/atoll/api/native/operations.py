"""`/v1/operations`."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from atoll.api.http import Call, caller_of, json_response
from atoll.api.native import wire
from atoll.api.native.paging import PLAIN, Paging
from atoll.api.native.wire import OperationRef, services_of, view_of
from atoll.domain.commands import CancelOperation, RetryOperation
from atoll.domain.operations import ENDED, Operation, OperationState, StepRecord
from atoll.operations.registry import WORKFLOWS
from atoll.service import operations, pages
from atoll.service.desk import View

Status = Literal["pending", "running", "completed", "failed"]
CLAUSES = {
    word: tuple(state.value for state, w in wire.OPERATION_WORDS.items() if w == word)
    for word in ("pending", "running", "completed", "failed")
}


class Progress(msgspec.Struct, kw_only=True):
    step: int
    steps: int
    name: str
    percent: float
    message: str


class StepOut(msgspec.Struct, kw_only=True):
    """One entry of the journal; `direction` is do or undo."""

    name: str
    direction: str
    run: int
    attempts: int
    ended_at: str


class OperationOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`result` is null until the operation ends; of a failed one it has error and code."""

    id: str
    resource_id: str
    kind: str
    type: str
    status: str
    result: dict[str, str] | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    progress: Progress
    waiting_for: str
    cancel_requested: bool
    deadline: str
    attempt: int
    steps: list[StepOut] | None = None


class OperationList(msgspec.Struct, kw_only=True):
    items: list[OperationOut]
    next: str | None


def show(
    operation: Operation, waiting_for: str = "", records: list[StepRecord] | None = None
) -> OperationOut:
    return OperationOut(
        id=operation.id, resource_id=operation.resource_id, kind=operation.kind,
        type=wire.type_of(operation.kind), status=wire.OPERATION_WORDS[operation.state],
        result=result_of(operation), created_at=wire.time_text(operation.created_at_ms),
        started_at=wire.time_of(operation.started_at_ms),
        completed_at=wire.time_of(operation.ended_at_ms), progress=progress_of(operation),
        waiting_for=waiting_for, cancel_requested=operation.cancel_requested,
        deadline=wire.time_text(operation.deadline_ms), attempt=operation.attempt,
        steps=None if records is None else [show_step(record) for record in records],
    )  # fmt: skip


def show_step(record: StepRecord) -> StepOut:
    return StepOut(
        name=record.name, direction=record.direction, run=record.run, attempts=record.attempts,
        ended_at=wire.time_text(record.ended_at_ms),
    )  # fmt: skip


def result_of(operation: Operation) -> dict[str, str] | None:
    if operation.state not in ENDED:
        return None
    if operation.state is OperationState.DONE:
        return {"resource_id": operation.resource_id}
    return {"error": operation.error_message or "", "code": operation.error_code or ""}


def progress_of(operation: Operation) -> Progress:
    steps = WORKFLOWS[operation.kind].steps
    going = 0 <= operation.step < len(steps) and not operation.ended
    return Progress(
        step=max(0, operation.step), steps=operation.steps,
        name=steps[operation.step].name if going else "",
        percent=round(operation.percent, 1), message=operation.message,
    )  # fmt: skip


async def show_whole(view: View, operation: Operation) -> OperationOut:
    records = await operations.steps_of(view, operation)
    return show(operation, await operations.waiting_for(view, operation), records)


class Operations(Controller):
    path = "/operations"
    tags = ("Operations",)

    @get(
        "/", operation_id="listOperations", dependencies=PLAIN, summary="List operations",
        responses=wire.LISTS | wire.shown(OperationList, "one page of the list"),
    )  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        states: Annotated[list[Status] | None, QueryParameter(name="state")] = None,
        resource_id: FromQuery[str | None] = None,
        kind: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        clause: tuple[tuple[str, tuple[str, ...]], ...] = ()
        if states:
            words = sorted({s for word in states for s in CLAUSES[word]})
            clause += (("state", tuple(words)),)
        if resource_id is not None:
            clause += (("resource_id", (resource_id,)),)
        if kind is not None:
            clause += (("kind", (kind,)),)
        any_of = (clause,) if clause else ()
        wanted = msgspec.structs.replace(paging.wanted, any_of=any_of)
        view = view_of(request)
        found, limit = await pages.read(lambda part: operations.find_page(view, part), wanted)
        return wire.page_response(found, limit, show, lambda o: o.id)

    @get("/{operation_id:str}", operation_id="getOperation",
         summary="Get or await an operation",
         responses=wire.READS | wire.shown(OperationOut, "the operation"))  # fmt: skip
    async def read(
        self,
        request: Call,
        operation_id: FromPath[str],
        wait: Annotated[float, QueryParameter(ge=0, le=operations.WAIT_S_MAX)] = 0,
    ) -> Response[bytes]:
        desk = services_of(request).desk
        found = await operations.wait(desk, caller_of(request), operation_id, wait)
        return json_response(wire.encode(await show_whole(view_of(request), found)))

    @post("/{operation_id:str}/cancel", operation_id="cancelOperation", commands=(CancelOperation,),
          status_code=202, summary="Cancel an operation and roll it back",
          responses=wire.WRITES | wire.shown(OperationRef, "it ends cancelled", 202))  # fmt: skip
    async def cancel(self, request: Call, operation_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, CancelOperation(operation=operation_id))

    @post("/{operation_id:str}/retry", operation_id="retryOperation", commands=(RetryOperation,),
          status_code=202, summary="Retry a failed operation",
          responses=wire.WRITES | wire.shown(OperationRef, "operation started", 202))  # fmt: skip
    async def retry(self, request: Call, operation_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, RetryOperation(operation=operation_id))
