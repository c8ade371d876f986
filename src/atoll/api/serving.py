"""What every dialect asks of the framework: its application, and use cases carried out.

A dialect says in its own words what an error looks like; what is wrong it learns here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

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
from atoll.domain.errors import AtollError, Invalid, Malformed, NotFound
from atoll.service.bundle import Services
from atoll.service.desk import Accepted, Answer, UseCase

log = structlog.get_logger()
NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
REPLAY = "Idempotent-Replay"
encode = msgspec.json.Encoder().encode
T = TypeVar("T")


@dataclass(frozen=True)
class Refusals:
    """How a dialect says no: to what a service refused, to fields with problems, to what HTTP does
    not allow (with a sentence), and of our own mistakes."""

    error: Callable[[Call, AtollError], Response[bytes]]
    problems: Callable[[Call, Sequence[Problem]], Response[bytes]]
    http: Callable[[Call, HTTPException, str], Response[bytes]]
    bug: Callable[[Call], Response[bytes]]


def build(
    prefix: str,
    controllers: Sequence[ControllerRouterHandler],
    services: Services,
    refusals: Refusals,
    *,
    names: Mapping[str, str] | None = None,
    dependencies: Mapping[str, Provide] | None = None,
) -> Litestar:
    """A dialect's application. `names` are those of query parameters that Python calls
    otherwise."""

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
        if isinstance(error, RecursionError):  # nothing but a body goes so deep
            return refusals.error(request, Malformed(TOO_DEEP))
        log.error("a request broke", path=request.scope["path"], exc_info=error)
        return refusals.bug(request)

    app = Litestar(
        route_handlers=[Router(prefix, route_handlers=list(controllers))],
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
        before_request=refuse_nul,
        signature_types=[Call],
        logging_config=None,
    )  # fmt: skip
    app.state.services = services
    return app


def services_of(request: Call) -> Services:
    services: Services = request.app.state.services
    return services


async def mutate(
    request: Call,
    use_case: UseCase[Accepted[T]],
    show: Callable[[Accepted[T]], Any],
    status: int = 200,
) -> Response[bytes]:
    """Carries a use case out and answers what `show` makes of it, once per Idempotency-Key."""

    def render(accepted: Accepted[T]) -> Answer:
        return Answer(status=status, body=encode(show(accepted)))

    answer = await answer_of(request, use_case, render)
    return json_response(answer.body, answer.status, REPLAYED if answer.replayed else None)


async def gone(request: Call, use_case: UseCase[Any]) -> Response[None]:
    """204: nothing is left to say."""
    render = lambda _: Answer(status=204, body=b"")  # noqa: E731
    answer = await answer_of(request, use_case, render)
    headers = REPLAYED if answer.replayed else None
    return Response(None, status_code=204, headers=headers)


REPLAYED = {REPLAY: "true"}


async def answer_of(request: Call, use_case: UseCase[T], render: Callable[[T], Answer]) -> Answer:
    services = services_of(request)
    once = await once_of(request, services.keys)
    return await services.desk.carry_out(caller_of(request), use_case, render, once)


def shown(spec: type[Any], words: str, status: int = 200) -> dict[int, ResponseSpec]:
    """An answer, for an operation's description."""
    return {status: ResponseSpec(spec, description=words, generate_examples=False)}


def errors(spec: type[Any], words: Mapping[int, str]) -> dict[int, ResponseSpec]:
    """Errors of one body that any operation may answer, for its description."""
    return {
        status: ResponseSpec(spec, description=text, generate_examples=False)
        for status, text in words.items()
    }


async def refuse_nul(request: Call) -> None:
    """PostgreSQL's texts cannot hold this character, and nobody means it."""
    if "\0" in request.scope["path"]:
        raise NotFound("no name and no id has the character U+0000 in it")
    if b"%00" in request.scope["query_string"]:
        raise Invalid("the character U+0000 is not allowed in a parameter")
    if request.method != "GET" and NUL_ESCAPE.search(await request.body()):
        raise Invalid("the character U+0000 is not allowed in a body")


def sentence_of(request: Call, error: HTTPException) -> str:
    words = {
        400: f"the body is not JSON: {error.detail}",
        404: f"there is nothing at {request.scope['path']}",
        405: f"{request.method} is not possible at {request.scope['path']}",
        413: f"the body is larger than {BODY_BYTES_MAX} bytes",
    }
    return words.get(error.status_code, error.detail)


def parameter_problems(error: ValidationException, names: Mapping[str, str]) -> list[Problem]:
    """As the framework names them, which for some is the name of a Python variable."""
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
    """As far as the framework has read it; a handler of errors cannot await."""
    raw = ScopeState.from_scope(request.scope).body
    return b"" if raw is Empty else raw


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
