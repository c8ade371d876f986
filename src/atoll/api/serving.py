"""What every dialect needs from the framework: its application, and the execution of commands.

A dialect formats its own errors; this module determines what is wrong.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import structlog
from litestar import Litestar, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Server
from litestar.types import ControllerRouterHandler, Empty
from litestar.utils.scope.state import ScopeState

from atoll.api.http import BODY_BYTES_MAX, Call, caller_of, json_response, once_of
from atoll.api.problems import TOO_DEEP, Problem, message_in, problems_of
from atoll.domain.actions import ACTIONS
from atoll.domain.commands import Command
from atoll.domain.errors import (
    AtollError,
    DriverBusy,
    Invalid,
    Malformed,
    NotFound,
    RateLimited,
    Refused,
)
from atoll.domain.projects import Caller, Role
from atoll.service import proposals
from atoll.service.bundle import Services
from atoll.service.desk import View
from atoll.service.outcomes import Outcome
from atoll.service.proposals import Proposal

log = structlog.get_logger()
NUL_ESCAPE, BACKSLASH = b"\\u0000", ord("\\")
REPLAYED = {"Idempotent-Replay": "true"}
# The key of a route's `opt` with the types of commands that the route may send.
COMMANDS = "commands"
ASKED = "asked"
ANYBODY = Caller(key_id="", project_id="", role=Role.VIEWER, dialect="")
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Refusals:
    """A dialect's error responses: for errors of a service, for faulty fields, for what HTTP does
    not allow (with a sentence), and for internal errors."""

    error: Callable[[Call, AtollError], Response[bytes]]
    problems: Callable[[Call, Sequence[Problem]], Response[bytes]]
    http: Callable[[Call, HTTPException, str], Response[bytes]]
    bug: Callable[[Call], Response[bytes]]


class Prefixed(Router):
    """The routes of a dialect. Litestar copies a router in depth, so that it can be registered
    twice, which takes a third of the construction of an application: this one is used once."""

    def __deepcopy__(self, _: object) -> Self:
        return self


def build(
    prefix: str,
    controllers: Sequence[ControllerRouterHandler],
    services: Services,
    refusals: Refusals,
    *,
    names: Mapping[str, str] | None = None,
    dependencies: Mapping[str, Provide] | None = None,
) -> Litestar:
    """Build a dialect's application. `names` are those of query parameters whose Python names
    differ."""

    def invalid(request: Call, error: ValidationException) -> Response[bytes]:
        try:
            found = parameter_problems(error, names or {}) or body_problems(request)
        except Malformed as malformed:
            return refusals.error(request, malformed)
        return refusals.problems(request, found or [Problem(field="", message=error.detail)])

    def http(request: Call, error: HTTPException) -> Response[bytes]:
        return refusals.http(request, error, sentence_of(request, error))

    def bug(request: Call, error: Exception) -> Response[bytes]:
        if isinstance(error, UnicodeDecodeError) and not is_utf8(body_of(request)):
            return refusals.error(request, Malformed("the body is not JSON: it is not UTF-8"))
        if isinstance(error, RecursionError):  # only a body can be nested so deep
            return refusals.error(request, Malformed(TOO_DEEP))
        log.error("a request broke", path=request.scope["path"], exc_info=error)
        return refusals.bug(request)

    app = Litestar(
        route_handlers=[Prefixed(prefix, route_handlers=list(controllers))],
        dependencies=dependencies,
        exception_handlers={
            AtollError: refusals.error,
            ValidationException: invalid,
            HTTPException: http,
            Exception: bug,
        },
        openapi_config=OpenAPIConfig(
            title="Atoll", version="1", servers=[Server(url="/")], create_examples=False,
            path=None, render_plugins=(),
        ),
        request_max_body_size=BODY_BYTES_MAX,
        before_request=admit,
        signature_types=[Call],
        logging_config=None,
    )  # fmt: skip
    app.state.services = services
    return app


def services_of(request: Call) -> Services:
    services: Services = request.app.state.services
    return services


def view_of(request: Call) -> View:
    """Open a view for reads by the caller. Without a key, the caller is a viewer of no project."""
    caller = request.scope["state"]["caller"] or ANYBODY
    return services_of(request).desk.view(caller)


@dataclass(frozen=True)
class Asked:
    """A command, and the fields of the request from which its fields came, if they differ from the
    dialect's table."""

    command: Command
    fields: Mapping[str, str] = field(default_factory=dict)


