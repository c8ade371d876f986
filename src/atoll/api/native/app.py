"""The native dialect's application: its routes, its errors, its OpenAPI document."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import structlog
from litestar import Litestar, Response, Router
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Server
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from atoll.api.http import (
    BODY_BYTES_MAX,
    Call,
    Face,
    bearer_or_key,
    json_response,
)
from atoll.api.native import wire
from atoll.api.native.catalogue import Regions, Types
from atoll.api.native.events import Events
from atoll.api.native.hosts import Hosts
from atoll.api.native.images import Images
from atoll.api.native.instances import Instances
from atoll.api.native.operations import Operations
from atoll.api.native.projects import ApiKeys, Projects
from atoll.api.native.security_groups import SecurityGroups
from atoll.api.native.simulator import Faults
from atoll.api.native.ssh_keys import SshKeys
from atoll.api.native.subnets import Subnets
from atoll.api.native.vpcs import Vpcs
from atoll.api.native.wire import ErrorBody, Problem
from atoll.domain.errors import AtollError
from atoll.service.bundle import Services

log = structlog.get_logger()
PREFIX = "/v1"
CONTROLLERS = (
    Instances, Operations, Events, Types, Regions, Images, SshKeys, Vpcs, Subnets,
    SecurityGroups, Hosts, ApiKeys, Projects, Faults,
)  # fmt: skip
PROBLEMS_MAX = 20
CODES = {
    400: "MALFORMED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE",
    415: "MALFORMED",
}  # fmt: skip


def face(services: Services) -> Face:
    return Face(
        name="native",
        prefix=PREFIX,
        app=build(services),
        secret_of=bearer_or_key,
        refuse=wire.refuse,
        is_public=lambda method, path: False,
        is_free=lambda method, path: method == "GET" and path.startswith("/v1/operations/"),
    )


def build(services: Services) -> Litestar:
    app = Litestar(
        route_handlers=[Router(PREFIX, route_handlers=list(CONTROLLERS))],
        exception_handlers={
            AtollError: on_error,
            ValidationException: on_invalid,
            HTTPException: on_http,
            Exception: on_bug,
        },
        openapi_config=OpenAPIConfig(
            title="Atoll", version="1", servers=[Server(url="/")], create_examples=False,
            path=None, render_plugins=(),
        ),
        request_max_body_size=BODY_BYTES_MAX,
        signature_types=[Call],
        logging_config=None,
    )  # fmt: skip
    app.state.services = services
    return app


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    return json_response(wire.encode(wire.error_body(error)), wire.status_of_error(error))


def on_http(request: Call, error: HTTPException) -> Response[bytes]:
    code = CODES.get(error.status_code, "ERROR")
    words = {
        404: f"there is nothing at {request.scope['path']}",
        405: f"{request.method} is not possible at {request.scope['path']}",
        413: f"the body is larger than {BODY_BYTES_MAX} bytes",
    }
    text = words.get(error.status_code, error.detail)
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    body = wire.encode(ErrorBody(error=text, code=code))
    return json_response(body, error.status_code, headers)


def on_bug(request: Call, error: Exception) -> Response[bytes]:
    log.error("a request broke", path=request.scope["path"], exc_info=error)
    body = ErrorBody(error="something is wrong inside Atoll; its log says what", code="INTERNAL")
    return json_response(wire.encode(body), 500)


def on_invalid(request: Call, error: ValidationException) -> Response[bytes]:
    """A body that is not JSON is a 400; one with wrong values a 422 that lists all of them;
    a wrong query parameter is a 422 that names it."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, msgspec.DecodeError) and not isinstance(cause, msgspec.ValidationError):
        body = ErrorBody(error=f"the body is not JSON: {cause}", code="MALFORMED")
        return json_response(wire.encode(body), 400)
    problems = problems_of(request, error)
    first = problems[0]
    text = f"{first.field}: {first.message}" if first.field else first.message
    body = ErrorBody(
        error=text, code="INVALID", field=first.field or None,
        errors=problems if len(problems) > 1 else None,
    )  # fmt: skip
    return json_response(wire.encode(body), 422)


def problems_of(request: Call, error: ValidationException) -> list[Problem]:
    """Parameters as the framework names them. A body is checked again, for all its errors."""
    extra: Any = error.extra or []
    given = extra if isinstance(extra, list) else []
    from_query = [
        Problem(field=str(one.get("key", "")), message=str(one.get("message", "")))
        for one in given
        if isinstance(one, dict) and one.get("source") in {"query", "path", "header"}
    ]
    if from_query:
        return from_query
    body = body_problems(request)
    return body or [Problem(field="", message=error.detail)]


def body_problems(request: Call) -> list[Problem]:
    field = request.scope["route_handler"].parsed_data_field
    if field is None:
        return []
    # The framework read the body before it found it wrong; a handler of errors cannot await.
    raw = ScopeState.from_scope(request.scope).body
    try:
        document = msgspec.json.decode(b"null" if raw is Empty else raw or b"null")
        msgspec.convert(document, field.annotation)
    except msgspec.ValidationError as error:
        told = [Problem(field=path_in(str(error)), message=message_in(str(error)))]
    except msgspec.DecodeError as error:
        return [Problem(field="", message=f"the body is not JSON: {error}")]
    else:
        return []
    schema = msgspec.json.schema(field.annotation)
    found = jsonschema_rs.validator_for(schema).iter_errors(document)
    every = [Problem(field=".".join(str(p) for p in e.instance_path), message=e.message)
             for _, e in zip(range(PROBLEMS_MAX), found, strict=False)]  # fmt: skip
    named = {problem.field for problem in told}
    return told + [p for p in every if p.field and p.field not in named]


def path_in(text: str) -> str:
    r"""The path of a msgspec error, `… - at `$.spec.disk_gb``, without its dollar sign."""
    found = re.search(r" - at `\$\.?(.*)`$", text)
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found.group(1)).lstrip(".") if found else ""
    unknown = re.search(r"unknown field `([^`]*)`|required field `([^`]*)`", text)
    last = (unknown.group(1) or unknown.group(2)) if unknown else ""
    return ".".join(part for part in (path, last) if part)


def message_in(text: str) -> str:
    return re.sub(r" - at `.*`$", "", text)
