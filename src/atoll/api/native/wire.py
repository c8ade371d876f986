"""The common parts of the native dialect: error body, paging, times, status words."""

import datetime
import functools
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta

from atoll.api import serving
from atoll.api.http import Call, Plain, json_response
from atoll.api.native.wording import wording_for
from atoll.api.problems import Problem
from atoll.api.serving import Asked
from atoll.domain.commands import Command
from atoll.domain.errors import (
    AtollError,
    Conflict,
    DriverError,
    Forbidden,
    Invalid,
    Malformed,
    NoCapacity,
    NotFound,
    QuotaExceeded,
    RateLimited,
    StoreUnavailable,
    Unauthenticated,
    VersionMismatch,
)
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.operations import Operation, OperationState

encode, services_of, view_of = serving.encode, serving.services_of, serving.view_of
execute, respond, no_content = serving.execute, serving.respond, serving.no_content
errors, shown = serving.errors, serving.shown
T = TypeVar("T")

STATUSES: tuple[tuple[type[AtollError], int], ...] = (
    (Malformed, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (VersionMismatch, 412),
    (Invalid, 422),
    (NoCapacity, 422),
    (QuotaExceeded, 422),
    (RateLimited, 429),
    (StoreUnavailable, 503),
    (DriverError, 503),
)


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`field` and `errors` are present only where they apply."""

    error: str
    code: str
    field: str | None = None
    errors: list[Problem] | None = None


def error_body(error: AtollError, asked: Asked | None = None) -> ErrorBody:
    """A name in a path is not a field of the body."""
    said = wording_for(asked).say(error)
    field = None if isinstance(error, NotFound) else said.field
    return ErrorBody(
        error=said.message, code=error.code, field=field, errors=problems_of(error, asked)
    )


def problems_of(error: AtollError, asked: Asked | None) -> list[Problem] | None:
    """Return all errors of the body if there are several, or the reason of each host."""
    if isinstance(error, NoCapacity) and error.reasons:
        return [Problem(field="host", code=error.code, message=why) for why in error.reasons]
    if isinstance(error, Invalid) and error.others:
        return [problem_of(one, asked) for one in (error, *error.others)]
    return None


def problem_of(error: Invalid, asked: Asked | None) -> Problem:
    said = wording_for(asked).say(error)
    code = error.code if isinstance(error.reason, str) else error.reason.name
    return Problem(field=said.field or "", code=code, message=said.message)


def status_of_error(error: AtollError) -> int:
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 409)


def refuse(error: AtollError) -> Plain:
    return Plain(status_of_error(error), encode(error_body(error)))


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the errors of every operation for its OpenAPI document."""
    words = {
        400: "the request is malformed",
        401: "no API key, or an unknown one",
        403: "the role of the key does not allow this",
        404: "no such resource in this project",
        409: "not allowed in the current state of the resource",
        412: "If-Match does not match the current version",
        413: "the body is larger than 1 MiB",
        422: "a value is invalid",
        429: "too many requests for this key",
        503: "a host or the database is not responding",
    }
    wanted = {400, 401, 403, 429, 503, *statuses}
    return errors(ErrorBody, {status: words[status] for status in sorted(wanted)})


READS = documented(404, 422)
LISTS = documented(422)
WRITES = documented(404, 409, 412, 413, 422)


# Rules that are only documented here are checked below, with better sentences than a pattern's.
PRINTABLE = "^[^\\x00-\\x1f\\x7f]*$"
TEXT_SCHEMA = {"pattern": "^[^\\x00]*$"}
KEY_SCHEMA = {"minLength": 1, "maxLength": 63, "pattern": "^[^\\x00=]*$"}
KEYS_SCHEMA = {"propertyNames": KEY_SCHEMA}
Name = Annotated[str, Meta(min_length=1, max_length=253, extra_json_schema={"pattern": PRINTABLE})]
# A name takes the place of an id in paths, in which these have a meaning of their own.
NewName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=253,
        pattern=r"^[^/]*[^/.][^/]*$",
        description="a name must not contain a slash, nor consist of dots alone",
        extra_json_schema={"allOf": [{"pattern": PRINTABLE}]},
    ),
]
Text = Annotated[str, Meta(max_length=1000, extra_json_schema=TEXT_SCHEMA)]
Cidr = Annotated[str, Meta(min_length=9, max_length=18, examples=["10.0.0.0/16"])]
LabelValue = Annotated[str, Meta(extra_json_schema={"maxLength": 255} | TEXT_SCHEMA)]
Labels = Annotated[dict[str, LabelValue], Meta(max_length=64, extra_json_schema=KEYS_SCHEMA)]