async def execute(request: Call, *wishes: Command | Asked) -> Outcome[Any]:
    """Execute all commands or none, once per Idempotency-Key. The route declares the types of
    commands that it may send; their rights are required even if it sends none."""
    asked = tuple(one if isinstance(one, Asked) else Asked(one) for one in wishes)
    request.scope["state"][ASKED] = asked
    commands = [one.command for one in asked]
    declared = request.route_handler.opt[COMMANDS]
    assert {type(one) for one in commands} <= set(declared), "the route declares its commands"
    if not commands:
        view = view_of(request)
        for kind in declared:
            view.require(ACTIONS[kind].right)
    services = services_of(request)
    once = await once_of(request, services.keys)
    return await services.desk.execute(caller_of(request), *commands, once=once)


async def propose(request: Call, command: Command) -> Proposal:
    """Rehearse a command on an instance."""
    request.scope["state"][ASKED] = (Asked(command),)
    return await proposals.propose(services_of(request).desk, caller_of(request), command)


def asked_at(request: Call, error: AtollError) -> Asked | None:
    """Return the command that caused an error."""
    asked: tuple[Asked, ...] = request.scope["state"].get(ASKED, ())
    if not asked or not isinstance(error, Refused):
        return None
    return asked[error.position]


def retry_headers(error: AtollError, status: int) -> dict[str, str] | None:
    """Return when to retry: as the error says, or in a second for a status after which clients
    retry."""
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, DriverBusy):
        return {"Retry-After": str(max(1, math.ceil(error.after_s)))}
    return {"Retry-After": "1"} if status == 429 else None


def respond(outcome: Outcome[Any], body: Any, status: int = 200) -> Response[bytes]:
    return json_response(encode(body), status, REPLAYED if outcome.replayed else None)


async def no_content(request: Call, *wishes: Command | Asked) -> Response[None]:
    """Execute commands and respond with 204."""
    outcome = await execute(request, *wishes)
    return Response(None, status_code=204, headers=REPLAYED if outcome.replayed else None)


def shown(spec: type[Any], words: str, status: int = 200) -> dict[int, ResponseSpec]:
    """Describe a response of an operation."""
    return {status: ResponseSpec(spec, description=words, generate_examples=False)}


def errors(spec: type[Any], words: Mapping[int, str]) -> dict[int, ResponseSpec]:
    """Describe the error responses with one body that every operation may send."""
    return {
        status: ResponseSpec(spec, description=text, generate_examples=False)
        for status, text in words.items()
    }


async def admit(request: Call) -> None:
    """Reject a caller without the right to any command of the route, before the body is read, and
    U+0000, which PostgreSQL cannot store."""
    if "\0" in request.scope["path"]:
        raise NotFound("the path contains the character U+0000, which no name and no id contains")
    if b"%00" in request.scope["query_string"]:
        raise Invalid("a parameter must not contain the character U+0000")
    if request.method == "GET":
        return
    if declared := request.route_handler.opt.get(COMMANDS):
        require_one_right(view_of(request), declared)
    if has_nul(await request.body()):
        raise Invalid("the body must not contain the character U+0000")


def require_one_right(view: View, declared: Sequence[type[Command]]) -> None:
    """Require the right to one of these commands. Raises Forbidden."""
    rights = {ACTIONS[kind].right for kind in declared}
    if not any(view.may(right) for right in rights):
        view.require(min(rights))


def has_nul(body: bytes) -> bool:
    """Tell whether JSON contains an escaped U+0000: one whose backslash is not escaped itself. Each
    byte is looked at once or twice, whatever the body contains."""
    at = body.find(NUL_ESCAPE)
    while at >= 0:
        first = at
        while first and body[first - 1] == BACKSLASH:
            first -= 1
        if (at - first) % 2 == 0:
            return True
        at = body.find(NUL_ESCAPE, at + len(NUL_ESCAPE))
    return False


def sentence_of(request: Call, error: HTTPException) -> str:
    words = {
        400: f"the body is not JSON: {error.detail}",
        404: f"there is nothing at {request.scope['path']}",
        405: f"{request.method} is not possible at {request.scope['path']}",
        413: f"the body is larger than {BODY_BYTES_MAX} bytes",
    }
    return words.get(error.status_code, error.detail)


def parameter_problems(error: ValidationException, names: Mapping[str, str]) -> list[Problem]:
    """Convert the framework's errors; it names some parameters by their Python variables."""
    extra: Any = error.extra or []
    given = extra if isinstance(extra, list) else []
    return [
        Problem(field=names.get(key, key), message=message_in(str(one.get("message", ""))))
        for one in given
        if isinstance(one, dict) and one.get("source") in {"query", "path", "header"}
        for key in [str(one.get("key", ""))]
    ]


def body_problems(request: Call) -> list[Problem]:
    field = request.scope["route_handler"].parsed_data_field
    return [] if field is None else problems_of(field.annotation, body_of(request))


def body_of(request: Call) -> bytes:
    """Return the body as far as the framework has read it; a handler of errors cannot await."""
    raw = ScopeState.from_scope(request.scope).body
    return b"" if raw is Empty else raw


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