Moment = Annotated[datetime.datetime, Meta(tz=True)]


class Wire(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of request bodies: unknown fields are errors that name the field."""


class NewMetadata(Wire, kw_only=True):
    name: NewName
    labels: Labels = {}


class ChangedMetadata(Wire, kw_only=True):
    name: NewName | None = None
    labels: Labels | None = None


class Metadata(msgspec.Struct, kw_only=True):
    name: str
    labels: dict[str, str]
    created_at: str
    version: int


class OperationRef(msgspec.Struct, kw_only=True):
    """An operation in progress; see `GET /v1/operations/{operation_id}`."""

    operation_id: str
    status: str
    resource_id: str
    type: str


ACCEPTED = WRITES | shown(OperationRef, "operation started", 202)


def time_of(at_ms: int | None) -> str | None:
    return None if at_ms is None else second_text(at_ms // 1000)


@functools.lru_cache(maxsize=8192)
def second_text(at_s: int) -> str:
    """Format as RFC 3339. Resources of one page were often created in the same second."""
    return f"{datetime.datetime.fromtimestamp(at_s, datetime.UTC).isoformat()[:19]}Z"


def ms_of(moment: datetime.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def time_text(at_ms: int) -> str:
    return time_of(at_ms) or ""


OPERATION_WORDS = {
    OperationState.ACCEPTED: "pending",
    OperationState.RUNNING: "running",
    OperationState.UNDOING: "running",
    OperationState.DONE: "completed",
    OperationState.FAILED: "failed",
    OperationState.CANCELLED: "failed",
}
TYPES = {"create": "create", "import": "create", "delete": "delete"}


def type_of(kind: str) -> str:
    return TYPES.get(kind.partition(".")[2], "update")


def operation_ref(operation: Operation) -> OperationRef:
    return OperationRef(
        operation_id=operation.id,
        status=OPERATION_WORDS[operation.state],
        resource_id=operation.resource_id,
        type=type_of(operation.kind),
    )


def instance_word(instance: Instance) -> str:
    """Compute AgentMetal's five words from goal and state; no other code does."""
    goal, state = instance.goal, instance.state
    if state is InstanceState.DELETED:
        return "terminated"
    if goal is Goal.DELETED:
        return "stopping"
    if state is InstanceState.CREATING:
        return "provisioning"
    if state is InstanceState.RUNNING:
        return "stopping" if goal is Goal.STOPPED else "running"
    return "provisioning" if goal is Goal.RUNNING and instance.doing else "stopped"


STOPPED_STATES = ("stopped", "error")
# The inverse of the same table: the rows that a word finds. States that only `doing` distinguishes
# (a stopped instance that is being started) are found under both words and filtered afterwards.
INSTANCE_CLAUSES: dict[str, tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]] = {
    "terminated": ((("state", ("deleted",)),),),
    "stopping": (
        (("state", ("creating", "running", "stopped", "error")), ("goal", ("deleted",))),
        (("state", ("running",)), ("goal", ("stopped",))),
    ),
    "provisioning": (
        (("state", ("creating",)), ("goal", ("running", "stopped"))),
        (("state", STOPPED_STATES), ("goal", ("running",))),
    ),
    "running": ((("state", ("running",)), ("goal", ("running",))),),
    "stopped": ((("state", STOPPED_STATES), ("goal", ("running", "stopped"))),),
}


def page_response(
    things: Sequence[T],
    limit: int,
    show: Callable[[T], Any],
    id_of: Callable[[T], str],
    keep: Callable[[T], bool] | None = None,
) -> Response[bytes]:
    """`keep` filters what the query cannot distinguish; the cursor skips those rows."""
    more = len(things) > limit
    page = things[:limit]
    following = id_of(page[-1]) if more else None
    items = [show(one) for one in page if keep is None or keep(one)]
    return json_response(encode({"items": items, "next": following}))


async def mutate(
    request: Call,
    show: Callable[[Any], Any],
    command: Command,
    status: int = 200,
) -> Response[bytes]:
    """Execute a command and respond with its resource, as `show` formats it."""
    outcome = await execute(request, command)
    return respond(outcome, show(outcome.thing), status)


async def begin(request: Call, command: Command) -> Response[bytes]:
    """Execute a command and respond with 202 and the operation that it starts."""
    outcome = await execute(request, command)
    return respond(outcome, operation_ref(outcome.operation), 202)
